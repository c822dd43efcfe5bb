//===- Figures.h - quantities as people write them ------------------------===//
#ifndef LLA_TOOLS_LLA_FIGURES_H
#define LLA_TOOLS_LLA_FIGURES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace lla {

/// "12.3 us", "4.56 ms", "1.20 s"; "-" for what is not a positive number.
std::string timeText(double microseconds);
/// "512 B", "1.5 KiB", "2.0 GiB".
std::string bytesText(int64_t bytes);
/// "87 %".
std::string percentText(double share);
/// "1.2e-03".
std::string errorText(double error);
/// "0:09", "12:34", "1:02:03".
std::string clockText(double seconds);

/// "90", "90s", "15:00", "1:00:00" in seconds; fails naming `field`.
llvm::Expected<double> parseDuration(llvm::StringRef field, llvm::StringRef text);

} // namespace lla
#endif
