//===- SearchFlags.cpp - how hard and how to search -----------------------===//

#include "tools/lla/SearchFlags.h"
#include "dialect/Spec/Fields.h"
#include "runtime/ScheduleChoice.h"
#include "tools/lla/Figures.h"

namespace lla {

void KnobFlags::addSeed(CLI::App &command) {
  command.add_option("--seed", seed, "of the search and of generated inputs (default: LLA_SEED, else 0)");
}

void KnobFlags::addJobs(CLI::App &command) {
  command.add_option("--jobs", jobs, "compile workers at a time; 0: one per CPU (default: LLA_JOBS)");
}

llvm::Error KnobFlags::apply(Knobs &knobs) const {
  if (seed && *seed < 0)
    return fieldError("seed", "an integer >= 0", std::to_string(*seed));
  if (jobs && *jobs < 0)
    return fieldError("jobs", "an integer >= 0", std::to_string(*jobs));
  knobs.seed = seed.value_or(knobs.seed);
  knobs.jobs = jobs.value_or(knobs.jobs);
  return llvm::Error::success();
}

void PolicyFlag::addTo(CLI::App &command) {
  command
      .add_option(
          "--policy", text,
          "how launches are timed: graph|eager,warm|cold (default: graph,warm on a GPU, eager,warm on the host)")
      ->type_name("POLICY");
}

llvm::Expected<MeasurementPolicy> PolicyFlag::policy(const Target &target) const {
  if (text.empty())
    return defaultPolicy(target);
  llvm::Expected<MeasurementPolicy> policy = parseMeasurementPolicy(text);
  if (policy && policy->graphReplay && target.isHost())
    return fieldError("policy", "eager on the host", '"' + text + '"');
  return policy;
}

void SearchFlags::addTo(CLI::App &command) {
  command.add_option("--effort", effort, "none (default schedule only), quick (~10 s) or full (~1 min a problem)")
      ->check(CLI::IsMember({"none", "quick", "full"}))
      ->group("Search");
  command.add_option("--strategy", strategy, "how candidates are chosen (default: of the effort)")
      ->check(CLI::IsMember({"exhaustive", "random", "local"}))
      ->group("Search");
  command.add_option("--time-limit", timeLimit, "of each search: seconds, or MINUTES:SECONDS")
      ->type_name("TIME")
      ->group("Search");
  command.add_option("--max-evals", maxTrials, "candidates to try at most in each search")->group("Search");
}

llvm::Expected<EffortPreset> SearchFlags::preset(const Knobs &knobs) const {
  EffortPreset preset = presetOf(effort.empty() ? knobs.effort : *parseEffort(effort));
  if (knobs.budgetSeconds > 0)
    preset.limits.seconds = knobs.budgetSeconds;
  if (!strategy.empty())
    preset.strategy = *parseStrategyKind(strategy);
  if (!timeLimit.empty()) {
    llvm::Expected<double> seconds = parseDuration("time-limit", timeLimit);
    if (!seconds)
      return seconds.takeError();
    preset.limits.seconds = *seconds;
  }
  if (maxTrials && *maxTrials < 1)
    return fieldError("max-evals", "an integer >= 1", std::to_string(*maxTrials));
  if (maxTrials)
    preset.limits.trials = *maxTrials;
  return preset;
}

} // namespace lla
