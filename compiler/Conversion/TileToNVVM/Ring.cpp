//===- Ring.cpp - rings, barriers, roles ----------------------------------===//
//
// A ring is two shared addresses: its first slot, and its barriers (full 0, empty
// 0, full 1, empty 1, ...). Fill n uses slot n mod slots in round n / slots; a
// barrier completes one phase a round, so that
//     the consumer of round k waits for parity k mod 2 of `full`,
//     the producer of round k for parity (k + 1) mod 2 of `empty`: at once in round 0.
//
// A fill within bounds copies tiles in boxes of rows that are in one page (without
// pages: in one box). A box with rows on both sides of a bound goes row by row, and
// what is out of bounds is read from rows before the tensor's first: zeros, which
// count like any other bytes of the slot. The swizzle follows from the address in
// shared memory, so that a row lands where its box would have put it. Boxes are
// loops, not copies of code: the producer has 24 registers.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"

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

static SmallVector<Values> tilesOf(Lane &lane, tile::RingType type, const Slot &slot) {
  SmallVector<Values> tiles;
  int64_t offset = 0;
  for (Type tile : type.getTiles()) {
    tiles.push_back({lane.add(slot.tiles, offset)});
    offset += cast<tile::SharedType>(tile).getBytes();
  }
  return tiles;
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

/// Of a warp.
static int64_t lanesThatRelease(tile::RingType type) { return type.getNoteBytes() ? 32 : 1; }

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
        int64_t readers = op.getReaders() ? op.getReaders() : facts.warps;
        init(16 * slot, op.getFillers());
        init(16 * slot + 8, readers * lanesThatRelease(op.getResult().getType()));
      }
      NVVM::FenceMbarrierInitOp::create(b);
    });
    NVVM::Barrier0Op::create(b);
    rewriter.replaceOpWithMultiple(op, {Values{tiles, barriers}});
    return success();
  }
};

/// The asynchronous proxy, through which products read, sees them behind the barrier.
struct OnesPattern : LanePattern<tile::OnesOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::OnesOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return rewriter.notifyMatchFailure(op, "expected an offset (tile-allocate-shared)");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    tile::SharedType type = op.getResult().getType();
    Value ones = lane.sharedAddress(*op.getOffset());
    Value pair = lane.pack(type.getElementType(), lane.f32(1), lane.f32(1));
    constexpr int64_t vectorBytes = 16;
    Value first = lane.mul(lane.thread(), vectorBytes);
    lane.when(lane.less(first, lane.i32(type.getBytes())), [&] {
      lane.store(Values(4, pair), lane.sharedPointer(lane.add(ones, first)));
    });
    auto space = NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta);
    NVVM::FenceProxyOp::create(b, NVVM::ProxyKind::async_shared, space);
    NVVM::Barrier0Op::create(b);
    rewriter.replaceOp(op, ones);
    return success();
  }
};

/// A tile of a fill, and what it is copied from.
struct TileCopy {
  tile::SharedType shared;
  ViewValues view;
  int64_t offset; ///< Bytes in the slot.
};

/// Where a map has row `row`: (dim, row, head, sequence or page), or of interleaved heads (dim, head of the group, row,
/// group, sequence); a tile of these begins with a whole query row.
static Values coordinatesOf(Lane &lane, const ViewValues &view, Value column, Value row, Value outer) {
  int64_t group = ViewValues::constant(view.group);
  if (group == 1)
    return {column, row, view.head, outer};
  return {column, lane.i32(0), lane.div(row, ViewValues::constant(view.queryRows)), lane.div(view.head, group), outer};
}

/// Copies rows `row ...`, as many as the map's box has, to the tile's row (in each panel) at `bytes`.
static void copyBox(Lane &lane, const TileCopy &tile, Value map, const Slot &slot, Value bytes, Value row,
                    Value outer) {
  for (int64_t panel = 0; panel < tile.shared.getPanels(); ++panel) {
    int64_t offset = tile.offset + panel * tile.shared.getPanelBytes();
    Value to = lane.add(slot.tiles, offset);
    Value destination = lane.sharedPointer(bytes ? lane.add(to, bytes) : to);
    Values coordinates = coordinatesOf(lane, tile.view, lane.i32(tile.shared.getPanelColumns() * panel), row, outer);
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        lane.b, destination, map, coordinates, lane.sharedPointer(slot.full), ValueRange(), Value(), Value(),
        NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(), Value());
  }
}

/// Rows [begin, end) of the views to a slot.
struct BoundedCopies {
  Lane &lane;
  ArrayRef<TileCopy> tiles;
  const Slot &slot;
  Value begin, end;
  int64_t boxRows, pageSize;

  /// All boxes of the tiles whose first row is `row`.
  void copy(Value row) {
    int64_t rows = tiles.front().shared.getRows();
    if (rows == boxRows)
      return copyBoxAt(row, lane.i32(0));
    forEach(lane.i32(rows), lane.i32(boxRows), [&](Value offset) { copyBoxAt(add(row, offset), offset); });
  }

private:
  /// The box whose first row is `first`, at the tiles' row `offset`.
  void copyBoxAt(Value first, Value offset) {
    ImplicitLocOpBuilder &b = lane.b;
    Value last = lane.add(first, boxRows - 1);
    Value whole = lane.both(isInside(first), isInside(last));
    Value none = arith::OrIOp::create(b, lane.less(last, begin), notLess(first, end));
    Value together = arith::OrIOp::create(b, whole, none);
    Value outer = tiles.front().view.batch, place = first;
    if (pageSize) {
      Value some = arith::XOrIOp::create(b, none, arith::ConstantIntOp::create(b, 1, 1));
      outer = lane.page(tiles.front().view, pageSize, first, some);
      place = lane.rem(first, pageSize);
    }
    auto choose = [&](Value x, Value y) { return arith::SelectOp::create(b, together, x, y).getResult(); };
    forEach(lane.i32(boxRows), choose(lane.i32(boxRows), lane.i32(1)), [&](Value i) {
      Value outside = lane.i32(-boxRows);
      Value row = arith::SelectOp::create(b, isInside(add(first, i)), add(place, i), outside);
      Value bytes = lane.mul(add(offset, i), tiles.front().shared.getRowBytes());
      for (const TileCopy &tile : tiles)
        copyBox(lane, tile, choose(tile.view.map, tile.view.rowMap), slot, bytes, row, outer);
    });
  }

  Value add(Value x, Value y) { return lane.add(x, y); }
  Value notLess(Value x, Value y) { return arith::CmpIOp::create(lane.b, arith::CmpIPredicate::sge, x, y); }
  Value isInside(Value row) { return lane.both(notLess(row, begin), lane.less(row, end)); }

  /// A loop from 0; LLVM is told to unroll none.
  void forEach(Value end, Value step, llvm::function_ref<void(Value)> body) {
    ImplicitLocOpBuilder &b = lane.b;
    auto loop = scf::ForOp::create(b, lane.i32(0), end, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(loop.getInductionVar());
  }
};

struct RingFillPattern : LanePattern<tile::RingFillOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingFillOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    tile::RingType type = op.getRing().getType();
    Slot slot = slotOf(lane, type, adaptor.getRing(), adaptor.getN().front());
    waitForPhase(lane, slot.empty, arith::XOrIOp::create(b, slot.parity, lane.i32(1)));
    NVVM::MBarrierArriveExpectTxOp::create(b, Type(), lane.sharedPointer(slot.full), lane.i32(type.getSlotBytes()),
                                           NVVM::MemScopeKind::CTA, /*relaxed=*/false, Value());
    SmallVector<TileCopy> tiles;
    int64_t offset = 0;
    for (auto [index, tile] : llvm::enumerate(type.getTiles())) {
      auto shared = cast<tile::SharedType>(tile);
      tiles.push_back({shared, ViewValues::of(adaptor.getViews()[index]), offset});
      offset += shared.getBytes();
    }
    if (Value begin = onlyValue(adaptor.getBegin())) {
      int64_t boxRows = op.getBoxRows() ? op.getBoxRows() : tiles.front().shared.getRows();
      int64_t pageSize = cast<tile::ViewType>(op.getViews().front().getType()).getPageSize();
      BoundedCopies{lane, tiles, slot, begin, adaptor.getEnd().front(), boxRows, pageSize}.copy(
          adaptor.getAt().front().front());
    } else {
      for (auto [index, tile] : llvm::enumerate(tiles))
        copyBox(lane, tile, tile.view.map, slot, Value(), adaptor.getAt()[index].front(), tile.view.batch);
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct RingLandedPattern : LanePattern<tile::RingLandedOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingLandedOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    Value full = lane.sharedPointer(slot.full);
    rewriter.replaceOp(op, NVVM::MBarrierTestWaitOp::create(b, b.getI1Type(), full, slot.parity));
    return success();
  }
};

struct RingAcquirePattern : LanePattern<tile::RingAcquireOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingAcquireOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    auto wait = [&] { waitForPhase(lane, slot.full, slot.parity); };
    if (Value landed = onlyValue(adaptor.getLanded()))
      lane.when(arith::XOrIOp::create(b, landed, arith::ConstantIntOp::create(b, 1, 1)), wait);
    else
      wait();
    rewriter.replaceOpWithMultiple(op, tilesOf(lane, op.getRing().getType(), slot));
    return success();
  }
};

/// All of the warp's products from the slot have been waited for; notes each lane has read for itself.
struct RingReleasePattern : LanePattern<tile::RingReleaseOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingReleaseOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    auto arrive = [&] {
      NVVM::MBarrierArriveOp::create(b, b.getI64Type(), lane.sharedPointer(slot.empty), Value());
    };
    if (lanesThatRelease(op.getRing().getType()) == 1)
      lane.when(lane.equal(lane.lane(), 0), arrive);
    else
      arrive();
    rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Handing over
//===----------------------------------------------------------------------===//

struct RingClaimPattern : LanePattern<tile::RingClaimOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingClaimOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    waitForPhase(lane, slot.empty, arith::XOrIOp::create(b, slot.parity, lane.i32(1)));
    rewriter.replaceOpWithMultiple(op, tilesOf(lane, op.getRing().getType(), slot));
    return success();
  }
};

/// Products read through the asynchronous proxy what each thread has written before its fence.
struct RingCommitPattern : LanePattern<tile::RingCommitOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RingCommitOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Slot slot = slotOf(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front());
    auto space = NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta);
    NVVM::FenceProxyOp::create(b, NVVM::ProxyKind::async_shared, space);
    NVVM::MBarrierArriveOp::create(b, b.getI64Type(), lane.sharedPointer(slot.full), Value());
    rewriter.eraseOp(op);
    return success();
  }
};

/// First of the warp's 16 rows among those of its warpgroup.
static Value rowOfWarp(Lane &lane) { return lane.mul(lane.rem(lane.warp(), 4), 16); }

/// An operand's registers are four matrices of 8 x 8 for each step of 16 columns: rows 0 to 7, then 8 to 15, of the
/// first 8 columns, then of the others. A lane tells where one row of one of them is, in this warp's rows of a tile.
static SmallVector<Value> addressesOfSteps(Lane &lane, tile::SharedType type, Value tile) {
  constexpr int64_t chunkBytes = 16, stepChunks = 2, stepColumns = 16;
  int64_t stepsOfPanel = type.getPanelColumns() / stepColumns;
  Value rowInStep = lane.rem(lane.lane(), 16), half = lane.div(lane.lane(), 16);
  Value row = lane.add(rowOfWarp(lane), rowInStep);
  // By a row's number among 8, where it has 128 bytes; of 64 by that of two rows among 4.
  Value swizzle = type.hasWidePanels() ? lane.rem(lane.lane(), 8) : lane.rem(lane.div(lane.lane(), 2), 4);
  Value start = lane.add(tile, lane.mul(row, type.getRowBytes()));
  SmallVector<Value> addresses;
  for (int64_t step = 0; step < type.getColumns() / stepColumns; ++step) {
    int64_t panel = step / stepsOfPanel, chunk = step % stepsOfPanel * stepChunks;
    Value place = arith::XOrIOp::create(lane.b, lane.add(half, chunk), swizzle);
    addresses.push_back(lane.add(lane.add(start, panel * type.getPanelBytes()), lane.mul(place, chunkBytes)));
  }
  return addresses;
}

struct DepositPattern : LanePattern<tile::DepositOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::DepositOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    auto addresses = addressesOfSteps(lane, op.getTile().getType(), adaptor.getTile().front());
    for (auto [step, address] : llvm::enumerate(addresses))
      ptx::storeMatrices(b, address, adaptor.getValue().slice(4 * step, 4));
    rewriter.eraseOp(op);
    return success();
  }
};

/// Behind it the warp's lanes have read their rows: one of them may release the slot for all.
struct CollectPattern : LanePattern<tile::CollectOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::CollectOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Values registers;
    for (Value address : addressesOfSteps(lane, op.getTile().getType(), adaptor.getTile().front()))
      registers.append(ptx::loadMatrices(b, address));
    NVVM::SyncWarpOp::create(b, lane.i32(-1));
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }
};

/// Where a note of the warp is: a word for each of its rows, or one.
static Value addressOfNote(Lane &lane, tile::RingType type, ValueRange ring, Value n, int64_t at, Type value) {
  Value notes = lane.add(ring[0], type.getSlots() * type.getSlotBytes() + at);
  Value slot = lane.add(notes, lane.mul(lane.rem(n, type.getSlots()), type.getNoteBytes()));
  Value word = value.isInteger(1) ? lane.rem(lane.warp(), 4) : lane.add(rowOfWarp(lane), lane.g());
  return lane.add(slot, lane.mul(word, 4));
}

constexpr int64_t halfRowsBytes = 8 * 4; ///< From a lane's row to its other one, 8 rows on.

struct NotePattern : LanePattern<tile::NoteOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::NoteOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Type type = op.getValue().getType();
    Value address =
        addressOfNote(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front(), op.getAt(), type);
    bool isFlag = type.isInteger(1);
    // Of lanes that have the same, one writes.
    lane.when(lane.equal(isFlag ? lane.lane() : lane.c(), 0), [&] {
      for (auto [half, value] : llvm::enumerate(adaptor.getValue())) {
        Value word = isFlag ? arith::ExtUIOp::create(b, b.getI32Type(), value).getResult() : value;
        lane.store(word, lane.sharedPointer(lane.add(address, half * halfRowsBytes)));
      }
    });
    rewriter.eraseOp(op);
    return success();
  }
};

struct ReadNotePattern : LanePattern<tile::ReadNoteOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ReadNoteOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Type type = op.getResult().getType();
    Value address =
        addressOfNote(lane, op.getRing().getType(), adaptor.getRing(), adaptor.getN().front(), op.getAt(), type);
    if (type.isInteger(1)) {
      Value flag = LLVM::LoadOp::create(b, b.getI32Type(), lane.sharedPointer(address));
      Value isSet = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, flag, lane.i32(0));
      // The vote tells the assembler that a warp's lanes agree.
      rewriter.replaceOpWithNewOp<NVVM::VoteSyncOp>(op, b.getI1Type(), lane.i32(-1), isSet, NVVM::VoteSyncKind::any);
      return success();
    }
    Values rows;
    for (int64_t half : {0, 1})
      rows.push_back(
          LLVM::LoadOp::create(b, b.getF32Type(), lane.sharedPointer(lane.add(address, half * halfRowsBytes))));
    rewriter.replaceOpWithMultiple(op, {rows});
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
    auto inhabit = [&](Region &role, int64_t registers, Block *block) {
      b.setInsertionPointToStart(block);
      NVVM::SetMaxRegisterOp::create(b, registers, NVVM::SetMaxRegisterAction::increase);
      rewriter.inlineBlockBefore(&role.front(), block, std::prev(block->end()));
    };
    Block *consumers = roles.elseBlock();
    if (!op.getWeigher().empty()) {
      b.setInsertionPointToStart(consumers);
      Value isWeigher = lane.less(warp, lane.i32(facts.producerWarps + 4));
      auto computing = scf::IfOp::create(b, isWeigher, /*withElseRegion=*/true);
      inhabit(op.getWeigher(), *op.getWeigherRegisters(), computing.thenBlock());
      consumers = computing.elseBlock();
    }
    inhabit(op.getConsumer(), op.getConsumerRegisters(), consumers);
    rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Turns: a warpgroup awaits its barrier, at which the one before it arrives
//===----------------------------------------------------------------------===//

constexpr int64_t turnThreads = 2 * 128; ///< Of the two warpgroups.

struct AwaitTurnPattern : LanePattern<tile::AwaitTurnOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::AwaitTurnOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value mine = lane.warpgroup();
    auto await = [&] {
      Value barrier = lane.add(mine, facts.turnBarrier());
      NVVM::BarrierOp::create(b, TypeRange(), barrier, lane.i32(turnThreads), {}, Value());
    };
    if (op.getLeave())
      lane.when(lane.equal(mine, 0), await);
    else
      await();
    rewriter.eraseOp(op);
    return success();
  }
};

struct PassTurnPattern : LanePattern<tile::PassTurnOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::PassTurnOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value mine = lane.warpgroup(), isLast = lane.equal(mine, facts.warpgroups() - 1);
    auto pass = [&](Value to) {
      NVVM::BarrierArriveOp::create(b, lane.add(to, facts.turnBarrier()), lane.i32(turnThreads));
    };
    if (op.getEnter())
      lane.when(isLast, [&] { pass(lane.i32(0)); });
    else
      pass(arith::SelectOp::create(b, isLast, lane.i32(0), lane.add(mine, 1)));
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void lla::populateRingPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<RingPattern, OnesPattern, RingFillPattern, RingLandedPattern, RingAcquirePattern, RingReleasePattern,
               RingClaimPattern, RingCommitPattern, DepositPattern, CollectPattern, NotePattern, ReadNotePattern,
               RolesPattern, AwaitTurnPattern, PassTurnPattern>(converter, patterns.getContext(), facts);
}
