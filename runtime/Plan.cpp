//===- Plan.cpp - plan, prepare, run --------------------------------------===//

#include "runtime/Plan.h"
#include "runtime/RuntimeError.h"

namespace lla {

Plan::Plan(const Problem &problem, ScheduleAnswer schedule, std::shared_ptr<Jit> jit)
    : planned(problem), decision(std::move(schedule)),
      costs(lla::resources(planned, decision.schedule, jit->executor().target())), jit(std::move(jit)) {}

llvm::Expected<Plan> Plan::create(const Problem &given, std::shared_ptr<Jit> jit) {
  Problem problem = given;
  if (llvm::Error error = normalize(problem))
    return withKind(FailureKind::Usage, std::move(error));
  llvm::Expected<ScheduleAnswer> schedule = jit->decide(problem);
  if (!schedule)
    return schedule.takeError();
  return Plan(problem, std::move(*schedule), std::move(jit));
}

llvm::Expected<Plan> Plan::create(const Problem &given, const Schedule &schedule, std::shared_ptr<Jit> jit) {
  Problem problem = given;
  if (llvm::Error error = normalize(problem))
    return withKind(FailureKind::Usage, std::move(error));
  if (llvm::Error error = checkFeasible(problem, schedule, jit->executor().target()))
    return withKind(FailureKind::Compile, std::move(error));
  return Plan(problem, {schedule, ScheduleSource::Given, "", "the caller's schedule"}, std::move(jit));
}

llvm::Error Plan::prepare() {
  if (prepared.kernel)
    return llvm::Error::success();
  llvm::Expected<JitAnswer> answer = jit->get(planned, decision);
  if (!answer)
    return answer.takeError();
  prepared = std::move(*answer);
  return llvm::Error::success();
}

llvm::Error Plan::run(const AttentionTensors &tensors, void *workspace, int64_t workspaceBytes, Stream stream) const {
  if (!prepared.kernel)
    return failure(FailureKind::NotPrepared, "plan: expected prepare() before run(), got none");
  const Target &target = jit->executor().target();
  llvm::Expected<Problem> problem =
      checkCall(planned, decision.schedule, costs, tensors, workspace, workspaceBytes, target.kind);
  if (!problem)
    return problem.takeError();
  if (problem->queryElements() == 0)
    return llvm::Error::success();
  return jit->executor().launch(makeLaunch(*prepared.kernel, *problem, tensors, workspace, target), stream);
}

llvm::Error Plan::clearWorkspace(void *workspace, int64_t workspaceBytes, Stream stream) const {
  llvm::Expected<int64_t> bytes = bytesToClear(costs, workspace, workspaceBytes);
  if (!bytes)
    return bytes.takeError();
  return jit->executor().fill(workspace, 0, *bytes, stream);
}

} // namespace lla
