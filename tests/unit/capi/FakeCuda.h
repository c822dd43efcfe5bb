//===- FakeCuda.h - a CUDA driver without a GPU ---------------------------===//
//
// A libcuda.so.1 with two GPUs, of compute capability 9.0 at first, that take every
// kernel and run none. It remembers what it was asked, so that a test can see what a launch
// does and, above all, what it does not do.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TESTS_UNIT_CAPI_FAKECUDA_H
#define LLA_TESTS_UNIT_CAPI_FAKECUDA_H

#include <cstddef>

struct CUstream_st;

extern "C" {
struct FakeFill {
  void *address;
  unsigned char value;
  size_t bytes;
  CUstream_st *stream;
  int device; ///< As of a launch.
};
struct FakeLaunch {
  unsigned gridX, gridY, threads, sharedBytes;
  CUstream_st *stream;
  int device;      ///< Of the context that was current; -1: none was.
  void *arguments; ///< What the first parameter points to; valid until the launch returns, so only for comparing.
  void *bases[6];  ///< Of the tensor maps behind it, as many as fakeCudaReadMaps said.
};

/// Names of the functions called on this thread since the last time, with a space after each.
const char *fakeCudaTakeCalls();
/// How many kernels were launched so far, and the last one.
int fakeCudaLaunches();
FakeLaunch fakeCudaLastLaunch();
/// The last asynchronous fill.
FakeFill fakeCudaLastFill();
/// The device whose context is current on this thread; -1: none.
int fakeCudaCurrentDevice();
/// The compute capability of both GPUs from now on.
void fakeCudaSetCapability(int major, int minor);
/// The first bytes of the module that was loaded last.
const char *fakeCudaLastImage();
/// How many tensor maps the launches to come have.
void fakeCudaReadMaps(int count);
/// The result of the launches to come.
void fakeCudaSetLaunchResult(int result);
}

#endif
