//===- Budget.h - how long a search may go on -----------------------------===//
//
// Limits on trials, seconds and trials without improvement; whichever is
// reached first ends the search. The only place of the autotuner that knows a
// clock, and that clock is an argument.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_BUDGET_H
#define LLA_AUTOTUNE_BUDGET_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <functional>
#include <optional>

namespace lla {

/// Absent: unlimited. Several: their union, the first one reached stops.
struct BudgetLimits {
  std::optional<int64_t> trials = {};     ///< Candidates tried, failed and resumed ones included.
  std::optional<double> seconds = {};     ///< Wall clock, racing included.
  std::optional<int64_t> stagnation = {}; ///< Trials in a row that did not improve on the best.
};

enum class StopReason { SpaceExhausted, Trials, Seconds, Stagnation, Cancelled };
llvm::StringRef name(StopReason);

class Budget {
public:
  /// Seconds since some fixed moment; never goes backwards.
  using Clock = std::function<double()>;
  static Clock steadyClock();

  /// Time starts to count here. `searchShare` of the seconds goes to the search, the rest to the race.
  Budget(const BudgetLimits &limits, Clock clock = steadyClock(), double searchShare = 0.75);

  void recordTrial(bool improved);
  /// Why the search has to end now, if it has to.
  std::optional<StopReason> searchEnds() const;
  /// All seconds are used up, the race's too.
  bool isOutOfTime() const;

  int64_t trials() const { return tried; }
  /// Trials that may still be made; at most `wanted`.
  int64_t trialsLeft(int64_t wanted) const;
  double secondsUsed() const;
  /// Share of the tightest limit that is used up, 0..1; 0 if nothing is limited.
  double progress() const;

private:
  BudgetLimits limits;
  Clock clock;
  double searchShare;
  double start;
  int64_t tried = 0;
  int64_t sinceImprovement = 0;
};

} // namespace lla
#endif
