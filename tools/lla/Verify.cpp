//===- Verify.cpp - `lla verify` ------------------------------------------===//

#include "runtime/Jit.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "runtime/Tuning.h"
#include "tools/lla/Command.h"
#include "tools/lla/DeviceTensors.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/TargetFlag.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct VerifyFlags {
  ProblemFlags problems;
  TargetFlag target;
  ScheduleFlag schedule;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  int64_t rows = 64, repeat = 0;
};

void declare(CLI::App &command, VerifyFlags &flags) {
  flags.problems.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/true);
  flags.schedule.addTo(command);
  flags.knobs.addSeed(command);
  command
      .add_option("--rows", flags.rows,
                  "rows that the host's reference looks at; 0: all (a GPU's oracle looks at all it can) (default: 64)")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--repeat", flags.repeat, "also launch so often and compare the outputs bit by bit")
      ->check(CLI::NonNegativeNumber);
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

struct Verdict {
  ScheduleAnswer schedule;
  ErrorFigures figures;
  int64_t launches = 0; ///< That were compared bit by bit.
  std::string fault;    ///< Empty: right.
};

/// A device, and how it gets its kernels.
struct Workplace {
  Device device;
  std::shared_ptr<Cache> cache;
  std::shared_ptr<Jit> jit;
};

llvm::Expected<ErrorFigures> judge(const VerifyFlags &flags, const Knobs &knobs, const Workplace &place,
                                   const Problem &problem, const Schedule &schedule) {
  const Target &target = place.device.target();
  EvaluatorOptions options = evaluatorOptions(knobs, target, defaultPolicy(target), place.cache);
  options.verifiedRows = flags.rows;
  KernelEvaluator evaluator(problem, place.device.executor, std::move(options));
  llvm::Expected<std::vector<Preparation>> prepared = evaluator.prepare({schedule});
  if (!prepared)
    return prepared.takeError();
  if (prepared->front().outcome != Outcome::Ok)
    return failure(FailureKind::Compile, prepared->front().reason);
  return evaluator.compare(schedule);
}

/// Launches of one kernel on one input must agree bit by bit.
llvm::Error checkRepeatable(const Knobs &knobs, const Workplace &place, const Problem &problem,
                            const Schedule &schedule, int64_t launches) {
  Executor &executor = *place.device.executor;
  llvm::Expected<Plan> plan = Plan::create(problem, schedule, place.jit);
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = plan->prepare())
    return error;
  llvm::Expected<DeviceTensors> memory = DeviceTensors::allocate(executor, problem, plan->workspaceBytes());
  if (!memory)
    return memory.takeError();
  if (llvm::Error error = memory->fillRandom(executor, problem, knobs.seed))
    return error;
  std::vector<std::string> first;
  for (int64_t launch = 0; launch < launches && !interrupted(); ++launch) {
    if (llvm::Error error = memory->run(*plan, executor))
      return error;
    llvm::Expected<std::vector<std::string>> outputs = memory->outputs(executor, problem);
    if (!outputs)
      return outputs.takeError();
    if (launch == 0)
      first = std::move(*outputs);
    else if (*outputs != first)
      return failure(FailureKind::Verification,
                     fmt::format("launch {}: expected the bits of the first launch, got others", launch));
  }
  return llvm::Error::success();
}

/// An error that is no verdict (no device, no code) ends the command.
llvm::Expected<Verdict> verifyOne(const VerifyFlags &flags, const Knobs &knobs, const Workplace &place,
                                  const Problem &problem) {
  llvm::Expected<ScheduleAnswer> schedule = flags.schedule.choose(*place.jit, problem);
  if (!schedule)
    return schedule.takeError();
  Verdict verdict;
  verdict.schedule = *schedule;
  llvm::Expected<ErrorFigures> figures = judge(flags, knobs, place, problem, schedule->schedule);
  llvm::Error error = figures ? checkTolerance(*figures, problem) : figures.takeError();
  if (figures)
    verdict.figures = *figures;
  if (!error && flags.repeat > 0) {
    error = checkRepeatable(knobs, place, problem, schedule->schedule, flags.repeat);
    verdict.launches = flags.repeat;
  }
  if (!error)
    return verdict;
  auto [kind, text] = describe(std::move(error));
  if (kind != FailureKind::Verification)
    return failure(kind, text);
  verdict.fault = text;
  return verdict;
}

ordered_json jsonOf(const Problem &problem, const Device &device, const Verdict &verdict) {
  const ErrorFigures &figures = verdict.figures;
  ordered_json json = {{"problem", jsonOf(problem)},
                       {"target", device.target().arch},
                       {"schedule", jsonOf(verdict.schedule.schedule)},
                       {"schedule_source", name(verdict.schedule.source).str()},
                       {"ok", verdict.fault.empty()},
                       {"fault", verdict.fault},
                       {"relative_error", figures.relative},
                       {"rms_error", figures.rms},
                       {"baseline_relative_error", figures.baselineRelative},
                       {"baseline_rms_error", figures.baselineRms},
                       {"max_reference", figures.maxReference},
                       {"rows", figures.rows},
                       {"all_rows", figures.allRows},
                       {"oracle", figures.oracle},
                       {"identical_launches", verdict.launches}};
  if (problem.state)
    json["state_errors"] = {{"lse", figures.lse}, {"tbar", figures.tbar}, {"vbar", figures.vbar}};
  return json;
}

std::string textOf(const Problem &problem, const Device &device, const Verdict &verdict) {
  const ErrorFigures &figures = verdict.figures;
  std::string text = fmt::format("{} {} on {}  [{}]\n", verdict.fault.empty() ? "ok  " : "FAIL", titleOf(problem),
                                 device.target().arch, toText(verdict.schedule.schedule));
  if (figures.rows)
    text += fmt::format("     error {} of max|reference| (straightforward evaluation: {}), rms {} ({}), {} rows{}, by "
                        "{}\n",
                        errorText(figures.relative), errorText(figures.baselineRelative), errorText(figures.rms),
                        errorText(figures.baselineRms), figures.rows, figures.allRows ? " (all)" : "", figures.oracle);
  if (figures.rows && problem.state)
    text += fmt::format("     state: error of lse {}, tbar {}, vbar {}\n", errorText(figures.lse),
                        errorText(figures.tbar), errorText(figures.vbar));
  if (verdict.launches)
    text += fmt::format("     {} launches compared bit by bit\n", verdict.launches);
  return text + (verdict.fault.empty() ? "" : "     " + verdict.fault + "\n");
}

llvm::Error verifyAll(const VerifyFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  llvm::Expected<std::vector<Problem>> problems = flags.problems.problems();
  if (!problems)
    return problems.takeError();
  llvm::Expected<std::vector<Device>> devices = flags.target.devices(knobs);
  if (!devices)
    return devices.takeError();
  ordered_json results = ordered_json::array();
  int64_t wrong = 0;
  for (const Device &device : *devices) {
    JitOptions options = jitOptions(knobs, device.executor);
    Workplace place{device, options.cache, std::make_shared<Jit>(device.executor, options)};
    for (const Problem &problem : *problems) {
      if (interrupted())
        return llvm::Error::success();
      llvm::Expected<Verdict> verdict = verifyOne(flags, knobs, place, problem);
      if (!verdict)
        return verdict.takeError();
      wrong += !verdict->fault.empty();
      if (flags.output == OutputForm::Text)
        print(textOf(problem, device, *verdict));
      results.push_back(jsonOf(problem, device, *verdict));
    }
  }
  if (flags.output == OutputForm::Json)
    printJson(results);
  if (wrong == 0)
    return llvm::Error::success();
  return failure(FailureKind::Verification,
                 fmt::format("verify: expected right results, got {} wrong of {}", wrong, results.size()));
}

} // namespace

void addVerify(Driver &driver) {
  driver.add<VerifyFlags>(driver.app, "verify", "compile, run, and compare with an independent reference", declare,
                          verifyAll);
}

} // namespace lla
