//===- Throttle.h - is this GPU held back? --------------------------------===//
#ifndef LLA_RUNTIME_CUDA_THROTTLE_H
#define LLA_RUNTIME_CUDA_THROTTLE_H

#include "runtime/cuda/Device.h"

namespace lla::cuda {

/// Why NVML says that the GPU's clocks are lowered now (heat, power supply); empty: they are not, or there is no NVML.
/// A power limit that the GPU runs into by itself is its normal state and no reason.
std::string throttleReason(const Device &device);

/// Names of the bits of nvmlDeviceGetCurrentClocksThrottleReasons that cast doubt on a time; empty: none set.
std::string throttleText(unsigned long long reasons);

} // namespace lla::cuda
#endif
