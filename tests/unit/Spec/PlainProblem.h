//===- PlainProblem.h - problems and schedules of resource tests ----------===//
#ifndef LLA_TESTS_UNIT_SPEC_PLAINPROBLEM_H
#define LLA_TESTS_UNIT_SPEC_PLAINPROBLEM_H

#include "RandomProblem.h"
#include "dialect/Spec/Resources.h"

namespace lla::test {

/// Two sequences of 2048 keys, 16 heads on 8 KV heads. Normalised.
inline Problem problemOf(Mode mode, int64_t headDim, Probe probe = Probe::Given, ElementType dtype = ElementType::BF16) {
  Problem problem;
  problem.mode = mode;
  problem.probe = probe;
  problem.dtype = dtype;
  problem.batch = 2;
  problem.queryHeads = 16;
  problem.kvHeads = 8;
  problem.context = 2048;
  problem.headDim = headDim;
  llvm::cantFail(normalize(problem));
  return problem;
}

inline Schedule scheduleOf(const char *text) { return llvm::cantFail(parseScheduleText(text)); }

inline const char *const ringSchedule = "load=ring rows=128 keys=80 warps=8 stages=3 peel=true";
inline const char *const scratchSchedule = "load=scratch rows=64 keys=64 warps=1 stages=1";

inline std::string infeasibility(const Problem &problem, const char *schedule, const char *arch) {
  return message(checkFeasible(problem, scheduleOf(schedule), llvm::cantFail(namedTarget(arch))));
}

} // namespace lla::test
#endif
