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

static LogicalResult disagreement(Operation *op, const Problem &problem) {
  return op->emitOpError() << "disagrees with " << kProblemAttr << " " << toJson(problem);
}

static bool hasType(Value value, ElementType type) {
  return cast<RankedTensorType>(value.getType()).getElementType() == builtinType(value.getContext(), type);
}

/// Success if `op` computes `problem`; every later pass trusts the attribute.
static LogicalResult checkAgreement(AttentionOp op, const Problem &problem) {
  auto q = cast<RankedTensorType>(op.getQ().getType()), k = cast<RankedTensorType>(op.getK().getType());
  bool agrees = hasType(op.getQ(), problem.dtype) && hasType(op.getO(), problem.outputType()) &&
                hasType(op.getK(), problem.keyType()) && q.getDimSize(2) == problem.queryHeads &&
                k.getDimSize(2) == problem.kvHeads && q.getDimSize(3) == problem.headDim &&
                bool(op.getR()) == problem.hasProbe() &&
                op.getCausal() == problem.causal &&
                static_cast<int64_t>(op.getWindow().value_or(0)) == problem.window &&
                op.getStatistics().empty() == !problem.state && bool(op.getLengths()) == problem.ragged &&
                bool(op.getCuSeqlensQ()) == problem.packedQueries && bool(op.getCuSeqlensK()) == problem.packedKeys &&
                static_cast<int64_t>(op.getPageSize().value_or(0)) == problem.pageSize;
  return agrees && !problem.isMerge() ? success() : disagreement(op, problem);
}

static LogicalResult checkAgreement(MergeStatesOp op, const Problem &problem) {
  auto o = cast<RankedTensorType>(op.getO().getType());
  bool agrees = problem.isMerge() && o.getDimSize(2) == problem.queryHeads && o.getDimSize(3) == problem.headDim &&
                hasType(op.getO(), problem.outputType());
  return agrees ? success() : disagreement(op, problem);
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
    auto agrees = [&](auto op) {
      return failed(checkAgreement(op, problem.getValue())) ? WalkResult::interrupt() : WalkResult::advance();
    };
    if (function.walk([&](AttentionOp op) { return agrees(op); }).wasInterrupted() ||
        function.walk([&](MergeStatesOp op) { return agrees(op); }).wasInterrupted())
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
