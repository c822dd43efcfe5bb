//===- SplitKeyRange.cpp - parts of the key range, merged -----------------===//
//
// Lets several warps, or several CTAs, fold the keys of one row tile:
//
//     %s1 = update %s0                                                  (before)
//       ==>
//     %p = update %s0 : state<unmerged = [warps, grid]>
//     %w = merge %p over warps
//     %s1 = merge %w over grid
//
// The axes come from the schedule: warps where a CTA has more warps than row
// blocks, cluster where neighbouring splits form one, grid where there is more
// than one such group of splits, or where CTAs share the last turn's row tiles. The
// nearer parts merge first (warps through shared memory, a cluster's CTAs through each
// other's), so that the grid exchanges few. The warps of a ring have rows of their own:
// they merge with other CTAs' only, and through the workspace over a cluster, too.
//
// Why it is right: the state is a commutative monoid, so any partition of the
// keys folds to the same whole.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"

namespace lla {
#define GEN_PASS_DEF_LLASPLITKEYRANGE
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

/// The axes along which `schedule` splits the keys of one row tile.
static SmallVector<SplitAxis> splitAxes(const Problem &problem, const Schedule &schedule, const Target &target) {
  SmallVector<SplitAxis> axes;
  // With load = registers the grid's merge works on a flat result (one element per thread), so it needs the warps'
  // first; a ring's warps have rows of their own.
  bool warps = schedule.load == LoadPath::Registers &&
               (resources(problem, schedule, target).keyWarps > 1 || schedule.splits > 1);
  if (warps)
    axes.push_back(SplitAxis::Warps);
  if (schedule.cluster > 1)
    axes.push_back(SplitAxis::Cluster);
  if (gridSplits(schedule) > 1 || schedule.streamK)
    axes.push_back(SplitAxis::Grid);
  return axes;
}

/// Makes the last update's result unmerged over `axes` and merges it again.
static void splitUpdate(OnlineUpdateOp op, ArrayRef<SplitAxis> axes) {
  StateType merged = op.getResult().getType();
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  auto unmerged = [&](ArrayRef<SplitAxis> rest) {
    return StateType::get(op.getContext(), merged.getDim(), merged.getProbe(), rest);
  };
  op.getResult().setType(unmerged(axes));
  Value state = op.getResult();
  Operation *first = nullptr;
  for (size_t i = 0; i < axes.size(); ++i) {
    auto merge = OnlineMergeOp::create(builder, op.getLoc(), unmerged(axes.drop_front(i + 1)), state, axes[i]);
    first = first ? first : merge;
    state = merge.getResult();
  }
  op.getResult().replaceAllUsesExcept(state, first);
}

namespace {
struct SplitKeyRange : lla::impl::LLASplitKeyRangeBase<SplitKeyRange> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule = function->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    auto problem = function->getAttrOfType<ProblemAttr>(kProblemAttr);
    auto target = function->getAttrOfType<TargetAttr>(kTargetAttr);
    if (!schedule || !problem || !target) {
      function.emitOpError() << "expected " << kScheduleAttr << " (lla-materialize-schedule)";
      return signalPassFailure();
    }
    SmallVector<SplitAxis> axes = splitAxes(problem.getValue(), schedule.getValue(), target.getValue());
    if (axes.empty())
      return;
    function.walk([&](OnlineUpdateOp op) { splitUpdate(op, axes); });
  }
};
} // namespace
