//===- Match.h - the best that is known for a problem ---------------------===//
//
// Answers with a grade, never a bare schedule. Exact records of all layers come
// first, in the order of the layers; then the nearest shape on this class of device;
// then the nearest shape on another one. Shapes are compared by the records' names, and
// only the records that may answer are read. Only a schedule that is feasible for the
// asked problem and target is an answer. Splits stay as they were recorded: rescaling
// them to the shape is the caller's decision.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_MATCH_H
#define LLA_CACHE_MATCH_H

#include "cache/RecordStore.h"
#include "dialect/Spec/Shape.h"

namespace lla {

enum class MatchGrade { Exact, NearbyShape, OtherDevice, None };
/// "exact", "nearby shape", "other device", "none".
llvm::StringRef name(MatchGrade);

struct Match {
  MatchGrade grade = MatchGrade::None;
  Record record;                      ///< Meaningless with None.
  std::string layer;                  ///< `RecordLayer::name()` of where it came from.
  double distance = 0;                ///< Between the shapes, see `shapeDistance`; 0 with Exact.
  bool sameBucket = false;            ///< Near enough that the asked problem needs no tuning of its own.
  std::string reason;                 ///< One sentence for people.
  std::vector<EntryFault> damaged;    ///< Bad entries met on the way.
  std::vector<EntryFault> infeasible; ///< Schedules that cannot be had for this problem and target.
};

/// A record of the kind and class of device that is asked for, of a shape not far from it.
struct Neighbour {
  Record record;
  std::string layer;
  double distance = 0; ///< See `shapeDistance`.
};
/// What a dispatch decides from.
struct Neighbourhood {
  std::vector<Neighbour> neighbours; ///< The nearest first.
  std::vector<EntryFault> damaged;
};
/// The nearest `most` of those within `octaves`; of one shape, the upper layer's. Whether their schedules are feasible
/// for the problem is not looked at. Never fails.
Neighbourhood neighbourhood(const RecordStore &store, const Problem &problem, const Target &target,
                            const MeasurementPolicy &policy, double octaves, size_t most,
                            int64_t family = kernelFamilyVersion);

/// Never fails: what cannot be read is skipped. `problem` is normalised.
Match lookup(const RecordStore &store, const Problem &problem, const Target &target, const MeasurementPolicy &policy,
             int64_t family = kernelFamilyVersion);

} // namespace lla
#endif
