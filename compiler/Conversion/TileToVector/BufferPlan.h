//===- BufferPlan.h - where a host task's tiles are in its scratch --------===//
#ifndef LLA_COMPILER_CONVERSION_TILETOVECTOR_BUFFERPLAN_H
#define LLA_COMPILER_CONVERSION_TILETOVECTOR_BUFFERPLAN_H

#include "dialect/Tile/TileDialect.h"
#include "llvm/ADT/DenseMap.h"

namespace lla {

/// How a dense tile lies in scratch: rows of `stride` 4-byte elements (i1 as 0 and -1). A single
/// column is packed. What stands between the columns and the stride is unspecified, but may be
/// read and written.
struct DenseShape {
  int64_t rows, columns, stride;
  explicit DenseShape(tile::FragType type);
  int64_t bytes() const;
};

/// A byte offset in the task's scratch for every dense tile of a kernel.
class BufferPlan {
public:
  /// Makes the copies at loops and branches explicit (`tile.map` that yields its
  /// argument), then assigns offsets. A copy within one buffer costs nothing.
  static BufferPlan compute(tile::KernelOp kernel);

  int64_t offset(mlir::Value tile) const { return offsets.lookup(tile); }
  int64_t totalBytes() const { return total; }

private:
  llvm::DenseMap<mlir::Value, int64_t> offsets;
  int64_t total = 0;
};

} // namespace lla
#endif
