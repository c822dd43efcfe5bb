//===- CudaExecutor.h - one GPU as an executor ----------------------------===//
//
// Needs neither cuda.h to include nor a driver to link.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_CUDAEXECUTOR_H
#define LLA_RUNTIME_CUDA_CUDAEXECUTOR_H

#include "runtime/Executor.h"

namespace lla {

/// GPU `ordinal` of the driver's list. NVRTC and cuBLAS are looked for in knobs.cudaHome besides the loader's path.
/// Fails with NoDevice: no driver, too old a driver, or no such GPU.
llvm::Expected<std::unique_ptr<Executor>> openCudaExecutor(int ordinal, const Knobs &knobs);

/// GPUs that the driver shows; 0 is not an error. Fails with NoDevice without a usable driver.
llvm::Expected<int> cudaDeviceCount();

} // namespace lla
#endif
