//===- DeviceName.h - devices by name -------------------------------------===//
#ifndef LLA_RUNTIME_DEVICENAME_H
#define LLA_RUNTIME_DEVICENAME_H

#include "dialect/Spec/Target.h"
#include <optional>

namespace lla {

/// "host", "host:THREADS", "cuda", "cuda:N".
struct DeviceName {
  TargetKind kind = TargetKind::Host;
  int64_t number = 0; ///< Threads (0: all), or of the GPU.
};

/// Nothing if the text names no device. Fails with Usage on a number out of range.
llvm::Expected<std::optional<DeviceName>> parseDeviceName(llvm::StringRef text);

/// What such a text may be, for messages.
extern const char *const deviceNameForms;

} // namespace lla
#endif
