//===- Exhaustive.h - everything, the most promising first ----------------===//
#ifndef LLA_AUTOTUNE_EXHAUSTIVE_H
#define LLA_AUTOTUNE_EXHAUSTIVE_H

#include "autotune/Strategy.h"

namespace lla {

/// Asks for members in a fixed order, each once.
class QueuedStrategy : public Strategy {
public:
  std::vector<Schedule> ask(size_t limit) override;

protected:
  explicit QueuedStrategy(std::vector<Schedule> queue) : queue(std::move(queue)) {}

private:
  std::vector<Schedule> queue;
  size_t next = 0;
};

/// The whole space in predicted order, so that a budget cuts off the least promising.
class Exhaustive : public QueuedStrategy {
public:
  Exhaustive(const SearchSpace &space, const Predictor &predictor)
      : QueuedStrategy(orderedByPrediction(space.schedules(), predictor)) {}
};

} // namespace lla
#endif
