//===- Race.h - the final, by interleaved rounds --------------------------===//
//
// Finalists are timed in rungs of doubling length (8, 8, 16, 32 ... rounds). After
// each rung every contender that is slower than the leader beyond doubt (the interval
// of the paired differences lies above what counts for nothing) leaves. What then remains is the tie set;
// of it the winner is the one with least workspace, fewest registers, lowest
// schedule, so that a re-run ends the same. The incumbent (the default schedule)
// stays until it is decided whether the gain over it excludes the margin.
//
// Samples of the search are not used: whoever was lucky there would keep its luck.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_RACE_H
#define LLA_AUTOTUNE_RACE_H

#include "autotune/Trial.h"
#include <functional>
#include <optional>

namespace lla {

struct RaceRules {
  unsigned firstRounds = 8;
  unsigned mostRounds = 64;    ///< Of one contender.
  double confidence = 0.99;    ///< Of each comparison.
  double equivalence = 0.005;  ///< Slowdowns below this count for nothing: nobody leaves for less.
  double tieMargin = 0.01;     ///< Tied contenders were seen at most this much slower than the leader.
  double replaceMargin = 0.01; ///< The incumbent is replaced only if the gain surely exceeds this.
};

struct Contender {
  Trial trial;
  bool isIncumbent = false;
  std::vector<double> samples;       ///< Microseconds, one per round it took part in, from round 0.
  std::optional<unsigned> leftAfter; ///< Rounds after which it left; empty: it stayed to the end.
  std::string whyLeft;
};

struct RaceResult {
  std::vector<Contender> contenders;
  std::optional<size_t> winner; ///< Into `contenders`; empty if all failed.
  std::vector<size_t> ties;     ///< The leader and all that are as good, in order of preference.
  /// Time of the incumbent over time of the best challenger, less 1, in the rounds they shared; absent if
  /// there was no incumbent or no challenger.
  std::optional<Estimate> gain;
  unsigned rounds = 0;
  bool stoppedEarly = false; ///< Out of time or cancelled before everything was decided.
};

/// Called after each rung.
using RungCallback = std::function<void(llvm::ArrayRef<Contender>, unsigned rounds)>;

/// Contenders are prepared and verified. `stop` is asked between rungs; one rung is always run. Fails only if
/// the evaluator does.
llvm::Expected<RaceResult> race(Evaluator &evaluator, std::vector<Contender> contenders, const RaceRules &rules,
                                const std::function<bool()> &stop, const RungCallback &onRung);

} // namespace lla
#endif
