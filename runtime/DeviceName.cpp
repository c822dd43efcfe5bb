//===- DeviceName.cpp - devices by name -----------------------------------===//

#include "runtime/DeviceName.h"
#include "runtime/RuntimeError.h"
#include <charconv>
#include <fmt/format.h>

namespace lla {

const char *const deviceNameForms = "a device (host, host:THREADS, cuda, cuda:N)";

llvm::Expected<std::optional<DeviceName>> parseDeviceName(llvm::StringRef text) {
  auto [kind, digits] = text.split(':');
  if (kind != "host" && kind != "cuda")
    return std::optional<DeviceName>();
  DeviceName name{kind == "host" ? TargetKind::Host : TargetKind::Cuda};
  if (kind.size() == text.size())
    return std::optional(name);
  int64_t least = name.kind == TargetKind::Host ? 1 : 0;
  constexpr int64_t most = 4096;
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), name.number);
  if (fault != std::errc() || end != digits.data() + digits.size() || name.number < least || name.number > most)
    return failure(FailureKind::Usage, fmt::format("target: expected a number from {} to {} after ':', got \"{}\"",
                                                   least, most, text.str()));
  return std::optional(name);
}

} // namespace lla
