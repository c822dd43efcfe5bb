//===- StateAlgebra.cpp - the online state is a commutative monoid --------===//
//
// A reader's version of what the kernels do: partial states of any parts of the
// key range, each with a constant c of its own taken off t, merged in any order.
//
//===----------------------------------------------------------------------===//

#include "CaseInputs.h"
#include "Checks.h"
#include "dialect/Spec/Reference.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numeric>
#include <random>

namespace lla::numeric {
namespace {

struct State {
  double m = -std::numeric_limits<double>::infinity(), d1 = 0, d2 = 0, c = 0;
  std::vector<double> o1, o2;

  explicit State(int64_t dim) : o1(dim), o2(dim) {}
  bool isEmpty() const { return d1 == 0; }
};

/// The state of one key; c is any number.
State stateOfKey(double score, double t, double c, llvm::ArrayRef<double> value) {
  State state(value.size());
  state.m = score;
  state.d1 = 1;
  state.d2 = t - c;
  state.c = c;
  for (size_t i = 0; i < value.size(); ++i) {
    state.o1[i] = value[i];
    state.o2[i] = (t - c) * value[i];
  }
  return state;
}

/// Both to the larger maximum, and b's sums from its constant to a's; then the sums add.
State merge(const State &a, const State &b) {
  if (a.isEmpty() || b.isEmpty())
    return a.isEmpty() ? b : a;
  State sum(a.o1.size());
  sum.m = std::max(a.m, b.m);
  sum.c = a.c;
  double factorA = std::exp(a.m - sum.m), factorB = std::exp(b.m - sum.m), shift = b.c - a.c;
  sum.d1 = factorA * a.d1 + factorB * b.d1;
  sum.d2 = factorA * a.d2 + factorB * (b.d2 + shift * b.d1);
  for (size_t i = 0; i < sum.o1.size(); ++i) {
    sum.o1[i] = factorA * a.o1[i] + factorB * b.o1[i];
    sum.o2[i] = factorA * a.o2[i] + factorB * (b.o2[i] + shift * b.o1[i]);
  }
  return sum;
}

std::vector<double> finalize(const State &state) {
  std::vector<double> o(state.o1.size());
  for (size_t i = 0; i < o.size() && !state.isEmpty(); ++i)
    o[i] = state.o1[i] / state.d1 * (1 + state.d2 / state.d1) - state.o2[i] / state.d1;
  return o;
}

/// One row of a random problem, as states of its keys.
struct Sample {
  std::vector<State> keys;
  std::vector<double> expected;

  explicit Sample(uint64_t seed) {
    std::mt19937_64 random(seed);
    Problem problem;
    problem.dtype = ElementType::F32;
    problem.headDim = 16;
    problem.context = std::uniform_int_distribution<int64_t>(1, 60)(random);
    problem.scale = std::uniform_real_distribution<double>(-2, 2)(random);
    llvm::cantFail(normalize(problem));
    DenseInputs inputs = makeInputs(problem, InputKind::OffsetKeys, seed);
    expected = referenceForward(problem, inputs.q, inputs.r, inputs.k, inputs.v);
    std::normal_distribution<double> normal;
    for (int64_t j = 0; j < problem.context; ++j) {
      auto dot = [&](const std::vector<double> &row) {
        return std::inner_product(row.begin(), row.end(), inputs.k.begin() + j * problem.headDim, 0.0);
      };
      keys.push_back(stateOfKey(problem.effectiveScale() * dot(inputs.q), dot(inputs.r), 10 * normal(random),
                                llvm::ArrayRef(inputs.v).slice(j * problem.headDim, problem.headDim)));
    }
  }
};

/// Equal but for rounding; c may differ, so outputs and not sums are compared.
bool agree(const State &a, const State &b) { return relativeError(finalize(a), finalize(b)) < 1e-10; }

/// Folds the keys of random parts, then the parts, in random order.
State mergeInParts(std::vector<State> parts, std::mt19937_64 &random) {
  while (parts.size() > 1) {
    std::shuffle(parts.begin(), parts.end(), random);
    State last = std::move(parts.back());
    parts.pop_back();
    parts.back() = merge(parts.back(), last);
  }
  return parts.front();
}

} // namespace

void checkStateAlgebra(Report &report, const Settings &settings) {
  constexpr int64_t problems = 200;
  for (int64_t i = 0; i < problems; ++i) {
    uint64_t seed = settings.seed * problems + i;
    std::mt19937_64 random(seed);
    Sample sample(seed);
    State whole = mergeInParts(sample.keys, random), other = mergeInParts(sample.keys, random);
    const State &a = sample.keys.front(), &b = sample.keys[sample.keys.size() / 2], &c = sample.keys.back();
    State none(a.o1.size());
    auto expect = [&](bool holds, const char *law) {
      if (holds)
        report.passed("state_algebra", law);
      else
        report.failed("state_algebra", fmt::format("{} does not hold, seed {}", law, seed));
    };
    expect(agree(merge(a, b), merge(b, a)), "commutativity");
    expect(agree(merge(merge(a, b), c), merge(a, merge(b, c))), "associativity");
    expect(agree(merge(a, none), a) && agree(merge(none, a), a), "identity");
    expect(merge(none, none).isEmpty(), "an empty state stays empty");
    expect(agree(whole, other), "any parts in any order are the whole");
    expect(relativeError(finalize(whole), sample.expected) < 1e-10, "the whole is the reference");
  }
}

} // namespace lla::numeric
