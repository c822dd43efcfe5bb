//===- Dot.cpp - mma.sync and wgmma ---------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"

using namespace mlir;
using namespace lla;
using tile::FragType;

//===----------------------------------------------------------------------===//
// mma.sync m16n8k16
//===----------------------------------------------------------------------===//

/// c + a b for one block of 16 x 8, four fp32 registers a lane.
static Values mma(Lane &lane, Type element, ValueRange a, ValueRange bOperand, ValueRange accumulator) {
  ImplicitLocOpBuilder &b = lane.b;
  auto operand = [&](ValueRange pairs) {
    Values values;
    for (Value pair : pairs) // bf16 pairs are i32 operands, f16 pairs vectors.
      values.push_back(element.isBF16() ? pair
                                        : Value(LLVM::BitcastOp::create(b, VectorType::get(2, element), pair)));
    return values;
  };
  NVVM::MMATypes type = element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  Value product = NVVM::MmaOp::create(b, result, operand(a), operand(bOperand), accumulator,
                                      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
                                      std::array<NVVM::MMATypes, 2>{type, type},
                                      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Values values;
  for (int64_t i = 0; i < 4; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return values;
}

/// The pairs of 8 columns in `registers`: these, or as many bytes widened to `element`.
static Values pairsOf(Lane &lane, Type element, FragType type, ValueRange registers) {
  if (!type.isOfBytes())
    return Values(registers);
  Values pairs;
  for (Value bytes : registers) {
    auto [low, high] = lane.widen(element, bytes);
    pairs.append({low, high});
  }
  return pairs;
}

/// keys x rows, transposed: 16 keys are the rows of a product, in two chains likewise, and eight rows its columns.
static Values keysTimesRows(Lane &lane, FragType aType, FragType bType, ValueRange rows, ValueRange keys) {
  int64_t steps = aType.getColumns() / 32, registers = bType.isOfBytes() ? 2 : 4;
  Values result;
  for (int64_t n = 0; n < bType.getRows() / 8; n += 2) {
    Values chains[2] = {Values(4, lane.f32(0)), Values(4, lane.f32(0))};
    for (int64_t j = 0; j < steps; ++j) {
      auto pairs = [&](int64_t block) {
        return pairsOf(lane, aType.getElementType(), bType, keys.slice((block * steps + j) * registers, registers));
      };
      Values upper = pairs(n), lower = pairs(n + 1);
      for (int64_t h : {0, 1}) {
        Value k[] = {upper[2 * h], lower[2 * h], upper[2 * h + 1], lower[2 * h + 1]};
        chains[h] = mma(lane, aType.getElementType(), k, rows.slice(4 * j + 2 * h, 2), chains[h]);
      }
    }
    for (auto [x, y] : llvm::zip(chains[0], chains[1]))
      result.push_back(arith::AddFOp::create(lane.b, x, y));
  }
  return result;
}

/// rows x keys, transposed. Two accumulator chains, since the steps of one would wait for each other.
static Values rowsTimesKeys(Lane &lane, FragType aType, FragType bType, ValueRange a, ValueRange keys) {
  int64_t steps = aType.getColumns() / 32, registers = bType.isOfBytes() ? 2 : 4;
  Values result;
  for (int64_t n = 0; n < bType.getRows() / 8; ++n) {
    Values even(4, lane.f32(0)), odd(4, lane.f32(0));
    for (int64_t j = 0; j < steps; ++j) {
      Values k = pairsOf(lane, aType.getElementType(), bType, keys.slice((n * steps + j) * registers, registers));
      ValueRange rows = a.slice(8 * j, 8), pairs = k;
      even = mma(lane, aType.getElementType(), rows.take_front(4), pairs.take_front(2), even);
      odd = mma(lane, aType.getElementType(), rows.drop_front(4), pairs.drop_front(2), odd);
    }
    for (auto [x, y] : llvm::zip(even, odd))
      result.push_back(arith::AddFOp::create(lane.b, x, y));
  }
  return result;
}

/// Of the columns in a register of two neighbouring keys, each one's pair: a column of both. Bytes are paired first:
/// that takes half as many permutations.
static Values pairKeys(Lane &lane, Type element, FragType type, Value first, Value second) {
  if (!type.isOfBytes())
    return {lane.permute(first, second, 0x5410), lane.permute(first, second, 0x7632)};
  Values pairs;
  for (int64_t selector : {0x5140, 0x7362}) {
    auto [low, high] = lane.widen(element, lane.permute(first, second, selector));
    pairs.append({low, high});
  }
  return pairs;
}

/// accumulator + operand x values, in layout columns; swapped, values x operand: 16 columns are the rows of a product.
static Values operandTimesValues(Lane &lane, FragType aType, FragType bType, ValueRange a, ValueRange values,
                                 ValueRange accumulator) {
  int64_t panels = bType.getColumns() / 64, registers = bType.isOfBytes() ? 2 : 4;
  Type element = aType.getElementType();
  Values result(accumulator);
  auto add = [&](int64_t block, ValueRange first, ValueRange second) {
    Values sum = mma(lane, element, first, second, ValueRange(result).slice(4 * block, 4));
    llvm::copy(sum, result.begin() + 4 * block);
  };
  for (int64_t u = 0; u < bType.getRows() / 16; ++u)
    for (int64_t j = 0; j < panels; ++j)
      for (int64_t e = 0; e < registers; ++e) {
        auto row = [&](int64_t i) { return values[((u * 4 + i) * panels + j) * registers + e]; };
        Values upper = pairKeys(lane, element, bType, row(0), row(1)),
               lower = pairKeys(lane, element, bType, row(2), row(3));
        int64_t columns = upper.size(), first = 8 * j + columns * e;
        if (aType.getSwapped())
          for (int64_t x = 0; x < columns; x += 2)
            add((first + x) / 2, {upper[x], upper[x + 1], lower[x], lower[x + 1]}, a.slice(2 * u, 2));
        else
          for (int64_t x = 0; x < columns; ++x)
            add(first + x, a.slice(4 * u, 4), {upper[x], lower[x]});
      }
  return result;
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// Bytes that matrix descriptors count in, and where they have the offset of the leading dimension.
constexpr int64_t descriptorUnit = 16, leadingShift = 16;

/// Matrix descriptor of a tile of type `type`, or some of it, at shared address `address`: start, leading-dimension and
/// stride (from 8 rows to the next) offsets in units of 16 bytes, and the swizzle of its rows (PTX ISA 9.7.15.5.1).
static Value descriptor(Lane &lane, tile::SharedType type, Value address, Value leadingBytes) {
  ImplicitLocOpBuilder &b = lane.b;
  int64_t strideBytes = 8 * type.getRowBytes(), swizzle = (type.hasWidePanels() ? int64_t(1) : 2) << 62;
  auto units = [&](Value bytes) -> Value {
    return arith::ShRUIOp::create(b, arith::AndIOp::create(b, bytes, lane.i32(0x3ffff)), lane.i32(4));
  };
  Value leading = arith::ShLIOp::create(b, units(leadingBytes), lane.i32(leadingShift));
  Value low = arith::ExtUIOp::create(b, b.getI64Type(), arith::OrIOp::create(b, units(address), leading));
  return arith::OrIOp::create(b, low, lane.i64((strideBytes / descriptorUnit) << 32 | swizzle));
}

/// Offsets, in units of 16 bytes, of the 16-column steps of a tile.
static SmallVector<int64_t> stepOffsets(tile::SharedType type) {
  SmallVector<int64_t> offsets;
  for (int64_t column = 0; column < type.getColumns(); column += 16)
    offsets.push_back((column / type.getPanelColumns() * type.getPanelBytes() + column % type.getPanelColumns() * 2) /
                      descriptorUnit);
  return offsets;
}

static Values sharedTimesShared(Lane &lane, tile::SharedType aType, tile::SharedType bType, Value a, Value bTile) {
  // This warpgroup's 64 rows of the first operand; those behind its last rows start over with the first.
  Value warpgroup = arith::ShRUIOp::create(lane.b, lane.add(lane.warp(), -lane.facts.producerWarps), lane.i32(2));
  if (lane.facts.warps > aType.getRows() / 16)
    warpgroup = lane.rem(warpgroup, aType.getRows() / 64);
  Value rows = lane.add(a, lane.mul(warpgroup, 64 * aType.getRowBytes())), unusedLeading = lane.i32(descriptorUnit);
  return ptx::wgmmaShared(lane.b, aType.getElementType(), bType.getRows(), descriptor(lane, aType, rows, unusedLeading),
                          descriptor(lane, bType, bTile, unusedLeading), stepOffsets(aType), stepOffsets(bType));
}

static Values operandTimesKeys(Lane &lane, tile::SharedType bType, ValueRange a, Value bTile) {
  return ptx::wgmmaRegistersKeys(lane.b, bType.getElementType(), bType.getRows(), a,
                                 descriptor(lane, bType, bTile, lane.i32(descriptorUnit)), stepOffsets(bType));
}

/// Offsets, in units of 16 bytes, of the steps of 16 rows of a tile that is read transposed.
static SmallVector<int64_t> rowStepOffsets(tile::SharedType type) {
  SmallVector<int64_t> offsets;
  for (int64_t row = 0; row < type.getRows(); row += 16)
    offsets.push_back(row * type.getRowBytes() / descriptorUnit);
  return offsets;
}

/// Bytes from a panel of a tile that is read transposed to the next.
static int64_t leadingBytes(tile::SharedType type) {
  return type.getPanels() > 1 ? type.getPanelBytes() : descriptorUnit;
}

/// The first operand is 64 rows for all: what a weigher handed over.
static Values sharedTimesValues(Lane &lane, tile::SharedType aType, tile::SharedType bType, Value a, Value bTile,
                                ValueRange accumulator) {
  return ptx::wgmmaSharedValues(lane.b, aType.getElementType(), bType.getColumns(),
                                descriptor(lane, aType, a, lane.i32(descriptorUnit)),
                                descriptor(lane, bType, bTile, lane.i32(leadingBytes(bType))), stepOffsets(aType),
                                rowStepOffsets(bType), accumulator);
}

/// `ones` is null, or a panel of 16 rows that stands behind the only one of `bTile` at every step: the leading
/// dimension's offset shrinks by what the start grows.
static Values operandTimesShared(Lane &lane, tile::SharedType bType, ValueRange a, Value bTile, Value ones,
                                 ValueRange accumulator) {
  constexpr int64_t rows = 16;
  int64_t stepUnits = rows * bType.getRowBytes() / descriptorUnit;
  int64_t step = ones ? stepUnits - (stepUnits << leadingShift) : stepUnits;
  SmallVector<int64_t> offsets;
  for (int64_t i = 0; i < bType.getRows() / rows; ++i)
    offsets.push_back(i * step);
  Value leading = ones ? arith::SubIOp::create(lane.b, ones, bTile).getResult() : lane.i32(leadingBytes(bType));
  return ptx::wgmmaRegisters(lane.b, bType.getElementType(), bType.getColumns() + (ones ? 8 : 0), a,
                             descriptor(lane, bType, bTile, leading), offsets, accumulator);
}

namespace {

struct DotPattern : LanePattern<tile::DotOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::DotOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    auto aFrag = dyn_cast<FragType>(op.getA().getType()), bFrag = dyn_cast<FragType>(op.getB().getType());
    auto aShared = dyn_cast<tile::SharedType>(op.getA().getType()),
         bShared = dyn_cast<tile::SharedType>(op.getB().getType());
    ValueRange a = adaptor.getA(), second = adaptor.getB();
    Values accumulator(adaptor.getAccumulator());
    if (accumulator.empty() && !op.getTransposeB())
      accumulator.assign(tile::registersPerLane(op.getResult().getType()), lane.f32(0));
    Values result;
    if (aShared && !op.getTransposeB())
      result = sharedTimesValues(lane, aShared, bShared, a.front(), second.front(), accumulator);
    else if (aShared && !op.getAccumulator())
      result = sharedTimesShared(lane, aShared, bShared, a.front(), second.front());
    else if (aFrag && bShared && op.getTransposeB() && !op.getAccumulator())
      result = operandTimesKeys(lane, bShared, a, second.front());
    else if (aFrag && bShared && !op.getTransposeB())
      result = operandTimesShared(lane, bShared, a, second.front(), onlyValue(adaptor.getOnes()), accumulator);
    else if (aFrag && bFrag.getLayout() == tile::Layout::Values)
      result = operandTimesValues(lane, aFrag, bFrag, a, second, accumulator);
    else if (aFrag && bFrag.getLayout() == tile::Layout::Keys && !op.getAccumulator())
      result = (aFrag.getSwapped() ? keysTimesRows : rowsTimesKeys)(lane, aFrag, bFrag, a, second);
    else
      return rewriter.notifyMatchFailure(op, "expected a product of this machine");
    rewriter.replaceOpWithMultiple(op, {result});
    return success();
  }
};

struct ColumnsPattern : LanePattern<tile::ColumnsOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::ColumnsOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    tile::SharedType tile = op.getTile().getType();
    int64_t columnBytes = tile.getPanelBytes() / tile.getPanelColumns();
    rewriter.replaceOp(op, lane.add(adaptor.getTile().front(), lane.mul(adaptor.getColumn().front(), columnBytes)));
    return success();
  }
};

struct WaitPattern : LanePattern<tile::WaitOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::WaitOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    SmallVector<Values> results;
    for (ValueRange value : adaptor.getValues())
      results.push_back(ptx::wgmmaWait(b, op.getPending(), op->getParentRegion()->getRegionNumber(), value));
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }
};

} // namespace

void lla::populateDotPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<DotPattern, ColumnsPattern, WaitPattern>(converter, patterns.getContext(), facts);
}
