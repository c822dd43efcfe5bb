//===- LaunchKernel.cpp - one launch on a GPU -----------------------------===//

#include "runtime/cuda/LaunchKernel.h"
#include "runtime/cuda/TensorMap.h"

namespace lla::cuda {

llvm::Error launchKernel(const Device &device, CUfunction entry, const Problem &planned, const Schedule &schedule,
                         const Resources &costs, const LaunchRecord &launch, CUstream stream) {
  if (launch.grid.x <= 0 || launch.grid.y <= 0)
    return llvm::Error::success();
  const Driver &driver = device.driver();
  KernelArguments arguments = launch.arguments;
  CUtensorMap maps[maximumTensorMaps];
  void *parameters[1 + maximumTensorMaps] = {&arguments};
  ContextScope scope(device); // Tensor maps, too, are encoded in a context.
  if (schedule.load == LoadPath::Ring) {
    auto geometry = tensorMapGeometry(planned, schedule, arguments);
    if (!geometry)
      return geometry.takeError();
    for (size_t i = 0; i < geometry->size(); ++i) {
      if (DeviceFault fault = encode(driver, (*geometry)[i], maps[i]))
        return toError(fault);
      parameters[1 + i] = &maps[i];
    }
  }
  CUlaunchAttribute dependent = {};
  dependent.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  dependent.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = static_cast<unsigned>(launch.grid.x);
  config.gridDimY = static_cast<unsigned>(launch.grid.y);
  config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = static_cast<unsigned>(costs.threads);
  config.sharedMemBytes = static_cast<unsigned>(costs.sharedBytes);
  config.hStream = stream;
  config.attrs = &dependent;
  config.numAttrs = schedule.dependent ? 1 : 0;
  return device.check(driver.cuLaunchKernelEx(&config, entry, parameters, nullptr), "cuLaunchKernelEx");
}

} // namespace lla::cuda
