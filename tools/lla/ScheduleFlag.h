//===- ScheduleFlag.h - a schedule of the caller's ------------------------===//
#ifndef LLA_TOOLS_LLA_SCHEDULEFLAG_H
#define LLA_TOOLS_LLA_SCHEDULEFLAG_H

#include "cache/Cache.h"
#include "runtime/ScheduleChoice.h"
#include <CLI/CLI.hpp>
#include <string>

namespace lla {

struct ScheduleFlag {
  std::string text;
  bool wasGiven = false;

  /// The fields and what they mean go into the command's help.
  void addTo(CLI::App &command);
  /// The caller's if there is one, else what `chooseSchedule` says. Fails with Usage if the text does not parse, with
  /// Compile if the schedule is infeasible.
  llvm::Expected<ScheduleAnswer> choose(const Cache *cache, const Problem &problem, const Target &target,
                                        const MeasurementPolicy &policy) const;
};

} // namespace lla
#endif
