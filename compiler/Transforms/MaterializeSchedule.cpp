//===- MaterializeSchedule.cpp - the decision becomes IR ------------------===//
//
// Attaches the schedule to a kernel function and refuses one that cannot run.
//
//     func @k(...) attributes {lla.problem, lla.target}                 (before)
//       ==>
//     func @k(...) attributes {lla.problem, lla.target, lla.schedule}
//
// Every later pass reads its decisions from here (or from what an earlier pass
// made of them) and takes none of its own.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"

namespace lla {
#define GEN_PASS_DEF_LLAMATERIALIZESCHEDULE
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

/// Success if `op` computes `problem`; every later pass trusts the attribute.
static LogicalResult checkAgreement(AttentionOp op, const Problem &problem) {
  auto q = cast<RankedTensorType>(op.getQ().getType()), k = cast<RankedTensorType>(op.getK().getType());
  auto hasType = [&](RankedTensorType tensor, ElementType type) {
    return tensor.getElementType() == builtinType(op.getContext(), type);
  };
  bool agrees =
      hasType(q, problem.dtype) && hasType(cast<RankedTensorType>(op.getO().getType()), problem.outputType()) &&
      q.getDimSize(2) == problem.queryHeads && k.getDimSize(2) == problem.kvHeads &&
      q.getDimSize(3) == problem.headDim && bool(op.getR()) == problem.hasProbe() && op.getCausal() == problem.causal &&
      static_cast<int64_t>(op.getWindow().value_or(0)) == problem.window &&
      op.getStatistics().empty() == !problem.state;
  return agrees ? success() : op.emitOpError() << "disagrees with " << kProblemAttr << " " << toJson(problem);
}

namespace {
struct MaterializeSchedule : lla::impl::LLAMaterializeScheduleBase<MaterializeSchedule> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto problem = function->getAttrOfType<ProblemAttr>(kProblemAttr);
    auto target = function->getAttrOfType<TargetAttr>(kTargetAttr);
    if (!problem || !target) {
      function.emitOpError() << "expected attributes " << kProblemAttr << " and " << kTargetAttr;
      return signalPassFailure();
    }
    WalkResult agreement = function.walk([&](AttentionOp op) {
      return failed(checkAgreement(op, problem.getValue())) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (agreement.wasInterrupted())
      return signalPassFailure();
    auto schedule = function->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    if (!schedule) {
      schedule = ScheduleAttr::get(&getContext(), defaultSchedule(problem.getValue(), target.getValue()));
      function->setAttr(kScheduleAttr, schedule);
      function.emitRemark() << "no schedule given: the default, " << toText(schedule.getValue());
    }
    if (llvm::Error error = checkFeasible(problem.getValue(), schedule.getValue(), target.getValue())) {
      function.emitOpError() << "infeasible schedule: " << llvm::toString(std::move(error));
      return signalPassFailure();
    }
  }
};
} // namespace
