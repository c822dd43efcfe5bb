//===- Device.cpp - one GPU of this process -------------------------------===//

#include "runtime/cuda/Device.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>

namespace lla::cuda {
llvm::Error toError(const DeviceFault &fault) {
  switch (fault.kind) {
  case FaultKind::None:
    return llvm::Error::success();
  case FaultKind::NoDriver:
  case FaultKind::DriverTooOld:
  case FaultKind::NoDevice:
    return failure(FailureKind::NoDevice, fault.message);
  case FaultKind::OutOfMemory:
  case FaultKind::CallFailed:
  case FaultKind::ContextLost:
    return failure(FailureKind::Execution, fault.message);
  }
  return failure(FailureKind::Execution, fault.message);
}

llvm::Error Device::check(CUresult result, const char *call) const {
  return result == CUDA_SUCCESS ? llvm::Error::success() : toError(table.explain(result, call));
}

llvm::Expected<int> Device::count() {
  DeviceFault fault;
  const Driver *driver = Driver::get(fault);
  if (!driver)
    return toError(fault);
  if (llvm::Error error = toError(driver->checkProcess()))
    return std::move(error);
  int devices = 0;
  if (llvm::Error error = toError(driver->explain(driver->cuDeviceGetCount(&devices), "cuDeviceGetCount")))
    return std::move(error);
  return devices;
}

llvm::Expected<std::shared_ptr<const Device>> Device::open(int ordinal) {
  llvm::Expected<int> devices = count();
  if (!devices)
    return devices.takeError();
  if (ordinal < 0 || ordinal >= *devices)
    return failure(FailureKind::NoDevice,
                   fmt::format("target: expected the number of a GPU below {}, got cuda:{}", *devices, ordinal));
  DeviceFault fault;
  const Driver &driver = *Driver::get(fault);
  CUdevice handle;
  if (llvm::Error error = toError(driver.explain(driver.cuDeviceGet(&handle, ordinal), "cuDeviceGet")))
    return std::move(error);
  std::shared_ptr<Device> device(new Device(driver, handle));
  if (llvm::Error error = device->readFacts())
    return std::move(error);
  if (llvm::Error error =
          device->check(driver.cuDevicePrimaryCtxRetain(&device->primary, handle), "cuDevicePrimaryCtxRetain"))
    return std::move(error);
  return device;
}

Device::~Device() {
  if (primary && isUsable())
    table.cuDevicePrimaryCtxRelease(handle);
}

llvm::Error Device::checkProcess() const { return toError(table.checkProcess()); }

llvm::Expected<int64_t> Device::attribute(CUdevice_attribute which) const {
  int value = 0;
  if (llvm::Error error = check(table.cuDeviceGetAttribute(&value, which, handle), "cuDeviceGetAttribute"))
    return std::move(error);
  return value;
}

llvm::Error Device::readFacts() {
  const std::pair<CUdevice_attribute, int64_t *> deciding[] = {
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &about.major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &about.minor},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &facts.multiprocessors},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &facts.sharedBytesPerBlock},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, &facts.sharedBytesPerMultiprocessor},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, &facts.registersPerMultiprocessor},
      {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, &facts.l2Bytes},
  };
  for (auto [which, value] : deciding) {
    llvm::Expected<int64_t> read = attribute(which);
    if (!read)
      return read.takeError();
    *value = *read;
  }
  // A driver may stop telling these: then they are 0.
  const std::pair<CUdevice_attribute, int64_t *> informing[] = {
      {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, &about.clockKilohertz},
      {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, &about.memoryClockKilohertz},
      {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, &about.memoryBusBits},
  };
  for (auto [which, value] : informing) {
    int read = 0;
    if (table.cuDeviceGetAttribute(&read, which, handle) == CUDA_SUCCESS)
      *value = read;
  }
  llvm::Expected<std::string> arch = architectureOf(about.major, about.minor);
  if (!arch)
    return arch.takeError();
  facts.kind = TargetKind::Cuda;
  facts.arch = *arch;

  char name[256] = "";
  size_t bytes = 0;
  if (llvm::Error error = check(table.cuDeviceGetName(name, sizeof name, handle), "cuDeviceGetName"))
    return error;
  if (llvm::Error error = check(table.cuDeviceTotalMem(&bytes, handle), "cuDeviceTotalMem"))
    return error;
  char busId[32] = "";
  if (table.cuDeviceGetPCIBusId(busId, sizeof busId, handle) == CUDA_SUCCESS)
    about.busId = busId;
  facts.deviceName = about.name = name;
  about.memoryBytes = bytes;
  about.driverVersion = table.version;
  return llvm::Error::success();
}

ContextScope::ContextScope(const Device &device) : device(device), pushed(false) {
  // Frameworks have it current already: to ask is cheaper than to push and to pop.
  CUcontext current = nullptr;
  bool isCurrent = device.driver().cuCtxGetCurrent(&current) == CUDA_SUCCESS && current == device.context();
  if (!isCurrent)
    pushed = device.driver().cuCtxPushCurrent(device.context()) == CUDA_SUCCESS;
}

ContextScope::~ContextScope() {
  // A failed push shows in the next call that needs the context.
  CUcontext popped;
  if (pushed)
    device.driver().cuCtxPopCurrent(&popped);
}

llvm::Error fill(const Device &device, void *to, uint8_t value, int64_t bytes, CUstream stream) {
  if (bytes == 0)
    return llvm::Error::success();
  if (llvm::Error error = device.checkProcess())
    return error;
  ContextScope scope(device);
  CUresult result = device.driver().cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(to), value, bytes, stream);
  return device.check(result, "cuMemsetD8Async");
}

llvm::Expected<Memory> Memory::allocate(std::shared_ptr<const Device> device, int64_t bytes) {
  CUdeviceptr pointer = 0;
  if (llvm::Error error = device->checkProcess())
    return std::move(error);
  if (bytes > 0) {
    ContextScope scope(*device);
    if (CUresult result = device->driver().cuMemAlloc(&pointer, bytes)) {
      DeviceFault fault = device->driver().explain(result, "cuMemAlloc");
      fault.message += fmt::format(" for {} bytes", bytes);
      return toError(fault);
    }
  }
  return Memory(std::move(device), pointer);
}

Memory::~Memory() {
  if (!pointer || !device->isUsable())
    return;
  ContextScope scope(*device);
  device->driver().cuMemFree(pointer);
}

} // namespace lla::cuda
