//===- Driver.cpp - the CUDA driver, loaded when asked for ----------------===//

#include "runtime/cuda/Driver.h"
#include "runtime/ForkCount.h"
#include <algorithm>
#include <cstdio>
#include <dlfcn.h>

namespace lla::cuda {
namespace {

using GetProcAddress = CUresult (*)(const char *, void **, int, cuuint64_t, CUdriverProcAddressQueryResult *);
using GetVersion = CUresult (*)(int *);

std::unique_ptr<Driver> fail(DeviceFault &fault, FaultKind kind, std::string message) {
  fault = {kind, std::move(message)};
  return nullptr;
}

FaultKind kindOf(CUresult result) {
  switch (result) {
  case CUDA_SUCCESS:
    return FaultKind::None;
  case CUDA_ERROR_STUB_LIBRARY:
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
  case CUDA_ERROR_SYSTEM_NOT_READY:
    return FaultKind::NoDriver;
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
  case CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER:
  case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
    return FaultKind::DriverTooOld;
  case CUDA_ERROR_NO_DEVICE:
  case CUDA_ERROR_INVALID_DEVICE:
  case CUDA_ERROR_DEVICE_UNAVAILABLE:
    return FaultKind::NoDevice;
  case CUDA_ERROR_OUT_OF_MEMORY:
    return FaultKind::OutOfMemory;
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_CONTAINED:
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_LAUNCH_TIMEOUT:
  case CUDA_ERROR_CONTEXT_IS_DESTROYED:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
  case CUDA_ERROR_ILLEGAL_INSTRUCTION:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_INVALID_ADDRESS_SPACE:
  case CUDA_ERROR_INVALID_PC:
  case CUDA_ERROR_LAUNCH_FAILED:
    return FaultKind::ContextLost;
  default:
    return FaultKind::CallFailed;
  }
}

} // namespace

std::unique_ptr<Driver> Driver::load(const char *library, DeviceFault &fault) {
  // Never closed: the driver keeps threads and exit handlers.
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(fault, FaultKind::NoDriver, std::string("no CUDA driver: ") + dlerror());
  auto driver = std::make_unique<Driver>();
  auto getVersion = reinterpret_cast<GetVersion>(dlsym(handle, "cuDriverGetVersion"));
  if (!getVersion)
    return fail(fault, FaultKind::NoDriver, std::string("no CUDA driver: ") + library + " has no cuDriverGetVersion");
  if (CUresult result = getVersion(&driver->version))
    return fail(fault, FaultKind::NoDriver,
                "no CUDA driver: cuDriverGetVersion failed with error " + std::to_string(result));
  if (driver->version < minimumVersion)
    return fail(fault, FaultKind::DriverTooOld,
                "CUDA driver: expected one that serves CUDA " + versionText(minimumVersion) + " or newer, got " +
                    versionText(driver->version));
  auto getProcAddress = reinterpret_cast<GetProcAddress>(dlsym(handle, "cuGetProcAddress_v2"));
  if (!getProcAddress)
    return fail(fault, FaultKind::NoDriver, std::string("no CUDA driver: ") + library + " has no cuGetProcAddress_v2");

#define LLA_DRIVER_SYMBOL(symbol, version)                                                                             \
  if (getProcAddress(#symbol, reinterpret_cast<void **>(&driver->symbol), version, CU_GET_PROC_ADDRESS_DEFAULT,        \
                     nullptr) ||                                                                                       \
      !driver->symbol)                                                                                                 \
    return fail(fault, FaultKind::NoDriver, std::string("no CUDA driver: ") + library + " has no " #symbol);
#include "runtime/cuda/DriverSymbols.def"

  countForks();
  driver->forks = forkCount();
  fault = driver->explain(driver->cuInit(0), "cuInit");
  if (fault.kind == FaultKind::CallFailed)
    fault.kind = FaultKind::NoDriver;
  return fault ? nullptr : std::move(driver);
}

const Driver *Driver::get(DeviceFault &fault) {
  struct Loaded {
    DeviceFault fault;
    std::unique_ptr<Driver> driver = load("libcuda.so.1", fault);
  };
  static const Loaded loaded;
  fault = loaded.fault;
  return loaded.driver.get();
}

DeviceFault Driver::checkProcess() const {
  if (forks == forkCount())
    return {};
  return {FaultKind::NoDevice,
          "process: expected the one that opened the GPU, got a fork of it, where CUDA does not work"};
}

DeviceFault Driver::explain(CUresult result, const char *call) const {
  if (result == CUDA_SUCCESS)
    return {};
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  return {kindOf(result), std::string(call) + ": " + (name ? name : "unknown error " + std::to_string(result)) +
                              (text ? std::string(" (") + text + ")" : std::string())};
}

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int driverNeededBy(const std::string &ptx) {
  size_t directive = ptx.find(".version");
  int major = 0, minor = 0;
  if (directive == std::string::npos || std::sscanf(ptx.c_str() + directive, ".version %d.%d", &major, &minor) != 2)
    return 0;
  // PTX ISA, release history: 7.x came with CUDA 11.x, 8.x with 12.x but for 8.6 to 8.8, 9.x with 13.x.
  int toolkitMajor = major + 4;
  bool lateEight = major == 8 && minor >= 6;
  return 1000 * toolkitMajor + 10 * (lateEight ? minor + 1 : minor);
}

} // namespace lla::cuda
