//===- RandomCases.cpp - small problems drawn from a seed -----------------===//

#include "Case.h"
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
  explicit Draw(uint64_t seed) : engine(seed) {}

  int64_t between(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(engine); }
  bool oneIn(int64_t count) { return between(1, count) == 1; }
  template <class T> T pick(std::initializer_list<T> choices) {
    return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  /// Every order of magnitude up to `most` alike.
  int64_t magnitude(int64_t most) {
    return static_cast<int64_t>(std::exp2(std::uniform_real_distribution<double>(0, std::log2(most + 0.99))(engine)));
  }

  /// Normalised.
  Problem problem() {
    Problem problem;
    problem.mode = pick({Mode::Decode, Mode::Prefill});
    problem.probe = oneIn(4) ? Probe::None : Probe::Given;
    problem.dtype = pick({ElementType::F32, ElementType::BF16, ElementType::BF16, ElementType::F16});
    problem.layout = pick({Layout::BSHD, Layout::BHSD});
    problem.batch = magnitude(4);
    problem.kvHeads = magnitude(4);
    problem.queryHeads = problem.kvHeads * magnitude(16);
    problem.context = magnitude(problem.mode == Mode::Decode ? 2000 : 400);
    if (problem.mode == Mode::Decode ? oneIn(3) : oneIn(2))
      problem.queryLength = magnitude(problem.mode == Mode::Decode ? 12 : 400);
    problem.headDim = oneIn(2) ? pick<int64_t>({64, 128}) : 8 * between(2, 32);
    problem.causal = oneIn(2);
    if (oneIn(3))
      problem.window = magnitude(problem.context * 2);
    if (oneIn(4))
      problem.scale = static_cast<double>(between(-4, 4)) / 8;
    problem.state = oneIn(4);
    if (oneIn(4))
      problem.outputDtype = ElementType::F32;
    problem.ragged = oneIn(3);
    if (oneIn(3))
      problem.pageSize = oneIn(2) ? 8 * between(1, 9) : between(8, 80);
    llvm::cantFail(normalize(problem));
    return problem;
  }

private:
  std::mt19937_64 engine;
};

} // namespace

std::vector<Case> randomCases(uint64_t seed, int64_t count) {
  Draw draw(seed);
  std::vector<Case> cases;
  while (static_cast<int64_t>(cases.size()) < count) {
    Case entry;
    entry.problem = draw.problem();
    if (entry.problem.flops() > mostWork)
      continue;
    entry.name = fmt::format("random{}/{:04}", seed, cases.size());
    entry.inputKind = draw.oneIn(3) ? draw.pick({InputKind::LargeProbe, InputKind::OffsetKeys, InputKind::GrowingScores,
                                                 InputKind::NearConstantKeys, InputKind::DominantKey})
                                    : InputKind::Normal;
    entry.arrangement =
        draw.pick({Arrangement::Dense, Arrangement::Padded, Arrangement::Interleaved, Arrangement::Capacity});
    if (entry.problem.ragged)
      entry.sequences = draw.pick({SequenceInput::Any, SequenceInput::Any, SequenceInput::WithoutStarts,
                                   SequenceInput::NotGiven, SequenceInput::OutOfRange});
    entry.schedules = entry.problem.queryLength == 1 ? draw.pick({ScheduleSet::Default, ScheduleSet::RandomSplits})
                                                     : ScheduleSet::Default;
    cases.push_back(entry);
  }
  return cases;
}

} // namespace lla::numeric
