//===- PipelineCopies.cpp - loads ahead of their use ----------------------===//
//
// Shared memory: the copies of all key loops become one ring (where a weigher hands
// weights over, one of each tensor's), the copies outside loops a ring of one slot.
//
//     for %i { %k = copy K[..]; %v = copy V[..]; ... }                  (before)
//       ==>
//     %ring = ring : <stages x [k, v]>
//     for %i { ring_fill %ring[%i] from K, V; %k, %v = ring_acquire %ring[%i]; ...; ring_release %ring[%i] }
//
// In a loop over row tiles the rows have two slots, filled in turn and released behind
// the last key loop (one where they are collected into registers); the key tiles of all row tiles are numbered through.
//
// Registers (stages = 2): a load moves one iteration ahead, right behind the last
// reader of the tile it replaces.
//
//     for %i { %k = load K[f(%i)]; use %k }                             (before)
//       ==>
//     %k0 = load K[f(begin)]
//     for %i iter(%k = %k0) { use %k; %next = load K[f(%i + step)]; yield %next }
//
// A page is looked up one iteration before the load that needs it is issued, hence
// two before the tile's use: the look must not stand between two loads.
//
// Precondition:  key loops with copies count tiles 0, 1, 2, ... without gaps over
//                all of a row tile's loops (the induction variable is the fill number),
//                up to the last one's end. A loop over row tiles counts from 0 by 1.
//                Copies of one loop have the same bounds and boxes.
// Why it is right: a load past the end touches nothing (its rows are at or beyond
// `limit`), nor does a look into the page table; fill n and acquire n pair up by number.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Carry.h"
#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Slice.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {
#define GEN_PASS_DEF_TILEPIPELINECOPIES
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

//===----------------------------------------------------------------------===//
// Shared memory: rings
//===----------------------------------------------------------------------===//

/// Replaces `copies` (all in one block) by fill `n` of `ring` at the first of them.
static void fillAndAcquire(SmallVectorImpl<CopyOp> &copies, Value ring, Value n) {
  // The fill stands at the last copy, below all of its operands.
  ImplicitLocOpBuilder b(copies.back().getLoc(), copies.back());
  SmallVector<Value> views, rows;
  SmallVector<Type> types;
  for (CopyOp copy : copies) {
    views.push_back(copy.getView());
    rows.push_back(copy.getRow());
    types.push_back(copy.getType());
  }
  CopyOp first = copies.front();
  RingFillOp::create(b, ring, n, views, rows, first.getFrom(), first.getLimit(), first.getBoxRows());
  auto acquire = RingAcquireOp::create(b, types, ring, n, /*landed=*/Value());
  for (auto [copy, tile] : llvm::zip(copies, acquire.getTiles())) {
    copy.replaceAllUsesWith(tile);
    copy.erase();
  }
}

static SmallVector<CopyOp> copiesIn(Block &block) { return llvm::to_vector(block.getOps<CopyOp>()); }

static Value createRing(KernelOp kernel, ArrayRef<CopyOp> copies, int64_t slots) {
  auto b = ImplicitLocOpBuilder::atBlockBegin(kernel.getLoc(), &kernel.getBody().front());
  SmallVector<Type> tiles;
  for (CopyOp copy : copies)
    tiles.push_back(copy.getType());
  return RingOp::create(b, RingType::get(b.getContext(), slots, tiles, /*noteBytes=*/0), /*readers=*/0, /*fillers=*/1,
                        IntegerAttr(), IntegerAttr());
}

/// The ring of the key tiles, or one of each tensor's; `filled` of the slots' fills belong to earlier row tiles (null:
/// none).
static void ringOfKeys(KernelOp kernel, ArrayRef<scf::ForOp> loops, Value filled) {
  SmallVector<Value> rings;
  bool divides = handsOver(kernel); // Then different warpgroups read K and V, and are done at different times.
  for (scf::ForOp loop : loops) {
    SmallVector<SmallVector<CopyOp>> groups = {copiesIn(*loop.getBody())};
    if (divides)
      groups = llvm::map_to_vector(groups.front(), [](CopyOp copy) { return SmallVector<CopyOp>{copy}; });
    if (rings.empty())
      for (ArrayRef<CopyOp> copies : groups)
        rings.push_back(createRing(kernel, copies, kernel.getStages()));
    Value n = loop.getInductionVar();
    if (filled) {
      auto top = OpBuilder::atBlockBegin(loop.getBody());
      n = arith::AddIOp::create(top, loop.getLoc(), filled, n);
    }
    for (auto [copies, ring] : llvm::zip(groups, rings)) {
      fillAndAcquire(copies, ring, n);
      OpBuilder end(loop.getBody()->getTerminator());
      RingReleaseOp::create(end, loop.getLoc(), ring, n);
    }
  }
}

static SmallVector<scf::ForOp> loopsWithCopies(Block &block) {
  auto copies = [](scf::ForOp loop) { return !copiesIn(*loop.getBody()).empty(); };
  return llvm::to_vector(llvm::make_filter_range(block.getOps<scf::ForOp>(), copies));
}

/// The loop over row tiles, if there is one: its body has key loops.
static scf::ForOp rowTileLoop(Block &body) {
  for (auto loop : body.getOps<scf::ForOp>())
    if (!loopsWithCopies(*loop.getBody()).empty())
      return loop;
  return {};
}

static void makeRings(KernelOp kernel) {
  Block *body = &kernel.getBody().front();
  scf::ForOp turns = rowTileLoop(*body);
  if (turns)
    body = turns.getBody();
  SmallVector<scf::ForOp> loops = loopsWithCopies(*body);
  SmallVector<CopyOp> rows = copiesIn(*body);
  if (rows.empty())
    return ringOfKeys(kernel, loops, Value());
  ImplicitLocOpBuilder b(kernel.getLoc(), rows.front());
  if (!turns) {
    ringOfKeys(kernel, loops, Value());
    // Created last, hence first in the kernel and in shared memory.
    return fillAndAcquire(rows, createRing(kernel, rows, 1), arith::ConstantIntOp::create(b, 0, 32));
  }
  auto before = OpBuilder(turns);
  Value none = arith::ConstantIntOp::create(before, turns.getLoc(), 0, 32);
  // Stands for what is carried, until it is.
  auto filled = arith::AddIOp::create(b, none, none);
  auto behind = ImplicitLocOpBuilder::atBlockTerminator(kernel.getLoc(), body);
  behind.setInsertionPointAfter(loops.back());
  ringOfKeys(kernel, loops, filled);
  Value next = arith::AddIOp::create(behind, filled, loops.back().getUpperBound());
  auto isCollected = [](CopyOp copy) {
    return !copy->use_empty() && llvm::all_of(copy->getUsers(), llvm::IsaPred<CollectOp>);
  };
  Value once = createRing(kernel, rows, llvm::all_of(rows, isCollected) ? 1 : 2);
  fillAndAcquire(rows, once, turns.getInductionVar());
  RingReleaseOp::create(behind, once, turns.getInductionVar());
  turns = carry(turns, {none}, {next});
  filled.replaceAllUsesWith(turns.getRegionIterArgs().back());
  filled.erase();
}

//===----------------------------------------------------------------------===//
// Registers: one iteration ahead
//===----------------------------------------------------------------------===//

/// Clones `op`, of one result, and what it needs from the loop's body, for the iteration `iteration`; what `known`
/// maps is there already.
static Value cloneForIteration(OpBuilder &b, Operation *op, scf::ForOp loop, Value iteration,
                               const IRMapping &known = {}) {
  IRMapping mapping = known;
  mapping.map(loop.getInductionVar(), iteration);
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.filter = [&](Operation *needed) {
    return needed->getBlock() == loop.getBody() && !(needed->getNumResults() && known.contains(needed->getResult(0)));
  };
  (void)getBackwardSlice(op, &slice, options);
  for (Operation *needed : slice)
    b.clone(*needed, mapping);
  return b.clone(*op, mapping)->getResult(0);
}

/// The last op of `block` that reads `value`, itself or in a region.
static Operation *lastReader(Value value, Block *block) {
  Operation *last = value.getDefiningOp();
  for (Operation *user : value.getUsers()) {
    Operation *ancestor = block->findAncestorOpInBlock(*user);
    if (ancestor && last->isBeforeInBlock(ancestor))
      last = ancestor;
  }
  return last;
}

/// Looks pages up two iterations ahead: `known` gets each page of the next iteration.
static scf::ForOp prefetchPages(scf::ForOp loop, IRMapping &known) {
  SmallVector<PageOp> pages = llvm::to_vector(loop.getBody()->getOps<PageOp>());
  if (pages.empty())
    return loop;
  OpBuilder before(loop), top = OpBuilder::atBlockBegin(loop.getBody());
  auto ahead = [&](OpBuilder &b, Value iteration) {
    return arith::AddIOp::create(b, loop.getLoc(), iteration, loop.getStep()).getResult();
  };
  Value second = ahead(before, loop.getLowerBound());
  Value afterNext = ahead(top, ahead(top, loop.getInductionVar()));
  SmallVector<Value> firsts, nexts;
  for (PageOp page : pages) {
    firsts.push_back(cloneForIteration(before, page, loop, second));
    nexts.push_back(cloneForIteration(top, page, loop, afterNext));
  }
  loop = carry(loop, firsts, nexts);
  for (auto [page, next] : llvm::zip(pages, loop.getRegionIterArgs().take_back(pages.size())))
    known.map(page.getResult(), next);
  return loop;
}

static void prefetch(scf::ForOp loop) {
  SmallVector<LoadOp> loads = llvm::to_vector(loop.getBody()->getOps<LoadOp>());
  if (loads.empty())
    return;
  OpBuilder before(loop);
  SmallVector<Value> firsts;
  for (LoadOp load : loads)
    firsts.push_back(cloneForIteration(before, load, loop, loop.getLowerBound()));

  IRMapping known;
  loop = prefetchPages(loop, known);
  SmallVector<Value> nexts;
  for (LoadOp load : loads) {
    OpBuilder after(loop.getContext());
    after.setInsertionPointAfter(lastReader(load.getResult(), loop.getBody()));
    Value iteration = arith::AddIOp::create(after, load.getLoc(), loop.getInductionVar(), loop.getStep());
    nexts.push_back(cloneForIteration(after, load, loop, iteration, known));
  }
  loop = carry(loop, firsts, nexts);
  for (auto [load, tile] : llvm::zip(loads, loop.getRegionIterArgs().take_back(loads.size()))) {
    load.getResult().replaceAllUsesWith(tile);
    load.erase();
  }
}

namespace {
struct PipelineCopies : lla::impl::TilePipelineCopiesBase<PipelineCopies> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    makeRings(kernel);
    if (kernel.getStages() < 2)
      return;
    for (auto loop : llvm::make_early_inc_range(kernel.getBody().front().getOps<scf::ForOp>()))
      prefetch(loop);
  }
};
} // namespace
