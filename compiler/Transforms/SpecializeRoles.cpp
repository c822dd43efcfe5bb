//===- SpecializeRoles.cpp - who copies and who computes ------------------===//
//
// Divides a kernel with rings among a producer warpgroup and the computing warps.
//
//     ring_fill %once[0]; acquire ...                                   (before)
//     for %i { ring_fill %ring[%i]; acquire; compute; release }
//       ==>
//     roles producer { ring_fill %once[0]; for %i { ring_fill %ring[%i] } }
//           consumer { acquire ...; for %i { acquire; compute; release } }
//
// Ops above the first fill (positions, ranges, views) stay common to both.
//
// Why it is right: fills and acquires pair up by number, a fill waits for the
// release of the slot's previous tile, and in program order every acquire comes
// after its fill, so the two sides cannot wait for each other.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lla {
#define GEN_PASS_DEF_TILESPECIALIZEROLES
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

static bool fills(Operation &op) {
  return op.walk([](RingFillOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// Clones to the producer what `values` need of the ops that the roles do not share.
static void cloneOperands(OpBuilder &b, ValueRange values, Region &scope, IRMapping &mapping) {
  for (Value value : values) {
    Operation *op = value.getDefiningOp();
    if (!op || mapping.contains(value) || !scope.isAncestor(op->getParentRegion()))
      continue;
    SetVector<Value> needed(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), needed);
    cloneOperands(b, needed.getArrayRef(), scope, mapping);
    b.clone(*op, mapping);
  }
}

/// Clones to the producer the fills of `block`, the loops around them with the numbers that they carry, and the
/// arithmetic they need.
static void cloneFills(OpBuilder &b, Block &block, Region &scope, IRMapping &mapping) {
  for (Operation &op : block) {
    if (isa<RingFillOp>(op)) {
      cloneOperands(b, op.getOperands(), scope, mapping);
      b.clone(op, mapping);
    } else if (auto loop = dyn_cast<scf::ForOp>(op); loop && fills(op)) {
      SmallVector<Value> arguments, firsts, nexts;
      for (auto [argument, first, next] : llvm::zip(loop.getRegionIterArgs(), loop.getInits(), loop.getYieldedValues()))
        if (argument.getType().isInteger()) {
          arguments.push_back(argument);
          firsts.push_back(first);
          nexts.push_back(next);
        }
      auto mapped = [](const IRMapping &map, ValueRange values) {
        return llvm::map_to_vector(values, [&](Value value) { return map.lookupOrDefault(value); });
      };
      SmallVector<Value> bounds = {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()};
      cloneOperands(b, bounds, scope, mapping);
      cloneOperands(b, firsts, scope, mapping);
      bounds = mapped(mapping, bounds);
      auto copy = scf::ForOp::create(b, loop.getLoc(), bounds[0], bounds[1], bounds[2], mapped(mapping, firsts));
      IRMapping inside = mapping; // What is cloned in one loop is not seen by the next.
      inside.map(loop.getInductionVar(), copy.getInductionVar());
      inside.map(arguments, copy.getRegionIterArgs());
      auto inner = firsts.empty() ? OpBuilder(copy.getBody()->getTerminator()) : OpBuilder::atBlockEnd(copy.getBody());
      cloneFills(inner, *loop.getBody(), scope, inside);
      cloneOperands(inner, nexts, scope, inside);
      if (!firsts.empty())
        scf::YieldOp::create(inner, loop.getLoc(), mapped(inside, nexts));
    }
  }
}

static void specialize(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  auto firstFill = llvm::find_if(body, fills);
  RoleRegisters registers = roleRegisters(static_cast<int64_t>(kernel.getWarps()), /*hasWeigher=*/false,
                                          /*holdsRows=*/false);
  Block *rest = body.splitBlock(firstFill);
  auto b = ImplicitLocOpBuilder::atBlockEnd(kernel.getLoc(), &body);
  auto roles = RolesOp::create(b, registers.producer, /*weigher_registers=*/IntegerAttr(), registers.consumer);
  Block &copies = roles.getProducer().emplaceBlock();
  rest->moveBefore(&roles.getConsumer(), roles.getConsumer().end());

  IRMapping mapping;
  auto inner = OpBuilder::atBlockBegin(&copies);
  cloneFills(inner, *rest, roles.getConsumer(), mapping);
  roles.getConsumer().walk([](RingFillOp fill) { fill.erase(); });
}

namespace {
struct SpecializeRoles : lla::impl::TileSpecializeRolesBase<SpecializeRoles> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    bool hasProducer = kernel.getProducerWarps() > 0;
    if (!kernel.getBody().getOps<RolesOp>().empty())
      return;
    if (hasProducer != fills(*kernel.getOperation())) {
      kernel.emitOpError(hasProducer ? "has producer warps and fills no ring" : "fills a ring without producer warps");
      return signalPassFailure();
    }
    if (hasProducer)
      specialize(kernel);
  }
};
} // namespace
