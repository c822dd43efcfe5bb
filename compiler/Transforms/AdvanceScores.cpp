//===- AdvanceScores.cpp - the next tile's scores beside this one's weights ===//
//
// A weigher that forms scores, then weights, then scores leaves the tensor cores to the
// consumers while it takes exponentials, and fights them for the tensor cores after. With
// one product of the next tile ahead it always has one in flight:
//
//     weigher { for keys { k = acquire; s, t = dot; p of s; commit p; release; u of t; commit u } }      (before)
//       ==>
//     weigher { s = dot of the first tile
//               for keys iter(s) { k = acquire; t = dot; p of s; commit p; release; k' = acquire next; s' = dot
//                                  u of t; commit u; wait s'; yield s' } }
//
// The products of t hence take place while p is formed and consumers multiply the last u,
// those of s' while u is and they multiply p. Without a probe those of s' take place while p
// is formed, where the ring has a slot more than the two tiles that are then in use:
//
//     weigher { s = dot of the first tile
//               for keys iter(s) { k' = acquire next; s' = dot; p of s; commit p; release; wait s'; yield s' } }
//
// The last tile of a row tile has no next one: of whatever is in the next slot, scores are
// formed for nobody.
//
// Why it is right: a tile is acquired once more, without waiting, where its t is formed, or s
// again if maxima have grown, and released only then; s' has been waited for before the next
// iteration reads it. What is read of a slot that has not been acquired is never used.
//
// Precondition:  consumers have been divided; the weigher's key loops count one row tile's tiles, which are one ring's,
//                one by one from 0 up to the last one's end, which is known before the first; a tile's number is that
//                count, on top of earlier row tiles'.
// Postcondition: a kernel without a weigher is as it was.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Carry.h"
#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace lla {
#define GEN_PASS_DEF_TILEADVANCESCORES
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

namespace {

/// What forms s of a key loop's tile, and when the tile is done with.
struct Scoring {
  RingAcquireOp acquire;
  DotOp dot;
  RingReleaseOp release;
  Operation *behind; ///< s' is formed behind it.
};

int64_t productsOf(scf::ForOp loop) {
  auto dots = loop.getBody()->getOps<DotOp>();
  return std::distance(dots.begin(), dots.end());
}

/// The first product of the loop's body with a tile that it acquires; nothing where s' would have nothing to hide.
std::optional<Scoring> scoringOf(scf::ForOp loop) {
  constexpr int64_t slotsForTwoTiles = 3; // With two, s' waited for its keys, and all took a fifth longer.
  bool hasProbe = productsOf(loop) > 1;
  for (auto dot : loop.getBody()->getOps<DotOp>()) {
    auto acquire = dot.getB().getDefiningOp<RingAcquireOp>();
    if (!dot.getTransposeB() || !acquire || acquire.getLanded()) // Advanced already.
      continue;
    if (!hasProbe && acquire.getRing().getType().getSlots() < slotsForTwoTiles)
      continue;
    for (auto release : loop.getBody()->getOps<RingReleaseOp>())
      if (release.getRing() == acquire.getRing())
        return Scoring{acquire, dot, release, hasProbe ? release.getOperation() : acquire};
  }
  return std::nullopt;
}

/// s of tile `n` of the ring, in flight; of no tile where there is `none`.
Value score(ImplicitLocOpBuilder &b, Scoring scoring, Value n, Value none = {}) {
  auto tiles = RingAcquireOp::create(b, scoring.acquire.getResultTypes(), scoring.acquire.getRing(), n, none);
  return DotOp::create(b, scoring.dot.getType(), scoring.dot.getA(), tiles.getTiles().front(), /*ones=*/Value(),
                       /*accumulator=*/Value(), /*transpose_b=*/true);
}

Value arrived(ImplicitLocOpBuilder &b, Value score) {
  return WaitOp::create(b, TypeRange{score.getType()}, ValueRange{score}, /*pending=*/0).getResult(0);
}

/// s of the first tile, whose number is `base`, or nothing where there is none.
Value scoreOfFirst(scf::ForOp first, Scoring scoring, Value base, Value end) {
  ImplicitLocOpBuilder b(first.getLoc(), first);
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, end, zero);
  auto branch = scf::IfOp::create(b, TypeRange{scoring.dot.getType()}, some, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, arrived(b, score(b, scoring, base)));
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, FillOp::create(b, scoring.dot.getType(), b.getF32FloatAttr(0)).getResult());
  return branch.getResult(0);
}

/// How many of the ring's tiles belong to earlier row tiles; null if a tile's number does not tell.
Value baseOf(scf::ForOp loop, Scoring scoring, ImplicitLocOpBuilder &b) {
  Value n = scoring.acquire.getN(), count = loop.getInductionVar();
  if (n == count)
    return arith::ConstantIntOp::create(b, 0, 32);
  auto sum = n.getDefiningOp<arith::AddIOp>();
  if (!sum || (sum.getLhs() != count) == (sum.getRhs() != count))
    return {};
  Value base = sum.getLhs() == count ? sum.getRhs() : sum.getLhs();
  return loop.isDefinedOutsideOfLoop(base) ? base : Value();
}

/// The loop with s of its tile from before it, and that of the tile behind as its result. `end`: of all tiles.
scf::ForOp advance(scf::ForOp loop, Scoring scoring, Value first, Value end) {
  ImplicitLocOpBuilder b(loop.getLoc(), scoring.behind->getNextNode());
  Value n = scoring.acquire.getN(), one = arith::ConstantIntOp::create(b, 1, 32);
  Value next = arith::AddIOp::create(b, loop.getInductionVar(), one);
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, next, end);
  Value scores = score(b, scoring, arith::AddIOp::create(b, n, one), isLast);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value nextScores = arrived(b, scores);

  OpBuilder top(scoring.acquire);
  scoring.acquire.getLandedMutable().assign(arith::ConstantIntOp::create(top, loop.getLoc(), 1, 1).getResult());
  loop = carry(loop, {first}, {nextScores});
  scoring.dot.getResult().replaceAllUsesWith(loop.getRegionIterArgs().back());
  scoring.dot.erase();
  return loop;
}

/// The key loops of one row tile, one after the other, be they in a loop over row tiles.
LogicalResult advanceAll(Block &rowTile) {
  SmallVector<std::pair<scf::ForOp, Scoring>> loops;
  for (auto loop : rowTile.getOps<scf::ForOp>())
    if (auto scoring = scoringOf(loop))
      loops.push_back({loop, *scoring});
  if (loops.empty()) {
    for (auto loop : llvm::make_early_inc_range(rowTile.getOps<scf::ForOp>()))
      if (failed(advanceAll(*loop.getBody())))
        return failure();
    return success();
  }
  auto [first, scoring] = loops.front();
  ImplicitLocOpBuilder before(first.getLoc(), first);
  Value end = loops.back().first.getUpperBound();
  bool isLate = end.getParentBlock() == &rowTile && end.getDefiningOp() && first->isBeforeInBlock(end.getDefiningOp());
  if (!matchPattern(first.getLowerBound(), m_Zero()) || isLate)
    return first.emitOpError("expected key loops that count from 0 up to an end that is known before");
  for (auto [loop, ofLoop] : loops) {
    if (!matchPattern(loop.getStep(), m_One()))
      return loop.emitOpError("expected a key loop that counts one by one");
    if (ofLoop.acquire.getRing() != scoring.acquire.getRing())
      return loop.emitOpError("expected a row tile's key loops to acquire from one ring");
  }
  Value base = baseOf(first, scoring, before);
  if (!base)
    return scoring.acquire.emitOpError("expected the loop's count, or a sum of it, as a tile's number");
  Value scores = scoreOfFirst(first, scoring, base, end);
  for (auto [loop, ofLoop] : loops)
    scores = advance(loop, ofLoop, scores, end).getResults().back();
  return success();
}

struct AdvanceScores : lla::impl::TileAdvanceScoresBase<AdvanceScores> {
  void runOnOperation() override {
    for (auto roles : getOperation().getBody().getOps<RolesOp>())
      for (Block &block : roles.getWeigher())
        if (failed(advanceAll(block)))
          return signalPassFailure();
  }
};
} // namespace
