//===- Tune.cpp - `lla tune` ----------------------------------------------===//

#include "autotune/CostModel.h"
#include "autotune/TrialExport.h"
#include "runtime/RuntimeError.h"
#include "runtime/UserCache.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Search.h"
#include "tools/lla/SearchFlags.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct TuneFlags {
  ProblemFlags problems;
  TargetFlag target;
  SearchFlags search;
  PolicyFlag policy;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  std::string log;
  bool resume = false, untuned = false, dryRun = false, quiet = false;
};

void declare(CLI::App &command, TuneFlags &flags) {
  flags.problems.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/true);
  flags.search.addTo(command);
  flags.policy.addTo(command);
  flags.knobs.addSeed(command);
  flags.knobs.addJobs(command);
  command.add_option("--log", flags.log, "trial log of the one problem (default: in the cache)")->type_name("FILE");
  command.add_flag("--resume", flags.resume, "continue the trial log: its candidates are not tried again");
  command.add_flag("--untuned", flags.untuned,
                   "only problems that the cache's first folder has no record of: a list goes on where it ended");
  command.add_flag("--dry-run", flags.dryRun, "say what would be searched, and run nothing");
  command.add_flag("--quiet", flags.quiet, "no progress");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv, OutputForm::T4});
}

ordered_json jsonOf(const Estimate &time) {
  return {{"median_us", time.median}, {"low_us", time.low}, {"high_us", time.high}, {"samples", time.samples}};
}

ordered_json jsonOf(const StageCounts &counts) {
  ordered_json failures = ordered_json::object();
  for (auto [outcome, count] : counts.failures)
    failures[name(outcome).str()] = count;
  return {{"product", counts.product},   {"feasible", counts.feasible}, {"tried", counts.tried},
          {"compiled", counts.compiled}, {"clean", counts.clean},       {"correct", counts.correct},
          {"timed", counts.timed},       {"raced", counts.raced},       {"failures", failures}};
}

ordered_json jsonOf(const SearchRequest &request, const SearchOutcome &outcome) {
  const TuneResult &result = outcome.result;
  ordered_json object = {{"problem", jsonOf(request.problem)}, {"target", jsonOf(request.device.target())},
                         {"policy", toText(request.policy)},   {"stages", jsonOf(result.counts)},
                         {"stop", name(result.stop).str()},    {"seconds", result.seconds},
                         {"trial_log", request.logPath}};
  if (!outcome.record)
    return object;
  object["winner"] = jsonOf(*outcome.record);
  object["time"] = jsonOf(result.winnerTime);
  if (result.incumbentTime)
    object["default_time"] = jsonOf(*result.incumbentTime);
  if (result.gain)
    object["gain"] = {{"median", result.gain->median}, {"low", result.gain->low}, {"high", result.gain->high}};
  object["ties"] = result.ties.size();
  return object;
}

std::string spread(const Estimate &time) {
  return fmt::format("{} [{}, {}]", timeText(time.median), timeText(time.low), timeText(time.high));
}

std::string textOf(const SearchRequest &request, const SearchOutcome &outcome) {
  const TuneResult &result = outcome.result;
  const StageCounts &counts = result.counts;
  const Target &target = request.device.target();
  std::string text = fmt::format("{} on {} ({})\n", titleOf(request.problem), target.arch, target.deviceName);
  text +=
      fmt::format("  stages    {} combinations, {} feasible, {} tried, {} compiled, {} clean, {} correct, {} timed, "
                  "{} raced; ended by {} after {:.1f} s\n",
                  counts.product, counts.feasible, counts.tried, counts.compiled, counts.clean, counts.correct,
                  counts.timed, counts.raced, name(result.stop).str(), result.seconds);
  for (auto [what, count] : counts.failures)
    text += fmt::format("  failures  {} {}\n", count, name(what).str());
  if (!outcome.record)
    return text;
  if (result.incumbentTime)
    text += fmt::format("  default   {}  {}\n", spread(*result.incumbentTime),
                        toText(defaultSchedule(request.problem, target)));
  text += fmt::format("  winner    {}  {}\n", spread(result.winnerTime), toText(outcome.record->schedule));
  if (result.keptIncumbent)
    text += "  verdict   the default stays: no challenger is surely faster\n";
  else if (result.gain)
    text += fmt::format("  verdict   {:.2f}x the default's speed\n", 1 + result.gain->median);
  text += fmt::format("  error     {} of max|reference|; {} of the roofline\n", errorText(outcome.record->error),
                      percentText(outcome.record->roofline));
  if (!outcome.record->doubt.empty())
    text += fmt::format("  doubt     {}\n", outcome.record->doubt);
  return text + (outcome.notice.empty()
                     ? fmt::format("  kept      {}\n", request.cache->records.layers().front()->name())
                     : fmt::format("  not kept  {}\n", outcome.notice));
}

/// What a search would do.
ordered_json planOf(const SearchRequest &request) {
  SearchSpace space = SearchSpace::enumerate(request.problem, request.device.target());
  const BudgetLimits &limits = request.preset.limits;
  ordered_json object = {{"problem", jsonOf(request.problem)}, {"target", jsonOf(request.device.target())},
                         {"policy", toText(request.policy)},   {"strategy", name(request.preset.strategy).str()},
                         {"product", space.productSize()},     {"feasible", space.size()}};
  object["trials"] = limits.trials ? ordered_json(*limits.trials) : ordered_json(nullptr);
  object["seconds"] = limits.seconds ? ordered_json(*limits.seconds) : ordered_json(nullptr);
  return object;
}

std::string planText(const ordered_json &plan, const std::string &title) {
  return fmt::format("{}: would search {} feasible schedules of {} by {}, at most {} trials and {} seconds\n", title,
                     plan["feasible"].dump(), plan["product"].dump(), plan["strategy"].get<std::string>(),
                     plan["trials"].dump(), plan["seconds"].dump());
}

/// True if this very problem has a record of the user's own.
bool isTuned(const Cache &cache, const Problem &problem, const Target &target, const MeasurementPolicy &policy) {
  Record wanted;
  wanted.problem = problem;
  wanted.deviceClass = deviceClass(target);
  wanted.policy = policy;
  return !cache.records.layers().front()->exact(wanted).records.empty();
}

llvm::Expected<std::vector<SearchRequest>> requestsOf(const TuneFlags &flags, const Knobs &knobs) {
  llvm::Expected<std::vector<Problem>> problems = flags.problems.problems();
  if (!problems)
    return problems.takeError();
  llvm::Expected<EffortPreset> preset = flags.search.preset(knobs);
  if (!preset)
    return preset.takeError();
  llvm::Expected<std::vector<Device>> devices = flags.target.devices(knobs);
  if (!devices)
    return devices.takeError();
  if (!flags.log.empty() && problems->size() * devices->size() != 1)
    return failure(FailureKind::Usage,
                   fmt::format("log: expected one problem on one target, got {}", problems->size() * devices->size()));
  std::shared_ptr<Cache> cache = openCache(knobs);
  std::vector<SearchRequest> requests;
  for (const Device &device : *devices) {
    llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(device.target());
    if (!policy)
      return policy.takeError();
    for (const Problem &problem : *problems)
      if (!flags.untuned || !isTuned(*cache, problem, device.target(), *policy))
        requests.push_back({problem, device, cache, *preset, *policy,
                            flags.log.empty() ? trialLogPath(*cache, problem, device.target(), *policy) : flags.log,
                            flags.resume, flags.quiet});
  }
  return requests;
}

llvm::Error dryRun(const TuneFlags &flags, llvm::ArrayRef<SearchRequest> requests) {
  ordered_json plans = ordered_json::array();
  for (const SearchRequest &request : requests) {
    plans.push_back(planOf(request));
    if (flags.output == OutputForm::Text)
      print(planText(plans.back(), titleOf(request.problem)));
  }
  if (flags.output != OutputForm::Text)
    printJson(plans);
  return llvm::Error::success();
}

llvm::Error tuneAll(const TuneFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  knobs.disableJit = knobs.assertCacheHit = false; // To compile ahead of time is what is asked.
  llvm::Expected<std::vector<SearchRequest>> requests = requestsOf(flags, knobs);
  if (!requests)
    return requests.takeError();
  if (flags.dryRun)
    return dryRun(flags, *requests);
  if (requests->empty() && flags.output == OutputForm::Text)
    print("every problem has a record\n"); // With --untuned.
  ordered_json results = ordered_json::array();
  std::vector<Trial> trials;
  llvm::Error failures = llvm::Error::success();
  for (const SearchRequest &request : *requests) {
    if (interrupted())
      break;
    llvm::Expected<SearchOutcome> outcome = search(request, knobs);
    if (!outcome) {
      failures = llvm::joinErrors(std::move(failures), outcome.takeError());
      break;
    }
    if (flags.output == OutputForm::Text)
      print(textOf(request, *outcome));
    results.push_back(jsonOf(request, *outcome));
    trials.insert(trials.end(), outcome->result.trials.begin(), outcome->result.trials.end());
    if (!outcome->record && !interrupted())
      failures = llvm::joinErrors(std::move(failures), withoutWinner(outcome->result));
  }
  if (flags.output == OutputForm::Json)
    printJson(results);
  else if (flags.output == OutputForm::Csv)
    print(toCsv(trials));
  else if (flags.output == OutputForm::T4)
    print(toT4(trials));
  return failures;
}

} // namespace

void addTune(Driver &driver) {
  driver.add<TuneFlags>(driver.app, "tune", "search the fastest schedule that is right, and remember it", declare,
                        tuneAll);
}

} // namespace lla
