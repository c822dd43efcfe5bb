//===- RandomProblem.h - valid problems and targets for property tests ----===//
#ifndef LLA_TESTS_UNIT_SPEC_RANDOMPROBLEM_H
#define LLA_TESTS_UNIT_SPEC_RANDOMPROBLEM_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Target.h"
#include <cmath>
#include <random>
#include <vector>

namespace lla::test {

/// The error's text; empty on success.
inline std::string message(llvm::Error error) { return error ? llvm::toString(std::move(error)) : ""; }
template <class T> std::string message(llvm::Expected<T> expected) {
  return expected ? "" : llvm::toString(expected.takeError());
}

class RandomProblem {
public:
  explicit RandomProblem(uint64_t seed) : engine(seed) {}

  int64_t between(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(engine); }
  template <class T> T pick(std::initializer_list<T> choices) {
    return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  /// Every order of magnitude up to `most` alike.
  int64_t magnitude(int64_t most) {
    return static_cast<int64_t>(std::exp2(std::uniform_real_distribution<double>(0, std::log2(most))(engine)));
  }

  /// Not yet normalised; normalising succeeds. Every tenth is a merge.
  Problem next() { return between(0, 9) == 0 ? merge() : attention(); }

  Problem merge() {
    Problem problem;
    problem.mode = Mode::Merge;
    problem.dtype = ElementType::F32;
    if (between(0, 1))
      problem.outputDtype = pick({ElementType::F32, ElementType::BF16, ElementType::F16});
    problem.layout = pick({Layout::BSHD, Layout::BHSD});
    problem.batch = magnitude(64);
    problem.queryHeads = problem.kvHeads = magnitude(64);
    if (between(0, 1))
      problem.queryLength = magnitude(2048);
    problem.shards = magnitude(64);
    problem.headDim = 8 * between(2, 32);
    return problem;
  }

  Problem attention() {
    Problem problem;
    problem.mode = pick({Mode::Decode, Mode::Prefill});
    problem.probe = pick({Probe::None, Probe::Given});
    problem.dtype = pick({ElementType::F32, ElementType::BF16, ElementType::F16});
    problem.layout = pick({Layout::BSHD, Layout::BHSD});
    problem.batch = magnitude(64);
    problem.kvHeads = magnitude(16);
    problem.queryHeads = problem.kvHeads * magnitude(16);
    problem.context = magnitude(problem.mode == Mode::Decode ? 1 << 20 : 1 << 15);
    if (between(0, 2) == 0)
      problem.queryLength = magnitude(2048);
    problem.headDim = 8 * between(2, 32);
    problem.causal = between(0, 1);
    if (between(0, 2) == 0)
      problem.window = magnitude(problem.context * 2);
    if (between(0, 2) == 0)
      problem.scale = between(-4, 4) / 8.0;
    problem.state = between(0, 3) == 0;
    if (between(0, 3) == 0)
      problem.outputDtype = pick({problem.dtype, ElementType::F32});
    problem.ragged = between(0, 2) == 0;
    if (between(0, 2) == 0)
      problem.pageSize = between(0, 1) ? 8 * between(1, 32) : between(8, 100);
    problem.packedQueries = problem.ragged && between(0, 1);
    problem.packedKeys = problem.ragged && problem.pageSize == 0 && between(0, 1);
    if (problem.dtype != ElementType::F32 && problem.headDim % 16 == 0 && between(0, 3) == 0)
      problem.kvDtype = pick({problem.dtype, ElementType::F8E4M3});
    return problem;
  }

private:
  std::mt19937_64 engine;
};

/// One of each architecture, and hosts of several thread counts and vector widths.
inline std::vector<Target> allTargets() {
  std::vector<Target> targets;
  for (const char *arch : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120"})
    targets.push_back(llvm::cantFail(namedTarget(arch)));
  for (unsigned threads : {1, 2, 7, 64, 256}) {
    targets.push_back(hostTarget(threads));
    targets.back().vectorBits = threads % 2 ? 256 : 512;
  }
  return targets;
}

} // namespace lla::test
#endif
