//===- MergeParts.h - what merges of every scope share --------------------===//
//
// Parts of a run's state and their sum, and where a state keeps its pieces. One file
// for each scope: Merge.cpp (warps), MergeCluster.cpp, MergeGrid.cpp, and MergeByWarp.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_CONVERSION_TILETONVVM_MERGEPARTS_H
#define LLA_COMPILER_CONVERSION_TILETONVVM_MERGEPARTS_H

#include "compiler/Conversion/TileToNVVM/Lane.h"

namespace lla {

/// The state of a run of elements of one row; without a probe d2, c are null and there are no o2.
struct Part {
  Value m, d1, d2, c;
  Values o1, o2;
};

/// Adds `parts`. What the row's statistics give is formed once for the run.
Part addParts(Lane &lane, llvm::ArrayRef<Part> parts);
/// A run's state from what is stored of it.
Part partOf(bool probe, ValueRange stats, Values o1, Values o2);

/// Where a state of `rows` x `columns` keeps its pieces, in floats.
struct StateLayout {
  int64_t rows, columns;
  bool probe;
  Value stats(Lane &lane, Value row) const { return lane.mul(row, 4); }
  Value value(Lane &lane, Value row, Value column, bool second) const {
    return lane.add(lane.add(lane.mul(row, columns), column), 4 * rows + (second ? rows * columns : 0));
  }
  int64_t floats() const { return rows * (4 + columns * (probe ? 2 : 1)); }
};

using MergeAdaptor = tile::MergeOp::GenericAdaptor<llvm::ArrayRef<ValueRange>>;
using Parts = llvm::SmallVector<Part>;

inline tile::FragType resultType(tile::MergeOp op) {
  return mlir::cast<tile::FragType>(op.getResults()[2].getType());
}
inline int64_t runsOf(tile::FragType type) { return tile::registersPerLane(type) / tile::flatRun(type); }
/// Row of a run, and column of its first element.
inline std::pair<Value, Value> position(Lane &lane, const StateLayout &layout, const FlatRun &run) {
  return {lane.div(run.index, layout.columns), lane.rem(run.index, layout.columns)};
}
/// `count` floats of shared memory: 1, 2 or 4.
Values readFloats(Lane &lane, Value address, int64_t count);

/// Of accumulators: a warp's merged state, in the order of the op's results.
llvm::SmallVector<Values> mergeByWarp(Lane &lane, tile::MergeOp op, MergeAdaptor adaptor);
/// The threads' runs of the merged state.
Parts mergeCluster(Lane &lane, const StateLayout &layout, tile::MergeOp op, MergeAdaptor adaptor);
/// The same, and true where they are the last to arrive; elsewhere they are not used.
std::pair<Parts, Value> mergeGrid(Lane &lane, const StateLayout &layout, tile::MergeOp op, MergeAdaptor adaptor);

} // namespace lla
#endif
