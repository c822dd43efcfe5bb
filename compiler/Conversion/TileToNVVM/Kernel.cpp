//===- Kernel.cpp - positions, launch record, views, pages ----------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"

using namespace mlir;
using namespace lla;

namespace {

struct IndexPattern : LanePattern<tile::IndexOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::IndexOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    auto position = [&]() -> Value {
      switch (op.getAxis()) {
      case tile::Axis::GridX:
        return NVVM::BlockIdXOp::create(b, b.getI32Type());
      case tile::Axis::GridY:
        return NVVM::BlockIdYOp::create(b, b.getI32Type());
      case tile::Axis::GridWidth:
        return NVVM::GridDimXOp::create(b, b.getI32Type());
      case tile::Axis::Warp: // Among the computing warps.
        return lane.add(lane.warp(), -facts.producerWarps);
      }
      return {};
    };
    rewriter.replaceOp(op, position());
    return success();
  }
};

struct ArgumentPattern : LanePattern<tile::ArgumentOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ArgumentOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, Lane(b, facts).field(op.getName()));
    return success();
  }
};

/// An op that gives its operand as an instruction does.
template <typename Op, Value (*instruction)(ImplicitLocOpBuilder &, Value)> struct PassingPattern : LanePattern<Op> {
  using LanePattern<Op>::LanePattern;
  using Adaptor = typename LanePattern<Op>::Adaptor;
  LogicalResult matchAndRewrite(Op op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, instruction(b, adaptor.getValue().front()));
    return success();
  }
};
using AwaitLaunchPattern = PassingPattern<tile::AwaitLaunchOp, ptx::awaitLaunch>;
using UniformPattern = PassingPattern<tile::UniformOp, ptx::uniform>;

struct OpaquePattern : LanePattern<tile::OpaqueOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::OpaqueOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value zero = arith::ShRUIOp::create(b, lane.warp(), lane.i32(16)); // A shuffle's result: who knows.
    rewriter.replaceOp(op, lane.add(adaptor.getValue().front(), zero));
    return success();
  }
};

/// An element of an i32 array of the launch, `otherwise` if it has none.
Value lookUp(Lane &lane, llvm::StringRef name, Value index, Value otherwise, bool early) {
  ImplicitLocOpBuilder &b = lane.b;
  Value array = lane.field(name);
  Value given = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, array, lane.i64(0));
  Value address = lane.add(array, lane.mul(lane.extend(index), 4));
  Value pointer = LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 1), address);
  Value element = early ? ptx::lookUpEarly(b, pointer, given) : ptx::lookUp(b, pointer, given);
  return arith::SelectOp::create(b, given, element, otherwise);
}

struct LookupPattern : LanePattern<tile::LookupOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::LookupOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    rewriter.replaceOp(op, lookUp(lane, op.getArray(), adaptor.getIndex().front(), adaptor.getOtherwise().front(),
                                  op.getEarly()));
    return success();
  }
};

/// Ranges are taken 32 at a time, one by each lane.
struct SeekPattern : LanePattern<tile::SeekOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::SeekOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    constexpr int64_t lanes = 32;
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value value = adaptor.getValue().front(), count = adaptor.getCount().front(), zero = lane.i32(0);
    auto loop = scf::ForOp::create(b, zero, count, lane.i32(lanes), ValueRange{zero, zero, zero});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value first = loop.getInductionVar(), index = loop.getRegionIterArg(0), found = loop.getRegionIterArg(1);
      Value total = loop.getRegionIterArg(2), own = lane.add(first, lane.lane());
      Value length = lengthOf(lane, op, own, count), sum = sumOfLowerLanes(lane, length);
      Value begin = lane.add(total, arith::SubIOp::create(b, sum, length)), all = lane.i32(-1);
      Value holds = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, arith::SubIOp::create(b, value, begin), length);
      Value holders = NVVM::VoteSyncOp::create(b, b.getI32Type(), all, holds, NVVM::VoteSyncKind::ballot);
      Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, holders, zero);
      Value holder = LLVM::CountTrailingZerosOp::create(b, b.getI32Type(), holders, /*is_zero_poison=*/false);
      auto choose = [&](Value here, Value before) -> Value {
        return arith::SelectOp::create(b, isHere, here, before);
      };
      scf::YieldOp::create(b, ValueRange{choose(lane.add(first, holder), index),
                                         choose(lane.ofLane(begin, lane.rem(holder, lanes)), found),
                                         lane.add(total, lane.ofLane(sum, lane.i32(lanes - 1)))});
    }
    rewriter.replaceOp(op, loop.getResults());
    return success();
  }

private:
  /// How long range `i` is, 0 where there is none.
  static Value lengthOf(Lane &lane, tile::SeekOp op, Value i, Value count) {
    ImplicitLocOpBuilder &b = lane.b;
    Block &body = op.getBody().front();
    IRMapping mapping;
    mapping.map(body.getArgument(0), arith::MinSIOp::create(b, i, lane.add(count, -1)).getResult());
    for (Operation &inner : body.without_terminator())
      b.clone(inner, mapping);
    Value length = mapping.lookupOrDefault(cast<tile::YieldOp>(body.getTerminator()).getValues().front());
    return arith::SelectOp::create(b, lane.less(i, count), length, lane.i32(0));
  }
  /// Of all lanes up to this one.
  static Value sumOfLowerLanes(Lane &lane, Value x) {
    ImplicitLocOpBuilder &b = lane.b;
    for (int64_t distance : {1, 2, 4, 8, 16}) {
      Value below = NVVM::ShflOp::create(b, b.getI32Type(), lane.i32(-1), x, lane.i32(distance), lane.i32(0),
                                         NVVM::ShflKind::up, UnitAttr());
      Value isThere = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, lane.lane(), lane.i32(distance));
      x = lane.add(x, arith::SelectOp::create(b, isThere, below, lane.i32(0)));
    }
    return x;
  }
};

/// Each lane has a sequence, the last one the first lane, and counts those that come after it.
struct ByLengthPattern : LanePattern<tile::ByLengthOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ByLengthOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    constexpr int64_t lanes = 32, mostKeys = (int64_t(1) << 26) - 1; // Times lanes.
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value last = lane.add(adaptor.getBatch().front(), -1);
    Value place = arith::SubIOp::create(b, last, adaptor.getTurn().front()), rank = lane.rem(place, lanes);
    Value lastOfThese = arith::SubIOp::create(b, last, arith::SubIOp::create(b, place, rank));
    Value sequence = arith::SubIOp::create(b, lastOfThese, lane.lane()), zero = lane.i32(0);
    Value isThere = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, sequence, zero);
    Value keys = keysOf(lane, op, arith::MaxSIOp::create(b, sequence, zero), adaptor.getMost().front());
    keys = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, keys, zero), lane.i32(mostKeys));
    keys = arith::SelectOp::create(b, isThere, keys, lane.i32(mostKeys)); // Behind all that are there.
    Value own = lane.add(lane.mul(keys, lanes), lane.lane()), behind = zero; // No two alike.
    for (int64_t other = 0; other < lanes; ++other) {
      Value isBehind = lane.less(lane.ofLane(own, lane.i32(other)), own);
      behind = lane.add(behind, arith::ExtUIOp::create(b, b.getI32Type(), isBehind));
    }
    Value isIt = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, behind, rank);
    Value it = NVVM::VoteSyncOp::create(b, b.getI32Type(), lane.i32(-1), isIt, NVVM::VoteSyncKind::ballot);
    Value holder = LLVM::CountTrailingZerosOp::create(b, b.getI32Type(), it, /*is_zero_poison=*/false);
    rewriter.replaceOp(op, arith::SubIOp::create(b, lastOfThese, holder).getResult());
    return success();
  }

private:
  static Value keysOf(Lane &lane, tile::ByLengthOp op, Value sequence, Value most) {
    auto element = [&](llvm::StringRef array, Value index, Value otherwise) {
      return lookUp(lane, array, index, otherwise, op.getEarly());
    };
    Value zero = lane.i32(0);
    Value end = op.getPacked() ? element("cu_seqlens_k", lane.add(sequence, 1), most)
                               : element("lengths", sequence, most);
    Value begin = element(op.getPacked() ? "cu_seqlens_k" : "starts", sequence, zero);
    return arith::SubIOp::create(lane.b, end, begin);
  }
};

struct ScalePattern : LanePattern<tile::ScaleOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ScaleOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    std::string name = tile::stringifyTensor(op.getTensor()).str() + "_scales";
    Value array = lane.field(name);
    Value element = lane.mul(lane.extend(adaptor.getHead().front()), lane.field(name + "_head_stride"));
    Value given = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, array, lane.i64(0));
    Value address = lane.add(array, lane.mul(element, 4));
    Value pointer = LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 1), address);
    Value scale = ptx::loadAfterAwait(b, pointer, given);
    rewriter.replaceOp(op, arith::SelectOp::create(b, given, scale, lane.f32(1)));
    return success();
  }
};

struct PagePattern : LanePattern<tile::PageOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::PageOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    Value row = adaptor.getRow().front();
    rewriter.replaceOp(op, lane.page(ViewValues::of(adaptor.getView()), op.getView().getType().getPageSize(), row,
                                     lane.less(row, adaptor.getLimit().front())));
    return success();
  }
};

/// The kernel's block ends here; what follows is a block of its own.
struct LeavePattern : LanePattern<tile::LeaveOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::LeaveOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    Block *here = op->getBlock(), *rest = rewriter.splitBlock(here, std::next(op->getIterator()));
    Block *done = rewriter.createBlock(here->getParent(), here->getParent()->end());
    LLVM::ReturnOp::create(rewriter, op.getLoc(), ValueRange());
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<LLVM::CondBrOp>(op, adaptor.getCondition().front(), done, rest);
    return success();
  }
};

struct ViewPattern : LanePattern<tile::ViewOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ViewOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    std::string name = tile::stringifyTensor(op.getTensor()).str();
    int64_t bytes = op.getResult().getType().getElementType().getIntOrFloatBitWidth() / 8;
    ViewValues view;
    view.rowStride = lane.field(name + "_row_stride");
    view.headStride = lane.field(name + "_head_stride");
    view.batch = adaptor.getBatch().front();
    view.head = adaptor.getHead().front();
    view.group = lane.i32(op.getGroup());
    view.queryRows = lane.i32(op.rowsPerQuery());
    Type global = LLVM::LLVMPointerType::get(b.getContext(), 1);
    Value batch = lane.extend(view.batch), batchStride = lane.field(name + "_batch_stride");
    Value elements;
    if (op.getResult().getType().isPaged()) {
      elements = lane.mul(lane.extend(view.head), view.headStride);
      Value numbers = lane.mul(batch, lane.field("page_table_stride"));
      view.table = LLVM::IntToPtrOp::create(b, global, lane.add(lane.field("page_table"), lane.mul(numbers, 4)));
      view.pageStride = batchStride;
    } else {
      elements = lane.add(lane.mul(batch, batchStride), lane.mul(lane.extend(view.head), view.headStride));
      view.table = LLVM::ZeroOp::create(b, global);
      view.pageStride = lane.i64(0);
    }
    if (op.getShard())
      elements =
          lane.add(elements, lane.mul(lane.extend(adaptor.getShard().front()), lane.field(name + "_shard_stride")));
    Value address = lane.add(lane.field(name), lane.mul(elements, bytes));
    view.base = LLVM::IntToPtrOp::create(b, global, address);
    auto mapIn = [&](const llvm::DenseMap<tile::Tensor, Value> &maps) -> Value {
      if (Value map = maps.lookup(op.getTensor()))
        return map;
      return LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
    };
    view.map = mapIn(facts.maps);
    view.rowMap = mapIn(facts.rowMaps);
    rewriter.replaceOpWithMultiple(op, {view.flatten()});
    return success();
  }
};

} // namespace

void lla::populateKernelPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<IndexPattern, ArgumentPattern, AwaitLaunchPattern, UniformPattern, OpaquePattern, LookupPattern,
               SeekPattern, ByLengthPattern, ScalePattern, PagePattern, LeavePattern, ViewPattern>(
      converter, patterns.getContext(), facts);
}
