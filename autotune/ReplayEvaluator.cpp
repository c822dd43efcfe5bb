//===- ReplayEvaluator.cpp - a trial log that answers ---------------------===//

#include "autotune/ReplayEvaluator.h"
#include "llvm/ADT/STLExtras.h"

namespace lla {
namespace {

constexpr const char *unlogged = "not in the trial log";

/// Outcomes that a candidate meets before it is run; the rest came from verify or measure.
bool endsInPreparation(Outcome outcome) {
  switch (outcome) {
  case Outcome::Infeasible:
  case Outcome::CompileFailed:
  case Outcome::CompileTimeout:
  case Outcome::CompileCrashed:
    return true;
  default:
    return false;
  }
}

} // namespace

ReplayEvaluator::ReplayEvaluator(const TrialLog &log) : header(log.header) {
  for (const Trial &trial : log.trials)
    entries[trial.schedule] = {trial, trial.samples};
  for (const RaceSamples &race : log.races)
    if (auto entry = entries.find(race.schedule); entry != entries.end())
      llvm::append_range(entry->second.samples, race.samples);
}

llvm::Expected<std::vector<Preparation>> ReplayEvaluator::prepare(llvm::ArrayRef<Schedule> candidates) {
  std::vector<Preparation> answers;
  for (const Schedule &candidate : candidates) {
    auto entry = entries.find(candidate);
    if (entry == entries.end()) {
      answers.push_back({Outcome::Infeasible, unlogged});
      continue;
    }
    const Trial &trial = entry->second.trial;
    Outcome outcome = endsInPreparation(trial.outcome) ? trial.outcome : Outcome::Ok;
    answers.push_back({outcome, outcome == Outcome::Ok ? "" : trial.reason, trial.registers, trial.spillBytes,
                       trial.sharedBytes, trial.compileMilliseconds});
  }
  return answers;
}

llvm::Expected<Verification> ReplayEvaluator::verify(const Schedule &candidate) {
  auto entry = entries.find(candidate);
  if (entry == entries.end())
    return Verification{Outcome::RunFailed, unlogged, 0};
  const Trial &trial = entry->second.trial;
  // A spilling candidate was never run: there is nothing to answer from.
  if (trial.outcome == Outcome::Spilled)
    return Verification{Outcome::RunFailed, "never run when it was logged", 0};
  return Verification{trial.outcome, trial.reason, trial.error};
}

Timing ReplayEvaluator::timingOf(const Schedule &candidate, const MeasureRequest &request) {
  auto found = entries.find(candidate);
  if (found == entries.end() || found->second.samples.empty())
    return {Outcome::RunFailed, unlogged, {}};
  Entry &entry = found->second;
  Timing timing;
  while (timing.microseconds.size() < request.rounds) {
    timing.microseconds.push_back(entry.samples[entry.next++ % entry.samples.size()]);
    if (timing.microseconds.size() == 1 && timing.microseconds.front() > request.giveUpAbove)
      break;
  }
  return timing;
}

llvm::Expected<std::vector<Timing>> ReplayEvaluator::measure(llvm::ArrayRef<Schedule> candidates,
                                                             const MeasureRequest &request) {
  std::vector<Timing> answers;
  for (const Schedule &candidate : candidates)
    answers.push_back(timingOf(candidate, request));
  return answers;
}

} // namespace lla
