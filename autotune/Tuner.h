//===- Tuner.h - from a search space to a winner --------------------------===//
//
// Candidates pass through stages, each with its count:
//   feasible  by closed form (SearchSpace)
//   tried     asked for by the strategy
//   compiled  the evaluator made code of them
//   clean     without spills that cost (those are run only if nothing else works)
//   correct   against the oracle, before any timing
//   timed     a few rounds, for the strategy
//   raced     the best against the default, interleaved, until it is decided
// Every failure is recorded with its reason, and the tuning goes on.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_TUNER_H
#define LLA_AUTOTUNE_TUNER_H

#include "autotune/Budget.h"
#include "autotune/Effort.h"
#include "autotune/TrialLog.h"
#include <atomic>
#include <map>
#include <set>

namespace lla {

struct StageCounts {
  int64_t product = 0, feasible = 0;
  int64_t tried = 0, compiled = 0, clean = 0, correct = 0, timed = 0, raced = 0;
  std::map<Outcome, int64_t> failures; ///< Of the tried ones.
};

enum class TuneEventKind { Started, TrialFinished, RungFinished, Finished };

/// What a live display shows; pointers are valid during the call only.
struct TuneEvent {
  TuneEventKind kind = TuneEventKind::Started;
  const StageCounts *counts = nullptr;
  const Trial *trial = nullptr;         ///< TrialFinished: which.
  const Trial *best = nullptr;          ///< Cheapest so far in the search; null before the first.
  double defaultMicroseconds = 0;       ///< 0 until it is known.
  llvm::ArrayRef<Contender> contenders; ///< RungFinished.
  double seconds = 0;                   ///< Since the start.
  double progress = 0;                  ///< Of the tightest limit, 0..1.
};

struct TuneOptions {
  EffortPreset effort = presetOf(Effort::Quick);
  Schedule incumbent;            ///< The default schedule: always a candidate.
  std::vector<Schedule> hints;   ///< Tried right after it (winners of neighbouring shapes).
  std::vector<Trial> finished;   ///< A resumed log's trials: not tried again.
  TrialLogWriter *log = nullptr; ///< May be null.
  std::function<void(const TuneEvent &)> onEvent;
  const std::atomic<bool> *cancelled = nullptr; ///< Set from anywhere, e.g. a signal handler.
  Budget::Clock clock = Budget::steadyClock();
};

struct TuneResult {
  std::optional<Trial> winner; ///< Empty if nothing worked, or the tuning was cancelled before the race.
  Estimate winnerTime;         ///< Microseconds, from the race.
  bool keptIncumbent = false;
  std::optional<Estimate> incumbentTime; ///< Microseconds, from the race; empty if the default failed.
  std::optional<Estimate> gain;          ///< incumbent's time / best challenger's - 1.
  std::vector<Schedule> ties;            ///< As good as the winner, in order of preference.
  std::vector<Trial> trials;             ///< In the order in which they were asked for.
  RaceResult race;
  StageCounts counts;
  StopReason stop = StopReason::SpaceExhausted; ///< Why the search ended.
  Conditions conditions;
  double seconds = 0;
  std::vector<std::string> complaints; ///< Of the log, if it could not be written.
};

class Tuner {
public:
  /// All must outlive the tuner.
  Tuner(const SearchSpace &space, Strategy &strategy, Evaluator &evaluator, TuneOptions options);

  /// Once per tuner. Fails only if the evaluator does; finished trials are in the log then.
  llvm::Expected<TuneResult> run();

private:
  llvm::Error search();
  llvm::Error evaluate(llvm::ArrayRef<Schedule> batch);
  llvm::Error prepare(std::vector<Trial> &trials);
  llvm::Error verify(std::vector<Trial> &trials);
  llvm::Error time(std::vector<Trial> &trials);
  llvm::Error evaluateSpilled();
  llvm::Error raceFinalists();
  llvm::Error requalify(std::vector<Trial> &trials, bool maySpill);
  std::vector<Trial> bestTrials() const;
  llvm::Expected<std::vector<Contender>> finalists();
  void finish(const Trial &trial);
  /// Replaces a recorded trial by what became of it later.
  void amend(const Trial &trial);
  void log(llvm::Error written);
  void count(const Trial &trial, int64_t one);
  void emit(TuneEventKind kind, const Trial *trial, llvm::ArrayRef<Contender> contenders = {});
  bool isCancelled() const { return options.cancelled && options.cancelled->load(std::memory_order_relaxed); }
  const Trial *find(const Schedule &schedule) const;
  const Trial *best() const;

  const SearchSpace &space;
  Strategy &strategy;
  Evaluator &evaluator;
  TuneOptions options;
  Budget budget;
  std::map<Schedule, Trial> resumed; ///< Trials of an earlier session.
  std::map<Schedule, size_t> places; ///< Of each recorded trial in result.trials.
  std::optional<size_t> bestPlace;   ///< In result.trials.
  std::set<Schedule> ready;          ///< Prepared and verified by this evaluator.
  TuneResult result;
};

} // namespace lla
#endif
