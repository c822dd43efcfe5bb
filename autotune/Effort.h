//===- Effort.h - how hard to tune, as data -------------------------------===//
#ifndef LLA_AUTOTUNE_EFFORT_H
#define LLA_AUTOTUNE_EFFORT_H

#include "autotune/Budget.h"
#include "autotune/Race.h"
#include "autotune/Strategy.h"

namespace lla {

enum class Effort { None, Quick, Full };
llvm::StringRef name(Effort);
std::optional<Effort> parseEffort(llvm::StringRef);

/// What an effort stands for; every figure can be overridden by its own flag.
struct EffortPreset {
  StrategyKind strategy = StrategyKind::LocalSearch;
  BudgetLimits limits;
  size_t batch = 16;         ///< Candidates compiled together.
  unsigned searchRounds = 3; ///< Samples of each candidate in the search.
  size_t finalists = 6;      ///< Candidates that race, beside the default.
  RaceRules race;
};

/// None: the default alone is verified and timed. Quick: about ten seconds. Full: about a minute.
EffortPreset presetOf(Effort effort);

} // namespace lla
#endif
