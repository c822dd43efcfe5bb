//===- PeelMaskRanges.cpp - the ranges of keys that differ in their step ---===//
//
// Splits the key range of a fold so that masks cost nothing in the interior, and so
// so that a row's first tile, in prefill with load = ring, takes its maximum before its
// weights rather than see them refuted (in decode, one of many, it costs 1 %):
//
//     update range whole                                                (before)
//       ==>
//     update range first          (one tile, see above)
//     update range window_edge    (with a window, or starts and pages)
//     update range interior
//     update range causal_edge
//
// Precondition:  the schedule says peel; otherwise one loop masks throughout.
// Postcondition: the updates differ in their range only; the boundaries are
//                computed from row positions when loops are made of them. Tiles of
//                paged keys (but for the host's) begin with a part of a page, and a
//                sequence may start within it.
// Why it is right: the ranges partition the visible keys, and the state is a
// monoid. A key tile is interior iff the tile's LAST row still sees its FIRST key
// (window) and the tile's FIRST row already sees its LAST key (causal, end).
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"

namespace lla {
#define GEN_PASS_DEF_LLAPEELMASKRANGES
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

/// Replaces an update of the whole range by updates of its parts, in key order.
static void peel(OnlineUpdateOp op, const Schedule &schedule, bool isDecode) {
  SmallVector<KeyRangeKind> ranges;
  if (schedule.load == LoadPath::Ring && !isDecode)
    ranges.push_back(KeyRangeKind::First);
  bool startsInPage = op.getStarts() && op.getPageTable() && schedule.load != LoadPath::Scratch;
  if (op.getWindow() || startsInPage)
    ranges.push_back(KeyRangeKind::WindowEdge);
  ranges.append({KeyRangeKind::Interior, KeyRangeKind::CausalEdge});
  OpBuilder builder(op);
  Value state = op.getState();
  for (KeyRangeKind range : ranges) {
    auto part = cast<OnlineUpdateOp>(builder.clone(*op));
    part.getStateMutable().assign(state);
    part.setRange(range);
    state = part.getResult();
  }
  op.replaceAllUsesWith(state);
  op.erase();
}

namespace {
struct PeelMaskRanges : lla::impl::LLAPeelMaskRangesBase<PeelMaskRanges> {
  void runOnOperation() override {
    auto schedule = getOperation()->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    if (!schedule) {
      getOperation().emitOpError() << "expected " << kScheduleAttr << " (lla-materialize-schedule)";
      return signalPassFailure();
    }
    if (!schedule.getValue().peel)
      return;
    auto problem = getOperation()->getAttrOfType<ProblemAttr>(kProblemAttr);
    bool isDecode = problem && problem.getValue().mode == Mode::Decode;
    getOperation().walk([&](OnlineUpdateOp op) {
      if (op.getRange() == KeyRangeKind::Whole)
        peel(op, schedule.getValue(), isDecode);
    });
  }
};
} // namespace
