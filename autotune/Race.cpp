//===- Race.cpp - the final, by interleaved rounds ------------------------===//

#include "autotune/Race.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <tuple>

namespace lla {
namespace {

class Heat {
public:
  Heat(Evaluator &evaluator, std::vector<Contender> contenders, const RaceRules &rules)
      : evaluator(evaluator), rules(rules) {
    result.contenders = std::move(contenders);
  }

  llvm::Error run(const std::function<bool()> &stop, const RungCallback &onRung);
  RaceResult conclude();

private:
  bool isIn(size_t index) const { return !result.contenders[index].leftAfter; }
  std::vector<size_t> running() const;
  std::vector<size_t> challengers() const;
  std::optional<size_t> incumbent() const;
  /// The least median of `field`; ties by preference.
  std::optional<size_t> fastestOf(llvm::ArrayRef<size_t> field) const;
  Estimate slowdown(size_t baseline, size_t index) const {
    return pairedSlowdown(result.contenders[baseline].samples, result.contenders[index].samples, rules.confidence);
  }
  void leave(size_t index, std::string why);
  /// False if the user interrupted.
  llvm::Expected<bool> runRung(unsigned rounds);
  void dropSlower();
  void settleIncumbent();
  bool isDecided() const;
  /// Deterministic order among equals.
  bool isPreferred(size_t a, size_t b) const;

  Evaluator &evaluator;
  const RaceRules &rules;
  RaceResult result;
};

std::vector<size_t> Heat::running() const {
  std::vector<size_t> field;
  for (size_t index = 0; index < result.contenders.size(); ++index)
    if (isIn(index))
      field.push_back(index);
  return field;
}

std::vector<size_t> Heat::challengers() const {
  std::vector<size_t> field = running();
  llvm::erase_if(field, [&](size_t index) { return result.contenders[index].isIncumbent; });
  return field;
}

std::optional<size_t> Heat::incumbent() const {
  for (size_t index : running())
    if (result.contenders[index].isIncumbent)
      return index;
  return std::nullopt;
}

bool Heat::isPreferred(size_t a, size_t b) const {
  const Trial &left = result.contenders[a].trial, &right = result.contenders[b].trial;
  return std::tie(left.workspaceBytes, left.registers, left.schedule) <
         std::tie(right.workspaceBytes, right.registers, right.schedule);
}

std::optional<size_t> Heat::fastestOf(llvm::ArrayRef<size_t> field) const {
  std::optional<size_t> best;
  double least = std::numeric_limits<double>::infinity();
  for (size_t index : field) {
    double time = median(result.contenders[index].samples);
    if (time < least || (best && time == least && isPreferred(index, *best))) {
      best = index;
      least = time;
    }
  }
  return best;
}

void Heat::leave(size_t index, std::string why) {
  result.contenders[index].leftAfter = result.rounds;
  result.contenders[index].whyLeft = std::move(why);
}

llvm::Expected<bool> Heat::runRung(unsigned rounds) {
  std::vector<size_t> field = running();
  std::vector<Schedule> schedules;
  for (size_t index : field)
    schedules.push_back(result.contenders[index].trial.schedule);
  llvm::Expected<std::vector<Timing>> timings = evaluator.measure(schedules, {rounds});
  if (!timings)
    return timings.takeError();
  if (timings->size() != field.size())
    return llvm::createStringError("evaluator: asked for %zu candidates, answered %zu", field.size(), timings->size());
  if (llvm::any_of(*timings, [](const Timing &timing) { return timing.outcome == Outcome::Cancelled; }))
    return false;
  result.rounds += rounds;
  for (auto [index, timing] : llvm::zip(field, *timings)) {
    Contender &contender = result.contenders[index];
    if (timing.outcome == Outcome::Ok) {
      llvm::append_range(contender.samples, timing.microseconds);
      continue;
    }
    contender.trial.outcome = timing.outcome;
    contender.trial.reason = timing.reason;
    leave(index, timing.reason);
  }
  return true;
}

/// Whoever is slower than the leader beyond doubt leaves; the incumbent has its own rule.
void Heat::dropSlower() {
  std::optional<size_t> leader = fastestOf(running());
  if (!leader)
    return;
  for (size_t index : challengers())
    if (Estimate gap = slowdown(*leader, index); index != *leader && gap.low > rules.equivalence)
      leave(index, fmt::format("{:.1f} % slower than the leader (at least {:.1f} %)", 100 * gap.median, 100 * gap.low));
}

/// A challenger that surely gains less than the margin leaves; the incumbent leaves once
/// every challenger surely gains more.
void Heat::settleIncumbent() {
  std::optional<size_t> defender = incumbent();
  if (!defender)
    return;
  bool allGain = true;
  for (size_t index : challengers()) {
    Estimate gain = slowdown(index, *defender);
    if (gain.high <= rules.replaceMargin)
      leave(index, fmt::format("gains {:.1f} % on the default, at most {:.1f} %", 100 * gain.median, 100 * gain.high));
    allGain &= gain.low > rules.replaceMargin;
  }
  if (allGain && !challengers().empty())
    leave(*defender, "every challenger left is surely faster");
}

/// One is left, or all that are left are surely tied.
bool Heat::isDecided() const {
  std::vector<size_t> field = running();
  if (field.size() <= 1)
    return true;
  if (incumbent())
    return false;
  std::optional<size_t> leader = fastestOf(field);
  return llvm::all_of(
      field, [&](size_t index) { return index == *leader || slowdown(*leader, index).high <= rules.tieMargin; });
}

llvm::Error Heat::run(const std::function<bool()> &stop, const RungCallback &onRung) {
  unsigned rounds = std::min(rules.firstRounds, rules.mostRounds);
  while (!running().empty()) {
    llvm::Expected<bool> finished = runRung(rounds);
    if (!finished)
      return finished.takeError();
    if (!*finished) {
      result.stoppedEarly = true;
      break;
    }
    dropSlower();
    settleIncumbent();
    if (onRung)
      onRung(result.contenders, result.rounds);
    if (isDecided() || result.rounds >= rules.mostRounds)
      break;
    if (stop && stop()) {
      result.stoppedEarly = true;
      break;
    }
    rounds = std::min(result.rounds, rules.mostRounds - result.rounds);
  }
  return llvm::Error::success();
}

RaceResult Heat::conclude() {
  std::optional<size_t> defender = incumbent();
  std::vector<size_t> eligible = challengers();
  if (defender)
    llvm::erase_if(eligible, [&](size_t index) { return slowdown(index, *defender).low <= rules.replaceMargin; });
  if (eligible.empty() && defender && !result.contenders[*defender].samples.empty())
    eligible = {*defender};
  if (std::optional<size_t> leader = fastestOf(eligible)) {
    for (size_t index : eligible)
      if (index == *leader || slowdown(*leader, index).median <= rules.tieMargin)
        result.ties.push_back(index);
    llvm::sort(result.ties, [&](size_t a, size_t b) { return isPreferred(a, b); });
    result.winner = result.ties.front();
  }

  // What the incumbent was compared with: the winner, or the best of those that did not suffice.
  std::vector<size_t> rivals;
  std::optional<size_t> compared;
  for (auto [index, contender] : llvm::enumerate(result.contenders)) {
    if (contender.trial.outcome != Outcome::Ok || contender.samples.empty())
      continue;
    if (contender.isIncumbent)
      compared = index;
    else
      rivals.push_back(index);
  }
  std::optional<size_t> rival = fastestOf(rivals);
  if (result.winner && !result.contenders[*result.winner].isIncumbent)
    rival = result.winner;
  if (rival && compared)
    result.gain = slowdown(*rival, *compared);
  return std::move(result);
}

} // namespace

llvm::Expected<RaceResult> race(Evaluator &evaluator, std::vector<Contender> contenders, const RaceRules &rules,
                                const std::function<bool()> &stop, const RungCallback &onRung) {
  Heat heat(evaluator, std::move(contenders), rules);
  if (llvm::Error error = heat.run(stop, onRung))
    return error;
  return heat.conclude();
}

} // namespace lla
