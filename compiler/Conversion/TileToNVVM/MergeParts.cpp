//===- MergeParts.cpp - parts of a run's state, added ---------------------===//

#include "compiler/Conversion/TileToNVVM/MergeParts.h"
#include <limits>

using namespace mlir;
using namespace lla;
using tile::FragType;

Part lla::addParts(Lane &lane, ArrayRef<Part> parts) {
  ImplicitLocOpBuilder &b = lane.b;
  bool probe = bool(parts.front().d2);
  size_t length = parts.front().o1.size();
  Value none = lane.f32(-std::numeric_limits<double>::infinity());
  Part sum{parts.front().m, {}, {}, parts.front().c, Values(length), Values(probe ? length : 0)};
  for (const Part &part : parts.drop_front()) {
    if (probe) {
      Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, part.m, sum.m);
      sum.c = arith::SelectOp::create(b, larger, part.c, sum.c);
    }
    sum.m = arith::MaxNumFOp::create(b, sum.m, part.m);
  }
  auto accumulate = [&](Value &into, Value factor, Value value) {
    into = into ? Value(math::FmaOp::create(b, factor, value, into)) : Value(arith::MulFOp::create(b, factor, value));
  };
  for (const Part &part : parts) {
    Value empty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, part.m, none);
    Value shrink = math::Exp2Op::create(b, arith::SubFOp::create(b, part.m, sum.m));
    Value factor = arith::SelectOp::create(b, empty, lane.f32(0), shrink);
    accumulate(sum.d1, factor, part.d1);
    for (size_t x = 0; x < length; ++x)
      accumulate(sum.o1[x], factor, part.o1[x]);
    if (!probe)
      continue;
    Value shift = arith::SubFOp::create(b, part.c, sum.c);
    accumulate(sum.d2, factor, math::FmaOp::create(b, shift, part.d1, part.d2));
    for (size_t x = 0; x < length; ++x)
      accumulate(sum.o2[x], factor, math::FmaOp::create(b, shift, part.o1[x], part.o2[x]));
  }
  return sum;
}

Part lla::partOf(bool probe, ValueRange stats, Values o1, Values o2) {
  return probe ? Part{stats[0], stats[1], stats[2], stats[3], std::move(o1), std::move(o2)}
               : Part{stats[0], stats[1], {}, {}, std::move(o1), {}};
}

Values lla::readFloats(Lane &lane, Value address, int64_t count) {
  ImplicitLocOpBuilder &b = lane.b;
  Type type = count == 1 ? Type(b.getF32Type()) : VectorType::get(count, b.getF32Type());
  Value read = LLVM::LoadOp::create(b, type, lane.sharedPointer(address), /*alignment=*/4 * count);
  if (count == 1)
    return {read};
  Values floats;
  for (int64_t i = 0; i < count; ++i)
    floats.push_back(LLVM::ExtractElementOp::create(b, read, lane.i32(i)));
  return floats;
}
