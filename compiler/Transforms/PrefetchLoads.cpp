//===- PrefetchLoads.cpp - rows on their way while others still run -------===//
//
// What earlier launches write must not be read before they have ended. Where it is in
// memory is known before, and a prefetch to L2, where all who write meet, reads nothing:
//
//     %s = await_launch %b;  %v = view k[%s, %h];  %k = load %v[%row];  for ... iter(%k) step %n        (before)
//       ==>
//     %w = view k[%b, %h];  for %x = %row, %row + 16 %n ... { prefetch 16 of %w[%x] };  %s = await_launch %b;  ...
//
// The loads that a loop begins with are of its first tiles; the next ones are a step
// behind each other. Only where finding the rows reads no memory (lengths, page
// tables), which would be read too early.
//
// Precondition:  loads have moved ahead (tile-pipeline-copies).
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lla {
#define GEN_PASS_DEF_TILEPREFETCHLOADS
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// Tiles of a warp, at most. Read off an H200 (1 and 32 sequences of 8 heads): where K and V are more than L2 holds, 2
/// make 512 to 16384 keys 5 to 12 % faster, the third 16384 keys of one sequence 3 % more.
constexpr int64_t prefetchedTiles = 3;

/// True if `op` gives the same whatever is in memory.
static bool readsNothing(Operation *op) {
  return isPure(op) && op->getNumRegions() == 0 && !isa<LookupOp, PageOp, ScaleOp>(op);
}

namespace {
/// Makes values from behind `await` there before it.
class Hoist {
public:
  explicit Hoist(AwaitLaunchOp await) : b(await.getLoc(), await), await(await) {
    mapping.map(await.getResult(), await.getValue());
  }

  /// Null if it takes a read of memory.
  Value operator()(Value value) {
    Operation *op = value.getDefiningOp();
    bool isBehind = op && op->getBlock() == await->getBlock() && await->isBeforeInBlock(op);
    if (!isBehind || mapping.contains(value))
      return mapping.lookupOrDefault(value);
    if (!readsNothing(op) || !llvm::all_of(op->getOperands(), [&](Value operand) { return (*this)(operand); }))
      return {};
    Operation *copy = b.clone(*op, mapping);
    auto isAlike = [&](Operation *other) {
      return OperationEquivalence::isEquivalentTo(copy, other, OperationEquivalence::IgnoreLocations);
    };
    if (auto known = llvm::find_if(copies, isAlike); known != copies.end()) {
      mapping.map(op->getResults(), (*known)->getResults());
      copy->erase();
    } else {
      copies.push_back(copy);
    }
    return mapping.lookup(value);
  }

  ImplicitLocOpBuilder b; ///< Before `await`.

private:
  AwaitLaunchOp await;
  IRMapping mapping;
  SmallVector<Operation *> copies; ///< No two of them alike.
};
} // namespace

/// Prefetches the first tiles of keys and values, which `loop` begins with. They are as long, and side by side.
static void prefetch(Hoist &hoist, ArrayRef<LoadOp> loads, scf::ForOp loop) {
  ImplicitLocOpBuilder &b = hoist.b;
  LoadOp first = loads.front();
  int64_t rows = first.getResult().getType().getRows();
  Value row = hoist(first.getRow()), limit = hoist(first.getLimit()), step = hoist(loop.getStep());
  if (!row || !limit || !step)
    return;
  SmallVector<Value> views;
  for (LoadOp load : loads)
    if (Value view = hoist(load.getView());
        view && load.getResult().getType().getRows() == rows && hoist(load.getRow()) == row)
      views.push_back(view);
  if (views.empty())
    return;
  Value distance = arith::MulIOp::create(b, step, arith::ConstantIntOp::create(b, rows, 32));
  Value all = arith::MulIOp::create(b, distance, arith::ConstantIntOp::create(b, prefetchedTiles, 32));
  Value end = arith::MinSIOp::create(b, limit, arith::AddIOp::create(b, row, all));
  auto tiles = scf::ForOp::create(b, row, end, distance);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(tiles.getBody());
  for (Value view : views)
    PrefetchOp::create(b, view, tiles.getInductionVar(), limit, rows);
}

/// A tile of keys or values that is found without a page table.
static bool isOfKeys(LoadOp load) {
  tile::Layout layout = load.getResult().getType().getLayout();
  return (layout == tile::Layout::Keys || layout == tile::Layout::Values) && !load.getView().getType().isPaged();
}

namespace {
struct PrefetchLoads : lla::impl::TilePrefetchLoadsBase<PrefetchLoads> {
  void runOnOperation() override {
    Block &body = getOperation().getBody().front();
    auto awaits = body.getOps<AwaitLaunchOp>();
    if (awaits.empty())
      return;
    Hoist hoist(*awaits.begin());
    for (auto loop : body.getOps<scf::ForOp>()) {
      SmallVector<LoadOp> loads;
      for (Value carried : loop.getInits())
        if (auto load = carried.getDefiningOp<LoadOp>(); load && isOfKeys(load))
          loads.push_back(load);
      if (!loads.empty())
        prefetch(hoist, loads, loop);
    }
  }
};
} // namespace
