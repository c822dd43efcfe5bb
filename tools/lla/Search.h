//===- Search.h - one tuning, from flags to record ------------------------===//
#ifndef LLA_TOOLS_LLA_SEARCH_H
#define LLA_TOOLS_LLA_SEARCH_H

#include "runtime/Tuning.h"
#include "tools/lla/TargetFlag.h"

namespace lla {

struct SearchRequest {
  Problem problem;
  Device device;
  std::shared_ptr<Cache> cache;
  EffortPreset preset;
  MeasurementPolicy policy;
  std::string logPath; ///< Empty: no log.
  bool resume = false; ///< Continue the log, if it is there; else it is begun anew.
  bool quiet = false;
};

struct SearchOutcome {
  TuneResult result;
  Ceilings ceilings;
  std::optional<Record> record; ///< Kept in the cache; empty without a winner.
  std::string notice;           ///< Why the record could not be kept; empty: it was.
};

/// Where a search's log lies in the user's cache; empty if that is in memory only.
std::string trialLogPath(const Cache &cache, const Problem &problem, const Target &target,
                         const MeasurementPolicy &policy);

/// Searches with live progress and keeps the winner's record; its code is in the cache then too. Ends early, but in
/// order, when interrupted. Fails if the search could not go on, not if it found nothing.
llvm::Expected<SearchOutcome> search(const SearchRequest &request, const Knobs &knobs);

/// Why a search that has no winner has none; Compile, or Verification if every candidate that ran was wrong.
llvm::Error withoutWinner(const TuneResult &result);

} // namespace lla
#endif
