//===- Placement.h - where a load path keeps rows, keys and state ---------===//
//
// The three load paths differ in where tiles live and how products are formed,
// and in nothing else: the step function (OnlineStep.h) is written once over
// this interface.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_CONVERSION_LLATOTILE_PLACEMENT_H
#define LLA_COMPILER_CONVERSION_LLATOTILE_PLACEMENT_H

#include "compiler/Conversion/LLAToTile/Grid.h"

namespace lla {

/// s and t of one key tile; t is null without a probe.
struct Scores {
  mlir::Value s, t;
};

/// The online state as fragments. `values` is O1 [and O2], or both stacked; `limit` is the d1 beyond which the centre
/// c is looked at again. What a kernel does not have is null: d2, c and limit without a probe; d1 and d2 where they are
/// the last columns of O1 and O2.
struct OnlineState {
  mlir::Value m, d1, d2, c, limit;
  llvm::SmallVector<mlir::Value, 2> values;

  /// Those that are there, in a fixed order: what loops carry.
  llvm::SmallVector<mlir::Value *> members();
  llvm::SmallVector<mlir::Value> flatten() const;
  /// The state whose members are `flat`.
  OnlineState with(mlir::ValueRange flat) const;
};

class Placement {
public:
  Placement(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid)
      : b(b), plan(plan), grid(grid) {}
  virtual ~Placement() = default;

  /// Brings the tile's query (and probe) rows to where products read them.
  virtual void loadRows() = 0;
  /// Issues the copies of the key tile at `key`, where tiles are copied.
  virtual void copyKeys(mlir::Value) {}
  /// True (i1) if a row that takes branches with this warp's sees a key of the tile from `key` on; null: not told.
  virtual mlir::Value seesTile(mlir::Value) { return {}; }
  /// Products of the rows with the key tile at `key`, which has been copied.
  virtual Scores scores(mlir::Value key) = 0;
  /// Scores of the last tile once more, those that are not null: themselves, or formed anew where products write over
  /// them.
  virtual Scores repeated(const Scores &scores) { return scores; }
  /// A score that may be in flight, waited for here.
  virtual mlir::Value arrived(mlir::Value score) { return score; }
  /// values + p V (and (p t) V) for the key tile that `scores` was last called with; null values are 0.
  virtual void accumulate(mlir::Value p, mlir::Value pt, OnlineState &state) = 0;
  /// Scores as the first operand of a product, where they are kept so.
  virtual mlir::Value rounded(mlir::Value scores) { return scores; }
  /// A row's value or a condition where values are multiplied and rescaled, if others do that than who formed it.
  virtual mlir::Value handedOver(mlir::Value x) { return x; }
  /// O2 - shift O1, by row: what a centre's move of `shift` makes of O2.
  virtual void shiftValues(OnlineState &state, mlir::Value shift);

  /// First packed row of what this warp holds.
  virtual mlir::Value rowBase() = 0;
  /// This warp's first key tile and its stride; `contiguous` if they are 0 and 1.
  virtual mlir::Value firstTile() = 0;
  virtual mlir::Value tileStep() = 0;
  virtual bool contiguous() const = 0;
  /// Where the tile that covers the keys from `key` on starts. May be earlier, where reading past the
  /// tile's visible keys must not happen; the keys before `key` are then hidden.
  virtual mlir::Value tileStart(mlir::Value key) { return key; }

  virtual tile::FragType scoreType() = 0;
  virtual tile::FragType valueType() = 0;
  /// True if weights are kept `rounded`, products with values form their sums d1 and d2 as well, and value fragments
  /// have these as their last column.
  virtual bool sumsInValues() const { return false; }
  /// Number of value fragments: 2 with a separate probe, else 1.
  virtual unsigned valueCount() const { return plan.packing == Packing::Separate ? 2 : 1; }
  /// Layouts of per-row statistics: complete, and as carried for the sums.
  tile::FragType rowType(mlir::Type elementType = {});
  tile::FragType sumType(mlir::Type elementType = {});
  /// Keys of a tile in one lane's share of a row's sum.
  int64_t keysOfSum();
  /// True if products are formed by whole warpgroups, which then take branches together.
  virtual bool byWarpgroup() const { return false; }

  /// Adds the states of `axis`; afterwards statistics and values are in the merged layout.
  virtual void merge(OnlineState &state, SplitAxis axis) = 0;
  /// O1 and O2 (null without a probe) for the finalisation.
  virtual Scores finalValues(const OnlineState &state);
  /// The first value column that this warp accumulates; null if it has all.
  virtual mlir::Value firstColumn() { return {}; }
  /// Writes the rows of an output.
  void store(mlir::Value rows, tile::Tensor output);

  mlir::ImplicitLocOpBuilder &b;
  const KernelPlan &plan;
  const GridPosition &grid;
  /// Set by a merge over the grid: only the CTA that arrives last stores.
  mlir::Value isLast;

protected:
  mlir::Value view(tile::Tensor tensor);
  mlir::Value shifted(mlir::Value o2, mlir::Value o1, mlir::Value shift);
  /// Pages of the key tile at `key` of a paged view, where several keys share a look into the page table; else none.
  llvm::SmallVector<mlir::Value> pages(mlir::Value keyView, mlir::Value key);
  void emitMerge(OnlineState &state, tile::Scope scope, tile::FragType statistics, tile::FragType values);
};

std::unique_ptr<Placement> makeRegistersPlacement(mlir::ImplicitLocOpBuilder &, const KernelPlan &,
                                                  const GridPosition &);
std::unique_ptr<Placement> makeRingPlacement(mlir::ImplicitLocOpBuilder &, const KernelPlan &, const GridPosition &);
std::unique_ptr<Placement> makeScratchPlacement(mlir::ImplicitLocOpBuilder &, const KernelPlan &, const GridPosition &);

} // namespace lla
#endif
