//===- SearchSpace.h - every schedule worth trying ------------------------===//
//
// Enumerated from the one field table, pruned with the one resource formula: no
// device, no compiler. Of schedules that compute alike only one spelling is kept
// (checkFeasible fixes fields without effect), and schedules that leave CTAs or
// warps without a key are dropped as pointless.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_SEARCHSPACE_H
#define LLA_AUTOTUNE_SEARCHSPACE_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Target.h"
#include <string>
#include <vector>

namespace lla {

/// Schedules that one check turned away.
struct Rejection {
  std::string check;     ///< The message up to its colon: a field or a resource.
  int64_t schedules = 0; ///< Of the table's product.
  std::string example;   ///< The first such message.
};

class SearchSpace {
public:
  /// All of the table's product that is feasible and not pointless. `problem` is normalised. `fields`
  /// narrows the table (tests, user's constraints).
  static SearchSpace enumerate(const Problem &problem, const Target &target,
                               llvm::ArrayRef<ScheduleField> fields = scheduleFields());
  /// A given list, e.g. that of a trial log; duplicates are dropped, nothing is checked.
  static SearchSpace of(const Problem &problem, const Target &target, std::vector<Schedule> schedules);

  const Problem &problem() const { return what; }
  const Target &target() const { return where; }
  /// Ascending, without duplicates.
  llvm::ArrayRef<Schedule> schedules() const { return members; }
  size_t size() const { return members.size(); }
  /// The table's full product: size() plus all rejected.
  int64_t productSize() const { return product; }
  /// By schedules turned away, most first.
  llvm::ArrayRef<Rejection> rejections() const { return rejected; }

  bool contains(const Schedule &schedule) const;
  /// Members one step away: each field moved to the next value, up and down, that leads to a member;
  /// where a step alone leads to none, one other field may follow (rows and warps of a ring). The
  /// schedule itself need not be a member. Ascending.
  std::vector<Schedule> neighbours(const Schedule &schedule) const;

  /// The space as an input of Kernel Tuner (schema T1): the values of each field that occur.
  std::string toT1() const;

private:
  friend class SpaceEnumeration;
  SearchSpace(const Problem &problem, const Target &target) : what(problem), where(target) {}
  /// Sorts members and notes which values of each field occur.
  void seal();
  std::optional<Schedule> step(const Schedule &from, size_t field, bool up) const;
  std::optional<Schedule> repair(const Schedule &schedule, size_t fixedField) const;

  Problem what;
  Target where;
  std::vector<Schedule> members;
  std::vector<std::vector<int64_t>> values; ///< Per field of the table, ascending: those of members.
  int64_t product = 0;
  std::vector<Rejection> rejected;
};

} // namespace lla
#endif
