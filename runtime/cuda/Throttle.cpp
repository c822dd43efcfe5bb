//===- Throttle.cpp - is this GPU held back? ------------------------------===//

#include "runtime/cuda/Throttle.h"
#include <dlfcn.h>

namespace lla::cuda {
namespace {

/// NVML's C interface, of which only this is used.
struct Nvml {
  using Handle = void *;
  int (*handleOf)(const char *busId, Handle *device) = nullptr;
  int (*reasons)(Handle device, unsigned long long *reasons) = nullptr;

  /// Null without a usable NVML.
  static const Nvml *get() {
    static const Nvml loaded = load();
    return loaded.reasons ? &loaded : nullptr;
  }

private:
  static Nvml load() {
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return {};
    auto start = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
    if (!start || start() != 0)
      return {};
    Nvml nvml;
    nvml.handleOf = reinterpret_cast<decltype(handleOf)>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
    nvml.reasons = reinterpret_cast<decltype(reasons)>(dlsym(library, "nvmlDeviceGetCurrentClocksThrottleReasons"));
    return nvml.handleOf ? nvml : Nvml();
  }
};

} // namespace

std::string throttleText(unsigned long long reasons) {
  constexpr std::pair<unsigned long long, const char *> doubtful[] = {{0x08, "hardware slowdown"},
                                                                      {0x20, "software thermal slowdown"},
                                                                      {0x40, "hardware thermal slowdown"},
                                                                      {0x80, "power brake"}};
  std::string text;
  for (auto [bit, name] : doubtful)
    if (reasons & bit)
      text += (text.empty() ? "clocks lowered: " : ", ") + std::string(name);
  return text;
}

std::string throttleReason(const Device &device) {
  const Nvml *nvml = Nvml::get();
  Nvml::Handle handle;
  unsigned long long reasons = 0;
  if (!nvml || nvml->handleOf(device.information().busId.c_str(), &handle) || nvml->reasons(handle, &reasons))
    return "";
  return throttleText(reasons);
}

} // namespace lla::cuda
