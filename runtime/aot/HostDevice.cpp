//===- HostDevice.cpp - a library's kernels on threads of this process ----===//

#include "dialect/Spec/Cpu.h"
#include "runtime/RuntimeError.h"
#include "runtime/aot/Device.h"
#include "runtime/host/HostLauncher.h"
#include <cstring>
#include <fmt/format.h>

namespace lla::aot {
namespace {

class HostCode : public LoadedCode {
public:
  HostCode(std::shared_ptr<HostLauncher> launcher, HostKernel kernel)
      : launcher(std::move(launcher)), kernel(kernel) {}

  llvm::Error launch(const LaunchRecord &launch, CUstream_st *) const override {
    launcher->launch(kernel, launch);
    return llvm::Error::success();
  }

private:
  std::shared_ptr<HostLauncher> launcher;
  HostKernel kernel;
};

class HostDevice : public Device {
public:
  HostDevice(int64_t threads, int64_t vectorBits) : launcher(std::make_shared<HostLauncher>(threads)) {
    target.multiprocessors = threads;
    target.vectorBits = capability.vectorBits = vectorBits;
  }

  llvm::Expected<std::unique_ptr<LoadedCode>> load(const TableKernel &kernel, const Problem &,
                                                   const Resources &costs) override {
    if (llvm::Error error = launcher->reserveScratch(costs.sharedBytes))
      return error;
    return std::make_unique<HostCode>(launcher, lla_aot_host_kernels[kernel.hostKernel]);
  }

  llvm::Error clear(void *memory, int64_t bytes, CUstream_st *) const override {
    if (bytes > 0)
      std::memset(memory, 0, static_cast<size_t>(bytes));
    return llvm::Error::success();
  }

private:
  std::shared_ptr<HostLauncher> launcher;
};

} // namespace

llvm::Expected<std::shared_ptr<Device>> openHost(int64_t threads, int64_t vectorBits) {
  const int64_t most = cpuVectorBits();
  if (vectorBits > most)
    return failure(
        FailureKind::NoDevice,
        fmt::format("target: expected at most {} bits, as this CPU's vectors have, got {}", most, vectorBits));
  auto device = std::make_shared<HostDevice>(threads ? threads : usableCpus(), vectorBits ? vectorBits : most);
  if (llvm::Error error = checkHasCode(device->capability))
    return error;
  return device;
}

} // namespace lla::aot
