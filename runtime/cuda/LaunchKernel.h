//===- LaunchKernel.h - one launch on a GPU -------------------------------===//
#ifndef LLA_RUNTIME_CUDA_LAUNCHKERNEL_H
#define LLA_RUNTIME_CUDA_LAUNCHKERNEL_H

#include "runtime/Launch.h"
#include "runtime/cuda/Device.h"
#include "runtime/cuda/TensorMapCache.h"

namespace lla::cuda {

/// Enqueues `entry`, which was made for (planned, schedule) and costs `costs`. Touches no lock, no heap and no file:
/// tensor maps live on the stack. `maps` are those that the kernel was launched with before; null for one that takes
/// none. An empty grid does nothing. Fails with Usage where the copy engine cannot see a tensor, else as the driver
/// says.
llvm::Error launchKernel(const Device &device, CUfunction entry, const Problem &planned, const Schedule &schedule,
                         const Resources &costs, TensorMapCache *maps, const LaunchRecord &launch, CUstream stream);

/// Null for a kernel that takes no maps.
std::unique_ptr<TensorMapCache> makeTensorMapCache(const Schedule &schedule);

} // namespace lla::cuda
#endif
