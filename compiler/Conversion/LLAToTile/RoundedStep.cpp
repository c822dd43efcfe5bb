//===- RoundedStep.cpp - folding with weights kept in 16 bits -------------===//
//
//     s = q kT, t = r kT                        (products; t may stay in flight)
//     p = round(e^(scale s - m))                [O1 d1] += p [v 1]
//     u = round(p round(t - c))                 [O2 d2] += u [v 1]
//
// The step of OnlineStep.cpp where weights take longer than products: a column of ones
// behind the values makes products form d1 and d2 as well; p in 16 bits leaves the
// registers in which u is formed while the product with p runs; and the greatest p of a
// lane is found two at a time. All sums are of the same p: what its rounding does is what
// slightly other scores would do, and nothing amplifies it.
//
// The price: nothing is kept of s, which a product forms anew where m and c settle, and
// d1 is that before this tile. So c moves a tile later than in OnlineStep.cpp, unless m
// moves as well, as it does where a row's weight grows by much within a tile.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/OnlineStep.h"

using namespace mlir;
using namespace lla;

void OnlineStep::advanceRounded(OnlineState &next, Value start, Value key, bool masked) {
  Scores scores = place.scores(start);
  Value s = masked ? hide(scores.s, start, key) : scores.s, t = scores.t;
  Value weight = weights(s, next.m, /*masked=*/false);
  if (t && masked) // Before it is rounded, it says what is hidden.
    t = arrivedProbe(weight, t, masked);
  Value p = place.rounded(weight);
  SmallVector<Value> isUnsettled = {isBeyond(p, /*weight=*/Value())};
  SmallVector<Value *> moved = {&p};
  llvm::append_range(moved, next.members());
  if (t)
    isUnsettled.push_back(isGreater(sumInValues(next, 0), next.limit));
  if (t && masked)
    moved.push_back(&t);
  choose(any(isUnsettled), moved, [&] {
    Value arrived = t && !masked ? arrivedProbe({}, t, masked) : t;
    Value again = place.repeated(s);
    if (masked)
      again = hide(again, tile::OpaqueOp::create(b, b.getI32Type(), start), key);
    rescale(next, tileMaximum(again));
    weight = weights(again, next.m, masked);
    if (t && masked)
      t = arrived = zeroWhere(weight, t);
    if (t)
      recentre(next, weight, arrived);
    p = place.rounded(weight);
  });
  place.accumulate(p, [&] {
    constexpr int64_t productsWithP = 1;
    if (!masked)
      t = arrivedProbe({}, t, masked, productsWithP);
    return roundedCentred(p, t, next.c);
  }, next);
}

/// p (t - c) of a rounded p.
Value OnlineStep::roundedCentred(Value p, Value t, Value c) {
  Value distance = map(place.scoreType(), {t, c}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Value {
    return arith::SubFOp::create(in, a[0], a[1]);
  });
  return tile::MultiplyOp::create(b, p, place.rounded(distance));
}

/// d1 (index 0) or d2 of a state whose values have them.
Value OnlineStep::sumInValues(const OnlineState &state, unsigned index) {
  return tile::LastColumnOp::create(b, place.rowType(), state.values[index]);
}
