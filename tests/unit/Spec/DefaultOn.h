//===- DefaultOn.h - default schedules of plain problems ------------------===//
#ifndef LLA_TESTS_UNIT_SPEC_DEFAULTON_H
#define LLA_TESTS_UNIT_SPEC_DEFAULTON_H

#include "dialect/Spec/Resources.h"

namespace lla::test {

inline Problem problemOf(Mode mode, int64_t batch, int64_t heads, int64_t context, int64_t headDim) {
  Problem problem;
  problem.mode = mode;
  problem.batch = batch;
  problem.queryHeads = problem.kvHeads = heads;
  problem.context = context;
  problem.headDim = headDim;
  problem.causal = true;
  llvm::cantFail(normalize(problem));
  return problem;
}

inline Schedule defaultOn(const char *arch, const Problem &problem) {
  return defaultSchedule(problem, llvm::cantFail(namedTarget(arch)));
}

} // namespace lla::test
#endif
