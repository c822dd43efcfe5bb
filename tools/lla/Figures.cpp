//===- Figures.cpp - quantities as people write them ----------------------===//

#include "tools/lla/Figures.h"
#include "dialect/Spec/Fields.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lla {
namespace {

/// Three significant digits.
std::string threeDigits(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

} // namespace

std::string timeText(double microseconds) {
  if (!(microseconds > 0) || !std::isfinite(microseconds))
    return "-";
  if (microseconds < 999.5)
    return threeDigits(microseconds) + " us";
  if (microseconds < 999.5e3)
    return threeDigits(microseconds / 1e3) + " ms";
  return threeDigits(microseconds / 1e6) + " s";
}

std::string bytesText(int64_t bytes) {
  static constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  double value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit ? 1 : 0, units[unit]);
}

std::string percentText(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string errorText(double error) { return fmt::format("{:.1e}", error); }

std::string clockText(double seconds) {
  int64_t whole = std::llround(std::clamp(seconds, 0.0, 1e9));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

llvm::Expected<double> parseDuration(llvm::StringRef field, llvm::StringRef text) {
  auto fault = [&] { return fieldError(field, "seconds > 0, or MINUTES:SECONDS", '"' + text.str() + '"'); };
  llvm::StringRef rest = text;
  bool hasUnit = rest.consume_back("s");
  if (hasUnit && rest.contains(':'))
    return fault();
  double seconds = 0;
  for (int parts = 0; parts < 3; ++parts) {
    auto [part, remainder] = rest.split(':');
    double value = 0;
    if (part.getAsDouble(value) || !std::isfinite(value) || value < 0 || (parts > 0 && value >= 60))
      return fault();
    seconds = seconds * 60 + value;
    if (!rest.contains(':'))
      return seconds > 0 ? llvm::Expected<double>(seconds) : fault();
    rest = remainder;
  }
  return fault();
}

} // namespace lla
