//===- Schedules.h - the schedules that a case runs with ------------------===//
#ifndef LLA_TESTS_NUMERIC_SCHEDULES_H
#define LLA_TESTS_NUMERIC_SCHEDULES_H

#include "Case.h"
#include "dialect/Spec/Schedule.h"

namespace lla::numeric {

/// Feasible schedules without duplicates; the first is the one that the others are compared with.
///   Default       the default one, and on a GPU the portable one where the default needs sm_90a
///   Splits        the key range in 1 to 8 parts
///   RandomSplits  unsplit, and two random numbers of parts
///   StaticSizes   the default ones, and the key range in 1, 3 and 8 parts, with the case's sizes built in
///   Pingpong      the default ones with and without turns of warpgroups, and of three warpgroups
///   Rounded       the default ones and such of one, two and three warpgroups, with rounded weights and without
///   Sampled       the default ones and `samples` random ones of each load path in the tuner's search space
std::vector<Schedule> schedulesOf(const Problem &problem, ScheduleSet set, const Target &target, uint64_t seed,
                                  int64_t samples);

} // namespace lla::numeric
#endif
