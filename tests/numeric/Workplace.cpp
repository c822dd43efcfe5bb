//===- Workplace.cpp - a device and how the checks use it -----------------===//

#include "Workplace.h"
#include "runtime/RuntimeError.h"
#include <algorithm>
#include <fmt/format.h>

namespace lla::numeric {
namespace {

std::shared_ptr<Jit> makeJit(std::shared_ptr<Executor> executor, std::shared_ptr<KernelMemory> kernels,
                             const Settings &settings) {
  JitOptions options;
  options.tune = TuneMode::Off;
  options.compiler = [kernels](const CompileRequest &request) { return kernels->compile(request); };
  if (!executor->target().isHost())
    options.compile.ptxasPath = settings.ptxas;
  return std::make_shared<Jit>(std::move(executor), std::move(options));
}

} // namespace

Workplace::Workplace(std::shared_ptr<Executor> executor, Report &report, const Settings &settings)
    : executor(executor), kernels(std::make_shared<KernelMemory>()), jit(makeJit(executor, kernels, settings)),
      report(report), settings(settings) {}

llvm::Expected<Artifact> KernelMemory::compile(const CompileRequest &request) {
  std::shared_ptr<Slot> slot;
  {
    Key key = artifactKey(request.problem, request.schedule, request.target, Toolchain());
    std::lock_guard<std::mutex> lock(mutex);
    std::shared_ptr<Slot> &entry = slots[key.text()];
    if (!entry)
      entry = std::make_shared<Slot>();
    slot = entry;
  }
  std::lock_guard<std::mutex> lock(slot->making);
  if (slot->artifact)
    return *slot->artifact;
  llvm::Expected<Artifact> artifact = compileInProcess(request);
  if (artifact) {
    slot->artifact = *artifact;
    ++compiled;
  }
  return artifact;
}

llvm::Expected<Workspace> Workspace::create(Executor &executor, const Resources &costs) {
  llvm::Expected<GuardedRegion> region = GuardedRegion::create(executor, costs.workspaceBytes);
  if (!region)
    return region.takeError();
  int64_t counters = costs.workspaceBytes ? lla::counterBytes(costs) : 0;
  std::fill_n(region->copy(), counters, 0);
  if (llvm::Error error = region->upload(executor))
    return std::move(error);
  return Workspace(std::move(*region), counters);
}

llvm::Error Workspace::check(Executor &executor) const {
  llvm::Expected<std::vector<char>> now = region.download(executor);
  if (!now)
    return failure(FailureKind::Verification, "workspace: " + llvm::toString(now.takeError()));
  for (int64_t i = 0; i < counterBytes; ++i)
    if ((*now)[i])
      return failure(FailureKind::Verification,
                     fmt::format("workspace: the counter at byte {} did not wrap to 0", i / 4 * 4));
  return llvm::Error::success();
}

llvm::Expected<Plan> preparedPlan(Workplace &place, const Problem &problem, const Schedule &schedule) {
  llvm::Expected<Plan> plan = Plan::create(problem, schedule, place.jit);
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = plan->prepare())
    return failure(FailureKind::Compile, "does not compile or load: " + llvm::toString(std::move(error)));
  return plan;
}

llvm::Error Workplace::runAndWait(const Plan &plan, const AttentionTensors &tensors, const Workspace &workspace) {
  std::lock_guard<std::mutex> alone(running);
  if (isLost)
    return failure(FailureKind::Execution, "not run: a kernel before it broke the device");
  {
    std::lock_guard<std::mutex> lock(naming);
    latest = fmt::format("problem {} schedule {}", toJson(plan.problem()), toText(plan.schedule().schedule));
  }
  isRunning = true;
  llvm::Error error = plan.run(tensors, workspace.data(), workspace.bytes(), nullptr);
  bool hasStarted = !error;
  if (hasStarted)
    error = executor->synchronize(nullptr);
  isRunning = false;
  ++launches;
  if (error && hasStarted)
    isLost = true;
  return error;
}

std::string Workplace::inFlight() const {
  std::lock_guard<std::mutex> lock(naming);
  return latest;
}

} // namespace lla::numeric
