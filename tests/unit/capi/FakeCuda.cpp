//===- FakeCuda.cpp - a CUDA driver without a GPU -------------------------===//

#include "FakeCuda.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <cuda.h>
#include <mutex>
#include <vector>

#define FAKE_API extern "C" __attribute__((visibility("default")))

namespace {

constexpr int devices = 2;

/// Fixed memory: remembering must not allocate, for tests count that.
struct Calls {
  char names[16384] = "";
  size_t used = 0;
  void add(const char *name) {
    size_t length = std::strlen(name);
    if (used + length + 2 > sizeof(names))
      return;
    std::memcpy(names + used, name, length);
    used += length;
    names[used++] = ' ';
    names[used] = 0;
  }
};
thread_local Calls calls;
thread_local CUcontext current[16];
thread_local int depth = 0;
std::mutex lock;
FakeLaunch last = {};
FakeFill lastFill = {};
std::atomic<int> launches = 0, launchResult = 0, mapsRead = 0, major = 9, minor = 0;
char image[64] = ""; ///< Of a cubin: its ELF header.

CUcontext contextOf(int device) { return reinterpret_cast<CUcontext>(static_cast<uintptr_t>(device + 1)); }
int currentDevice() { return depth ? static_cast<int>(reinterpret_cast<uintptr_t>(current[depth - 1])) - 1 : -1; }

int attributeOf(CUdevice_attribute which) {
  switch (which) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    return major;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    return minor;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    return 132;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    return 232448;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    return 233472;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
    return 65536;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    return 50 << 20;
  default:
    return 1;
  }
}

//===--- functions with results ---------------------------------------------===//

CUresult getCount(int *count) { return *count = devices, CUDA_SUCCESS; }
CUresult getDevice(CUdevice *device, int ordinal) { return *device = ordinal, CUDA_SUCCESS; }
CUresult getName(char *name, int size, CUdevice) { return std::strncpy(name, "Fake", size), CUDA_SUCCESS; }
CUresult getMemory(size_t *bytes, CUdevice) { return *bytes = size_t(80) << 30, CUDA_SUCCESS; }
CUresult getAttribute(int *value, CUdevice_attribute which, CUdevice) {
  return *value = attributeOf(which), CUDA_SUCCESS;
}
CUresult retain(CUcontext *context, CUdevice device) { return *context = contextOf(device), CUDA_SUCCESS; }
CUresult push(CUcontext context) {
  calls.add("cuCtxPushCurrent");
  current[depth++] = context;
  return CUDA_SUCCESS;
}
CUresult getCurrent(CUcontext *context) {
  calls.add("cuCtxGetCurrent");
  *context = depth ? current[depth - 1] : nullptr;
  return CUDA_SUCCESS;
}
CUresult pop(CUcontext *context) {
  calls.add("cuCtxPopCurrent");
  *context = current[--depth];
  return CUDA_SUCCESS;
}
CUresult loadModule(CUmodule *module, const void *bytes, unsigned, CUjit_option *, void **) {
  calls.add("cuModuleLoadDataEx");
  std::lock_guard<std::mutex> guard(lock);
  std::memcpy(image, bytes, sizeof(image)); // Any cubin or PTX is longer.
  return *module = reinterpret_cast<CUmodule>(&last), CUDA_SUCCESS;
}
CUresult getFunction(CUfunction *function, CUmodule, const char *) {
  return *function = reinterpret_cast<CUfunction>(&last), CUDA_SUCCESS;
}
CUresult getFunctionAttribute(int *value, CUfunction_attribute which, CUfunction) {
  return *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0, CUDA_SUCCESS;
}
CUresult errorName(CUresult, const char **name) { return *name = "CUDA_ERROR_FAKE", CUDA_SUCCESS; }
CUresult errorText(CUresult, const char **text) { return *text = "as it was told", CUDA_SUCCESS; }
CUresult encodeMap(CUtensorMap *map, CUtensorMapDataType, cuuint32_t, void *base) {
  calls.add("cuTensorMapEncodeTiled");
  std::memcpy(map, &base, sizeof(base));
  return CUDA_SUCCESS;
}
CUresult launch(const CUlaunchConfig *config, CUfunction, void **parameters, void **) {
  calls.add("cuLaunchKernelEx");
  if (int result = launchResult)
    return static_cast<CUresult>(result);
  std::lock_guard<std::mutex> guard(lock);
  last = {config->gridDimX, config->gridDimY, config->blockDimX, config->sharedMemBytes,
          config->hStream,  currentDevice(),  parameters[0],      {}};
  for (int i = 0; i < mapsRead; ++i)
    std::memcpy(&last.bases[i], parameters[1 + i], sizeof(void *));
  ++launches;
  return CUDA_SUCCESS;
}

CUresult fill(CUdeviceptr address, unsigned char value, size_t bytes, CUstream stream) {
  calls.add("cuMemsetD8Async");
  std::lock_guard<std::mutex> guard(lock);
  lastFill = {reinterpret_cast<void *>(address), value, bytes, stream, currentDevice()};
  return CUDA_SUCCESS;
}

struct Function {
  const char *name;
  void *address;
};
template <class Pointer> void *addressOf(Pointer function) { return reinterpret_cast<void *>(function); }

/// What only succeeds, under its own name.
#define LLA_DRIVER_SYMBOL(symbol, version)                                                                             \
  CUresult only_##symbol() { return calls.add(#symbol), CUDA_SUCCESS; }
#include "runtime/cuda/DriverSymbols.def"

const Function others[] = {
#define LLA_DRIVER_SYMBOL(symbol, version) {#symbol, addressOf(only_##symbol)},
#include "runtime/cuda/DriverSymbols.def"
};

const Function functions[] = {
    {"cuDeviceGetCount", addressOf(getCount)},
    {"cuDeviceGet", addressOf(getDevice)},
    {"cuDeviceGetName", addressOf(getName)},
    {"cuDeviceTotalMem", addressOf(getMemory)},
    {"cuDeviceGetAttribute", addressOf(getAttribute)},
    {"cuDevicePrimaryCtxRetain", addressOf(retain)},
    {"cuCtxGetCurrent", addressOf(getCurrent)},
    {"cuCtxPushCurrent", addressOf(push)},
    {"cuCtxPopCurrent", addressOf(pop)},
    {"cuModuleLoadDataEx", addressOf(loadModule)},
    {"cuModuleGetFunction", addressOf(getFunction)},
    {"cuFuncGetAttribute", addressOf(getFunctionAttribute)},
    {"cuGetErrorName", addressOf(errorName)},
    {"cuGetErrorString", addressOf(errorText)},
    {"cuTensorMapEncodeTiled", addressOf(encodeMap)},
    {"cuLaunchKernelEx", addressOf(launch)},
    {"cuMemsetD8Async", addressOf(fill)},
};

} // namespace

FAKE_API CUresult cuDriverGetVersion(int *version) { return *version = 13000, CUDA_SUCCESS; }

FAKE_API CUresult cuGetProcAddress_v2(const char *name, void **address, int, cuuint64_t,
                                      CUdriverProcAddressQueryResult *) {
  *address = nullptr;
  for (const Function &function : functions)
    if (std::strcmp(function.name, name) == 0)
      *address = function.address;
  for (const Function &function : others)
    if (!*address && std::strcmp(function.name, name) == 0)
      *address = function.address;
  return *address ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

FAKE_API const char *fakeCudaTakeCalls() {
  static thread_local char taken[sizeof(calls.names)];
  std::memcpy(taken, calls.names, calls.used + 1);
  calls = {};
  return taken;
}
FAKE_API int fakeCudaLaunches() { return launches; }
FAKE_API FakeLaunch fakeCudaLastLaunch() {
  std::lock_guard<std::mutex> guard(lock);
  return last;
}
FAKE_API FakeFill fakeCudaLastFill() {
  std::lock_guard<std::mutex> guard(lock);
  return lastFill;
}
FAKE_API int fakeCudaCurrentDevice() { return currentDevice(); }
FAKE_API void fakeCudaSetCapability(int newMajor, int newMinor) {
  major = newMajor;
  minor = newMinor;
}
FAKE_API const char *fakeCudaLastImage() { return image; }
FAKE_API void fakeCudaReadMaps(int count) { mapsRead = count; }
FAKE_API void fakeCudaSetLaunchResult(int result) { launchResult = result; }

//===--- what programs that open libcuda themselves ask for (tests/bench) -----===//

FAKE_API CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
FAKE_API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) { return retain(context, device); }
FAKE_API CUresult cuCtxSetCurrent(CUcontext context) {
  depth = context ? std::max(depth, 1) : depth - (depth > 0);
  if (context)
    current[depth - 1] = context;
  return CUDA_SUCCESS;
}
FAKE_API CUresult cuStreamCreate(CUstream *stream, unsigned) {
  return *stream = reinterpret_cast<CUstream>(&last), CUDA_SUCCESS;
}
FAKE_API CUresult cuStreamSynchronize(CUstream) { return CUDA_SUCCESS; }
FAKE_API CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes) {
  static std::atomic<CUdeviceptr> next = CUdeviceptr(1) << 40; // Nobody reads there.
  return *address = next.fetch_add((bytes + 511) / 256 * 256), CUDA_SUCCESS;
}
FAKE_API CUresult cuMemsetD8(CUdeviceptr, unsigned char, size_t) { return CUDA_SUCCESS; }
FAKE_API CUresult cuModuleLoadData(CUmodule *module, const void *) {
  return *module = reinterpret_cast<CUmodule>(&last), CUDA_SUCCESS;
}
FAKE_API CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  return getFunction(function, module, name);
}
FAKE_API CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction kernel, void **parameters, void **extra) {
  return launch(config, kernel, parameters, extra);
}
