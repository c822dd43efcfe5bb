//===- Quickstart.cpp - `lla quickstart` ----------------------------------===//
//
// The whole path on three real models' problems: tune, verify, cache, run. What
// the cache knows already is not tuned again.
//
//===----------------------------------------------------------------------===//

#include "runtime/Jit.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "tools/lla/Command.h"
#include "tools/lla/DeviceTensors.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Search.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/Suites.h"
#include "tools/lla/Table.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct QuickstartFlags {
  TargetFlag target;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  std::string timeLimit = "30";
  bool quiet = false;
};

void declare(CLI::App &command, QuickstartFlags &flags) {
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.knobs.addSeed(command);
  flags.knobs.addJobs(command);
  command.add_option("--time-limit", flags.timeLimit, "of each search: seconds, or MINUTES:SECONDS (default: 30)")
      ->type_name("TIME");
  command.add_flag("--quiet", flags.quiet, "no progress");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

/// One problem's line.
struct Line {
  NamedProblem what;
  Record record;
  bool wasKnown = false;                ///< The record was there before.
  CodeSource code = CodeSource::Memory; ///< Where this process got the kernel from.
  ErrorFigures figures;                 ///< Of the run through the plan.
};

struct Session {
  Device device;
  std::shared_ptr<Cache> cache;
  EffortPreset preset;
  bool quiet;
};

/// The record of the problem, after a search if there is none.
llvm::Expected<Line> obtainRecord(const Session &session, const Knobs &knobs, const NamedProblem &what) {
  const Target &target = session.device.target();
  MeasurementPolicy policy = defaultPolicy(target);
  Match known = session.cache->match(what.problem, target, policy);
  if (known.grade == MatchGrade::Exact)
    return Line{what, known.record, /*wasKnown=*/true, {}, {}};
  if (knobs.tune == TuneMode::Strict)
    return missingRecord(what.problem, known.reason);
  if (llvm::Error error = checkMaySearch(missRules(knobs), what.problem, session.device.executor->name()))
    return std::move(error);
  SearchRequest request{what.problem,   session.device, session.cache,
                        session.preset, policy,         trialLogPath(*session.cache, what.problem, target, policy),
                        false,          session.quiet};
  llvm::Expected<SearchOutcome> outcome = search(request, knobs);
  if (!outcome)
    return outcome.takeError();
  if (!outcome->record)
    return withoutWinner(outcome->result);
  return Line{what, *outcome->record, /*wasKnown=*/false, {}, {}};
}

/// As an application would: plan, prepare, run; then compare with the oracle.
llvm::Error runPlanned(const Session &session, const Knobs &knobs, Line &line) {
  Executor &executor = *session.device.executor;
  const Problem &problem = line.what.problem;
  // The schedule that the line shows, even where LLA_TUNE says not to look at records.
  llvm::Expected<Plan> plan =
      Plan::create(problem, line.record.schedule,
                   std::make_shared<Jit>(session.device.executor, jitOptions(knobs, session.device.executor)));
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = plan->prepare())
    return error;
  line.code = plan->answer().code;
  llvm::Expected<DeviceTensors> memory = DeviceTensors::allocate(executor, problem, plan->workspaceBytes());
  if (!memory)
    return memory.takeError();
  if (llvm::Error error = memory->fillRandom(executor, problem, knobs.seed))
    return error;
  if (llvm::Error error = memory->run(*plan, executor))
    return error;
  constexpr int64_t comparedRows = 64;
  llvm::Expected<ErrorFigures> figures = executor.compare(problem, memory->views(), comparedRows, knobs.seed);
  if (!figures)
    return figures.takeError();
  line.figures = *figures;
  return checkTolerance(*figures, problem);
}

ordered_json jsonOf(const Line &line) {
  return {{"name", line.what.name},
          {"problem", jsonOf(line.what.problem)},
          {"record", jsonOf(line.record)},
          {"default_us", line.record.defaultMicroseconds},
          {"winner_us", line.record.microseconds},
          {"error", line.figures.relative},
          {"oracle", line.figures.oracle},
          {"roofline", line.record.roofline},
          {"from_cache", line.wasKnown},
          {"code", name(line.code).str()}};
}

std::string textOf(const Device &device, llvm::ArrayRef<Line> lines) {
  Table table({"problem", "sizes", "default", "winner", "error", "of roofline", "schedule from", "kernel from"});
  std::string schedules;
  for (const Line &line : lines) {
    table.add({line.what.name, titleOf(line.what.problem), timeText(line.record.defaultMicroseconds),
               timeText(line.record.microseconds), errorText(line.figures.relative), percentText(line.record.roofline),
               line.wasKnown ? "cache" : "tuned now", name(line.code).str()});
    schedules += fmt::format("  {:<24} {}\n", line.what.name, toText(line.record.schedule));
  }
  return fmt::format("\nOn {} ({})\n", device.target().arch, device.target().deviceName) + table.text() +
         "winning schedules\n" + schedules;
}

std::string summaryOf(const Cache &cache, llvm::ArrayRef<Line> lines) {
  size_t known = 0;
  for (const Line &line : lines)
    known += line.wasKnown;
  std::string place = cache.location.writable.empty() ? "memory" : cache.location.writable;
  if (known == lines.size())
    return fmt::format("Answered from the cache in {}: nothing was tuned.\n", place);
  return fmt::format("{} of {} problems were tuned and are kept in {}; run again, the cache answers.\n",
                     lines.size() - known, lines.size(), place);
}

llvm::Error quickstart(const QuickstartFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  SearchFlags search;
  search.effort = "quick";
  search.timeLimit = flags.timeLimit;
  llvm::Expected<EffortPreset> preset = search.preset(knobs);
  if (!preset)
    return preset.takeError();
  llvm::Expected<Device> device = flags.target.device(knobs);
  if (!device)
    return device.takeError();
  Session session{*device, openCache(knobs), *preset, flags.quiet};
  std::vector<Line> lines;
  for (const NamedProblem &what : modelProblems(device->target())) {
    if (interrupted())
      return llvm::Error::success();
    llvm::Expected<Line> line = obtainRecord(session, knobs, what);
    if (!line)
      return line.takeError();
    if (llvm::Error error = runPlanned(session, knobs, *line))
      return error;
    lines.push_back(std::move(*line));
  }
  if (flags.output == OutputForm::Text) {
    print(textOf(*device, lines) + summaryOf(*session.cache, lines));
    return llvm::Error::success();
  }
  ordered_json results = ordered_json::array();
  for (const Line &line : lines)
    results.push_back(jsonOf(line));
  printJson(results);
  return llvm::Error::success();
}

} // namespace

void addQuickstart(Driver &driver) {
  driver.add<QuickstartFlags>(driver.app, "quickstart",
                              "tune, verify, cache and run three real models' problems on the best target", declare,
                              quickstart);
}

} // namespace lla
