//===- Grid.h - which rows and keys a tile kernel works on ----------------===//
#ifndef LLA_COMPILER_CONVERSION_LLATOTILE_GRID_H
#define LLA_COMPILER_CONVERSION_LLATOTILE_GRID_H

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {

/// The decided facts that a kernel is made of.
struct KernelPlan {
  Problem problem;
  Schedule schedule;
  Target target;
  Resources resources;
  Packing packing;
  mlir::Type elementType, keyType; ///< Of rows, of keys and values.

  /// Heads whose rows interleave in one tile.
  int64_t packedGroup() const { return packsGroup(problem, schedule) ? problem.group() : 1; }
  /// Rows of a query row in it.
  int64_t queryRows() const { return rowsPerQuery(problem, schedule); }
  bool hasProbe() const { return packing != Packing::None; }
  /// One query's rows are one row tile whatever sizes a call tells: single_query and the group are in the kernel's key.
  bool hasOneRowTile() const { return problem.queryLength == 1 && resources.rowTiles == 1; }
};

/// An f32.
mlir::Value constant(mlir::ImplicitLocOpBuilder &b, double value);

/// Integer arithmetic on i32 values that reads like the formula.
struct I32 {
  mlir::ImplicitLocOpBuilder &b;
  mlir::Value constant(int64_t value) const;
  mlir::Value add(mlir::Value x, mlir::Value y) const;
  mlir::Value sub(mlir::Value x, mlir::Value y) const;
  mlir::Value mul(mlir::Value x, mlir::Value y) const;
  mlir::Value min(mlir::Value x, mlir::Value y) const;
  mlir::Value max(mlir::Value x, mlir::Value y) const;
  /// Quotients of non-negative values.
  mlir::Value div(mlir::Value x, mlir::Value y) const;
  mlir::Value rem(mlir::Value x, mlir::Value y) const;
  mlir::Value ceilDiv(mlir::Value x, int64_t y) const;
  mlir::Value ceilDiv(mlir::Value x, mlir::Value y) const;
  /// Of a value that all threads of a warp have.
  mlir::Value uniform(mlir::Value x) const;
  mlir::Value argument(llvm::StringRef name) const;
};

/// What a CTA has where all have as much to do (stream_k and lengths that differ): of row tiles one behind the other, by
/// sequence, head and row, parts of a first and a last one, and all between (all i32).
struct Share {
  mlir::Value units;          ///< Of all row tiles.
  mlir::Value rowTile, count; ///< The first one, in that order, and how many there are.
  mlir::Value skipped;        ///< Key tiles of the first one that are before its part of it.
  mlir::Value end;            ///< Where its part of the last one ends, in key tiles.
  /// Of the first one, if any of it is skipped, and the last one: which unit they begin with, and their key tiles.
  mlir::Value firstUnit, firstTiles, lastUnit, lastTiles;
};

/// A row tile that a CTA takes, and which of its keys (all i32).
struct RowTile {
  mlir::Value number;
  /// With stream_k, else null: key tiles [firstKeys, endKeys), as far as there are such; and the turn.
  mlir::Value firstKeys, endKeys, turn;
  Share share; ///< Of a ragged problem, else nulls.
};

/// Where this CTA's row tile and this warp's rows are, and what they may see (all i32).
/// Packed row rho is query row rho / queryRows; it sees key j iff
///     j < min(context, rho / queryRows + diagonal)     diagonal = context - query_length + 1
/// and, with a window W, j >= rho / queryRows + diagonal - W. Of a ragged problem, context is the sequence's length,
/// and j >= start. Rows and keys of packed tensors are counted through all sequences: those before this one are in rho
/// and rowEnd, in j, context and start, and in diagonal, so that the formulas stay as they are.
struct GridPosition {
  mlir::Value batch, queryHead, kvHead;
  mlir::Value rowBegin, rowEnd;      ///< Packed rows of the CTA's tile; rowEnd is behind all of the head's.
  mlir::Value warp, split;
  mlir::Value splits;                ///< Parts of this row tile's keys: the grid's, or fewer of a short sequence's.
  RowTile tile;
  mlir::Value context, diagonal, start;
  mlir::Value capacity;              ///< Keys that a page table has numbers for.
  /// Visible keys of the whole tile, and tile counts: [0, firstFull) window edge,
  /// [firstFull, endFull) interior, [endFull, tiles) causal edge.
  mlir::Value keyBegin, keyEnd, tiles, firstFull, endFull;
  /// Where tile 0 begins: at keyBegin, or where a split's own part of the tiles does, which are then the only ones
  /// counted.
  mlir::Value foldBegin;
  /// The first visible key, where keyBegin is an earlier one that begins a part of a page; else null.
  mlir::Value firstKey;
};
GridPosition emitGridPosition(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const RowTile &tile);

/// Emits `body` for the row tiles of this CTA: the one at its place in the grid; with a persistent schedule a loop over
/// those that it takes in turn.
void emitRowTiles(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan,
                  llvm::function_ref<void(const RowTile &)> body);

/// True (i1) if all keys of the row tile are this CTA's, or its cluster's, where they may be (mayBeAlone).
mlir::Value emitIsAlone(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid);
/// Who merges over the grid (i32).
struct Sharers {
  mlir::Value count; ///< Null: all splits of the launch.
  /// With stream_k, else null: the first one's state in the workspace, and this CTA's place among them.
  mlir::Value firstState, place;
};
Sharers emitSharers(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid);

/// Bounds of the loop over the key tiles of `range` from `first` on that step by `step`.
struct TileLoop {
  mlir::Value begin, end;
};
TileLoop tileLoop(mlir::ImplicitLocOpBuilder &b, const GridPosition &grid, KeyRangeKind range, mlir::Value first,
                  mlir::Value step, bool contiguous);

/// True (i1) if a packed row of [first, last] sees one of the `keys` keys from `key` on that the CTA's tile sees.
mlir::Value emitSeesTile(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid,
                         mlir::Value first, mlir::Value last, mlir::Value key);
/// True (i1) if packed row `row` sees key `key`.
mlir::Value emitVisible(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid,
                        mlir::Value row, mlir::Value key);

} // namespace lla
#endif
