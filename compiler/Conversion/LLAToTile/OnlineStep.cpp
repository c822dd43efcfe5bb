//===- OnlineStep.cpp - folding one key tile into the state ---------------===//
//
//     s = q kT, t = r kT                    (products; t may stay in flight)
//     p = e^(scale s - m)                   d1 += sum p
//     u = p (t - c)                         d2 += sum u
//     O1 += p v, O2 += u v
//
// That is all for most tiles: m and c, relative to which the sums are, are taken to
// be good still. The lanes' shares of sum p tell when they are not; then, and only then,
//
//     m moves to the maximum of scale s     if a p may be beyond 2^lazy
//     c moves to the mean of t              if a row's weight is 16 times what it was at c's last move,
//                                           this tile's counted four times
//
// and p and the sums so far with them. The first tile, where it is a range of its own, takes its
// own maximum and mean to begin with. Any m and c are exact algebra, but
//   - p must not overflow: it is at most 2^lazy times the keys of a lane's share, and 2^15 (2^lazy and a
//     rounding where fp16 is to hold p (t - c) too);
//   - the products see p and u rounded to 16 bits, and the output O1 (1 + d2/d1) - O2
//     amplifies what p lost by 1 + |tbar - c|. With c the mean of a 16th of the weight at
//     least, |tbar - c| is at most 15/16 of how far the means of t before and after c's
//     move are apart, and mostly little: many keys' means of t are close. One heavy key's
//     t is not: what one tile brings at once moves c when c is of a fifth of the weight.
//
// Masks cost one select: the s of a hidden key becomes the infinity that `scale`
// turns into -inf, its p is exactly 0, and t counts as 0 wherever p is; so a scale of any
// sign is right, and garbage in keys that a row does not see cannot reach it
// (0 * NaN is never formed).
//
// RoundedStep.cpp has the step of weights that are kept in 16 bits.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/OnlineStep.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace lla;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

OnlineStep::OnlineStep(Placement &placement, Value launchScale, Value keyScale, Value valueScale)
    : place(placement), b(placement.b), keyScale(keyScale), valueScale(valueScale) {
  Value zero = constant(b, 0);
  if (keyScale)
    launchScale = arith::MulFOp::create(b, launchScale, keyScale);
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
  return emitMap(
      b, place.scoreType(), scores, {place.rowBase(), start}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
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
  bool hasSums = !place.sumsInValues();
  if (hasSums)
    state.d1 = fill(place.sumType(), 0);
  if (place.plan.hasProbe()) {
    if (hasSums)
      state.d2 = fill(place.sumType(), 0);
    state.c = fill(place.rowType(), 0);
    state.limit = fill(hasSums ? place.sumType() : place.rowType(), 0);
  }
  for (unsigned i = 0; i < place.valueCount(); ++i)
    state.values.push_back(fill(place.valueType(), 0));
  return state;
}

//===----------------------------------------------------------------------===//
// The step
//===----------------------------------------------------------------------===//

OnlineState OnlineStep::fold(const OnlineState &state, Value key, KeyRangeKind range) {
  bool masked = range != KeyRangeKind::Interior;
  Value start = masked ? place.tileStart(key) : key;
  place.copyKeys(start);
  OnlineState next = state;
  auto step = [&] {
    if (range == KeyRangeKind::First)
      begin(next, start, key);
    else if (place.sumsInValues())
      advanceRounded(next, start, key, masked);
    else
      advance(next, start, key, masked);
  };
  Value sees = masked ? place.seesTile(key) : Value();
  if (sees)
    choose(sees, next.members(), step);
  else
    step();
  return next;
}

void OnlineStep::begin(OnlineState &state, Value start, Value key) {
  Scores scores = place.scores(start);
  Value isPartial = seesPart(), s = scores.s;
  choose(isPartial, {&s}, [&] { s = hide(s, start, key); });
  state.m = tileMaximum(s);
  Value p = weights(s, state.m, /*masked=*/true), u;
  Value weight = partialRowSum(p);
  if (state.d1)
    state.d1 = weight;
  if (scores.t) {
    Value t = arrivedProbe(p, scores.t, /*masked=*/false);
    choose(isPartial, {&t}, [&] { t = zeroWhere(p, t); });
    state.c = mean(partialRowSum(centred(p, t, {})), weight);
    state.limit = nextLimit(state.d1 ? weight : complete(weight));
    u = centred(p, t, state.c);
    if (state.d2)
      state.d2 = partialRowSum(u);
  }
  llvm::fill(state.values, Value());
  place.accumulate(p, u, state);
}

void OnlineStep::advance(OnlineState &next, Value start, Value key, bool masked) {
  Scores scores = place.scores(start);
  Value s = masked ? hide(scores.s, start, key) : scores.s, t = scores.t;
  Value p = weights(s, next.m, /*masked=*/false), weight = partialRowSum(p);

  auto awaitProbe = [&] {
    if (t)
      t = arrivedProbe(p, t, masked);
  };
  SmallVector<Value *> scaled = {&p, &weight};
  llvm::append_range(scaled, next.members());
  SmallVector<Value *> moved = scaled;
  if (t)
    moved.push_back(&t);
  auto settle = [&] {
    choose(any(isBeyond(p, weight)), scaled, [&] {
      Value again = place.repeated({s, {}}).s;
      if (again != s && masked) // Not by masks kept from before.
        again = hide(again, tile::OpaqueOp::create(b, b.getI32Type(), start), key);
      rescale(next, tileMaximum(again));
      p = weights(again, next.m, masked);
      weight = partialRowSum(p);
    });
    awaitProbe();
    if (t)
      recentre(next, p, t, weight);
  };
  SmallVector<Value> isUnsettled = {isBeyond(p, weight)};
  if (t)
    isUnsettled.push_back(outweighs(next, weight));
  choose(any(isUnsettled), moved, settle, awaitProbe);

  next.d1 = add(next.d1, weight);
  Value u;
  if (t) {
    u = centred(p, t, next.c);
    next.d2 = add(next.d2, partialRowSum(u));
  }
  place.accumulate(p, u, next);
}

Value OnlineStep::arrivedProbe(Value p, Value t, bool masked) {
  t = place.arrived(t);
  if (keyScale)
    t = map(place.scoreType(), {t},
            [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value { return arith::MulFOp::create(in, a[0], keyScale); });
  return masked ? zeroWhere(p, t) : t;
}

/// t, and 0 where p is.
Value OnlineStep::zeroWhere(Value p, Value t) {
  return map(place.scoreType(), {p, t}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    Value isZero = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, 0));
    return arith::SelectOp::create(in, isZero, constant(in, 0), a[1]);
  });
}

/// p (t - c); a null c is 0.
Value OnlineStep::centred(Value p, Value t, Value c) {
  SmallVector<Value> inputs = {p, t};
  if (c)
    inputs.push_back(c);
  return map(place.scoreType(), inputs, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MulFOp::create(in, a[0], a.size() == 3 ? arith::SubFOp::create(in, a[1], a[2]) : a[1]);
  });
}

/// sum / weight by row, of lanes' shares; 0 where nothing has weight.
Value OnlineStep::mean(Value sum, Value weight) {
  return map(place.rowType(), {complete(weight), complete(sum)}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    auto flags = arith::FastMathFlags::arcp | arith::FastMathFlags::afn;
    Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, 0));
    return arith::SelectOp::create(in, empty, constant(in, 0), arith::DivFOp::create(in, a[1], a[0], flags));
  });
}

/// The weight at which the centre of one whose weight is `weight` is looked at again.
Value OnlineStep::nextLimit(Value weight) {
  return map(cast<tile::FragType>(weight.getType()), {weight}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MulFOp::create(in, a[0], constant(in, 16));
  });
}

/// e^(scale s - m). With masks, a row may have seen no key yet: its m is -inf, and all its p are 0.
Value OnlineStep::weights(Value s, Value m, bool masked) {
  if (masked)
    m = map(place.rowType(), {m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      Value none = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, -kInfinity));
      return arith::SelectOp::create(in, none, constant(in, 0), a[0]);
    });
  return map(place.scoreType(), {s, m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return math::Exp2Op::create(in, math::FmaOp::create(in, a[0], scale, arith::NegFOp::create(in, a[1])));
  });
}

/// True if a row does not see all keys of the first tile.
Value OnlineStep::seesPart() {
  const GridPosition &grid = place.grid;
  Value first = place.firstTile();
  Value before = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, first, grid.firstFull);
  Value behind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, first, grid.endFull);
  return arith::OrIOp::create(b, before, behind);
}

/// Row maxima of scale * s; -inf for a row that sees none of the keys.
Value OnlineStep::tileMaximum(Value s) {
  // A negative scale turns the order around.
  auto extremum = scf::IfOp::create(b, TypeRange{place.rowType()}, negativeScale, /*withElseRegion=*/true);
  for (auto [block, kind] :
       {std::pair(extremum.thenBlock(), tile::Reduction::Min), std::pair(extremum.elseBlock(), tile::Reduction::Max)}) {
    auto inner = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), block);
    Value reduced = tile::RowReduceOp::create(inner, place.rowType(), s, kind);
    scf::YieldOp::create(inner, reduced);
  }
  return map(place.rowType(), {extremum.getResult(0)},
             [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value { return arith::MulFOp::create(in, a[0], scale); });
}

/// The state relative to `maximum`, in rows where it is greater than m.
void OnlineStep::rescale(OnlineState &state, Value maximum) {
  Value before = state.m;
  state.m = map(place.rowType(), {before, maximum}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::MaxNumFOp::create(in, a[0], a[1]);
  });
  Value factor = map(place.rowType(), {before, state.m}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    Value empty = arith::CmpFOp::create(in, arith::CmpFPredicate::OEQ, a[0], constant(in, -kInfinity));
    Value shrink = math::Exp2Op::create(in, arith::SubFOp::create(in, a[0], a[1]));
    return arith::SelectOp::create(in, empty, constant(in, 0), shrink);
  });
  auto times = [](ImplicitLocOpBuilder &in, ValueRange a) -> Value { return arith::MulFOp::create(in, a[0], a[1]); };
  for (Value *sum : {&state.d1, &state.d2})
    if (*sum)
      *sum = map(place.sumType(), {*sum, factor}, times);
  factor = place.handedOver(factor);
  // A stacked block's probe rows are scaled as their query rows.
  if (place.valueType().getRows() != place.scoreType().getRows())
    factor = tile::StackOp::create(b, factor, factor);
  for (Value &value : state.values)
    value = map(place.valueType(), {value, factor}, times);
}

/// Moves the centre to the mean of t with a tile counted in, whose sum of p is `weight`, and the sums so far with it.
void OnlineStep::recentre(OnlineState &state, Value p, Value t, Value weight) {
  auto counted = [&](Value sum, unsigned index, Value share) {
    return sum ? add(sum, share) : add(sumInValues(state, index), complete(share));
  };
  Value d1 = counted(state.d1, 0, weight);
  Value shift = mean(counted(state.d2, 1, partialRowSum(centred(p, t, state.c))), d1);
  state.limit = nextLimit(d1);
  state.c = add(state.c, shift);
  if (state.d2)
    state.d2 = map(place.sumType(), {state.d2, state.d1, shift}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
      return arith::SubFOp::create(in, a[0], arith::MulFOp::create(in, a[2], a[1]));
    });
  place.shiftValues(state, place.handedOver(shift));
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

/// i1 per lane's share of a row: true where d1 with a tile whose sums of p are `weight` is beyond the limit, the tile
/// counted four times (file head). Of a complete d1, a lane's share is a quarter at least in one of the lanes.
Value OnlineStep::outweighs(const OnlineState &state, Value weight) {
  constexpr int64_t atOnce = 4;
  int64_t shares = state.d1 ? 1 : place.plan.schedule.keys / place.keysOfSum();
  Value d1 = state.d1 ? state.d1 : sumInValues(state, 0);
  return map(place.sumType(b.getI1Type()), {weight, d1, state.limit},
             [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
               Value most = math::FmaOp::create(in, a[0], constant(in, static_cast<double>(atOnce * shares)), a[1]);
               return arith::CmpFOp::create(in, arith::CmpFPredicate::UGT, most, a[2]);
             });
}

/// True where a lane's sum of p says that one of them may be beyond 2^lazy, or what fp16 holds. Where fp16 has to hold
/// p (t - c) as well, it is their maximum that says so: the sum leaves t less room by the keys of a lane.
Value OnlineStep::isBeyond(Value p, Value weight) {
  constexpr double fp16Holds = 1 << 15, slack = 2; // Of a maximum, which p itself may exceed by a rounding.
  const KernelPlan &plan = place.plan;
  bool byMaximum = plan.hasProbe() && plan.elementType.isF16() && !plan.target.isHost();
  double keys = byMaximum ? slack : static_cast<double>(place.keysOfSum());
  double most = std::min(std::ldexp(keys, plan.schedule.lazy), fp16Holds);
  Value evidence = byMaximum ? tile::RowReduceOp::create(b, place.sumType(), p, tile::Reduction::Peak) : weight;
  return map(place.sumType(b.getI1Type()), {evidence}, [&](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::CmpFOp::create(in, arith::CmpFPredicate::UGT, a[0], constant(in, most));
  });
}

/// True if one of the conditions holds anywhere in what takes branches together.
Value OnlineStep::any(ValueRange conditions) {
  return place.handedOver(tile::AnyOp::create(b, b.getI1Type(), conditions, /*warpgroup=*/place.byWarpgroup()));
}

/// Runs `then` or `otherwise`, which change `values`.
void OnlineStep::choose(Value condition, ArrayRef<Value *> values, llvm::function_ref<void()> then,
                        llvm::function_ref<void()> otherwise) {
  auto current = [&] { return llvm::map_to_vector(values, [](Value *value) { return *value; }); };
  SmallVector<Value> before = current();
  auto branch = scf::IfOp::create(b, TypeRange(ValueRange(before)), condition, /*withElseRegion=*/true);
  auto assign = [&](ValueRange to) {
    for (auto [value, next] : llvm::zip(values, to))
      *value = next;
  };
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, body] : {std::pair(branch.thenBlock(), then), std::pair(branch.elseBlock(), otherwise)}) {
    b.setInsertionPointToStart(block);
    assign(before);
    if (body)
      body();
    scf::YieldOp::create(b, current());
  }
  assign(branch.getResults());
}

Value OnlineStep::complete(Value sum) {
  if (sum.getType() == place.rowType())
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
