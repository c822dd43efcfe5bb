//===- SyntheticEvaluator.h - a machine made of a formula -----------------===//
#ifndef LLA_TESTS_UNIT_AUTOTUNE_SYNTHETICEVALUATOR_H
#define LLA_TESTS_UNIT_AUTOTUNE_SYNTHETICEVALUATOR_H

#include "autotune/Evaluator.h"
#include "autotune/SearchSpace.h"
#include <functional>
#include <map>
#include <set>

namespace lla {

/// Times are `cost` with relative noise; the noise of a sample depends on seed, schedule, length of the
/// measurement and round only, so that it does not matter what was measured before.
class SyntheticEvaluator : public Evaluator {
public:
  explicit SyntheticEvaluator(std::function<double(const Schedule &)> cost, double noise = 0, uint64_t seed = 0)
      : cost(std::move(cost)), noise(noise), seed(seed) {}

  llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) override;
  llvm::Expected<Verification> verify(const Schedule &candidate) override;
  llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                              const MeasureRequest &request) override;
  Conditions conditions() const override { return {true, false, ""}; }

  std::map<Schedule, Outcome> failures; ///< Where and how a schedule fails; it is Ok otherwise.
  std::map<Schedule, int64_t> spills;   ///< Bytes.
  std::function<int64_t(const Schedule &)> registers = [](const Schedule &) { return 64; };
  std::function<void()> beforePrepare; ///< Called first, e.g. to cancel or to move the clock.
  std::optional<std::string> dies;     ///< The evaluator's own failure, on the next prepare.

  std::map<Schedule, int> prepared, verified, measured; ///< How often each was asked for.
  bool brokeContract = false;                           ///< Something ran unprepared, or was timed unverified.

private:
  double sampleOf(const Schedule &schedule, unsigned rounds, unsigned round) const;

  std::function<double(const Schedule &)> cost;
  double noise;
  uint64_t seed;
};

/// Decode on a named architecture: a space of some hundred to some ten thousand schedules.
Problem decodeProblem(int64_t batch = 1, int64_t context = 4096);
Target target(const char *arch);
/// The table with only these candidates of some fields; the others keep one: `base`'s.
std::vector<ScheduleField> reducedTable(const std::map<std::string, std::vector<int64_t>> &kept, const Schedule &base);
/// About 200 schedules of load=registers.
SearchSpace smallSpace();
/// A smooth bowl over a space, in the candidates' positions: its minimum is `optimum`.
std::function<double(const Schedule &)> bowl(const Schedule &optimum, double floor = 100, double slope = 0.05);

} // namespace lla
#endif
