//===- Device.h - one GPU of this process ---------------------------------===//
//
// Facts of a GPU and its primary context, the one that frameworks share. There
// is no global state: a Device may be opened any number of times, for several
// GPUs at once, and nothing here changes the caller's current context for longer
// than a ContextScope lives.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_DEVICE_H
#define LLA_RUNTIME_CUDA_DEVICE_H

#include "dialect/Spec/Target.h"
#include "runtime/cuda/Driver.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace lla::cuda {

/// Success, or a RuntimeError: NoDevice if nothing on this machine would help, else Execution.
llvm::Error toError(const DeviceFault &fault);

/// The best known architecture whose code runs on this compute capability: code runs on later minors too, but for
/// sm_90a's, whose instructions exist on 9.0 alone. Fails with NoDevice if there is none. (An ahead-of-time library
/// has one of its own, by which it knows every GPU.)
llvm::Expected<std::string> architectureOf(int64_t major, int64_t minor);

/// Information that decides nothing.
struct DeviceInformation {
  std::string name;
  std::string busId; ///< As NVML takes it.
  int64_t major = 0, minor = 0; ///< Compute capability.
  int driverVersion = 0; ///< E.g. 13000.
  int64_t memoryBytes = 0;
  int64_t clockKilohertz = 0, memoryClockKilohertz = 0, memoryBusBits = 0;

  /// Data-sheet rate of the memory, two transfers a clock.
  double nominalBytesPerSecond() const { return 2e3 * memoryClockKilohertz * (memoryBusBits / 8); }
};

class Device {
public:
  /// Fails with NoDevice: no driver, too old a driver, no such ordinal, or an architecture that has no name here.
  static llvm::Expected<std::shared_ptr<const Device>> open(int ordinal);
  /// GPUs that the driver shows; 0 is not an error.
  static llvm::Expected<int> count();

  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const Target &target() const { return facts; }
  const DeviceInformation &information() const { return about; }
  const Driver &driver() const { return table; }
  CUcontext context() const { return primary; }

  llvm::Error check(CUresult result, const char *call) const;

  /// In a fork of the process that opened it, nothing of a device may be used or given back. Fails with NoDevice.
  llvm::Error checkProcess() const;
  bool isUsable() const { return !table.checkProcess(); }

private:
  Device(const Driver &table, CUdevice handle) : table(table), handle(handle) {}
  llvm::Expected<int64_t> attribute(CUdevice_attribute which) const;
  llvm::Error readFacts();

  const Driver &table;
  CUdevice handle;
  CUcontext primary = nullptr;
  Target facts;
  DeviceInformation about;
};

/// Makes a device's context current on this thread for as long as it lives.
class ContextScope {
public:
  explicit ContextScope(const Device &device);
  ~ContextScope();
  ContextScope(const ContextScope &) = delete;
  ContextScope &operator=(const ContextScope &) = delete;

private:
  const Device &device;
  bool pushed;
};

/// Enqueues that every byte be `value`; legal under graph capture. 0 bytes ask nothing of the driver.
llvm::Error fill(const Device &device, void *to, uint8_t value, int64_t bytes, CUstream stream);

/// Device memory, freed by the destructor.
class Memory {
public:
  /// 0 bytes are legal: null.
  static llvm::Expected<Memory> allocate(std::shared_ptr<const Device> device, int64_t bytes);
  Memory(Memory &&other) noexcept : device(std::move(other.device)), pointer(other.pointer) { other.pointer = 0; }
  Memory &operator=(Memory &&) = delete;
  ~Memory();

  CUdeviceptr address() const { return pointer; }
  void *data() const { return reinterpret_cast<void *>(pointer); }

private:
  Memory(std::shared_ptr<const Device> device, CUdeviceptr pointer) : device(std::move(device)), pointer(pointer) {}
  std::shared_ptr<const Device> device;
  CUdeviceptr pointer;
};

} // namespace lla::cuda
#endif
