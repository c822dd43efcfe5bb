//===- PackRows.cpp - query rows, GQA group and probe in one tile ---------===//
//
// Gives each update packed rows instead of separate query and probe tensors:
//
//     update %s queries %q probe %r ...                                 (before)
//       ==>
//     %rows = pack_rows %q, %r : rows<group = G, stacked>
//     update %s rows %rows ...
//
// stacked   (load = registers): 8 query rows over their 8 probe rows make one
//           m16 block (swapped: 4 that alternate with 4 one of n8): s and t of a
//           (row, key) land in the same lane, and one product of [p; p t] with V
//           gives O1 and O2.
// separate  (ring, scratch): a query tile and a probe tile.
// none      without a probe: all rows are query rows.
//
// The group's heads read the same keys, so as rows of one tile they share its
// loads; where a ring cannot pack them (see packsGroup) each query head has its own
// tiles (group = 1).
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"

namespace lla {
#define GEN_PASS_DEF_LLAPACKROWS
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

static Packing packingOf(bool probe, const Schedule &schedule) {
  if (!probe)
    return Packing::None;
  return schedule.load == LoadPath::Registers ? Packing::Stacked : Packing::Separate;
}

static void packRows(OnlineUpdateOp op, const Problem &problem, const Schedule &schedule) {
  auto q = cast<RankedTensorType>(op.getQ().getType());
  auto type = RowsType::get(op.getContext(), q.getElementType(), q.getDimSize(3),
                            packsGroup(problem, schedule) ? problem.group() : 1,
                            packingOf(bool(op.getR()), schedule));
  OpBuilder builder(op);
  Value rows = PackRowsOp::create(builder, op.getLoc(), type, op.getQ(), op.getR());
  op.getQMutable().clear();
  op.getRMutable().clear();
  op.getRowsMutable().assign(rows);
}

namespace {
struct PackRows : lla::impl::LLAPackRowsBase<PackRows> {
  void runOnOperation() override {
    auto problem = getOperation()->getAttrOfType<ProblemAttr>(kProblemAttr);
    auto schedule = getOperation()->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    if (!problem || !schedule) {
      getOperation().emitOpError() << "expected " << kProblemAttr << " and " << kScheduleAttr
                                   << " (lla-materialize-schedule)";
      return signalPassFailure();
    }
    getOperation().walk([&](OnlineUpdateOp op) {
      if (op.getQ())
        packRows(op, problem.getValue(), schedule.getValue());
    });
  }
};
} // namespace
