//===- IrStatistics.h - a stage's text, counted ---------------------------===//
#ifndef LLA_TOOLS_LLA_IRSTATISTICS_H
#define LLA_TOOLS_LLA_IRSTATISTICS_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lla {

struct IrStatistics {
  int64_t lines = 0, bytes = 0;
  std::map<std::string, int64_t> operations; ///< By name.

  int64_t total() const;
  /// The most frequent, most first; ties by name.
  std::vector<std::pair<std::string, int64_t>> top(size_t count) const;
};

/// MLIR: operations by name ("tile.dot").
IrStatistics countOperations(llvm::StringRef mlir);
/// PTX or host assembly: instructions by the first two parts of their mnemonic ("wgmma.mma_async").
IrStatistics countInstructions(llvm::StringRef assembly);

} // namespace lla
#endif
