//===- Device.h - where a library's kernels run ---------------------------===//
//
// The host's threads or one GPU, for all plans of a context. Standard library only.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_AOT_DEVICE_H
#define LLA_RUNTIME_AOT_DEVICE_H

#include "runtime/DeviceName.h"
#include "runtime/Launch.h"
#include "runtime/aot/Library.h"
#include <memory>

namespace lla::aot {

/// A kernel that can be launched; keeps its device alive.
class LoadedCode {
public:
  virtual ~LoadedCode() = default;
  /// Never allocates, loads or waits (the host runs the kernel to its end). Fails as the device says.
  virtual llvm::Error launch(const LaunchRecord &launch, CUstream_st *stream) const = 0;
};

class Device {
public:
  virtual ~Device() = default;

  /// Loads the code of `kernel` for `planned`, which costs `costs`. May block.
  virtual llvm::Expected<std::unique_ptr<LoadedCode>> load(const TableKernel &kernel, const Problem &planned,
                                                           const Resources &costs) = 0;
  /// Enqueues zeros (the host writes them); never waits. Fails as the device says.
  virtual llvm::Error clear(void *memory, int64_t bytes, CUstream_st *stream) const = 0;

  Target target;
  Capability capability;
};

/// With kernels for vectors of at most `vectorBits` (0: of this CPU's, as its threads). Fails with NoDevice if they are
/// narrower.
llvm::Expected<std::shared_ptr<Device>> openHost(int64_t threads, int64_t vectorBits);
/// Fails with NoDevice without a usable GPU of that number.
llvm::Expected<std::shared_ptr<Device>> openGpu(int64_t ordinal);
/// Fails with Usage on a text that names no device. Null: the GPU 0 if there is one and code for it, else the host.
llvm::Expected<std::shared_ptr<Device>> openDevice(const char *name, DeviceName &opened);

} // namespace lla::aot
#endif
