//===- Architecture.cpp - what to compile for a GPU -----------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/cuda/Device.h"
#include <fmt/format.h>

namespace lla::cuda {

llvm::Expected<std::string> architectureOf(int64_t major, int64_t minor) {
  if (major == 9 && minor == 0)
    return "sm_90a";
  llvm::Error unknown = llvm::Error::success();
  for (int64_t known = minor; known >= 0; --known) {
    std::string arch = fmt::format("sm_{}{}", major, known);
    llvm::Expected<Target> target = namedTarget(arch);
    if (target) {
      llvm::consumeError(std::move(unknown));
      return arch;
    }
    llvm::consumeError(std::move(unknown));
    unknown = target.takeError();
  }
  return failure(FailureKind::NoDevice,
                 fmt::format("GPU of compute capability {}.{}: {}", major, minor, llvm::toString(std::move(unknown))));
}

} // namespace lla::cuda
