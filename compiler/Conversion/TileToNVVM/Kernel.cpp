//===- Kernel.cpp - positions, launch record, views -----------------------===//

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

struct AwaitLaunchPattern : LanePattern<tile::AwaitLaunchOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::AwaitLaunchOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, ptx::awaitLaunch(b, adaptor.getValue().front()));
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
    Value elements = lane.add(lane.mul(lane.extend(view.batch), lane.field(name + "_batch_stride")),
                              lane.mul(lane.extend(view.head), view.headStride));
    if (op.getShard())
      elements =
          lane.add(elements, lane.mul(lane.extend(adaptor.getShard().front()), lane.field(name + "_shard_stride")));
    Value address = lane.add(lane.field(name), lane.mul(elements, bytes));
    view.base = LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 1), address);
    auto map = facts.maps.find(op.getTensor());
    view.map = map != facts.maps.end() ? map->second
                                       : LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
    rewriter.replaceOpWithMultiple(op, {view.flatten()});
    return success();
  }
};

} // namespace

void lla::populateKernelPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<IndexPattern, ArgumentPattern, AwaitLaunchPattern, ViewPattern>(converter, patterns.getContext(), facts);
}
