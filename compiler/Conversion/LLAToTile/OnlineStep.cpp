//===- OnlineStep.cpp - folding one key tile into the state ---------------===//
//
//     s = q kT, t = r kT                    (products; t may stay in flight)
//     M = max(m, scale max s)               rescale by e^(m - M) where M grew
//     p = e^(scale s - m)                   d1 += sum p
//     u = p (t - c)                         d2 += sum u
//     O1 += p v, O2 += u v
//
// Masks cost one select: the s of a hidden key becomes the infinity that `scale`
// turns into -inf, its p is exactly 0, and t counts as 0 wherever p is; so a scale of any
// sign is right, and garbage in keys that a row does not see cannot reach it
// (0 * NaN is never formed).
//
// The rescale is lazy: m may lag behind the true maximum by `lazy` powers of two.
// That is exact algebra (any m is), p <= 2^lazy, and the branch is rarely taken.
//
// So is any centre c of t. The products see p and u rounded to 16 bits, and the
// output O1 (1 + d2/d1) - O2 amplifies what p lost by 1 + |tbar - c|: hence c moves
// to the mean tbar, and d2 and O2 with it, whenever a row's weight has quadrupled
// since c was last looked at. Then the keys that c is far from are a part of the
// sum only; a dominant key or growing scores make it quadruple at once. The lanes'
// shares of d1 say when, before t has arrived.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/OnlineStep.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace lla;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static Value constant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantFloatOp::create(b, b.getF32Type(), llvm::APFloat(static_cast<float>(value)));
}

/// 0 where p is 0, else x.
static Value zeroWhereZero(ImplicitLocOpBuilder &b, Value p, Value x) {
  Value zero = constant(b, 0);
  return arith::SelectOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, p, zero), zero, x);
}

OnlineStep::OnlineStep(Placement &placement, Value launchScale) : place(placement), b(placement.b) {
  Value zero = constant(b, 0);
  // A scale of 0 weighs all visible keys alike; so does one that no score makes visible, and it hides hidden ones.
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, launchScale, zero);
  scale = arith::SelectOp::create(b, isZero, constant(b, 1e-30), launchScale);
  negativeScale = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, scale, zero);
  hidden = arith::SelectOp::create(b, negativeScale, constant(b, kInfinity), constant(b, -kInfinity));
}

/// Builds a tile.map whose region is `body`, with `at` as position offsets.
static Value emitMap(ImplicitLocOpBuilder &b, tile::FragType type, ValueRange inputs, ValueRange at,
                     llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  auto yield = [&](ImplicitLocOpBuilder &in, ValueRange arguments) { return SmallVector<Value>{body(in, arguments)}; };
  return tile::MapOp::create(b, TypeRange{type}, inputs, at, yield).getResult(0);
}

Value OnlineStep::map(tile::FragType type, ValueRange inputs, Body body) { return emitMap(b, type, inputs, {}, body); }

Value OnlineStep::hide(Value scores, Value start, Value key) {
  return emitMap(b, place.scoreType(), scores, {place.rowBase(), start}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    Value visible = emitVisible(in, place.plan, place.grid, a[1], a[2]);
    if (start != key)
      visible = arith::AndIOp::create(in, visible, arith::CmpIOp::create(in, arith::CmpIPredicate::sge, a[2], key));
    return arith::SelectOp::create(in, visible, a[0], hidden);
  });
}

OnlineState OnlineStep::initialState() {
  auto fill = [&](tile::FragType type, double value) -> Value {
    return tile::FillOp::create(b, type, b.getF32FloatAttr(static_cast<float>(value)));
  };
  OnlineState state;
  state.m = fill(place.rowType(), -kInfinity);
  state.d1 = fill(place.sumType(), 0);
  if (place.plan.hasProbe()) {
    state.d2 = fill(place.sumType(), 0);
    state.c = fill(place.rowType(), 0);
    state.limit = fill(place.sumType(), 0);
  }
  for (unsigned i = 0; i < place.valueCount(); ++i)
    state.values.push_back(fill(place.valueType(), 0));
  return state;
}

//===----------------------------------------------------------------------===//
// The step
//===----------------------------------------------------------------------===//

OnlineState OnlineStep::fold(const OnlineState &state, Value key, bool masked) {
  tile::FragType type = place.scoreType();
  Value start = masked ? place.tileStart(key) : key;
  Scores scores = place.scores(start);
  if (masked)
    scores.s = hide(scores.s, start, key);
  OnlineState next = rescale(state, tileMaximum(scores.s));

  // A row that has seen no key yet has m = -inf; all its p are 0.
  Value reference = !masked ? next.m : map(place.rowType(), {next.m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    Value none = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, -kInfinity));
    return arith::SelectOp::create(in, none, constant(in, 0), a[0]);
  });
  Value p = map(type, {scores.s, reference}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return math::Exp2Op::create(in, math::FmaOp::create(in, a[0], scale, arith::NegFOp::create(in, a[1])));
  });
  Value weight = partialRowSum(p);
  if (!scores.t) {
    next.d1 = add(next.d1, weight);
    place.accumulate(p, {}, next);
    return next;
  }

  Value t = !masked ? scores.t : map(type, {p, scores.t}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return zeroWhereZero(in, a[0], a[1]);
  });
  recentre(next, p, t, weight);
  next.d1 = add(next.d1, weight);
  Value u = map(type, {p, t, next.c}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MulFOp::create(in, a[0], arith::SubFOp::create(in, a[1], a[2]));
  });
  next.d2 = add(next.d2, partialRowSum(u));
  place.accumulate(p, u, next);
  return next;
}

/// Row maxima of scale * s; -inf for a row that sees none of the keys.
Value OnlineStep::tileMaximum(Value s) {
  // A negative scale turns the order around.
  auto extremum = scf::IfOp::create(b, TypeRange{place.rowType()}, negativeScale, /*withElseRegion=*/true);
  for (auto [block, kind] : {std::pair(extremum.thenBlock(), tile::Reduction::Min),
                             std::pair(extremum.elseBlock(), tile::Reduction::Max)}) {
    auto inner = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), block);
    Value reduced = tile::RowReduceOp::create(inner, place.rowType(), s, kind);
    scf::YieldOp::create(inner, reduced);
  }
  return map(place.rowType(), {extremum.getResult(0)}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MulFOp::create(in, a[0], scale);
  });
}

/// The state relative to a maximum that has grown, or as it was if no row's has grown by more than `lazy`.
OnlineState OnlineStep::rescale(const OnlineState &state, Value maximum) {
  Value threshold = constant(b, static_cast<double>(place.plan.schedule.lazy));
  Value grew = map(place.rowType(b.getI1Type()), {maximum, state.m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::CmpFOp::create(in, arith::CmpFPredicate::OGT, arith::SubFOp::create(in, a[0], a[1]), threshold);
  });
  Value any = tile::AnyOp::create(b, b.getI1Type(), grew);
  SmallVector<Value> before = state.flatten();
  auto branch = scf::IfOp::create(b, TypeRange(ValueRange(before)), any, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    OnlineState scaled = state;
    scaled.m = map(place.rowType(), {state.m, maximum}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::MaxNumFOp::create(in, a[0], a[1]);
    });
    Value factor = map(place.rowType(), {state.m, scaled.m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, -kInfinity));
      Value shrink = math::Exp2Op::create(in, arith::SubFOp::create(in, a[0], a[1]));
      return arith::SelectOp::create(in, empty, constant(in, 0), shrink);
    });
    auto times = [](ImplicitLocOpBuilder &in, ValueRange a) -> Value { return arith::MulFOp::create(in, a[0], a[1]); };
    scaled.d1 = map(place.sumType(), {state.d1, factor}, times);
    if (state.d2) {
      scaled.d2 = map(place.sumType(), {state.d2, factor}, times);
      scaled.limit = map(place.sumType(), {state.limit, factor}, times);
    }
    // A stacked block's probe rows are scaled as their query rows.
    if (place.valueType().getRows() != place.scoreType().getRows())
      factor = tile::StackOp::create(b, factor, factor);
    for (Value &value : scaled.values)
      value = map(place.valueType(), {value, factor}, times);
    scf::YieldOp::create(b, scaled.flatten());
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, before);
  }
  return OnlineState::unflatten(branch.getResults(), place.plan.hasProbe());
}

//===----------------------------------------------------------------------===//
// The centre
//===----------------------------------------------------------------------===//

/// True (i1 per row or lane) where x > y.
Value OnlineStep::isGreater(Value x, Value y) {
  auto type = cast<tile::FragType>(x.getType());
  return map(tile::FragType::get(b.getContext(), type.getRows(), 1, b.getI1Type(), type.getLayout(), 0), {x, y},
             [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
               return arith::CmpFOp::create(in, arith::CmpFPredicate::OGT, a[0], a[1]);
             });
}

/// Runs `then`, which changes what moves with the centre, if `condition` holds in any lane of the warp.
void OnlineStep::whenAny(Value condition, OnlineState &state, llvm::function_ref<void()> then) {
  SmallVector<Value *> moved = {&state.c, &state.d2, &state.limit, &state.values.back()};
  auto current = [&] { return llvm::map_to_vector(moved, [](Value *value) { return *value; }); };
  SmallVector<Value> before = current();
  Value any = tile::AnyOp::create(b, b.getI1Type(), condition);
  auto branch = scf::IfOp::create(b, TypeRange(ValueRange(before)), any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, before);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  scf::YieldOp::create(b, current());
  for (auto [value, result] : llvm::zip(moved, branch.getResults()))
    *value = result;
}

/// Moves the centre to the mean of t with a tile counted in, and the sums so far with it, where that makes a row's weight
/// quadruple; `weight` is the tile's sum of p.
void OnlineStep::recentre(OnlineState &state, Value p, Value t, Value weight) {
  Value d1 = add(state.d1, weight);
  whenAny(isGreater(d1, state.limit), state, [&] {
    Value weighted = partialRowSum(map(place.scoreType(), {p, t}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::MulFOp::create(in, a[0], a[1]);
    }));
    Value d2 = map(place.sumType(), {state.d2, weighted, weight, state.c}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::AddFOp::create(in, a[0], arith::SubFOp::create(in, a[1], arith::MulFOp::create(in, a[3], a[2])));
    });
    Value shift = map(place.rowType(), {complete(d1), complete(d2)}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      auto flags = arith::FastMathFlags::arcp | arith::FastMathFlags::afn;
      Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, 0));
      return arith::SelectOp::create(in, empty, constant(in, 0), arith::DivFOp::create(in, a[1], a[0], flags));
    });
    state.limit = map(place.sumType(), {d1}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::MulFOp::create(in, a[0], constant(in, 4));
    });
    state.c = add(state.c, shift);
    state.d2 = map(place.sumType(), {state.d2, state.d1, shift}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::SubFOp::create(in, a[0], arith::MulFOp::create(in, a[2], a[1]));
    });
    place.shiftValues(state, shift);
  });
}

Value OnlineStep::complete(Value sum) {
  if (place.sumType() == place.rowType())
    return sum;
  return tile::RowReduceOp::create(b, place.rowType(), sum, tile::Reduction::Sum);
}

Value OnlineStep::partialRowSum(Value elements) {
  return tile::RowReduceOp::create(b, place.sumType(), elements, tile::Reduction::Sum);
}

Value OnlineStep::add(Value x, Value y) {
  return map(cast<tile::FragType>(x.getType()), {x, y},
             [](ImplicitLocOpBuilder &in, ValueRange a) -> Value { return arith::AddFOp::create(in, a[0], a[1]); });
}

//===----------------------------------------------------------------------===//
// After the last key
//===----------------------------------------------------------------------===//

void OnlineStep::completeSums(OnlineState &state) {
  state.d1 = complete(state.d1);
  if (state.d2)
    state.d2 = complete(state.d2);
}

Value OnlineStep::finalize(const OnlineState &state) {
  Scores values = place.finalValues(state);
  auto type = cast<tile::FragType>(values.s.getType());
  SmallVector<Value> inputs = {values.s, state.d1};
  if (values.t)
    inputs.append({values.t, state.d2});
  return map(type, inputs, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
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
  });
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
  result.vbar =
      map(cast<tile::FragType>(o1.getType()), {o1, state.d1}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
        return whereSeen(in, a[1], quotient(in, a[0], a[1]), 0);
      });
  return result;
}
