//===- PrefetchLoads.cpp - rows on their way while others still run -------===//
//
// What earlier launches write must not be read before they have ended. Where it is in
// memory is known before, and a prefetch to L2, where all who write meet, reads nothing:
//
//     %s = await_launch %b;  %v = view k[%s, %h];  %k = load %v[%row];  for ... iter(%k) step %n        (before)
//       ==>
//     %w = view k[%b, %h];  for %x = %row, %row + 16 %n ... { prefetch 16 of %w[%x] };  %s = await_launch %b;  ...
//
// The loads that a loop begins with, before it or in its first iteration, are of its
// first tiles; the next ones are a step behind each other. Where finding the rows takes
// lengths or pages, these are looked up early: whatever is there, rows are within the
// tensors and pages within the pool, and nothing but the prefetch follows from it. That
// takes a while, so only the CTAs do it that start when the launch does.
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

/// Tiles of a warp, at most. Read off an H200 (1 to 128 sequences of 8 heads): where K and V are more than L2 holds, 2
/// make 512 to 16384 keys 5 to 12 % faster, the third 16384 keys of one sequence 3 % more. Of rows that are looked up 2
/// make 1024 to 4096 keys 1 to 9 % faster, 1 two thirds of that; one sequence, and 512 keys, are 3 % slower.
constexpr int64_t prefetchedTiles = 3, lookedUpTiles = 2;

namespace {
/// Makes values from behind `await` there before it.
class Hoist {
public:
  explicit Hoist(AwaitLaunchOp await) : b(await.getLoc(), await), await(await) {
    mapping.map(await.getResult(), await.getValue());
  }

  /// Null if it is none of integers, views and look-ups.
  Value operator()(Value value) {
    Operation *op = value.getDefiningOp();
    if (mapping.contains(value) || (op && !isBehind(op)))
      return mapping.lookupOrDefault(value);
    if (!op) // Carried by a loop.
      return {};
    bool isSimple = isMemoryEffectFree(op) && op->getNumRegions() == 0 && !isa<PageOp, ScaleOp>(op);
    if (!isSimple || !llvm::all_of(op->getOperands(), [&](Value operand) { return (*this)(operand); }))
      return {};
    Operation *copy = b.clone(*op, mapping);
    if (auto lookup = dyn_cast<LookupOp>(copy))
      lookup.setEarly(true);
    if (auto turn = dyn_cast<ByLengthOp>(copy))
      turn.setEarly(true);
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

  /// Values of `loop` are those of its first iteration; false if its bounds are none of these.
  bool enter(scf::ForOp loop) {
    Value begin = (*this)(loop.getLowerBound());
    if (begin)
      mapping.map(loop.getInductionVar(), begin);
    return begin != nullptr;
  }

  ImplicitLocOpBuilder b; ///< Before `await`.

private:
  /// In the same block, or in a loop there.
  bool isBehind(Operation *op) {
    Operation *ancestor = await->getBlock()->findAncestorOpInBlock(*op);
    return ancestor && await->isBeforeInBlock(ancestor);
  }

  AwaitLaunchOp await;
  IRMapping mapping;
  SmallVector<Operation *> copies; ///< No two of them alike.
};
} // namespace

/// Prefetches the first tiles of keys and values, `loads` of which `loop` begins with. They are as long, and side by
/// side.
static void prefetch(Hoist &hoist, ArrayRef<LoadOp> loads, scf::ForOp loop, int64_t tiles) {
  ImplicitLocOpBuilder &b = hoist.b;
  LoadOp first = loads.front();
  int64_t rows = first.getResult().getType().getRows();
  if (!hoist.enter(loop))
    return;
  Value row = hoist(first.getRow()), limit = hoist(first.getLimit()), step = hoist(loop.getStep());
  if (!row || !limit || !step)
    return;
  SmallVector<Value> views;
  for (LoadOp load : loads)
    if (Value view = hoist(load.getView());
        view && load.getResult().getType().getRows() == rows && hoist(load.getRow()) == row &&
        load.getView().getType() == first.getView().getType())
      views.push_back(view);
  if (views.empty())
    return;
  Value distance = arith::MulIOp::create(b, step, arith::ConstantIntOp::create(b, rows, 32));
  Value all = arith::MulIOp::create(b, distance, arith::ConstantIntOp::create(b, tiles, 32));
  Value end = arith::MinSIOp::create(b, limit, arith::AddIOp::create(b, row, all));
  auto ahead = scf::ForOp::create(b, row, end, distance);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ahead.getBody());
  PrefetchOp::create(b, views, ahead.getInductionVar(), limit, rows);
}

/// The loads of keys and values that `loop` begins with: before it, or (stages = 1) in its first iteration.
static SmallVector<LoadOp> firstLoads(scf::ForOp loop) {
  SmallVector<LoadOp> loads;
  auto take = [&](Operation *op) {
    auto load = dyn_cast_or_null<LoadOp>(op);
    tile::Layout layout = load ? load.getResult().getType().getLayout() : tile::Layout::Rows;
    if (layout == tile::Layout::Keys || layout == tile::Layout::Values)
      loads.push_back(load);
  };
  for (Value carried : loop.getInits())
    take(carried.getDefiningOp());
  if (loads.empty())
    for (Operation &op : *loop.getBody())
      take(&op);
  return loads;
}

/// True (i1) in CTAs that find a place when the launch starts; false if there is no telling.
static Value emitStartsFirst(ImplicitLocOpBuilder &b, KernelOp kernel) {
  constexpr int64_t registersOfThread = 256, lanes = 32; // As many as there may be.
  auto target = kernel->getAttrOfType<TargetAttr>(kTargetAttr);
  int64_t registers = target ? target.getValue().registersPerMultiprocessor : 0, places = 0;
  if (registers)
    places = target.getValue().multiprocessors *
             std::max<int64_t>(registers / (registersOfThread * lanes * kernel.getWarps()), 1);
  auto index = [&](Axis axis) -> Value { return IndexOp::create(b, b.getI32Type(), axis); };
  Value before = arith::MulIOp::create(b, index(Axis::GridY), index(Axis::GridWidth));
  Value number = arith::AddIOp::create(b, before, index(Axis::GridX));
  Value limit = arith::ConstantIntOp::create(b, places, 32);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, limit);
}

namespace {
struct PrefetchLoads : lla::impl::TilePrefetchLoadsBase<PrefetchLoads> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    Block &body = kernel.getBody().front();
    auto awaits = body.getOps<AwaitLaunchOp>();
    SmallVector<scf::ForOp> loops;
    bool looksUp = !body.getOps<LookupOp>().empty();
    for (auto loop : body.getOps<scf::ForOp>())
      if (SmallVector<LoadOp> loads = firstLoads(loop); !loads.empty()) {
        loops.push_back(loop);
        looksUp |= llvm::any_of(loads, [](LoadOp load) { return load.getView().getType().isPaged(); });
      }
    if (awaits.empty() || loops.empty())
      return;
    Hoist hoist(*awaits.begin());
    if (looksUp) {
      auto first = scf::IfOp::create(hoist.b, emitStartsFirst(hoist.b, kernel), /*withElseRegion=*/false);
      hoist.b.setInsertionPointToStart(first.thenBlock());
    }
    for (scf::ForOp loop : loops)
      prefetch(hoist, firstLoads(loop), loop, looksUp ? lookedUpTiles : prefetchedTiles);
  }
};
} // namespace
