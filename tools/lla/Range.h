//===- Range.h - several counts in one flag -------------------------------===//
#ifndef LLA_TOOLS_LLA_RANGE_H
#define LLA_TOOLS_LLA_RANGE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace lla {

/// True for what `expandRange` expands; anything else is one value for the field's own reader.
bool isRange(llvm::StringRef text);

/// "1,32" lists, "1:64:2x" multiplies, "128:512:128" adds, "1:4" counts; ends are included where they are met.
/// Parts may be mixed: "1,8:64:2x". At most 4096 values; fails naming `field`.
llvm::Expected<std::vector<int64_t>> expandRange(llvm::StringRef field, llvm::StringRef text);

} // namespace lla
#endif
