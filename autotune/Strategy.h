//===- Strategy.h - which candidate to try next ---------------------------===//
//
// Ask and tell: the tuner asks for candidates, tries them, and tells their costs
// before it asks again. A strategy never sees a clock, a device or a compiler,
// so it can be tested on a synthetic cost or a replayed log. With the same space,
// predictor, seed and costs it asks the same questions.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_STRATEGY_H
#define LLA_AUTOTUNE_STRATEGY_H

#include "autotune/SearchSpace.h"
#include <functional>
#include <map>
#include <memory>
#include <random>

namespace lla {

enum class StrategyKind { Exhaustive, Random, LocalSearch };
llvm::StringRef name(StrategyKind);
std::optional<StrategyKind> parseStrategyKind(llvm::StringRef);

/// A schedule's cost as a model sees it; only the order of its values counts.
using Predictor = std::function<double(const Schedule &)>;

class Strategy {
public:
  virtual ~Strategy();
  /// At most `limit` members of the space that were never asked for or told before; empty: nothing
  /// is left to ask. Never fails. One thread.
  virtual std::vector<Schedule> ask(size_t limit) = 0;
  /// The cost of a schedule: microseconds, infinity for a failure. Schedules that were never asked
  /// for are welcome (the default, a neighbouring shape's winner). Never fails. One thread.
  void tell(const Schedule &schedule, double cost);

protected:
  /// Called once per told schedule.
  virtual void learned(const Schedule &, double) {}
  bool isKnown(const Schedule &schedule) const { return costs.count(schedule) != 0; }
  /// Infinity if it was never told.
  double costOf(const Schedule &schedule) const;

private:
  std::map<Schedule, double> costs;
};

/// `space` must outlive the strategy.
std::unique_ptr<Strategy> makeStrategy(StrategyKind kind, const SearchSpace &space, Predictor predictor, uint64_t seed);

/// Members, cheapest predicted first; ties in schedule order.
std::vector<Schedule> orderedByPrediction(llvm::ArrayRef<Schedule> schedules, const Predictor &predictor);

/// Fisher and Yates; the same on every standard library, unlike std::shuffle.
void shuffle(llvm::MutableArrayRef<Schedule> schedules, std::mt19937_64 &generator);

} // namespace lla
#endif
