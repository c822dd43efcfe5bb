//===- RoundedStep.cpp - folding with weights kept in 16 bits -------------===//
//
//     s = q kT, t = r kT
//     p = e^(scale s - m), u = p (t - c)        each rounded once, and at once
//     [O1 d1] += p [v 1], [O2 d2] += u [v 1]
//
// The step of OnlineStep.cpp where weights take longer than products: a column of ones
// behind the values makes products form d1 and d2 as well, of what the values are weighed
// with; nothing is kept of s and t, which leaves registers for more keys; and sums that only
// tell whether m and c are good still take two weights at a time.
//
// The price: products form s and t anew where m and c settle.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/OnlineStep.h"

using namespace mlir;
using namespace lla;

void OnlineStep::advanceRounded(OnlineState &next, Value start, Value key, bool masked) {
  Value p, u;
  /// Of `s` that is there; `settled` if m is none that a row has yet to find.
  auto weigh = [&](Value s, Value t, bool settled) {
    Value weight = weights(s, next.m, masked && settled);
    if (t) {
      t = arrivedProbe(weight, t, masked);
      if (settled)
        recentre(next, weight, t, partialRowSum(weight));
      u = place.rounded(centred(weight, t, next.c));
    }
    p = place.rounded(weight);
  };
  Scores scores = place.scores(start);
  Value s = masked ? hide(scores.s, start, key) : scores.s;
  weigh(s, scores.t, /*settled=*/false);

  Value weight = partialRowSum(p);
  SmallVector<Value> isUnsettled = {isBeyond(p, weight)};
  SmallVector<Value *> moved = {&p};
  if (u) {
    isUnsettled.push_back(outweighs(next, weight));
    moved.push_back(&u);
  }
  llvm::append_range(moved, next.members());
  choose(any(isUnsettled), moved, [&] {
    Scores again = place.repeated(scores);
    if (masked) // Not by masks kept from before.
      again.s = hide(again.s, tile::OpaqueOp::create(b, b.getI32Type(), start), key);
    rescale(next, tileMaximum(again.s));
    weigh(again.s, again.t, /*settled=*/true);
  });
  place.accumulate(p, u, next);
}

/// d1 (index 0) or d2 of a state whose values have them.
Value OnlineStep::sumInValues(const OnlineState &state, unsigned index) {
  return tile::LastColumnOp::create(b, place.rowType(), state.values[index]);
}
