//===- ReferenceTest.cpp - the oracle against definitions and differences -===//

#include "dialect/Spec/Reference.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <random>

using namespace lla;

namespace {

using Vector = std::vector<double>;

struct Inputs {
  Vector q, r, k, v;
};

struct Case {
  const char *name;
  int64_t queryLength, context;
  bool causal;
  int64_t window;
  int64_t kvHeads;
  Probe probe;
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.name; }

/// Masks, GQA groups and both probes; `empty_rows` has rows that see nothing.
const Case cases[] = {
    {"full", 3, 5, false, 0, 4, Probe::Given},         {"causal", 4, 4, true, 0, 2, Probe::Given},
    {"causal_offset", 3, 7, true, 0, 1, Probe::Given}, {"window", 5, 6, true, 3, 2, Probe::Given},
    {"window_of_one", 3, 4, true, 1, 4, Probe::Given}, {"empty_rows", 6, 3, true, 0, 2, Probe::Given},
    {"softmax", 3, 5, true, 0, 2, Probe::None},        {"decode", 1, 9, false, 0, 1, Probe::Given},
};

Problem problemOf(const Case &c) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.probe = c.probe;
  problem.batch = 2;
  problem.queryHeads = 4;
  problem.kvHeads = c.kvHeads;
  problem.queryLength = c.queryLength;
  problem.context = c.context;
  problem.headDim = 16;
  problem.causal = c.causal;
  problem.window = c.window;
  problem.scale = 0.3;
  llvm::cantFail(normalize(problem));
  return problem;
}

Vector randomVector(size_t count, std::mt19937_64 &engine) {
  std::normal_distribution<double> normal;
  Vector values(count);
  for (double &value : values)
    value = normal(engine);
  return values;
}

Inputs randomInputs(const Problem &problem, uint64_t seed) {
  std::mt19937_64 engine(seed);
  Inputs inputs;
  inputs.q = randomVector(problem.queryElements(), engine);
  inputs.r = randomVector(problem.hasProbe() ? problem.queryElements() : 0, engine);
  inputs.k = randomVector(problem.keyElements(), engine);
  inputs.v = randomVector(problem.keyElements(), engine);
  return inputs;
}

Vector forward(const Problem &problem, const Inputs &x) { return referenceForward(problem, x.q, x.r, x.k, x.v); }

double inner(const Vector &a, const Vector &b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

/// o = vbar - Sigma_KV r, with the covariance written out: the definition, not the implementation's formula.
Vector covarianceForm(const Problem &p, const Inputs &x, int64_t sequence, int64_t row, int64_t head) {
  int64_t dim = p.headDim, kvHead = head / (p.queryHeads / p.kvHeads);
  const double *q = &x.q[((sequence * p.queryLength + row) * p.queryHeads + head) * dim];
  auto keyAt = [&](const Vector &tensor, int64_t j) {
    return &tensor[((sequence * p.context + j) * p.kvHeads + kvHead) * dim];
  };
  Vector weights, meanKey(dim), meanValue(dim), o(dim);
  std::vector<int64_t> seen;
  double sum = 0;
  for (int64_t j = 0; j < p.context; ++j) {
    int64_t last = p.causal ? p.context - p.queryLength + row : p.context - 1;
    if (j > last || (p.window && j <= last - p.window))
      continue;
    seen.push_back(j);
    weights.push_back(std::exp(p.effectiveScale() * std::inner_product(q, q + dim, keyAt(x.k, j), 0.0)));
    sum += weights.back();
  }
  for (size_t n = 0; n < seen.size(); ++n)
    for (int64_t i = 0; i < dim; ++i) {
      meanKey[i] += weights[n] / sum * keyAt(x.k, seen[n])[i];
      meanValue[i] += weights[n] / sum * keyAt(x.v, seen[n])[i];
    }
  o = meanValue;
  if (!p.hasProbe())
    return o;
  const double *r = &x.r[((sequence * p.queryLength + row) * p.queryHeads + head) * dim];
  for (int64_t a = 0; a < dim; ++a)
    for (int64_t b = 0; b < dim; ++b) {
      double covariance = 0;
      for (size_t n = 0; n < seen.size(); ++n)
        covariance +=
            weights[n] / sum * (keyAt(x.v, seen[n])[a] - meanValue[a]) * (keyAt(x.k, seen[n])[b] - meanKey[b]);
      o[a] -= covariance * r[b];
    }
  return o;
}

class Reference : public testing::TestWithParam<Case> {};

TEST_P(Reference, IsTheLocalLinearCorrectionOfTheMean) {
  Problem problem = problemOf(GetParam());
  Inputs x = randomInputs(problem, 1);
  Vector o = forward(problem, x), expected;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence)
    for (int64_t row = 0; row < problem.queryLength; ++row)
      for (int64_t head = 0; head < problem.queryHeads; ++head)
        for (double value : covarianceForm(problem, x, sequence, row, head))
          expected.push_back(value);
  EXPECT_LT(relativeError(o, expected), 1e-12);
}

TEST_P(Reference, RowsAreThoseOfTheWhole) {
  Problem problem = problemOf(GetParam());
  Inputs x = randomInputs(problem, 2);
  Vector whole = forward(problem, x), row(problem.headDim, 7.0);
  referenceRow(problem, x.q, x.r, x.k, x.v, 1, problem.queryLength - 1, 3, row);
  EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.end() - problem.headDim));
}

/// lse and vbar are what softmax attention is made of; with tbar, p_j = e^(s_j - lse) gives o back.
TEST_P(Reference, StateIsThatOfTheWeights) {
  Problem problem = problemOf(GetParam());
  Inputs x = randomInputs(problem, 13);
  States states = referenceStates(problem, x.q, x.r, x.k, x.v);
  Vector o = forward(problem, x), rebuilt;
  int64_t dim = problem.headDim, group = problem.group();
  ASSERT_EQ(states.lse.size(), static_cast<size_t>(problem.stateRows()));
  ASSERT_EQ(states.tbar.size(), states.lse.size());
  for (int64_t index = 0; index < problem.stateRows(); ++index) {
    int64_t head = index % problem.queryHeads, row = index / problem.queryHeads % problem.queryLength;
    int64_t sequence = index / problem.queryHeads / problem.queryLength;
    KeyRange keys = visibleKeys(problem, row);
    Vector value(dim), mean(dim);
    double sum = 0, tbar = 0;
    for (int64_t j = keys.begin; j < keys.end; ++j) {
      int64_t at = ((sequence * problem.context + j) * problem.kvHeads + head / group) * dim;
      auto dot = [&](const Vector &rows) {
        return std::inner_product(&rows[index * dim], &rows[index * dim] + dim, &x.k[at], 0.0);
      };
      double p = std::exp(problem.effectiveScale() * dot(x.q) - states.lse[index]);
      double t = problem.hasProbe() ? dot(x.r) : 0;
      sum += p;
      tbar += p * t;
      for (int64_t i = 0; i < dim; ++i) {
        mean[i] += p * x.v[at + i];
        value[i] += p * (1 + states.tbar[index] - t) * x.v[at + i];
      }
    }
    rebuilt.insert(rebuilt.end(), value.begin(), value.end());
    bool isEmpty = keys.begin >= keys.end;
    EXPECT_EQ(states.lse[index] == -std::numeric_limits<double>::infinity(), isEmpty);
    EXPECT_NEAR(sum, isEmpty ? 0 : 1, 1e-12);
    EXPECT_NEAR(states.tbar[index], tbar, 1e-12);
    for (int64_t i = 0; i < dim; ++i)
      EXPECT_NEAR(states.vbar[index * dim + i], mean[i], 1e-12);
  }
  EXPECT_LT(relativeError(rebuilt, o), 1e-12);
}

TEST_P(Reference, GradientsMatchCentralDifferences) {
  Problem problem = problemOf(GetParam());
  Inputs x = randomInputs(problem, 3);
  std::mt19937_64 engine(4);
  Vector g = randomVector(problem.queryElements(), engine);
  Gradients gradients = referenceBackward(problem, x.q, x.r, x.k, x.v, g);
  auto expectMatch = [&](Vector &input, const Vector &gradient, const char *which) {
    ASSERT_EQ(gradient.size(), input.size()) << which;
    Vector differences;
    constexpr double step = 1e-5;
    for (double &entry : input) {
      double kept = entry;
      entry = kept + step;
      double above = inner(g, forward(problem, x));
      entry = kept - step;
      double below = inner(g, forward(problem, x));
      entry = kept;
      differences.push_back((above - below) / (2 * step));
    }
    for (size_t i = 0; i < input.size(); ++i)
      EXPECT_NEAR(gradient[i], differences[i], 1e-7 * std::max(1.0, std::fabs(differences[i])))
          << which << "[" << i << "]";
  };
  expectMatch(x.q, gradients.q, "q");
  expectMatch(x.r, gradients.r, "r");
  expectMatch(x.k, gradients.k, "k");
  expectMatch(x.v, gradients.v, "v");
}

TEST_P(Reference, BaselineInFp32IsClose) {
  Problem problem = problemOf(GetParam());
  problem.dtype = ElementType::F32;
  Inputs x = randomInputs(problem, 5);
  for (Vector *tensor : {&x.q, &x.r, &x.k, &x.v})
    for (double &value : *tensor)
      value = roundTo(problem.dtype, value);
  double error = relativeError(baselineForward(problem, x.q, x.r, x.k, x.v), forward(problem, x));
  EXPECT_LT(error, 5e-6);
}

INSTANTIATE_TEST_SUITE_P(Cases, Reference, testing::ValuesIn(cases),
                         [](const auto &test) { return std::string(test.param.name); });

TEST(ReferenceForward, AZeroProbeIsSoftmaxAttention) {
  Problem given = problemOf(cases[1]);
  Problem none = given;
  none.probe = Probe::None;
  Inputs x = randomInputs(given, 6);
  std::fill(x.r.begin(), x.r.end(), 0.0);
  Vector withZero = forward(given, x);
  x.r.clear();
  EXPECT_EQ(withZero, forward(none, x));
}

/// Shifting every t_j of a row by a constant (here: moving all keys along a direction that q does not see)
/// leaves o unchanged.
TEST(ReferenceForward, IsInvariantToAShiftOfT) {
  Problem problem = problemOf(cases[0]);
  Inputs x = randomInputs(problem, 7);
  for (size_t i = 0; i < x.q.size(); i += problem.headDim)
    x.q[i] = 0;
  Vector before = forward(problem, x);
  for (size_t i = 0; i < x.k.size(); i += problem.headDim)
    x.k[i] += 50;
  EXPECT_LT(relativeError(forward(problem, x), before), 1e-11);
}

/// The probe's product is not scaled: with scale 0 the weights are uniform and t still counts.
TEST(ReferenceForward, ScaleMultipliesScoresOnly) {
  Problem problem = problemOf(cases[0]);
  problem.scale = 0;
  Inputs x = randomInputs(problem, 8);
  Vector plain = forward(problem, x);
  for (double &value : x.q)
    value *= 3;
  EXPECT_EQ(forward(problem, x), plain);
  for (double &value : x.r)
    value *= 3;
  EXPECT_GT(relativeError(forward(problem, x), plain), 0.1);
}

TEST(ReferenceForward, RowsThatSeeNothingYieldZero) {
  Problem problem = problemOf(cases[5]);
  Inputs x = randomInputs(problem, 9);
  Vector o = forward(problem, x), baseline = baselineForward(problem, x.q, x.r, x.k, x.v);
  int64_t rowSize = problem.queryHeads * problem.headDim;
  int64_t emptyRows = problem.queryLength - problem.context;
  for (int64_t i = 0; i < rowSize * problem.queryLength; ++i) {
    EXPECT_EQ(o[i] == 0, i < emptyRows * rowSize) << i;
    EXPECT_EQ(baseline[i] == 0, i < emptyRows * rowSize) << i;
  }
}

/// NaN in keys and values that no row sees goes nowhere.
TEST(ReferenceForward, UnseenKeysDoNotLeak) {
  Problem problem = problemOf(cases[3]);
  problem.queryLength = 1; // Sees the last 3 of 6 keys.
  Inputs x = randomInputs(problem, 10);
  Vector before = forward(problem, x);
  int64_t keySize = problem.kvHeads * problem.headDim;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence)
    for (int64_t i = 0; i < 3 * keySize; ++i)
      x.k[sequence * problem.context * keySize + i] = x.v[sequence * problem.context * keySize + i] = std::nan("");
  EXPECT_EQ(forward(problem, x), before);
}

/// NaN in a key that a row sees is in all that depends on it; without a probe tbar does not.
TEST(ReferenceForward, TbarIsZeroWithoutAProbeWhateverTheKeys) {
  Problem problem = problemOf(cases[1]);
  Inputs x = randomInputs(problem, 12);
  std::fill(x.k.begin(), x.k.end(), std::nan(""));
  for (Probe probe : {Probe::Given, Probe::None}) {
    problem.probe = probe;
    RowState state = referenceRowState(problem, x.q, x.r, x.k, x.v, 0, problem.queryLength - 1, 0);
    EXPECT_TRUE(std::isnan(state.lse));
    EXPECT_TRUE(std::isnan(state.vbar[0]));
    EXPECT_EQ(state.tbar == 0, probe == Probe::None);
  }
}

TEST(ReferenceForward, LargeScoresDoNotOverflow) {
  Problem problem = problemOf(cases[0]);
  problem.scale = 1e4;
  Inputs x = randomInputs(problem, 11);
  for (double value : forward(problem, x))
    EXPECT_TRUE(std::isfinite(value));
}

/// Results of the keys of one row, one by one, merged in any grouping and order: the whole.
class ReferenceMerge : public testing::Test {
protected:
  Problem problem = problemOf(cases[7]);
  Inputs x = randomInputs(problem, 21);
  std::mt19937_64 engine{22};

  RowResult resultOf(int64_t begin, int64_t end) const {
    Problem part = problem;
    part.context = end - begin;
    int64_t keySize = problem.kvHeads * problem.headDim;
    auto slice = [&](const Vector &tensor) {
      return Vector(tensor.begin() + begin * keySize, tensor.begin() + end * keySize);
    };
    Vector k = slice(x.k), v = slice(x.v), o(problem.headDim);
    referenceRow(part, x.q, x.r, k, v, 0, 0, 2, o);
    return {o, referenceRowState(part, x.q, x.r, k, v, 0, 0, 2)};
  }
  static void expectEqual(const RowResult &a, const RowResult &b) {
    EXPECT_NEAR(a.state.lse, b.state.lse, 1e-12);
    EXPECT_NEAR(a.state.tbar, b.state.tbar, 1e-12);
    EXPECT_LT(relativeError(a.state.vbar, b.state.vbar), 1e-12);
    EXPECT_LT(relativeError(a.o, b.o), 1e-11);
  }
};

TEST_F(ReferenceMerge, OfPartsInAnyGroupingIsTheWhole) {
  RowResult whole = resultOf(0, problem.context);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<RowResult> parts;
    for (int64_t j = 0; j < problem.context; ++j)
      parts.push_back(resultOf(j, j + 1));
    parts.push_back(resultOf(3, 3)); // Of no key.
    while (parts.size() > 1) {
      std::shuffle(parts.begin(), parts.end(), engine);
      size_t together = std::uniform_int_distribution<size_t>(2, parts.size())(engine);
      RowResult merged = referenceMerge(llvm::ArrayRef(parts).take_back(together));
      parts.resize(parts.size() - together);
      parts.push_back(merged);
    }
    expectEqual(parts.front(), whole);
  }
}

TEST_F(ReferenceMerge, NoKeyIsTheNeutralElement) {
  RowResult whole = resultOf(0, problem.context), none = resultOf(2, 2), garbage = none;
  EXPECT_EQ(none.state.lse, -std::numeric_limits<double>::infinity());
  garbage.state.tbar = std::nan("");
  std::fill(garbage.o.begin(), garbage.o.end(), std::nan(""));
  expectEqual(referenceMerge({garbage, whole, none}), whole);
  RowResult empty = referenceMerge({none, garbage});
  EXPECT_EQ(empty.state.lse, none.state.lse);
  EXPECT_EQ(empty.state.tbar, 0);
  EXPECT_EQ(empty.o, Vector(problem.headDim));
}

/// At 16 bits the baseline errs as much as its roundings must, and no more.
TEST(Baseline, ErrsByARoundingOfItsType) {
  for (auto [dtype, unit] : {std::pair(ElementType::BF16, 0x1p-9), {ElementType::F16, 0x1p-12}}) {
    Problem problem = problemOf(cases[0]);
    problem.dtype = dtype;
    problem.queryLength = 8;
    problem.context = 256;
    problem.headDim = 64;
    Inputs x = randomInputs(problem, 12);
    for (Vector *tensor : {&x.q, &x.r, &x.k, &x.v})
      for (double &value : *tensor)
        value = roundTo(dtype, value);
    Vector baseline = baselineForward(problem, x.q, x.r, x.k, x.v);
    double error = relativeError(baseline, forward(problem, x));
    EXPECT_GT(error, unit / 4) << name(dtype).str();
    EXPECT_LT(error, unit * 8) << name(dtype).str();
    for (double value : baseline)
      EXPECT_EQ(value, roundTo(dtype, value));
  }
}

} // namespace
