//===- GpuDevice.cpp - a library's kernels on a GPU -----------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/aot/Device.h"
#include "runtime/cuda/LaunchKernel.h"
#include "runtime/cuda/Module.h"

namespace lla {

/// Nothing is compiled here, so every GPU has a name; whether the library has code for it is Library.h's question.
llvm::Expected<std::string> cuda::architectureOf(int64_t major, int64_t minor) {
  return aot::targetOf({false, 0, major, minor});
}

namespace aot {
namespace {

class GpuCode : public LoadedCode {
public:
  GpuCode(std::shared_ptr<const cuda::Device> device, std::unique_ptr<cuda::Module> module, CUfunction entry,
          const Problem &planned, const Schedule &schedule, const Resources &costs)
      : device(std::move(device)), module(std::move(module)), entry(entry), planned(planned), schedule(schedule),
        costs(costs), maps(cuda::makeTensorMapCache(schedule)) {}

  llvm::Error launch(const LaunchRecord &launch, CUstream_st *stream) const override {
    return cuda::launchKernel(*device, entry, planned, schedule, costs, maps.get(), launch, stream);
  }

private:
  std::shared_ptr<const cuda::Device> device;
  std::unique_ptr<cuda::Module> module;
  CUfunction entry;
  Problem planned;
  Schedule schedule;
  Resources costs;
  std::unique_ptr<cuda::TensorMapCache> maps;
};

class GpuDevice : public Device {
public:
  explicit GpuDevice(std::shared_ptr<const cuda::Device> given) : device(std::move(given)) {
    target = device->target();
    capability = {false, 0, device->information().major, device->information().minor};
  }

  llvm::Expected<std::unique_ptr<LoadedCode>> load(const TableKernel &kernel, const Problem &planned,
                                                   const Resources &costs) override {
    std::string image(textAt(kernel.code), kernel.codeBytes);
    llvm::Expected<std::unique_ptr<cuda::Module>> module = cuda::Module::load(device, kernel.kind, image);
    if (!module)
      return module.takeError();
    llvm::Expected<CUfunction> entry =
        (*module)->kernel(textAt(kernel.symbol), costs.threads, mostSharedBytes(costs, kernel.schedule, target),
                          kernel.schedule.cluster);
    if (!entry)
      return entry.takeError();
    return std::make_unique<GpuCode>(device, std::move(*module), *entry, planned, kernel.schedule, costs);
  }

  llvm::Error clear(void *memory, int64_t bytes, CUstream_st *stream) const override {
    return cuda::fill(*device, memory, 0, bytes, stream);
  }

private:
  std::shared_ptr<const cuda::Device> device;
};

} // namespace

llvm::Expected<std::shared_ptr<Device>> openGpu(int64_t ordinal) {
  llvm::Expected<std::shared_ptr<const cuda::Device>> device = cuda::Device::open(static_cast<int>(ordinal));
  if (!device)
    return device.takeError();
  auto opened = std::make_shared<GpuDevice>(std::move(*device));
  if (llvm::Error error = checkHasCode(opened->capability))
    return error;
  return opened;
}

} // namespace aot
} // namespace lla
