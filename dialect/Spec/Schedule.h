//===- Schedule.h - how a problem is computed -----------------------------===//
//
// Every decision about tiles, pipelining and splitting is in this one value:
// the tuner, the cache or `defaultSchedule` makes it, `#lla.schedule` carries
// it, passes only obey.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_SCHEDULE_H
#define LLA_DIALECT_SPEC_SCHEDULE_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Target.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace lla {

class FieldReader;

enum class LoadPath { Registers, Ring, Scratch };
llvm::StringRef name(LoadPath);
std::optional<LoadPath> parseLoadPath(llvm::StringRef);

struct Schedule {
#define LLA_SCHEDULE_FIELD(type, name, json, init, values, help) type name = init;
#include "dialect/Spec/Schedule.def"
  bool operator==(const Schedule &) const;
  /// Lexicographic in table order: the deterministic tie-break.
  bool operator<(const Schedule &) const;
};

/// One field seen generically, for attribute, JSON, CLI and search space.
struct ScheduleField {
  const char *name;
  const char *help;
  std::vector<int64_t> values;              ///< Candidates of the search space.
  int64_t (*get)(const Schedule &);
  void (*set)(Schedule &, int64_t);
  bool isBool, isLoadPath;
};
/// In table order.
llvm::ArrayRef<ScheduleField> scheduleFields();

/// "load=ring rows=128 keys=80 ...", in table order; the inverse names the field in its errors. Fields that the text
/// leaves out are those of `base`.
std::string toText(const Schedule &schedule);
llvm::Expected<Schedule> parseScheduleText(llvm::StringRef text, const Schedule &base = {});
std::string toJson(const Schedule &schedule);
llvm::Expected<Schedule> parseSchedule(llvm::StringRef json);
llvm::Expected<Schedule> readSchedule(FieldReader reader);

/// What an untuned call gets: feasible for every valid problem on every known
/// target, from closed-form rules (bytes, waves, registers); never measured.
Schedule defaultSchedule(const Problem &problem, const Target &target);
/// What `spread` should be by the default's rule, whatever `schedule` says itself.
bool wantsSpread(const Problem &problem, const Schedule &schedule, const Target &target);

} // namespace lla
#endif
