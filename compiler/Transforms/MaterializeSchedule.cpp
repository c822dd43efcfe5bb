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
