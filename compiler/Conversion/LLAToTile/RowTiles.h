//===- RowTiles.h - what the grid and its row tiles share -----------------===//
//
// Internal to Grid.cpp, which defines the functions, and RowTiles.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_CONVERSION_LLATOTILE_ROWTILES_H
#define LLA_COMPILER_CONVERSION_LLATOTILE_ROWTILES_H

#include "compiler/Conversion/LLAToTile/Grid.h"

namespace lla {

/// Where the parts of `whole`, as even as can be, begin: the first `left` have one more than `least`.
struct EvenParts {
  I32 i;
  mlir::Value least, left;
  EvenParts(const I32 &i, mlir::Value whole, mlir::Value count)
      : i(i), least(i.div(whole, count)), left(i.rem(whole, count)) {}

  mlir::Value beginOf(mlir::Value part) const { return i.add(i.mul(part, least), i.min(part, left)); }
  mlir::Value endOf(mlir::Value part) const { return beginOf(i.add(part, i.constant(1))); }
  /// Whose `unit` is.
  mlir::Value ownerOf(mlir::Value unit) const {
    mlir::Value more = i.add(least, i.constant(1)), ofMore = i.mul(left, more);
    mlir::Value isOfMore = mlir::arith::CmpIOp::create(i.b, mlir::arith::CmpIPredicate::slt, unit, ofMore);
    mlir::Value behind = i.add(left, i.div(i.max(i.sub(unit, ofMore), i.constant(0)), i.max(least, i.constant(1))));
    return mlir::arith::SelectOp::create(i.b, isOfMore, i.div(unit, more), behind);
  }
};

/// The sequence's own length and start, within what there can be.
void emitKeys(mlir::ImplicitLocOpBuilder &b, const Problem &problem, GridPosition &grid);
/// Heads of a sequence that have row tiles of their own.
mlir::Value emitTiledHeads(const I32 &i, const KernelPlan &plan);
/// `value`, from which all views and hence all reads follow, when what earlier launches wrote is there: the place in
/// the grid of a persistent kernel, which waits once, or (levelled) how many sequences there are; else the sequence.
mlir::Value emitAwaited(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, mlir::Value value);
/// Whether the first visible key may be another one than that which begins a part of a page.
bool beginsWithinPages(const KernelPlan &plan);
/// Where the part of a page that `key` is in begins.
mlir::Value beginOfPart(const I32 &i, const KernelPlan &plan, mlir::Value key);

} // namespace lla
#endif
