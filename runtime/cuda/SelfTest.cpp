//===- SelfTest.cpp - what works on this machine's GPUs -------------------===//

#include "runtime/cuda/SelfTest.h"
#include "runtime/Knobs.h"
#include "runtime/RuntimeError.h"
#include "runtime/cuda/GemmYardstick.h"
#include "runtime/cuda/Oracle.h"
#include "runtime/cuda/Timer.h"
#include <algorithm>
#include <fmt/format.h>

namespace lla {
namespace {

using namespace cuda;

Check outcome(std::string name, llvm::Error error, std::string found) {
  if (error)
    return {std::move(name), false, llvm::toString(std::move(error))};
  return {std::move(name), true, std::move(found)};
}

Check checkDriver() {
  DeviceFault fault;
  const Driver *driver = Driver::get(fault);
  if (!driver)
    return {"CUDA driver", false, fault.message};
  return {"CUDA driver", true, "serves CUDA " + versionText(driver->version)};
}

Check checkNvrtc(const std::string &toolkit) {
  llvm::Expected<Nvrtc> nvrtc = Nvrtc::open(toolkit);
  if (!nvrtc)
    return outcome("NVRTC", nvrtc.takeError(), "");
  return {"NVRTC", true, "version " + nvrtc->version()};
}

/// Bytes written to the device come back.
llvm::Error checkMemory(std::shared_ptr<const Device> device) {
  llvm::Expected<Memory> memory = Memory::allocate(device, 4096);
  if (!memory)
    return memory.takeError();
  ContextScope scope(*device);
  const Driver &driver = device->driver();
  std::vector<unsigned char> bytes(4096);
  if (llvm::Error error =
          device->check(driver.cuMemsetD8Async(memory->address(), 0x3c, bytes.size(), nullptr), "cuMemsetD8Async"))
    return error;
  if (llvm::Error error = device->check(
          driver.cuMemcpyDtoHAsync(bytes.data(), memory->address(), bytes.size(), nullptr), "cuMemcpyDtoHAsync"))
    return error;
  if (llvm::Error error = device->check(driver.cuCtxSynchronize(), "cuCtxSynchronize"))
    return error;
  if (bytes != std::vector<unsigned char>(4096, 0x3c))
    return failure(FailureKind::Execution, "memory: what was written did not come back");
  return llvm::Error::success();
}

/// A kernel that does nothing, captured and replayed: microseconds per launch.
llvm::Expected<double> launchTime(std::shared_ptr<const Device> device, const Oracle &oracle) {
  LaunchFunction empty = [&](CUstream stream) { return oracle.empty(stream); };
  llvm::Expected<std::unique_ptr<Timer>> timer = Timer::create(device, empty);
  if (!timer)
    return timer.takeError();
  auto samples = (*timer)->time({{empty}}, TimingPolicy());
  if (!samples)
    return samples.takeError();
  std::sort(samples->front().begin(), samples->front().end());
  return samples->front()[samples->front().size() / 2];
}

/// The oracle's kernels count right.
llvm::Error checkOracle(std::shared_ptr<const Device> device, Oracle &oracle) {
  llvm::Expected<Memory> memory = Memory::allocate(device, 1000);
  if (!memory)
    return memory.takeError();
  ContextScope scope(*device);
  if (llvm::Error error =
          device->check(device->driver().cuMemsetD8Async(memory->address(), 1, 1000, nullptr), "cuMemsetD8Async"))
    return error;
  llvm::Expected<int64_t> different = oracle.countDifferent(memory->data(), nullptr, 2, 1000);
  if (!different)
    return different.takeError();
  if (*different != 1000)
    return failure(FailureKind::Execution, fmt::format("oracle: expected 1000 bytes that differ, got {}", *different));
  return llvm::Error::success();
}

void checkDevice(int ordinal, const std::string &toolkit, std::vector<Check> &checks) {
  std::string name = fmt::format("cuda:{}", ordinal);
  llvm::Expected<std::shared_ptr<const Device>> opened = Device::open(ordinal);
  if (!opened) {
    checks.push_back(outcome(name, opened.takeError(), ""));
    return;
  }
  std::shared_ptr<const Device> device = std::move(*opened);
  const DeviceInformation &about = device->information();
  const Target &target = device->target();
  checks.push_back(outcome(name, checkMemory(device),
                           fmt::format("{}, {}, {} SMs, {:.1f} GiB, nominally {:.0f} GB/s", about.name, target.arch,
                                       target.multiprocessors, about.memoryBytes / double(1 << 30),
                                       about.nominalBytesPerSecond() / 1e9)));
  llvm::Expected<std::unique_ptr<Oracle>> oracle = Oracle::create(device, toolkit, /*store=*/nullptr);
  if (oracle) {
    checks.push_back(outcome(name + " oracle", checkOracle(device, **oracle), "compiled by NVRTC, counts right"));
    llvm::Expected<double> microseconds = launchTime(device, **oracle);
    std::string found = microseconds ? fmt::format("{:.2f} us per empty launch", *microseconds) : "";
    checks.push_back(outcome(name + " graph replay", microseconds.takeError(), std::move(found)));
  } else {
    checks.push_back(outcome(name + " oracle", oracle.takeError(), ""));
  }
  llvm::Expected<std::unique_ptr<GemmYardstick>> gemm = GemmYardstick::create(device, toolkit, ElementType::BF16);
  checks.push_back(outcome(name + " cuBLAS", gemm.takeError(), "yardstick for matrix products"));
}

} // namespace

std::vector<Check> cudaChecks(const Knobs &knobs) {
  std::vector<Check> checks = {checkDriver(), checkNvrtc(knobs.cudaHome)};
  llvm::Expected<int> devices = Device::count();
  if (!devices) {
    llvm::consumeError(devices.takeError()); // The driver's line said so.
    return checks;
  }
  for (int ordinal = 0; ordinal < *devices; ++ordinal)
    checkDevice(ordinal, knobs.cudaHome, checks);
  return checks;
}

llvm::Error plantFault(int ordinal, const std::string &fault, const Knobs &knobs) {
  if (fault != "race" && fault != "out-of-bounds")
    return failure(FailureKind::Usage, "fault: expected race|out-of-bounds, got \"" + fault + '"');
  llvm::Expected<std::shared_ptr<const Device>> device = Device::open(ordinal);
  if (!device)
    return device.takeError();
  llvm::Expected<std::unique_ptr<Oracle>> oracle = Oracle::create(*device, knobs.cudaHome, /*store=*/nullptr);
  if (!oracle)
    return oracle.takeError();
  return (*oracle)->plant(fault == "race" ? PlantedFault::Race : PlantedFault::OutOfBounds);
}

} // namespace lla
