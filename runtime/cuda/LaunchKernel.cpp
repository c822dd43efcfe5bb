//===- LaunchKernel.cpp - one launch on a GPU -----------------------------===//

#include "runtime/cuda/LaunchKernel.h"

namespace lla::cuda {
namespace {

/// The map of one of a launch's tensors.
llvm::Error mapOf(const Driver &driver, const Problem &planned, const TensorMapSource &source, size_t number,
                  TensorMapCache &known, CUtensorMap &map) {
  TensorMapCache::Key key = TensorMapCache::keyOf(source, number);
  if (known.find(key, map))
    return llvm::Error::success();
  llvm::Expected<TensorMapGeometry> geometry = tensorMapGeometry(planned, source);
  if (!geometry)
    return geometry.takeError();
  if (DeviceFault fault = encode(driver, *geometry, map))
    return toError(fault);
  known.keep(key, map);
  return llvm::Error::success();
}

} // namespace

std::unique_ptr<TensorMapCache> makeTensorMapCache(const Schedule &schedule) {
  return schedule.load == LoadPath::Ring ? std::make_unique<TensorMapCache>() : nullptr;
}

llvm::Error launchKernel(const Device &device, CUfunction entry, const Problem &planned, const Schedule &schedule,
                         const Resources &costs, TensorMapCache *known, const LaunchRecord &launch, CUstream stream) {
  if (launch.grid.x <= 0 || launch.grid.y <= 0)
    return llvm::Error::success();
  if (llvm::Error error = device.checkProcess())
    return error;
  const Driver &driver = device.driver();
  CUtensorMap maps[maximumTensorMaps];
  void *parameters[1 + maximumTensorMaps] = {const_cast<KernelArguments *>(&launch.arguments)}; // Only read.
  ContextScope scope(device); // Tensor maps, too, are encoded in a context.
  if (known) {
    auto sources = tensorMapSources(planned, schedule, launch.arguments);
    for (size_t i = 0; i < sources.size(); ++i) {
      if (llvm::Error error = mapOf(driver, planned, sources[i], i, *known, maps[i]))
        return error;
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
  config.sharedMemBytes = static_cast<unsigned>(launchedSharedBytes(costs, schedule, launch.grid, device.target()));
  config.hStream = stream;
  config.attrs = &dependent;
  config.numAttrs = schedule.dependent ? 1 : 0;
  return device.check(driver.cuLaunchKernelEx(&config, entry, parameters, nullptr), "cuLaunchKernelEx");
}

} // namespace lla::cuda
