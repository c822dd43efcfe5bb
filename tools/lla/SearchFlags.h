//===- SearchFlags.h - how hard and how to search -------------------------===//
#ifndef LLA_TOOLS_LLA_SEARCHFLAGS_H
#define LLA_TOOLS_LLA_SEARCHFLAGS_H

#include "autotune/Effort.h"
#include "cache/Key.h"
#include "runtime/Knobs.h"
#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace lla {

/// Flags that shadow environment variables: what is given wins.
struct KnobFlags {
  std::optional<int64_t> seed, jobs;

  void addSeed(CLI::App &command);
  void addJobs(CLI::App &command);
  /// Fails naming the flag.
  llvm::Error apply(Knobs &knobs) const;
};

/// --policy. Without it, `defaultPolicy` of the target.
struct PolicyFlag {
  std::string text;

  void addTo(CLI::App &command);
  llvm::Expected<MeasurementPolicy> policy(const Target &target) const;
};

struct SearchFlags {
  std::string effort, strategy, timeLimit;
  std::optional<int64_t> maxTrials;

  void addTo(CLI::App &command);
  /// The effort's preset (of the environment if the flags name none) with what was given on top.
  llvm::Expected<EffortPreset> preset(const Knobs &knobs) const;
};

} // namespace lla
#endif
