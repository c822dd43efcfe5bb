//===- WithoutCuda.cpp - the executor of a build that saw no cuda.h -------===//
//
// Takes the place of everything else in this folder: kernels are still compiled
// for GPUs, but this build cannot run them.
//
//===----------------------------------------------------------------------===//
#include "runtime/RuntimeError.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/cuda/SelfTest.h"

namespace lla {
namespace {

llvm::Error builtWithoutCuda() {
  return failure(FailureKind::NoDevice,
                 "cuda: this lla was built without cuda.h; tools/setup fetches it, then build again");
}

} // namespace

llvm::Expected<std::unique_ptr<Executor>> openCudaExecutor(int, const Knobs &) { return builtWithoutCuda(); }

llvm::Expected<int> cudaDeviceCount() { return builtWithoutCuda(); }

std::vector<Check> cudaChecks(const Knobs &) { return {{"CUDA", false, llvm::toString(builtWithoutCuda())}}; }

llvm::Error plantFault(int, const std::string &, const Knobs &) { return builtWithoutCuda(); }

} // namespace lla
