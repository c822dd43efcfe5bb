//===- Module.h - code on a GPU -------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_MODULE_H
#define LLA_RUNTIME_CUDA_MODULE_H

#include "compiler/Artifact.h"
#include "runtime/cuda/Device.h"

namespace lla::cuda {

class Module {
public:
  /// `image` is a cubin, or PTX that the driver assembles (tenths of a second). Fails with NoDevice if the driver is
  /// too old for it, Usage if it is not code for this GPU; the message holds the driver's log.
  static llvm::Expected<std::unique_ptr<Module>> load(std::shared_ptr<const Device> device, ArtifactKind kind,
                                                      const std::string &image);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// Fails with Usage if there is no such kernel.
  llvm::Expected<CUfunction> function(const std::string &name) const;
  /// A kernel that is launched with `threads`, `sharedBytes` (dynamic) and in clusters: raises limits, fails with Usage
  /// if the code cannot run so.
  llvm::Expected<CUfunction> kernel(const std::string &name, int64_t threads, int64_t sharedBytes,
                                    int64_t cluster) const;

private:
  Module(std::shared_ptr<const Device> device, CUmodule handle) : device(std::move(device)), handle(handle) {}
  std::shared_ptr<const Device> device;
  CUmodule handle;
};

} // namespace lla::cuda
#endif
