//===- Elementwise.cpp - fragments element by element ---------------------===//
//
// A fragment is the registers of one lane, in the order of FragmentLayout.h; a
// map clones its region for each of them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace lla;
using tile::FragType;

namespace {

struct FillPattern : LanePattern<tile::FillOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::FillOp op, Adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value value = arith::ConstantFloatOp::create(b, b.getF32Type(), op.getValue());
    rewriter.replaceOpWithMultiple(op, {Values(tile::registersPerLane(op.getResult().getType()), value)});
    return success();
  }
};

struct MapPattern : LanePattern<tile::MapOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::MapOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    auto type = cast<FragType>(op.getResult(0).getType());
    Block &body = op.getBody().front();
    SmallVector<Values> results(op.getNumResults());
    for (int64_t i = 0, e = tile::registersPerLane(type); i < e; ++i) {
      IRMapping mapping;
      for (auto [index, input] : llvm::enumerate(op.getInputs())) {
        auto inputType = cast<FragType>(input.getType());
        bool broadcast = inputType.getLayout() == tile::Layout::Row && type.getLayout() != tile::Layout::Row;
        mapping.map(body.getArgument(index), adaptor.getInputs()[index][broadcast ? tile::rowIndex(type, i) : i]);
      }
      if (!op.getAt().empty()) {
        tile::ElementPosition at = tile::elementPosition(type, i);
        unsigned first = op.getInputs().size();
        mapping.map(body.getArgument(first), lane.at(adaptor.getAt()[0].front(), at.row));
        mapping.map(body.getArgument(first + 1), lane.at(adaptor.getAt()[1].front(), at.column));
      }
      for (Operation &inner : body.without_terminator())
        b.clone(inner, mapping);
      for (auto [result, value] : llvm::zip(results, cast<tile::YieldOp>(body.getTerminator()).getValues()))
        result.push_back(mapping.lookupOrDefault(value));
    }
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }
};

/// Upstream makes a library call of it, which no kernel can reach.
struct Log2Pattern : OpConversionPattern<math::Log2Op> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult matchAndRewrite(math::Log2Op op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, ptx::log2(b, adaptor.getOperand()));
    return success();
  }
};

/// The greater of two numbers neither of which is negative; a NaN is the greatest.
static Value peak(ImplicitLocOpBuilder &b, Value x, Value y) {
  auto bits = [&](Value f) -> Value { return arith::BitcastOp::create(b, b.getI32Type(), f); };
  return arith::BitcastOp::create(b, b.getF32Type(), arith::MaxUIOp::create(b, bits(x), bits(y)));
}

/// Sums of each row of an operand, two at a time.
static Values sumOfPairs(Lane &lane, FragType type, ValueRange pairs) {
  ImplicitLocOpBuilder &b = lane.b;
  Values rows(2);
  for (auto [i, pair] : llvm::enumerate(pairs)) {
    Value &row = rows[i % 2]; // Row g, g + 8, g, g + 8.
    Value two = LLVM::BitcastOp::create(b, VectorType::get(2, type.getElementType()), pair);
    row = row ? arith::AddFOp::create(b, row, two).getResult() : two;
  }
  for (Value &row : rows) {
    auto [low, high] = lane.floats(type.getElementType(), LLVM::BitcastOp::create(b, b.getI32Type(), row));
    row = arith::AddFOp::create(b, low, high);
  }
  return rows;
}

struct RowReducePattern : LanePattern<tile::RowReduceOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::RowReduceOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    if (op.getValue().getType().getLayout() == tile::Layout::Operand) {
      rewriter.replaceOpWithMultiple(op, {sumOfPairs(lane, op.getValue().getType(), adaptor.getValue())});
      return success();
    }
    auto combine = [&](Value x, Value y) -> Value {
      switch (op.getKind()) {
      case tile::Reduction::Max:
        return arith::MaxNumFOp::create(b, x, y);
      case tile::Reduction::Min:
        return arith::MinNumFOp::create(b, x, y);
      case tile::Reduction::Sum:
        return arith::AddFOp::create(b, x, y);
      case tile::Reduction::Peak:
        return peak(b, x, y);
      }
      return {};
    };
    FragType type = op.getValue().getType();
    Values rows(tile::rowsPerLane(type));
    for (auto [i, value] : llvm::enumerate(adaptor.getValue())) {
      Value &row = rows[tile::rowIndex(type, i)];
      row = row ? combine(row, value) : value;
    }
    if (op.getResult().getType().getLayout() == tile::Layout::Row)
      for (Value &row : rows) // A row is spread over the four lanes of one g, or the eight of one c.
        for (int64_t first = type.getSwapped() ? 4 : 1, mask = first; mask < first * tile::lanesPerRow(type); mask *= 2)
          row = combine(row, lane.exchange(row, mask));
    rewriter.replaceOpWithMultiple(op, {rows});
    return success();
  }
};

struct LastColumnPattern : LanePattern<tile::LastColumnOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::LastColumnOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    FragType type = op.getValue().getType();
    Values rows(type.getRows() / 8);
    for (auto [i, value] : llvm::enumerate(adaptor.getValue())) // The last ones stay; every lane has one of eight.
      rows[tile::rowIndex(type, i)] = value;
    rewriter.replaceOpWithMultiple(op, {rows});
    return success();
  }
};

struct AnyPattern : LanePattern<tile::AnyOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::AnyOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value any;
    for (ValueRange conditions : adaptor.getConditions())
      for (Value condition : conditions)
        any = any ? arith::OrIOp::create(b, any, condition).getResult() : condition;
    Lane lane(b, facts);
    if (op.getWarpgroup())
      any = ptx::barrierAny(b, lane.add(lane.warpgroup(), facts.ownBarrier()), any);
    // The vote also tells the assembler that a warp's lanes agree.
    Value everyLane = lane.i32(-1);
    rewriter.replaceOpWithNewOp<NVVM::VoteSyncOp>(op, b.getI1Type(), everyLane, any, NVVM::VoteSyncKind::any);
    return success();
  }
};

/// Registers of 16-row fragments come in pairs (accumulator, columns) or singly (row) per half; swapped ones alternate.
struct SplitPattern : LanePattern<tile::SplitOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::SplitOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    Values halves[2];
    for (auto [i, value] : llvm::enumerate(adaptor.getValue()))
      halves[tile::rowIndex(op.getValue().getType(), i)].push_back(value);
    rewriter.replaceOpWithMultiple(op, {halves[0], halves[1]});
    return success();
  }
};

struct StackPattern : LanePattern<tile::StackOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::StackOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    FragType type = op.getResult().getType();
    ValueRange halves[2] = {adaptor.getUpper(), adaptor.getLower()};
    Values stacked;
    size_t next[2] = {0, 0};
    for (int64_t i = 0, e = tile::registersPerLane(type); i < e; ++i) {
      int64_t half = tile::rowIndex(type, i);
      stacked.push_back(halves[half][next[half]++]);
    }
    rewriter.replaceOpWithMultiple(op, {stacked});
    return success();
  }
};

struct ConvertPattern : LanePattern<tile::ConvertOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ConvertOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    FragType type = op.getResult().getType();
    ValueRange x = adaptor.getValue();
    Values pairs;
    // Neighbouring columns are neighbouring registers: the accumulator's order is the operand's. Swapped, the
    // neighbours are rows of one key, where the operand has keys of one row.
    for (size_t i = 0; i < x.size(); i += 2) {
      Value pair = lane.pack(type.getElementType(), x[i], x[i + 1]);
      pairs.push_back(type.getSwapped() ? ptx::transpose(b, pair) : pair);
    }
    rewriter.replaceOpWithMultiple(op, {pairs});
    return success();
  }
};

} // namespace

void lla::populateElementwisePatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<FillPattern, MapPattern, RowReducePattern, LastColumnPattern, AnyPattern, SplitPattern,
               StackPattern, ConvertPattern>(converter, patterns.getContext(), facts);
  patterns.add<Log2Pattern>(converter, patterns.getContext());
}
