//===- ScheduleFlag.h - a schedule of the caller's ------------------------===//
#ifndef LLA_TOOLS_LLA_SCHEDULEFLAG_H
#define LLA_TOOLS_LLA_SCHEDULEFLAG_H

#include "runtime/Jit.h"
#include <CLI/CLI.hpp>
#include <string>

namespace lla {

struct ScheduleFlag {
  std::string text;
  bool wasGiven = false;

  /// The fields and what they mean go into the command's help.
  void addTo(CLI::App &command);
  /// The caller's; fields left out are those of the default schedule for the problem and target. Fails with Usage if
  /// the text does not parse, with Compile if the schedule is infeasible.
  llvm::Expected<ScheduleAnswer> given(const Problem &problem, const Target &target) const;
  /// The caller's if there is one, else what `decideSchedule` says.
  llvm::Expected<ScheduleAnswer> choose(TuneMode mode, const Cache *cache, const Problem &problem, const Target &target,
                                        const MeasurementPolicy &policy) const;
  /// The caller's if there is one, else what the JIT decides, which may search.
  llvm::Expected<ScheduleAnswer> choose(Jit &jit, const Problem &problem) const;
};

} // namespace lla
#endif
