//===- Ring.cpp - rings, barriers, roles ----------------------------------===//
//
// A ring is two shared addresses: its first slot, and its barriers (full 0, empty
// 0, full 1, empty 1, ...). Fill n uses slot n mod slots in round n / slots; a
// barrier completes one phase a round, so that
//     the consumer of round k waits for parity k mod 2 of `full`,
//     the producer of round k for parity (k + 1) mod 2 of `empty`: at once in round 0.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"

using namespace mlir;
using namespace lla;

namespace {

/// Slot n of a ring.
struct Slot {
  Value tiles, full, empty; ///< Shared addresses.
  Value parity;             ///< Of the round.
};

static Slot slotOf(Lane &lane, tile::RingType type, ValueRange ring, Value n) {
  int64_t slots = type.getSlots();
  Value index = lane.rem(n, slots);
  Slot slot;
  slot.tiles = lane.add(ring[0], lane.mul(index, type.getSlotBytes()));
  slot.full = lane.add(ring[1], lane.mul(index, 16));
  slot.empty = lane.add(slot.full, 8);
  slot.parity = arith::AndIOp::create(lane.b, lane.div(n, slots), lane.i32(1));
  return slot;
}

} // namespace

void lla::waitForPhase(Lane &lane, Value barrier, Value parity) {
  ImplicitLocOpBuilder &b = lane.b;
  Value pointer = lane.sharedPointer(barrier);
  Value one = arith::ConstantIntOp::create(b, 1, 1);
  auto loop = scf::WhileOp::create(b, TypeRange{}, ValueRange{});
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&loop.getBefore());
  Value done = NVVM::MBarrierTryWaitOp::create(b, b.getI1Type(), pointer, parity, Value());
  scf::ConditionOp::create(b, arith::XOrIOp::create(b, done, one), ValueRange{});
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b);
}

namespace {

struct RingPattern : LanePattern<tile::RingOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset() || !op.getBarrierOffset())
      return rewriter.notifyMatchFailure(op, "expected offsets (tile-allocate-shared)");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value tiles = lane.sharedAddress(*op.getOffset()), barriers = lane.sharedAddress(*op.getBarrierOffset());
    lane.when(lane.equal(lane.thread(), 0), [&] {
      for (int64_t slot = 0; slot < op.getResult().getType().getSlots(); ++slot) {
        auto init = [&](int64_t offset, int64_t arrivals) {
          NVVM::MBarrierInitOp::create(b, lane.sharedPointer(lane.add(barriers, offset)), lane.i32(arrivals), Value());
        };
        init(16 * slot, 1);
        init(16 * slot + 8, facts.warps);
      }
      NVVM::FenceMbarrierInitOp::create(b);
    });
    NVVM::Barrier0Op::create(b);
    rewriter.replaceOpWithMultiple(op, {Values{tiles, barriers}});
    return success();
  }
};

struct RingFillPattern : LanePattern<tile::RingFillOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingFillOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    tile::RingType type = op.getRing().getType();
    Slot slot = slotOf(lane, type, adaptor.getRing(), adaptor.getN().front());
    waitForPhase(lane, slot.empty, arith::XOrIOp::create(b, slot.parity, lane.i32(1)));
    Value full = lane.sharedPointer(slot.full);
    NVVM::MBarrierArriveExpectTxOp::create(b, Type(), full, lane.i32(type.getSlotBytes()), NVVM::MemScopeKind::CTA,
                                           /*relaxed=*/false, Value());
    int64_t offset = 0;
    for (auto [index, tileType] : llvm::enumerate(type.getTiles())) {
      auto shared = cast<tile::SharedType>(tileType);
      ViewValues view = ViewValues::of(adaptor.getViews()[index]);
      for (int64_t column = 0; column < shared.getColumns(); column += 64) {
        Value destination = lane.sharedPointer(lane.add(slot.tiles, offset));
        Values coordinates = {lane.i32(column), adaptor.getAt()[index].front(), view.head, view.batch};
        NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
            b, destination, view.map, coordinates, full, ValueRange(), Value(), Value(), NVVM::TMALoadMode::TILE,
            /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(), Value());
        offset += shared.getPanelBytes();
      }
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct RingAcquirePattern : LanePattern<tile::RingAcquireOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingAcquireOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    waitForPhase(lane, slot.full, slot.parity);
    SmallVector<Values> tiles;
    int64_t offset = 0;
    for (Value tile : op.getTiles()) {
      tiles.push_back({lane.add(slot.tiles, offset)});
      offset += cast<tile::SharedType>(tile.getType()).getBytes();
    }
    rewriter.replaceOpWithMultiple(op, std::move(tiles));
    return success();
  }
};

/// One lane arrives for its warp: all of the warp's products from the slot have been waited for.
struct RingReleasePattern : LanePattern<tile::RingReleaseOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingReleaseOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    lane.when(lane.equal(lane.lane(), 0), [&] {
      NVVM::MBarrierArriveOp::create(b, b.getI64Type(), lane.sharedPointer(slot.empty), Value());
    });
    rewriter.eraseOp(op);
    return success();
  }
};

struct RolesPattern : LanePattern<tile::RolesOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RolesOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value warp = lane.warp();
    auto roles = scf::IfOp::create(b, lane.less(warp, lane.i32(facts.producerWarps)), /*withElseRegion=*/true);
    b.setInsertionPointToStart(roles.thenBlock());
    NVVM::SetMaxRegisterOp::create(b, op.getProducerRegisters(), NVVM::SetMaxRegisterAction::decrease);
    auto first = scf::IfOp::create(b, lane.equal(warp, 0), /*withElseRegion=*/false);
    b.setInsertionPointToStart(first.thenBlock());
    auto elected = scf::IfOp::create(b, NVVM::ElectSyncOp::create(b, b.getI1Type(), Value()), /*withElseRegion=*/false);
    rewriter.inlineBlockBefore(&op.getProducer().front(), elected.thenBlock(), elected.thenBlock()->begin());
    b.setInsertionPointToStart(roles.elseBlock());
    NVVM::SetMaxRegisterOp::create(b, op.getConsumerRegisters(), NVVM::SetMaxRegisterAction::increase);
    rewriter.inlineBlockBefore(&op.getConsumer().front(), roles.elseBlock(), std::prev(roles.elseBlock()->end()));
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void lla::populateRingPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<RingPattern, RingFillPattern, RingAcquirePattern, RingReleasePattern, RolesPattern>(
      converter, patterns.getContext(), facts);
}
