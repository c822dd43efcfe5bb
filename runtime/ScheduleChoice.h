//===- ScheduleChoice.h - the schedule of an untimed call -----------------===//
//
// The record of the problem first; then what a dispatch learned from records around
// it; else the default schedule. The answer says which, so that a user sees whether a
// kernel was tuned for the problem.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_SCHEDULECHOICE_H
#define LLA_RUNTIME_SCHEDULECHOICE_H

#include "cache/Cache.h"
#include "runtime/Knobs.h"

namespace lla {

/// How a schedule was found.
enum class ScheduleSource { Given, Exact, Dispatch, Default, Tuned };
llvm::StringRef name(ScheduleSource);

struct ScheduleAnswer {
  Schedule schedule;
  ScheduleSource source = ScheduleSource::Default;
  std::string layer;          ///< Which layer of records, e.g. a folder or "shipped"; empty without a record.
  std::string why;            ///< One sentence for a reader.
  bool needsNoTuning = false; ///< A record of this very problem, or of one in its bucket.
};

/// `problem` is normalised; `cache` may be null. Never fails.
ScheduleAnswer chooseSchedule(const Cache *cache, const Problem &problem, const Target &target,
                              const MeasurementPolicy &policy);

/// Likewise, as LLA_TUNE has it: `off` looks at no records, `strict` fails with Miss where none is of the problem.
/// Searches nothing: with `tune` that is for the caller, where `needsNoTuning` is false.
llvm::Expected<ScheduleAnswer> decideSchedule(TuneMode mode, const Cache *cache, const Problem &problem,
                                              const Target &target, const MeasurementPolicy &policy);

/// What a search tries right after the default schedule: the problem's own record, then what a dispatch weighs.
std::vector<Schedule> searchHints(const Cache *cache, const Problem &problem, const Target &target,
                                  const MeasurementPolicy &policy);

/// How records of a target are measured unless somebody says otherwise: warm; graph replay on a GPU.
MeasurementPolicy defaultPolicy(const Target &target);

} // namespace lla
#endif
