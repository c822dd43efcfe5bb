//===- AlternateWarpgroups.cpp - products and weights in turn -------------===//
//
// Warpgroups that start together stay together: all form products, then all take
// exponentials, and the tensor cores idle. With turns one does the one while another
// does the other:
//
//     consumer { for row tiles { for keys { s, t = dot; wait; p, u; o1, o2 += dot; wait } store } }   (before)
//       ==>
//     consumer { pass_turn enter
//                for row tiles { await_turn
//                                for keys { s, t = dot; pass_turn; wait; p, u; await_turn; o1, o2 += dot; wait }
//                                pass_turn; store }
//                await_turn leave }
//
// A turn is hence the products with the values of one key tile and the scores of the
// next; the first of a row tile has scores only, the last values only. A warpgroup that
// leaves out a key tile passes and awaits all the same.
//
// Who has the turn should not wait for a tile: behind the last product of the one before
// (where that is in a branch, before its release) each sees whether it has landed, and
// waits only if it had not.
//
// Why it is right: all warpgroups run the same loops, so that each awaits as many turns
// as the one before it passes, with the one that the last passes to enter and the first
// awaits to leave. The first is one turn ahead of the last at most, and a row tile has a
// turn even if it has no keys: who waits for a ring's slot waits for a warpgroup that is
// one tile behind and needs no turn to release it.
//
// Precondition:  roles have been specialised; a key tile's products are in a loop, or in one branch of an scf.if in it.
// Postcondition: a kernel that has turns already, or does not ask for them, is as it was.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Carry.h"
#include "compiler/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {
#define GEN_PASS_DEF_TILEALTERNATEWARPGROUPS
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// The last product of scores of a block and the first with values behind it; null where there are none.
struct Products {
  DotOp scores, values;
};

static Products productsOf(Block &block) {
  Products products;
  for (auto dot : block.getOps<DotOp>()) {
    if (!dot.isAsync() || products.values)
      continue;
    if (dot.getTransposeB())
      products.scores = dot;
    else if (products.scores)
      products.values = dot;
  }
  return products;
}

/// Turns around the products of one key tile.
static void alternateProducts(Products products) {
  Location loc = products.values.getLoc();
  OpBuilder b(products.values);
  AwaitTurnOp::create(b, loc);
  b.setInsertionPointAfter(products.scores);
  PassTurnOp::create(b, loc);
  Block *block = products.values->getBlock();
  if (auto branch = dyn_cast<scf::IfOp>(block->getParentOp())) { // Of a tile that it may leave out.
    b.setInsertionPoint(block == branch.thenBlock() ? branch.elseYield() : branch.thenYield());
    PassTurnOp::create(b, loc);
    AwaitTurnOp::create(b, loc);
  }
}

/// A turn around the loops over the keys of a row tile.
static void alternateRowTile(ArrayRef<scf::ForOp> keyLoops) {
  scf::ForOp first = keyLoops.front(), last = keyLoops.back();
  OpBuilder b(first);
  AwaitTurnOp::create(b, first.getLoc());
  b.setInsertionPointAfter(last);
  PassTurnOp::create(b, last.getLoc());
}

/// Key loops that follow each other see behind a tile's last product whether the next one has landed.
static void lookAhead(ArrayRef<scf::ForOp> keyLoops) {
  auto hasTile = [](scf::ForOp loop) {
    Block &body = *loop.getBody();
    return !body.getOps<RingAcquireOp>().empty() && !body.getOps<RingReleaseOp>().empty();
  };
  if (!llvm::all_of(keyLoops, hasTile))
    return;
  scf::ForOp first = keyLoops.front();
  OpBuilder before(first);
  Value landed = arith::ConstantIntOp::create(before, first.getLoc(), 0, 1);
  for (scf::ForOp loop : keyLoops) {
    RingAcquireOp acquire = *loop.getBody()->getOps<RingAcquireOp>().begin();
    Operation *next = *loop.getBody()->getOps<RingReleaseOp>().begin();
    for (auto dot : loop.getBody()->getOps<DotOp>())
      next = dot->getNextNode();
    ImplicitLocOpBuilder b(loop.getLoc(), next);
    Value following = arith::AddIOp::create(b, acquire.getN(), loop.getStep());
    Value seen = RingLandedOp::create(b, b.getI1Type(), acquire.getRing(), following);
    scf::ForOp carrying = carry(loop, landed, seen);
    acquire.getLandedMutable().assign(carrying.getRegionIterArgs().back());
    landed = carrying.getResults().back();
  }
}

static void alternate(RolesOp roles) {
  Block &consumer = roles.getConsumer().front();
  SmallVector<Products> tiles;
  llvm::MapVector<Block *, SmallVector<scf::ForOp>> keyLoops; // Of each block that has row tiles.
  consumer.walk<WalkOrder::PreOrder>([&](Block *block) {
    Products products = productsOf(*block);
    auto loop = products.values ? products.values->getParentOfType<scf::ForOp>() : scf::ForOp();
    if (!loop)
      return;
    tiles.push_back(products);
    keyLoops[loop->getBlock()].push_back(loop);
  });
  if (tiles.empty())
    return;
  llvm::for_each(tiles, alternateProducts);
  for (auto &[block, loops] : keyLoops) {
    alternateRowTile(loops);
    lookAhead(loops);
  }
  auto b = OpBuilder::atBlockBegin(&consumer);
  PassTurnOp::create(b, roles.getLoc(), /*enter=*/true);
  b.setInsertionPointToEnd(&consumer);
  AwaitTurnOp::create(b, roles.getLoc(), /*leave=*/true);
}

namespace {
struct AlternateWarpgroups : lla::impl::TileAlternateWarpgroupsBase<AlternateWarpgroups> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    auto schedule = kernel->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    bool hasTurns = kernel.walk([](PassTurnOp) { return WalkResult::interrupt(); }).wasInterrupted();
    if (schedule && schedule.getValue().pingpong && !hasTurns)
      llvm::for_each(kernel.getBody().getOps<RolesOp>(), alternate);
  }
};
} // namespace
