//===- DeviceFault.h - what can be wrong with a GPU -----------------------===//
//
// Standard library only: the ahead-of-time runtime shares it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_DEVICEFAULT_H
#define LLA_RUNTIME_CUDA_DEVICEFAULT_H

#include <string>

namespace lla {

enum class FaultKind {
  None,
  NoDriver,     ///< No libcuda, or it is broken.
  DriverTooOld, ///< For us, or for the kernel's PTX or cubin.
  NoDevice,     ///< A driver, but no such GPU.
  OutOfMemory,  ///< Device memory.
  CallFailed,   ///< A driver call was refused; the context lives on.
  ContextLost,  ///< A kernel faulted: every later call in this process fails too.
};

struct DeviceFault {
  FaultKind kind = FaultKind::None;
  std::string message;
  explicit operator bool() const { return kind != FaultKind::None; }
};

} // namespace lla
#endif
