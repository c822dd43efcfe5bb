//===- ReplayEvaluator.h - a trial log that answers -----------------------===//
//
// Lets a strategy search again without a device: every candidate fares as it did
// when it was logged, and its samples come in the order in which they were taken
// (search, then race; from the start again when they run out). The same strategy,
// seed and preset therefore find the same winner.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_REPLAYEVALUATOR_H
#define LLA_AUTOTUNE_REPLAYEVALUATOR_H

#include "autotune/TrialLog.h"
#include <map>

namespace lla {

class ReplayEvaluator : public Evaluator {
public:
  explicit ReplayEvaluator(const TrialLog &log);

  /// A schedule that the log does not hold is Infeasible.
  llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) override;
  llvm::Expected<Verification> verify(const Schedule &candidate) override;
  llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                              const MeasureRequest &request) override;
  Conditions conditions() const override { return header.conditions; }

private:
  struct Entry {
    Trial trial;
    std::vector<double> samples; ///< Search, then race.
    size_t next = 0;
  };
  Timing timingOf(const Schedule &candidate, const MeasureRequest &request);

  TrialLogHeader header;
  std::map<Schedule, Entry> entries;
};

} // namespace lla
#endif
