//===- Vectors.cpp - code on vectors of one register ----------------------===//

#include "compiler/Conversion/TileToVector/Vectors.h"
#include <limits>

using namespace mlir;
using namespace lla;

/// e4m3, which LLVM does not have.
static bool isByte(Type element) { return isa<Float8E4M3FNType>(element); }

//===----------------------------------------------------------------------===//
// Scalars and addresses
//===----------------------------------------------------------------------===//

Value Vectors::index(int64_t value) { return arith::ConstantIntOp::create(b, value, 64); }
Value Vectors::i32(int64_t value) { return arith::ConstantIntOp::create(b, value, 32); }
Value Vectors::f32(double value) { return constant(b.getF32Type(), value); }
Value Vectors::add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
Value Vectors::mul(Value x, Value y) { return arith::MulIOp::create(b, x, y); }

Value Vectors::toIndex(Value integer) {
  return integer.getType().isInteger(64) ? integer : arith::ExtSIOp::create(b, b.getI64Type(), integer).getResult();
}

Value Vectors::at(Value pointer, OpFoldResult elements, Type element) {
  Value count = dyn_cast<Value>(elements);
  if (!count)
    count = index(cast<IntegerAttr>(cast<Attribute>(elements)).getInt());
  if (isByte(element))
    element = b.getI8Type();
  return LLVM::GEPOp::create(b, pointer.getType(), element, pointer, ArrayRef<LLVM::GEPArg>{count});
}

/// A float, or a vector of floats, of one value.
Value Vectors::constant(Type type, double value) {
  TypedAttr attr = b.getF32FloatAttr(static_cast<float>(value));
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(b, type, attr);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// What an element is in memory: i1 takes 32 bits, e4m3 is an i8.
static Type memoryType(Type element) {
  if (isByte(element))
    return IntegerType::get(element.getContext(), 8);
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 32) : element;
}

/// i32 in the shape of `floats`.
static Type wordsOf(Type floats) {
  Type word = IntegerType::get(floats.getContext(), 32);
  auto vector = dyn_cast<VectorType>(floats);
  return vector ? Type(vector.clone(word)) : word;
}

/// `value` as a number, or a vector of it, of type `type`.
static Value splatConstant(ImplicitLocOpBuilder &b, Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, value);
  return arith::ConstantOp::create(b, type, value);
}
static Value wordConstant(ImplicitLocOpBuilder &b, Type words, int32_t value) {
  return splatConstant(b, words, b.getI32IntegerAttr(value));
}

/// e4m3 bytes as f32. Their exponent and mantissa are moved to where those of f32 are; where the exponent is 0, they
/// are those of 2^-6 plus what the byte stands for: no step makes a denormal, which would take a CPU a hundred cycles.
static Value bytesToSingles(ImplicitLocOpBuilder &b, Value bytes) {
  auto vector = dyn_cast<VectorType>(bytes.getType());
  Type floats = vector ? Type(vector.clone(b.getF32Type())) : b.getF32Type(), words = wordsOf(floats);
  auto word = [&](int32_t value) { return wordConstant(b, words, value); };
  auto single = [&](float value) { return splatConstant(b, floats, b.getF32FloatAttr(value)); };
  Value wide = arith::ExtUIOp::create(b, words, bytes);
  Value code = arith::AndIOp::create(b, wide, word(0x7f));
  Value magnitude = arith::ShLIOp::create(b, code, word(20));
  auto withExponent = [&](int32_t exponent) -> Value {
    return arith::BitcastOp::create(b, floats, arith::AddIOp::create(b, magnitude, word(exponent << 23)));
  };
  auto where = [&](arith::CmpIPredicate predicate, int32_t limit, Value then, Value otherwise) -> Value {
    return arith::SelectOp::create(b, arith::CmpIOp::create(b, predicate, code, word(limit)), then, otherwise);
  };
  Value small = arith::SubFOp::create(b, withExponent(121), single(0x1p-6f));
  Value value = where(arith::CmpIPredicate::ult, 8, small, withExponent(120));
  value = where(arith::CmpIPredicate::eq, 0x7f, single(std::numeric_limits<float>::quiet_NaN()), value);
  Value sign = arith::ShLIOp::create(b, arith::AndIOp::create(b, wide, word(0x80)), word(24));
  Value bits = arith::OrIOp::create(b, arith::BitcastOp::create(b, words, value), sign);
  return arith::BitcastOp::create(b, floats, bits);
}

/// Memory representation to computing representation, of scalars and vectors alike.
static Value widen(ImplicitLocOpBuilder &b, Value value, Type element) {
  auto as = [&](Type type) -> Type {
    auto vector = dyn_cast<VectorType>(value.getType());
    return vector ? vector.clone(type) : type;
  };
  if (element.isInteger(1))
    return arith::TruncIOp::create(b, as(element), value);
  if (element.isF32() || element.isInteger(32))
    return value;
  if (isByte(element))
    return bytesToSingles(b, value);
  return arith::ExtFOp::create(b, as(b.getF32Type()), value);
}

/// A vector to bf16, to nearest even, in integers: older CPUs have no instruction, and LLVM then calls a library.
static Value roundToBF16(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<VectorType>(value.getType());
  VectorType words = type.clone(b.getI32Type()), halves = type.clone(b.getI16Type());
  auto constant = [&](int32_t bits) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(words, b.getI32IntegerAttr(bits)));
  };
  Value bits = arith::BitcastOp::create(b, words, value);
  Value upper = arith::ShRUIOp::create(b, bits, constant(16));
  Value odd = arith::AndIOp::create(b, upper, constant(1));
  Value rounded = arith::AddIOp::create(b, bits, arith::AddIOp::create(b, odd, constant(0x7fff)));
  rounded = arith::ShRUIOp::create(b, rounded, constant(16));
  // Rounding could carry a NaN's payload away: it becomes quiet instead.
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  rounded = arith::SelectOp::create(b, isNaN, arith::OrIOp::create(b, upper, constant(0x40)), rounded);
  return arith::BitcastOp::create(b, type.clone(b.getBF16Type()), arith::TruncIOp::create(b, halves, rounded));
}

static Value narrow(ImplicitLocOpBuilder &b, Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  Type type = vector ? Type(vector.clone(memoryType(element))) : memoryType(element);
  if (element.isInteger(1))
    return arith::ExtSIOp::create(b, type, value);
  if (element.isF32() || element.isInteger(32))
    return value;
  return element.isBF16() ? roundToBF16(b, value) : arith::TruncFOp::create(b, type, value).getResult();
}

static unsigned alignmentOf(Type element) { return memoryType(element).getIntOrFloatBitWidth() / 8; }

Value Vectors::load(Value pointer, Type element, int64_t live) {
  auto stored = VectorType::get({live}, memoryType(element));
  Value vector = widen(b, LLVM::LoadOp::create(b, stored, pointer, alignmentOf(element)), element);
  if (live == lanes)
    return vector;
  // Widened to a register with zeros from a vector of the same type.
  SmallVector<int64_t> mask;
  for (int64_t i = 0; i < lanes; ++i)
    mask.push_back(std::min(i, live));
  auto type = cast<VectorType>(vector.getType());
  Value zeros = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
  return shuffle(vector, zeros, mask);
}

void Vectors::store(Value vector, Value pointer, Type element, int64_t live) {
  if (live < lanes)
    vector = shuffle(vector, vector, llvm::to_vector(llvm::seq<int64_t>(live)));
  LLVM::StoreOp::create(b, narrow(b, vector, element), pointer, alignmentOf(element));
}

Value Vectors::loadScalar(Value pointer, Type element) {
  return widen(b, LLVM::LoadOp::create(b, memoryType(element), pointer, alignmentOf(element)), element);
}

void Vectors::storeScalar(Value scalar, Value pointer, Type element) {
  LLVM::StoreOp::create(b, narrow(b, scalar, element), pointer, alignmentOf(element));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value Vectors::splat(Value scalar) { return vector::BroadcastOp::create(b, type(scalar.getType()), scalar); }
Value Vectors::zero() { return constant(type(b.getF32Type()), 0); }

Value Vectors::lane() {
  SmallVector<int32_t> values = llvm::to_vector(llvm::seq<int32_t>(lanes));
  return arith::ConstantOp::create(b, DenseIntElementsAttr::get(type(b.getI32Type()), values));
}

Value Vectors::firstLanes(int64_t live) {
  SmallVector<bool> values;
  for (int64_t i = 0; i < lanes; ++i)
    values.push_back(i < live);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type(b.getI1Type()), values));
}

Value Vectors::fma(Value x, Value y, Value z) { return LLVM::FMulAddOp::create(b, x, y, z); }

/// 2^x = 2^n 2^f with n = x rounded to an integer and |f| <= 1/2. The polynomial interpolates 2^f at
/// seven Chebyshev nodes; 8.2e-8 is the largest relative error seen, rounding included. Adding 1.5 * 2^23
/// rounds x to an integer and leaves n in the low bits, where a shift makes it the exponent of 2^n.
///
/// Exactly 0 below -126.5 (-inf too), +inf from 127.5 on; NaN stays NaN, since both clamps keep it and
/// the last step multiplies.
Value Vectors::exp2(Value x) {
  constexpr double coefficients[] = {0.0001546144469856913,
                                     0.0013400428177615838,
                                     0.009618056678524637,
                                     0.05550327226670302,
                                     0.24022650922288757,
                                     0.6931472067028326,
                                     1.0};
  Type floats = x.getType(), integers = wordsOf(floats);
  auto clamp = [&](arith::CmpFPredicate beyond, double limit) {
    Value bound = constant(floats, limit);
    x = arith::SelectOp::create(b, arith::CmpFOp::create(b, beyond, x, bound), bound, x);
  };
  clamp(arith::CmpFPredicate::OLT, -127);
  clamp(arith::CmpFPredicate::OGT, 128);
  Value rounder = constant(floats, 12582912.0);
  Value shifted = arith::AddFOp::create(b, x, rounder);
  Value fraction = arith::SubFOp::create(b, x, arith::SubFOp::create(b, shifted, rounder));
  Value power = constant(floats, coefficients[0]);
  for (double coefficient : llvm::ArrayRef(coefficients).drop_front())
    power = fma(power, fraction, constant(floats, coefficient));

  auto integer = [&](int32_t value) { return wordConstant(b, integers, value); };
  Value bits = arith::BitcastOp::create(b, integers, shifted);
  Value exponent = arith::AddIOp::create(b, arith::ShLIOp::create(b, bits, integer(23)), integer(0x3f800000));
  return arith::MulFOp::create(b, power, arith::BitcastOp::create(b, floats, exponent));
}

/// log2 x = n + log2(1 + f) with x = 2^n (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)). The polynomial interpolates
/// log2(1 + f)/f at nine Chebyshev nodes; of log2(1 + f), 5.9e-8 is the largest error seen, rounding included.
/// Subtracting the bits of sqrt(1/2) leaves n, rounded down, above the mantissa.
///
/// -inf for what is less than the least normal number, 0 above all; +inf and NaN stay what they are.
Value Vectors::log2(Value x) {
  constexpr double coefficients[] = {0.12310968461380624,  -0.2058618804781205, 0.21607822552713335,
                                     -0.23916988140608858, 0.28790326092464597, -0.3606932681351369,
                                     0.480910753459401,    -0.7213474682495645, 1.4426950035679822};
  Type floats = x.getType(), integers = wordsOf(floats);
  auto integer = [&](int32_t value) { return wordConstant(b, integers, value); };
  Value bits = arith::BitcastOp::create(b, integers, x);
  Value exponent = arith::ShRSIOp::create(b, arith::SubIOp::create(b, bits, integer(0x3f3504f3)), integer(23));
  Value mantissa = arith::SubIOp::create(b, bits, arith::ShLIOp::create(b, exponent, integer(23)));
  Value fraction = arith::SubFOp::create(b, arith::BitcastOp::create(b, floats, mantissa), constant(floats, 1));
  Value slope = constant(floats, coefficients[0]);
  for (double coefficient : llvm::ArrayRef(coefficients).drop_front())
    slope = fma(slope, fraction, constant(floats, coefficient));
  Value logarithm = fma(slope, fraction, arith::SIToFPOp::create(b, floats, exponent));

  auto where = [&](arith::CmpFPredicate predicate, double limit, Value then, Value otherwise) -> Value {
    return arith::SelectOp::create(b, arith::CmpFOp::create(b, predicate, x, constant(floats, limit)), then, otherwise);
  };
  constexpr double infinity = std::numeric_limits<double>::infinity(), leastNormal = 0x1p-126;
  logarithm = where(arith::CmpFPredicate::OLT, leastNormal, constant(floats, -infinity), logarithm);
  return where(arith::CmpFPredicate::OLT, infinity, logarithm, x);
}

Value Vectors::shuffle(Value x, Value y, ArrayRef<int64_t> mask) { return vector::ShuffleOp::create(b, x, y, mask); }

std::pair<Value, Value> Vectors::exchange(Value x, Value y, int64_t stride) {
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes; ++i) {
    bool ofY = i & stride;
    low.push_back(ofY ? lanes + i - stride : i);
    high.push_back(ofY ? lanes + i : i + stride);
  }
  return {shuffle(x, y, low), shuffle(x, y, high)};
}

Vectors::Values Vectors::transpose(Values rows) {
  for (int64_t stride = 1; stride < lanes; stride *= 2)
    for (int64_t i = 0; i < lanes; ++i)
      if (!(i & stride))
        std::tie(rows[i], rows[i + stride]) = exchange(rows[i], rows[i + stride], stride);
  return rows;
}

Value Vectors::reduceEach(Values vectors, Combine combine) {
  for (int64_t stride = 1; stride < lanes; stride *= 2) {
    Values halved;
    size_t step = vectors.size() > 1 ? 2 : 1;
    for (size_t i = 0; i < vectors.size(); i += step) {
      auto [low, high] = exchange(vectors[i], vectors[i + step - 1], stride);
      halved.push_back(combine(low, high));
    }
    vectors = std::move(halved);
  }
  return vectors.front();
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Vectors::Values Vectors::loop(int64_t end, int64_t step, ValueRange carried, Body body) {
  if (end <= step)
    return end > 0 ? body(index(0), carried) : Values(carried);
  auto loop = scf::ForOp::create(b, index(0), index(end), index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(b, next);
  return Values(loop.getResults());
}

void Vectors::loop(int64_t end, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(end, step, ValueRange(), [&](Value iv, ValueRange) -> Values {
    body(iv);
    return {};
  });
}

void Vectors::loop(Value begin, Value end, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, begin, end, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void Vectors::branch(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}
