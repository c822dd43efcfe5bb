//===- Dispatch.h - a schedule for a shape that was not tuned -------------===//
//
// Learned from the records of shapes around it (batch x heads, context, queries; in
// octaves). Schedules are looked at by family: those that differ in their splits only,
// and merge these alike. A record tells how much slower than its winner each family
// was at its shape that it kept a time of; the default schedule, too.
//
//     regret(family) = mean over records of what it lost there, nearer ones weighing more
//                    + a little for each octave to the nearest record that has a time of it
//
// The family with the least is the answer, or the default schedule if that has hardly more.
// Splits follow the shape: as the family's fastest changed from record to record, in
// whole clusters and full waves.
//
// Pure: neither clock nor device.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_DISPATCH_H
#define LLA_AUTOTUNE_DISPATCH_H

#include "autotune/Tuner.h"
#include "cache/Match.h"

namespace lla {

/// Which records a dispatch is asked with: at most so many, none further away.
constexpr double dispatchOctaves = 4.5;
constexpr size_t dispatchNeighbours = 10;

struct DispatchAnswer {
  Schedule schedule;
  bool isDefault = false; ///< None of the records' families promises much more.
  double regret = 0;      ///< Expected: time over the best schedule's, less 1.
  std::string layer;      ///< Of the nearest record that has a time of the schedule's family; empty: the default.
};

/// Feasible. `neighbours` are of the problem's kind and the target's class of device.
DispatchAnswer dispatch(llvm::ArrayRef<Neighbour> neighbours, const Problem &problem, const Target &target);

/// All that it weighs but for the default schedule, the most promising first: what a search tries first.
std::vector<DispatchAnswer> dispatchCandidates(llvm::ArrayRef<Neighbour> neighbours, const Problem &problem,
                                               const Target &target);

/// What a record keeps for dispatches beside its winner: of each family the fastest few, as far as they came close, and
/// the incumbent, by whose time alone nobody could tell later which schedule was the default. The fastest first.
std::vector<TimedSchedule> alternativesOf(const TuneResult &result, const Schedule &incumbent);

/// A tuned shape that a dispatch was asked for as if it had not been.
struct HeldOut {
  const Record *record = nullptr;
  size_t neighbours = 0; ///< That it was asked with; none: the default schedule's is no dispatch.
  DispatchAnswer answer;
};
/// Each of `asked` through those of `known` that are not of its shape, have its kind and the target's class of device.
/// Those of other classes are left out. Points into `asked`.
std::vector<HeldOut> holdOut(llvm::ArrayRef<Record> asked, llvm::ArrayRef<Record> known, const Target &target);

/// Median of a schedule at the shape of a record, if the record has it.
std::optional<double> timeOf(const Record &record, const Schedule &schedule);

} // namespace lla
#endif
