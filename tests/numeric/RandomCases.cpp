//===- RandomCases.cpp - problems drawn from a seed -----------------------===//
//
// First what code is generated for: mode, types, mask, pages and a schedule, which is
// chosen as for sizes of real use. Then the problems that run on that code, small, with
// everything else at random. Each problem has a generator of its own.
//
//===----------------------------------------------------------------------===//

#include "Case.h"
#include "Schedules.h"
#include "autotune/SearchSpace.h"
#include "dialect/Spec/Resources.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <random>

namespace lla::numeric {
namespace {

/// Multiply-adds that the reference may take for one problem: a tenth of a second or so.
constexpr double mostWork = 2e7;

class Draw {
public:
  /// Streams of one seed are independent.
  Draw(uint64_t seed, int64_t stream) {
    std::seed_seq words{seed, seed >> 32, static_cast<uint64_t>(stream), static_cast<uint64_t>(stream) >> 32};
    engine.seed(words);
  }

  int64_t between(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(engine); }
  bool oneIn(int64_t count) { return between(1, count) == 1; }
  template <class T> T pick(std::initializer_list<T> choices) {
    return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  /// Every order of magnitude up to `most` alike.
  int64_t magnitude(int64_t most) {
    return static_cast<int64_t>(std::exp2(std::uniform_real_distribution<double>(0, std::log2(most + 0.99))(engine)));
  }

private:
  std::mt19937_64 engine;
};

/// What code depends on; sizes of real use, which the schedule follows. Normalised.
Problem drawSpecialisation(Draw &draw, const Target &target) {
  Problem problem;
  problem.mode = draw.oneIn(16) ? Mode::Merge : draw.pick({Mode::Decode, Mode::Prefill});
  problem.headDim = draw.oneIn(2) ? draw.pick<int64_t>({64, 128}) : 8 * draw.between(2, 32);
  problem.batch = draw.magnitude(64);
  problem.kvHeads = problem.queryHeads = draw.magnitude(16);
  if (problem.isMerge()) {
    problem.dtype = ElementType::F32;
    problem.outputDtype = draw.pick({ElementType::F32, ElementType::BF16, ElementType::F16});
    problem.queryLength = draw.magnitude(4096);
    problem.shards = draw.magnitude(32);
    llvm::cantFail(normalize(problem));
    return problem;
  }
  problem.probe = draw.oneIn(4) ? Probe::None : Probe::Given;
  problem.dtype = draw.pick({ElementType::BF16, ElementType::BF16, ElementType::F16});
  if (target.isHost() && draw.oneIn(3))
    problem.dtype = ElementType::F32;
  problem.queryHeads *= draw.oneIn(2) ? draw.magnitude(64) : draw.between(1, 64);
  bool isDecode = problem.mode == Mode::Decode;
  problem.context = draw.magnitude(isDecode ? 32768 : 8192);
  if (isDecode)
    problem.queryLength = draw.oneIn(2) ? 1 : draw.between(2, 16);
  else if (draw.oneIn(2))
    problem.queryLength = draw.magnitude(8192);
  problem.causal = draw.oneIn(2);
  if (draw.oneIn(3))
    problem.window = draw.magnitude(isDecode ? 3000 : 600);
  problem.state = draw.oneIn(4);
  if (draw.oneIn(4))
    problem.outputDtype = ElementType::F32;
  problem.ragged = draw.oneIn(3);
  if (draw.oneIn(3))
    problem.pageSize = draw.oneIn(2) ? 8 * draw.between(1, 16) : draw.between(8, 130);
  problem.packedQueries = problem.ragged && draw.oneIn(2);
  problem.packedKeys = problem.ragged && problem.pageSize == 0 && draw.oneIn(2);
  if (problem.dtype != ElementType::F32 && draw.oneIn(4)) {
    problem.kvDtype = ElementType::F8E4M3;
    problem.headDim = (problem.headDim + 15) / 16 * 16;
  }
  llvm::cantFail(normalize(problem));
  return problem;
}

/// A default schedule, or any that is feasible.
Schedule drawSchedule(Draw &draw, const Problem &problem, const Target &target) {
  if (draw.oneIn(3))
    return defaultSchedule(problem, target);
  Target portable = target;
  if (!target.isHost())
    portable.arch = "sm_80";
  if (draw.oneIn(4))
    return defaultSchedule(problem, portable);
  SearchSpace space = SearchSpace::enumerate(problem, target);
  if (space.size() == 0)
    return defaultSchedule(problem, target);
  return space.schedules()[draw.between(0, static_cast<int64_t>(space.size()) - 1)];
}

/// Sizes, layout and scale of a problem that runs on code made for `problem`. Normalised.
Problem drawSizes(Draw &draw, Problem problem) {
  problem.batch = draw.magnitude(problem.ragged && draw.oneIn(3) ? 80 : 8); // Turns are of 32 sequences.
  int64_t group = problem.group();
  problem.kvHeads = draw.magnitude(4);
  problem.queryHeads = group * problem.kvHeads;
  problem.layout = draw.pick({Layout::BSHD, Layout::BHSD});
  if (problem.isMerge()) {
    problem.queryLength = draw.magnitude(50);
    problem.shards = draw.magnitude(12);
    return problem;
  }
  bool isDecode = problem.mode == Mode::Decode;
  problem.context = draw.magnitude(isDecode ? 3000 : 500);
  if (problem.queryLength > 1) {
    int64_t any = isDecode ? draw.between(2, 16) : draw.magnitude(500);
    problem.queryLength = std::max<int64_t>(2, isDecode || draw.oneIn(2) ? any : problem.context);
  }
  if (draw.oneIn(3)) // Up to 4 times the usual one: beyond that fp32 itself is what errs.
    problem.scale = static_cast<double>(draw.between(-16, 16)) / 4 / std::sqrt(static_cast<double>(problem.headDim));
  return problem;
}

/// The schedule with as many splits as a problem draws: like the sizes, they are no part of the code.
Schedule drawSplits(Draw &draw, Schedule schedule, const Problem &problem) {
  if (schedule.streamK)
    schedule.splitTiles = draw.pick<int64_t>({1, 1, 2, 4, 8});
  if (gridSplits(schedule) == 1)
    return schedule;
  schedule.splits = schedule.cluster * draw.between(2, draw.oneIn(2) ? 5 : 40);
  schedule.splitTiles = problem.ragged ? draw.pick<int64_t>({1, 1, 2, 4, 8}) : 1;
  return schedule;
}

/// The problem may be less than the plan: fewer sequences, queries and keys. `planned` becomes the plan's.
Call drawCall(Draw &draw, Problem &planned) {
  Call call{planned.queryLength, planned.foldLength(), 0, planned.batch};
  if (!draw.oneIn(3))
    return call;
  planned.batch += draw.magnitude(3);
  if (planned.queryLength > 1)
    planned.queryLength += draw.magnitude(40);
  if (planned.isMerge())
    planned.shards += draw.magnitude(4);
  else if (!planned.pageSize) // A page table has numbers for whole pages.
    planned.context += draw.magnitude(300);
  return call;
}

InputKind drawKind(Draw &draw, const Problem &problem) {
  if (!draw.oneIn(3))
    return InputKind::Normal;
  if (problem.isMerge())
    return draw.pick({InputKind::LargeProbe, InputKind::GrowingScores});
  return draw.pick({InputKind::LargeProbe, InputKind::OffsetKeys, InputKind::GrowingScores, InputKind::NearConstantKeys,
                    InputKind::DominantKey, InputKind::SeenNaNKey, InputKind::SeenNaNValue});
}

Case drawCase(Draw &draw, const Problem &specialisation, const Schedule &schedule, const Target &target) {
  Case entry;
  do
    entry.problem = drawSizes(draw, specialisation);
  while (entry.problem.flops() > mostWork);
  entry.calls = {drawCall(draw, entry.problem)};
  entry.inputKind = drawKind(draw, entry.problem);
  entry.arrangement = draw.pick(
      {Arrangement::Dense, Arrangement::Padded, Arrangement::Padded, Arrangement::Interleaved, Arrangement::Capacity});
  if (entry.problem.ragged)
    entry.sequences = draw.pick({SequenceInput::Any, SequenceInput::Any, SequenceInput::WithoutStarts,
                                 SequenceInput::NotGiven, SequenceInput::OutOfRange});
  if (entry.problem.hasKeyScales())
    entry.scales = draw.pick({ScaleInput::PerHead, ScaleInput::PerTensor, ScaleInput::NotGiven});
  // A sequence beyond what there can be is cut at the plan's lengths, which the call's tensors do not tell.
  if (entry.sequences == SequenceInput::OutOfRange && (entry.problem.packedQueries || entry.problem.packedKeys))
    entry.problem = problemOf(entry, entry.calls.front());
  for (const Schedule &choice :
       {drawSplits(draw, schedule, entry.problem), schedule, defaultSchedule(entry.problem, target)})
    if (entry.given.empty() && !llvm::errorToBool(checkFeasible(entry.problem, choice, target)))
      entry.given = {choice};
  constexpr int64_t staticOnes = 64; // Each has code of its own.
  bool isWhole = problemOf(entry, entry.calls.front()) == entry.problem;
  if (isWhole && draw.oneIn(staticOnes))
    entry.given.front().staticSizes = true;
  return entry;
}

} // namespace

std::vector<Case> randomCases(uint64_t seed, int64_t first, int64_t count, const Target &target) {
  std::vector<Case> cases;
  for (int64_t number = first; number < first + count;) {
    int64_t family = number / problemsPerKernel, end = std::min((family + 1) * problemsPerKernel, first + count);
    Draw code(seed, 2 * family);
    Problem specialisation = drawSpecialisation(code, target);
    Schedule schedule = drawSchedule(code, specialisation, target);
    for (; number < end; ++number) {
      Draw draw(seed, 2 * number + 1);
      Case entry = drawCase(draw, specialisation, schedule, target);
      entry.name = fmt::format("random{}/{:05}", seed, number);
      entry.randomNumber = number;
      cases.push_back(std::move(entry));
    }
  }
  return cases;
}

} // namespace lla::numeric
