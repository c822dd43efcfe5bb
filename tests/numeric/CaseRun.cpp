//===- CaseRun.cpp - one case of the list on one device -------------------===//

#include "CaseRun.h"
#include "PlacedTensors.h"
#include "Schedules.h"
#include "llvm/Support/xxhash.h"
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace lla::numeric {
namespace {

/// One call with all that is known of it before anything runs.
struct PreparedCall {
  Problem problem;
  uint64_t seed;
  DenseInputs inputs;
  Truth truth;
  std::vector<double> first; ///< Output of the first schedule; empty before.

  /// The output with 0 in rows that no sequence has, which nobody wrote.
  std::vector<double> written(std::vector<double> output) const {
    for (size_t i = 0; i < output.size(); ++i)
      if (problem.packedQueries && std::isnan(truth.exact[i]))
        output[i] = 0;
    return output;
  }
};

class CaseRun {
public:
  CaseRun(Workplace &place, const Case &entry)
      : place(place), entry(entry), seed(llvm::xxh3_64bits(entry.name) ^ place.settings.seed) {}

  void run() {
    const Target &target = place.executor->target();
    if (place.isLost)
      return place.report.failed(entry.name, "not run: a kernel before it broke the device");
    if (!target.isHost() && entry.problem.dtype == ElementType::F32 && !entry.problem.isMerge())
      return place.report.skipped(entry.name, "fp32 runs on the host only");
    std::vector<Schedule> schedules = entry.given;
    if (schedules.empty())
      schedules = schedulesOf(entry.problem, entry.schedules, target, seed, place.settings.samples);
    if (schedules.empty())
      return place.report.failed(entry.name, "no schedule is feasible");
    prepareCalls();
    for (const Schedule &schedule : schedules)
      if (!place.isLost)
        runSchedule(schedule);
  }

private:
  void prepareCalls() {
    std::vector<Call> wanted = entry.calls;
    if (wanted.empty())
      wanted.push_back({entry.problem.queryLength, entry.problem.foldLength()});
    for (const Call &call : wanted) {
      PreparedCall prepared{problemOf(entry, call), (seed + call.seed) & 0xffffffff, {}, {}, {}};
      prepared.inputs = makeInputs(prepared.problem, entry.inputKind, prepared.seed, entry.sequences, entry.scales);
      prepared.truth = makeTruth(prepared.problem, prepared.inputs);
      calls.push_back(std::move(prepared));
    }
  }

  void runSchedule(const Schedule &schedule) {
    llvm::Expected<Plan> plan = preparedPlan(place, entry.problem, schedule);
    if (!plan)
      return fail(schedule, entry.problem, llvm::toString(plan.takeError()));
    llvm::Expected<Workspace> workspace = Workspace::create(*place.executor, plan->resources());
    if (!workspace)
      return fail(schedule, entry.problem, llvm::toString(workspace.takeError()));
    for (PreparedCall &call : calls) {
      if (llvm::Error error = runCall(*plan, *workspace, call))
        fail(schedule, call.problem, llvm::toString(std::move(error)));
      if (place.isLost)
        return;
    }
  }

  llvm::Error runCall(const Plan &plan, const Workspace &workspace, PreparedCall &call) {
    Executor &executor = *place.executor;
    llvm::Expected<PlacedTensors> tensors =
        PlacedTensors::create(executor, call.problem, entry.arrangement, call.inputs);
    if (!tensors)
      return tensors.takeError();
    llvm::Expected<Outputs> outputs = runOnce(plan, workspace, *tensors);
    if (!outputs)
      return outputs.takeError();
    llvm::Expected<Outputs> again = runOnce(plan, workspace, *tensors);
    if (!again)
      return again.takeError();
    for (std::vector<double> Outputs::*member : {&Outputs::o, &Outputs::lse, &Outputs::tbar, &Outputs::vbar})
      if (std::memcmp(((*outputs).*member).data(), ((*again).*member).data(),
                      ((*outputs).*member).size() * sizeof(double)) != 0)
        return llvm::createStringError("a second run on the same workspace gives other bits");
    return judgeOutputs(plan, call, *outputs);
  }

  llvm::Expected<Outputs> runOnce(const Plan &plan, const Workspace &workspace, PlacedTensors &tensors) {
    if (llvm::Error error = tensors.poisonOutputs(*place.executor))
      return std::move(error);
    if (llvm::Error error = place.runAndWait(plan, tensors.views(), workspace))
      return std::move(error);
    if (llvm::Error error = workspace.check(*place.executor))
      return std::move(error);
    return tensors.outputs(*place.executor);
  }

  llvm::Error judgeOutputs(const Plan &plan, PreparedCall &call, const Outputs &outputs) {
    const Problem &problem = call.problem;
    ErrorFigures figures = measure(problem, entry.inputKind, outputs, call.truth);
    if (problem.dtype != ElementType::F32)
      place.report.addToSet(lla::name(problem.dtype).str() +
                                (problem.outputDtype ? " to " + lla::name(*problem.outputDtype).str() : "") + " " +
                                name(entry.inputKind),
                            figures);
    if (std::string reason = judge(figures, problem, entry.inputKind); !reason.empty())
      return llvm::createStringError(reason);
    if (std::string reason = judgeBlindRows(problem, call.inputs, outputs); !reason.empty())
      return llvm::createStringError(reason);
    bool hasNaN = entry.inputKind == InputKind::SeenNaNKey || entry.inputKind == InputKind::SeenNaNValue;
    std::vector<double> written = call.written(outputs.o);
    if (call.first.empty())
      call.first = written;
    else if (std::string reason = judgeDifference(written, call.first, problem, figures); !hasNaN && !reason.empty())
      return llvm::createStringError("against the first schedule: " + reason);
    place.report.passed(entry.name, fmt::format("{} {} [{}] error {:.2e}", problem.queryLength, problem.foldLength(),
                                                toText(plan.schedule().schedule), figures.relative));
    return llvm::Error::success();
  }

  void fail(const Schedule &schedule, const Problem &problem, const std::string &reason) {
    place.report.failed(entry.name,
                        fmt::format("{}\n       problem {}\n       schedule {}\n       inputs {}, {}, {}, {}\n"
                                    "       {}",
                                    reason, toJson(problem), toText(schedule), name(entry.inputKind),
                                    name(entry.arrangement), name(entry.sequences), name(entry.scales), repetition()));
  }

  /// The command that runs this case alone.
  std::string repetition() const {
    return fmt::format("numeric-test --target {} --seed {} {}{}", place.isHost() ? "host" : "cuda", place.settings.seed,
                       entry.randomNumber ? fmt::format("--random 1 --first {}", *entry.randomNumber)
                                          : "--case " + entry.name,
                       place.settings.isLong ? " --long" : "");
  }

  Workplace &place;
  const Case &entry;
  const uint64_t seed; ///< Of this case: the same whichever others run.
  std::vector<PreparedCall> calls;
};

} // namespace

void runCase(Workplace &place, const Case &entry) { CaseRun(place, entry).run(); }

} // namespace lla::numeric
