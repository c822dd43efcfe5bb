//===- Replay.cpp - `lla replay` ------------------------------------------===//

#include "autotune/CostModel.h"
#include "autotune/ReplayEvaluator.h"
#include "autotune/Tuner.h"
#include "runtime/RuntimeError.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/SearchFlags.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct ReplayFlags {
  std::string log;
  SearchFlags search;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
};

void declare(CLI::App &command, ReplayFlags &flags) {
  command.add_option("log", flags.log, "trial log of a tuning")->type_name("FILE")->required();
  flags.search.addTo(command);
  flags.knobs.addSeed(command);
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

/// Median of a schedule's logged race, else of its search; 0: never timed.
double loggedTime(const TrialLog &log, const Schedule &schedule) {
  for (const RaceSamples &race : log.races)
    if (race.schedule == schedule && !race.samples.empty())
      return median(race.samples);
  for (const Trial &trial : log.trials)
    if (trial.schedule == schedule && trial.isOk())
      return trial.cost();
  return 0;
}

ordered_json jsonOf(const TrialLog &log, const TuneResult &result, const EffortPreset &preset) {
  ordered_json object = {{"problem", jsonOf(log.header.problem)},
                         {"target", jsonOf(log.header.target)},
                         {"strategy", name(preset.strategy).str()},
                         {"logged_trials", log.trials.size()},
                         {"tried", result.counts.tried},
                         {"stop", name(result.stop).str()},
                         {"skipped_lines", log.complaints.size()}};
  if (result.winner)
    object["winner"] = {{"schedule", toText(result.winner->schedule)}, {"median_us", result.winnerTime.median}};
  if (log.winner)
    object["logged_winner"] = {{"schedule", toText(*log.winner)}, {"median_us", loggedTime(log, *log.winner)}};
  if (result.winner && log.winner)
    object["same_winner"] = result.winner->schedule == *log.winner;
  return object;
}

std::string textOf(const TrialLog &log, const ordered_json &replayed) {
  std::string text =
      fmt::format("{} on {}: {} of {} logged candidates tried by {}, ended by {}\n", titleOf(log.header.problem),
                  log.header.target.arch, replayed["tried"].dump(), replayed["logged_trials"].dump(),
                  replayed["strategy"].get<std::string>(), replayed["stop"].get<std::string>());
  for (const char *which : {"winner", "logged_winner"})
    if (replayed.contains(which))
      text += fmt::format("  {:<14} {}  {}\n", which, timeText(replayed[which]["median_us"].get<double>()),
                          replayed[which]["schedule"].get<std::string>());
  return text;
}

llvm::Error replay(const ReplayFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  llvm::Expected<EffortPreset> preset = flags.search.preset(knobs);
  if (!preset)
    return preset.takeError();
  llvm::Expected<TrialLog> log = readTrialLog(flags.log);
  if (!log)
    return withKind(FailureKind::Usage, log.takeError());
  for (const std::string &complaint : log->complaints)
    llvm::errs() << "lla: " << flags.log << ": " << complaint << "\n";
  const Problem &problem = log->header.problem;
  const Target &target = log->header.target;
  std::vector<Schedule> schedules;
  for (const Trial &trial : log->trials)
    schedules.push_back(trial.schedule);
  SearchSpace space = SearchSpace::of(problem, target, std::move(schedules));
  std::unique_ptr<Strategy> strategy =
      makeStrategy(preset->strategy, space, predictorOf(problem, target, nominalCeilings(target)), knobs.seed);
  ReplayEvaluator evaluator(*log);
  TuneOptions options;
  options.effort = *preset;
  options.incumbent = defaultSchedule(problem, target);
  llvm::Expected<TuneResult> result = Tuner(space, *strategy, evaluator, std::move(options)).run();
  if (!result)
    return result.takeError();
  ordered_json replayed = jsonOf(*log, *result, *preset);
  if (flags.output == OutputForm::Json)
    printJson(replayed);
  else
    print(textOf(*log, replayed));
  if (result->winner)
    return llvm::Error::success();
  return failure(FailureKind::Compile, flags.log + ": expected a candidate that works, got none");
}

} // namespace

void addReplay(Driver &driver) {
  driver.add<ReplayFlags>(driver.app, "replay", "search again in a trial log, without a device", declare, replay);
}

} // namespace lla
