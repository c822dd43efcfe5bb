//===- FakeDriver.cpp - a libcuda that is too old -------------------------===//
//
// Built as a shared library of its own; serves CUDA 11.2 and nothing else.
//
//===----------------------------------------------------------------------===//

extern "C" __attribute__((visibility("default"))) int cuDriverGetVersion(int *version) {
  *version = 11020;
  return 0;
}
