//===- OnlineResult.cpp - what the state gives after the last key ---------===//

#include "compiler/Conversion/LLAToTile/OnlineStep.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace lla;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

void OnlineStep::completeSums(OnlineState &state) {
  if (place.sumsInValues()) {
    state.d1 = sumInValues(state, 0);
    state.d2 = place.plan.hasProbe() ? sumInValues(state, 1) : Value();
    return;
  }
  state.d1 = complete(state.d1);
  if (state.d2)
    state.d2 = complete(state.d2);
}

/// Values' sums times the values' scale: nothing before is the worse for lacking it.
Value OnlineStep::scaled(Value values) {
  if (!valueScale)
    return values;
  return map(cast<tile::FragType>(values.getType()), {values}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MulFOp::create(in, a[0], valueScale);
  });
}

Value OnlineStep::finalize(const OnlineState &state) {
  Scores values = place.finalValues(state);
  auto type = cast<tile::FragType>(values.s.getType());
  SmallVector<Value> inputs = {values.s, place.handedOver(state.d1)};
  if (values.t)
    inputs.append({values.t, place.handedOver(state.d2)});
  return scaled(map(type, inputs, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    auto flags = arith::FastMathFlags::arcp | arith::FastMathFlags::afn;
    Value inverse = arith::DivFOp::create(in, constant(in, 1), a[1], flags);
    Value output = arith::MulFOp::create(in, a[0], inverse);
    if (values.t) {
      Value shift = math::FmaOp::create(in, a[3], inverse, constant(in, 1)); // 1 + d2/d1
      Value probe = arith::MulFOp::create(in, a[2], inverse);
      output = arith::SubFOp::create(in, arith::MulFOp::create(in, output, shift), probe);
    }
    Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[1], constant(in, 0));
    return arith::SelectOp::create(in, empty, constant(in, 0), output);
  }));
}

Statistics OnlineStep::statistics(const OnlineState &state) {
  auto whereSeen = [](ImplicitLocOpBuilder &in, Value d1, Value x, double otherwise) -> Value {
    Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, d1, constant(in, 0));
    return arith::SelectOp::create(in, empty, constant(in, otherwise), x);
  };
  auto quotient = [](ImplicitLocOpBuilder &in, Value x, Value d1) -> Value {
    return arith::DivFOp::create(in, x, d1, arith::FastMathFlags::arcp | arith::FastMathFlags::afn);
  };
  auto rowType = cast<tile::FragType>(state.m.getType());
  Value o1 = place.finalValues(state).s;
  Statistics result;
  result.lse = map(rowType, {state.m, state.d1}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    Value powers = arith::AddFOp::create(in, a[0], math::Log2Op::create(in, a[1]));
    return whereSeen(in, a[1], arith::MulFOp::create(in, powers, constant(in, std::numbers::ln2)), -kInfinity);
  });
  if (state.d2)
    result.tbar = map(rowType, {state.c, state.d2, state.d1}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return whereSeen(in, a[2], arith::AddFOp::create(in, a[0], quotient(in, a[1], a[2])), 0);
    });
  else
    result.tbar = tile::FillOp::create(b, rowType, b.getF32FloatAttr(0));
  result.vbar = scaled(map(cast<tile::FragType>(o1.getType()), {o1, place.handedOver(state.d1)},
                           [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
                             return whereSeen(in, a[1], quotient(in, a[0], a[1]), 0);
                           }));
  return result;
}
