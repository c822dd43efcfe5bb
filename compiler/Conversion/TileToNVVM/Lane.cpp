//===- Lane.cpp - one lane's share of a kernel ----------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include "dialect/Spec/KernelArguments.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cstddef>
#include <limits>

using namespace mlir;
using namespace lla;

SmallVector<Type> ViewValues::types(MLIRContext *context) {
  Builder b(context);
  Type global = LLVM::LLVMPointerType::get(context, 1), map = LLVM::LLVMPointerType::get(context);
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  return {global, i64, i64, i32, i32, i32, i32, map, map, global, i64};
}

ViewValues ViewValues::of(ValueRange v) { return {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]}; }

int64_t ViewValues::constant(Value value) {
  llvm::APInt constant;
  [[maybe_unused]] bool isConstant = matchPattern(value, m_ConstantInt(&constant));
  assert(isConstant && "a view's op gives it");
  return constant.getSExtValue();
}

Value Lane::i32(int64_t value) { return arith::ConstantIntOp::create(b, value, 32); }
Value Lane::i64(int64_t value) { return arith::ConstantIntOp::create(b, value, 64); }
Value Lane::f32(double value) {
  return arith::ConstantFloatOp::create(b, b.getF32Type(), llvm::APFloat(static_cast<float>(value)));
}
Value Lane::add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
Value Lane::mul(Value x, Value y) { return arith::MulIOp::create(b, x, y); }
Value Lane::add(Value x, int64_t y) {
  return y == 0 ? x : add(x, arith::ConstantIntOp::create(b, x.getType(), y));
}
Value Lane::mul(Value x, int64_t y) {
  return y == 1 ? x : mul(x, arith::ConstantIntOp::create(b, x.getType(), y));
}
Value Lane::div(Value x, int64_t y) { return y == 1 ? x : Value(arith::DivUIOp::create(b, x, i32(y))); }
Value Lane::rem(Value x, int64_t y) { return y == 1 ? i32(0) : Value(arith::RemUIOp::create(b, x, i32(y))); }
Value Lane::less(Value x, Value y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y); }
Value Lane::both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
Value Lane::equal(Value x, int64_t y) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, i32(y)); }
Value Lane::extend(Value value) { return arith::ExtSIOp::create(b, b.getI64Type(), value); }

Value Lane::thread() { return NVVM::ThreadIdXOp::create(b, b.getI32Type()); }
Value Lane::lane() { return arith::AndIOp::create(b, thread(), i32(31)); }
Value Lane::g() { return arith::ShRUIOp::create(b, lane(), i32(2)); }
Value Lane::c() { return arith::AndIOp::create(b, lane(), i32(3)); }
Value Lane::at(Value base, const tile::LanePosition &place) {
  if (place.ofG)
    base = add(base, mul(g(), place.ofG));
  if (place.ofC)
    base = add(base, mul(c(), place.ofC));
  return add(base, place.offset);
}
Value Lane::isFirstOfRow(tile::FragType type) { return equal(type.getSwapped() ? g() : c(), 0); }
Value Lane::warp() {
  Value own = arith::ShRUIOp::create(b, thread(), i32(5));
  return ofLane(own, i32(0));
}
Value Lane::warpgroup() {
  return arith::ShRUIOp::create(b, add(warp(), -facts.producerWarps), i32(2));
}

Value Lane::clusterRank() { return rem(NVVM::BlockIdYOp::create(b, b.getI32Type()), facts.cluster); }

FlatRun Lane::flat(tile::FragType type, int64_t i) {
  int64_t threads = facts.threads(), ctas = type.getThreads() / threads, elements = type.getRows() * type.getColumns();
  int64_t share = tile::flatShare(elements, ctas), length = tile::flatRun(type);
  FlatRun run;
  run.within = mul(add(thread(), i * threads), length);
  auto clamp = [&](Value &x, int64_t end) {
    Value inside = less(x, i32(end));
    run.inside = run.inside ? both(run.inside, inside) : inside;
    x = arith::MinSIOp::create(b, x, i32(end - length));
  };
  if ((i + 1) * threads * length > share)
    clamp(run.within, share);
  run.index = run.within;
  if (ctas > 1)
    run.index = add(mul(clusterRank(), share), run.within);
  if (share * ctas > elements)
    clamp(run.index, elements);
  return run;
}

Value Lane::sharedAddress(int64_t offset) {
  Value base = LLVM::AddressOfOp::create(b, facts.sharedMemory);
  return add(LLVM::PtrToIntOp::create(b, b.getI32Type(), base), offset);
}
Value Lane::sharedPointer(Value address) {
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 3), address);
}

Value Lane::field(llvm::StringRef name) {
  struct Field {
    int64_t offset;
    Type type;
  };
  Type pointer = b.getI64Type(); // Read as an integer, so that it can become a global pointer.
  Field field = llvm::StringSwitch<Field>(name)
#define LLA_POINTER(name, what) .Case(#name, {offsetof(KernelArguments, name), pointer})
#define LLA_I64(name, what) .Case(#name, {offsetof(KernelArguments, name), b.getI64Type()})
#define LLA_I32(name, what) .Case(#name, {offsetof(KernelArguments, name), b.getI32Type()})
#define LLA_F32(name, what) .Case(#name, {offsetof(KernelArguments, name), b.getF32Type()})
#include "dialect/Spec/KernelArguments.def"
                    .Default({0, Type()});
  Value address = LLVM::GEPOp::create(b, facts.record.getType(), b.getI8Type(), facts.record,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(field.offset)});
  auto load = LLVM::LoadOp::create(b, field.type, address);
  load.setInvariant(true);
  return load;
}

Value Lane::offset(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer, ValueRange{bytes});
}

Value Lane::element(const ViewValues &view, Value row, Value column, int64_t elementBytes) {
  int64_t rows = ViewValues::constant(view.queryRows);
  Value elements;
  if (rows == 1) {
    elements = mul(extend(row), view.rowStride);
  } else {
    Value of = div(row, rows), head = rem(row, rows);
    elements = add(mul(extend(of), view.rowStride), mul(extend(head), view.headStride));
  }
  return offset(view.base, mul(add(elements, extend(column)), elementBytes));
}

Value Lane::isOfHead(const ViewValues &view, Value row, Value limit) {
  int64_t heads = ViewValues::constant(view.group), rows = ViewValues::constant(view.queryRows);
  Value inside = less(row, limit);
  return heads == rows ? inside : both(inside, less(rem(row, rows), i32(heads)));
}

Value Lane::page(const ViewValues &view, int64_t pageSize, Value row, Value inside, bool early) {
  Value entry = offset(view.table, mul(extend(div(row, pageSize)), 4));
  Value given = early ? ptx::lookUpEarly(b, entry, inside) : ptx::lookUp(b, entry, inside);
  // Unsigned, so that numbers below 0 are out of range too. A pool without pages has no rows that are looked up.
  return arith::MinUIOp::create(b, given, add(field("pages"), -1));
}

ViewValues Lane::onPage(const ViewValues &view, int64_t pageSize, Value page, Value row, int64_t elementBytes) {
  Value elements = add(mul(extend(page), view.pageStride), mul(extend(rem(row, pageSize)), view.rowStride));
  ViewValues moved = view;
  moved.base = offset(view.base, mul(elements, elementBytes));
  return moved;
}

Value Lane::pack(Type element, Value low, Value high) {
  auto pair = VectorType::get(2, element);
  Value packed;
  if (element.isBF16())
    packed = NVVM::ConvertF32x2ToBF16x2Op::create(b, pair, high, low, Value(), NVVM::FPRoundingMode::RN);
  else
    packed = NVVM::ConvertF32x2ToF16x2Op::create(b, pair, high, low, Value(), NVVM::FPRoundingMode::RN);
  return LLVM::BitcastOp::create(b, b.getI32Type(), packed);
}

std::pair<Value, Value> Lane::floats(Type element, Value pair) {
  auto single = [&](Value bits) -> Value { return arith::BitcastOp::create(b, b.getF32Type(), bits); };
  if (element.isBF16()) // The upper half of an f32.
    return {single(arith::ShLIOp::create(b, pair, i32(16))), single(arith::AndIOp::create(b, pair, i32(~0xffff)))};
  auto half = [&](int64_t i) -> Value {
    Value halves = LLVM::BitcastOp::create(b, VectorType::get(2, element), pair);
    Value one = LLVM::ExtractElementOp::create(b, halves, i32(i));
    return arith::ExtFOp::create(b, b.getF32Type(), one);
  };
  return {half(0), half(1)};
}

/// An e4m3 byte, in the low bits of an i32, as f32. Its exponent and mantissa are moved to where those of f32 are;
/// where the exponent is 0, they are those of 2^-6 plus what the byte stands for. No step makes a denormal, which
/// kernels take for 0.
static Value byteToSingle(Lane &lane, Value byte) {
  ImplicitLocOpBuilder &b = lane.b;
  auto bits = [&](Value magnitude, int64_t exponent) -> Value {
    return LLVM::BitcastOp::create(b, b.getF32Type(), lane.add(magnitude, exponent << 23));
  };
  auto select = [&](arith::CmpIPredicate predicate, Value x, int64_t y, Value then, Value otherwise) -> Value {
    return arith::SelectOp::create(b, arith::CmpIOp::create(b, predicate, x, lane.i32(y)), then, otherwise);
  };
  Value code = arith::AndIOp::create(b, byte, lane.i32(0x7f));
  Value magnitude = arith::ShLIOp::create(b, code, lane.i32(20));
  Value small = arith::SubFOp::create(b, bits(magnitude, 121), lane.f32(0x1p-6));
  Value single = select(arith::CmpIPredicate::ult, code, 8, small, bits(magnitude, 120));
  single = select(arith::CmpIPredicate::eq, code, 0x7f, lane.f32(std::numeric_limits<float>::quiet_NaN()), single);
  Value sign = arith::ShLIOp::create(b, arith::AndIOp::create(b, byte, lane.i32(0x80)), lane.i32(24));
  Value signedBits = arith::OrIOp::create(b, LLVM::BitcastOp::create(b, b.getI32Type(), single), sign);
  return LLVM::BitcastOp::create(b, b.getF32Type(), signedBits);
}

std::pair<Value, Value> Lane::widen(Type element, Value bytes) {
  auto pairOf = [&](int64_t half) -> Value {
    if (!facts.convertsBytes) {
      auto single = [&](int64_t i) {
        Value byte = arith::ShRUIOp::create(b, bytes, i32(8 * (2 * half + i)));
        return byteToSingle(*this, byte);
      };
      return pack(element, single(0), single(1));
    }
    Value two = arith::TruncIOp::create(b, b.getI16Type(), half ? arith::ShRUIOp::create(b, bytes, i32(16)) : bytes);
    auto halves = VectorType::get(2, b.getF16Type());
    Value pair = LLVM::CallIntrinsicOp::create(b, halves, b.getStringAttr("llvm.nvvm.e4m3x2.to.f16x2.rn"), two)
                     .getResult(0);
    if (element.isF16())
      return LLVM::BitcastOp::create(b, b.getI32Type(), pair);
    auto single = [&](int64_t i) -> Value {
      return LLVM::FPExtOp::create(b, b.getF32Type(), LLVM::ExtractElementOp::create(b, pair, i32(i)));
    };
    return pack(element, single(0), single(1));
  };
  return {pairOf(0), pairOf(1)};
}

Value Lane::permute(Value first, Value second, int64_t selector) {
  return LLVM::CallIntrinsicOp::create(b, b.getI32Type(), b.getStringAttr("llvm.nvvm.prmt"),
                                       ValueRange{first, second, i32(selector)})
      .getResult(0);
}

Value Lane::exchange(Value x, int64_t mask) {
  return NVVM::ShflOp::create(b, x.getType(), i32(-1), x, i32(mask), i32(31), NVVM::ShflKind::bfly, UnitAttr());
}

Value Lane::ofLane(Value x, Value other) {
  return NVVM::ShflOp::create(b, x.getType(), i32(-1), x, other, i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Values Lane::transposeInRow(Values words) {
  // Two by two first, then the blocks of two.
  for (int64_t distance : {1, 2}) {
    Value isUpper =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, arith::AndIOp::create(b, c(), i32(distance)), i32(0));
    auto choose = [&](Value upper, Value lower) { return arith::SelectOp::create(b, isUpper, upper, lower); };
    for (int64_t i = 0; i < 4; ++i) {
      if (i & distance)
        continue;
      Value &first = words[i], &second = words[i + distance];
      Value received = exchange(choose(first, second), distance);
      std::tie(first, second) = std::pair<Value, Value>(choose(received, first), choose(second, received));
    }
  }
  return words;
}

void Lane::store(ValueRange values, Value pointer) {
  Type element = values.front().getType();
  Value together = values.front();
  if (values.size() > 1) {
    together = LLVM::PoisonOp::create(b, VectorType::get(values.size(), element));
    for (auto [i, value] : llvm::enumerate(values))
      together = LLVM::InsertElementOp::create(b, together, value, i32(i));
  }
  LLVM::StoreOp::create(b, together, pointer, /*alignment=*/element.getIntOrFloatBitWidth() / 8 * values.size());
}

void Lane::when(Value condition, llvm::function_ref<void()> then) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
}
