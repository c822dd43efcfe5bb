//===- Driver.h - the CUDA driver, loaded when asked for ------------------===//
//
// libcuda is never linked: it is opened at run time, so that every program here
// starts on a machine without one. Standard library only, since the
// ahead-of-time runtime shares this file.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_DRIVER_H
#define LLA_RUNTIME_CUDA_DRIVER_H

#include "runtime/cuda/DeviceFault.h"
#include <cuda.h>
#include <cstdint>
#include <memory>

namespace lla::cuda {

struct Driver {
  /// One member per function. cuda.h renames some (cuMemAlloc to cuMemAlloc_v2): members and calls alike.
#define LLA_DRIVER_SYMBOL(symbol, version) decltype(&::symbol) symbol = nullptr;
#include "runtime/cuda/DriverSymbols.def"
  int version = 0;    ///< Newest CUDA version that it serves, e.g. 13000.
  uint64_t forks = 0; ///< ForkCount.h, when it was loaded.

  /// The oldest driver that has all symbols.
  static constexpr int minimumVersion = 12000;

  /// Opens `library`, resolves every symbol, calls cuInit. Null: `fault` says why.
  static std::unique_ptr<Driver> load(const char *library, DeviceFault &fault);
  /// The process's driver, loaded at the first call. Null: `fault` says why, the same each time.
  static const Driver *get(DeviceFault &fault);

  /// No fault but in a fork of the process that loaded it, where nothing of CUDA works: calls may even hang.
  DeviceFault checkProcess() const;
  /// No fault if `result` is success.
  DeviceFault explain(CUresult result, const char *call) const;
};

/// "12.4" of 12040.
std::string versionText(int version);
/// The oldest CUDA version whose driver assembles PTX that begins with this text's `.version`; 0 if there is none.
int driverNeededBy(const std::string &ptx);

} // namespace lla::cuda
#endif
