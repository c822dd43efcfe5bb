//===- Reference.cpp - the operator in double precision -------------------===//

#include "dialect/Spec/Reference.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lla {
namespace {

using Values = llvm::ArrayRef<double>;

/// Where rows lie in dense (batch, row, head, dim) tensors, packed or not, and in pools of pages.
struct Dense {
  const Problem &problem;
  const Sequences &sequences;

  /// Number over (batch, row, head).
  int64_t number(int64_t sequence, int64_t row, int64_t head) const {
    return (sequences.queries(problem, sequence).begin + row) * problem.queryHeads + head;
  }
  int64_t query(int64_t sequence, int64_t row, int64_t head) const {
    return number(sequence, row, head) * problem.headDim;
  }
  /// Of the KV head that serves query head `head`.
  int64_t key(int64_t sequence, int64_t position, int64_t head) const {
    int64_t row = sequences.row(problem, sequence, position);
    return (row * problem.kvHeads + head / problem.group()) * problem.headDim;
  }
  /// Visits every (sequence, row, head).
  template <class Visit> void forEachRow(Visit visit) const {
    for (int64_t sequence = 0; sequence < problem.batch; ++sequence)
      for (int64_t row = 0, rows = sequences.queries(problem, sequence).count(); row < rows; ++row)
        for (int64_t head = 0; head < problem.queryHeads; ++head)
          visit(sequence, row, head);
  }
};

/// Accumulates in `Number`, in order.
template <class Number> Number dot(Values a, Values b) {
  Number sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += static_cast<Number>(a[i]) * static_cast<Number>(b[i]);
  return sum;
}

/// p_j and t_j of one row over its visible keys, lse and tbar; empty if it sees none.
template <class Number> struct RowWeights {
  KeyRange range;
  std::vector<Number> p, t;
  Number lse = -std::numeric_limits<Number>::infinity(), tbar = 0;

  RowWeights(const Dense &dense, Values q, Values r, Values k, int64_t sequence, int64_t row, int64_t head)
      : range(visibleKeys(dense.problem, row, dense.sequences.keys(dense.problem, sequence),
                          dense.sequences.queries(dense.problem, sequence).count())) {
    const Problem &problem = dense.problem;
    Values query = q.slice(dense.query(sequence, row, head), problem.headDim);
    Values probe = problem.hasProbe() ? r.slice(dense.query(sequence, row, head), problem.headDim) : Values();
    Number scale = static_cast<Number>(problem.effectiveScale());
    Number maximum = -std::numeric_limits<Number>::infinity();
    for (int64_t j = range.begin; j < range.end; ++j) {
      Values key = k.slice(dense.key(sequence, j, head), problem.headDim);
      p.push_back(scale * dot<Number>(query, key));
      t.push_back(problem.hasProbe() ? dot<Number>(probe, key) : 0);
      maximum = std::max(maximum, p.back());
    }
    Number sum = 0;
    for (Number &weight : p)
      sum += weight = std::exp(weight - maximum);
    for (size_t j = 0; j < p.size(); ++j)
      tbar += (p[j] /= sum) * t[j];
    if (!p.empty())
      lse = maximum + std::log(sum);
  }
};

void addScaled(double factor, Values from, llvm::MutableArrayRef<double> to) {
  for (size_t i = 0; i < to.size(); ++i)
    to[i] += factor * from[i];
}

/// One row's share of every gradient.
void addRowGradients(const Dense &dense, Values q, Values r, Values k, Values v, Values g, int64_t sequence,
                     int64_t row, int64_t head, Gradients &gradients) {
  const Problem &problem = dense.problem;
  int64_t dim = problem.headDim, at = dense.query(sequence, row, head);
  RowWeights<double> weights(dense, q, r, k, sequence, row, head);
  auto rowOf = [&](std::vector<double> &tensor, int64_t offset) {
    return llvm::MutableArrayRef<double>(tensor).slice(offset, dim);
  };
  Values outputGradient = g.slice(at, dim);
  std::vector<double> a;       // a_j = <g, v_j>
  double b = 0, outputDot = 0; // <g, vbar>, <g, o>
  for (size_t j = 0; j < weights.p.size(); ++j) {
    a.push_back(dot<double>(outputGradient, v.slice(dense.key(sequence, weights.range.begin + j, head), dim)));
    b += weights.p[j] * a[j];
    outputDot += weights.p[j] * (1 + weights.tbar - weights.t[j]) * a[j];
  }
  double scale = problem.effectiveScale();
  for (size_t j = 0; j < weights.p.size(); ++j) {
    int64_t keyAt = dense.key(sequence, weights.range.begin + j, head);
    double p = weights.p[j], spread = weights.tbar - weights.t[j];
    double scoreGradient = p * (a[j] - outputDot + spread * (a[j] - b));
    double probeGradient = -p * (a[j] - b);
    Values key = k.slice(keyAt, dim);
    addScaled(scale * scoreGradient, key, rowOf(gradients.q, at));
    addScaled(scale * scoreGradient, q.slice(at, dim), rowOf(gradients.k, keyAt));
    addScaled(p * (1 + spread), outputGradient, rowOf(gradients.v, keyAt));
    if (problem.hasProbe()) {
      addScaled(probeGradient, key, rowOf(gradients.r, at));
      addScaled(probeGradient, r.slice(at, dim), rowOf(gradients.k, keyAt));
    }
  }
}

/// A binary format of 16 bits with a sign, stored mantissa bits and the exponent of its smallest normal number.
struct Format16 {
  int mantissaBits, minimumExponent;
  uint16_t infinity() const { return static_cast<uint16_t>(0x7fff >> mantissaBits << mantissaBits); }
  uint16_t quietNan() const { return static_cast<uint16_t>(infinity() | 1 << (mantissaBits - 1)); }
};

constexpr Format16 formatOf(ElementType type) {
  return type == ElementType::BF16 ? Format16{7, -126} : Format16{10, -14};
}

} // namespace

void referenceRow(const Problem &problem, Values q, Values r, Values k, Values v, int64_t sequence, int64_t row,
                  int64_t head, llvm::MutableArrayRef<double> o, const Sequences &sequences) {
  Dense dense{problem, sequences};
  RowWeights<double> weights(dense, q, r, k, sequence, row, head);
  std::fill(o.begin(), o.end(), 0.0);
  for (size_t j = 0; j < weights.p.size(); ++j)
    addScaled(weights.p[j] * (1 + weights.tbar - weights.t[j]),
              v.slice(dense.key(sequence, weights.range.begin + j, head), problem.headDim), o);
}

std::vector<double> referenceForward(const Problem &problem, Values q, Values r, Values k, Values v,
                                     const Sequences &sequences) {
  std::vector<double> o(q.size());
  Dense dense{problem, sequences};
  dense.forEachRow([&](int64_t sequence, int64_t row, int64_t head) {
    auto to = llvm::MutableArrayRef<double>(o).slice(dense.query(sequence, row, head), problem.headDim);
    referenceRow(problem, q, r, k, v, sequence, row, head, to, sequences);
  });
  return o;
}

RowState referenceRowState(const Problem &problem, Values q, Values r, Values k, Values v, int64_t sequence,
                           int64_t row, int64_t head, const Sequences &sequences) {
  Dense dense{problem, sequences};
  RowWeights<double> weights(dense, q, r, k, sequence, row, head);
  // Without a probe nothing that a key holds, NaN too, makes it more than 0.
  RowState state{weights.lse, problem.hasProbe() ? weights.tbar : 0, std::vector<double>(problem.headDim)};
  for (size_t j = 0; j < weights.p.size(); ++j)
    addScaled(weights.p[j], v.slice(dense.key(sequence, weights.range.begin + j, head), problem.headDim), state.vbar);
  return state;
}

States referenceStates(const Problem &problem, Values q, Values r, Values k, Values v, const Sequences &sequences) {
  States states;
  states.lse.resize(q.size() / problem.headDim);
  states.tbar.resize(states.lse.size());
  states.vbar.resize(q.size());
  Dense dense{problem, sequences};
  dense.forEachRow([&](int64_t sequence, int64_t row, int64_t head) {
    RowState state = referenceRowState(problem, q, r, k, v, sequence, row, head, sequences);
    int64_t number = dense.number(sequence, row, head);
    states.lse[number] = state.lse;
    states.tbar[number] = state.tbar;
    std::copy(state.vbar.begin(), state.vbar.end(), states.vbar.begin() + number * problem.headDim);
  });
  return states;
}

RowResult referenceMerge(llvm::ArrayRef<RowResult> shards) {
  size_t dim = shards.front().o.size();
  double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
  RowResult all{std::vector<double>(dim), {maximum, 0, std::vector<double>(dim)}};
  for (const RowResult &shard : shards)
    maximum = std::max(maximum, shard.state.lse);
  if (std::isinf(maximum) && maximum < 0)
    return all;
  for (const RowResult &shard : shards)
    sum += std::exp(shard.state.lse - maximum);
  all.state.lse = maximum + std::log(sum);
  std::vector<double> moment(dim); // E[t v] of all keys.
  for (const RowResult &shard : shards) {
    double weight = std::exp(shard.state.lse - all.state.lse);
    if (weight == 0) // Of no key: whatever else it holds counts for nothing.
      continue;
    all.state.tbar += weight * shard.state.tbar;
    addScaled(weight, shard.state.vbar, all.state.vbar);
    addScaled(weight * (1 + shard.state.tbar), shard.state.vbar, moment);
    addScaled(-weight, shard.o, moment);
  }
  addScaled(1 + all.state.tbar, all.state.vbar, all.o);
  addScaled(-1, moment, all.o);
  return all;
}

Gradients referenceBackward(const Problem &problem, Values q, Values r, Values k, Values v, Values g,
                            const Sequences &sequences) {
  Gradients gradients;
  gradients.q.resize(q.size());
  gradients.r.resize(r.size());
  gradients.k.resize(k.size());
  gradients.v.resize(v.size());
  Dense dense{problem, sequences};
  dense.forEachRow([&](int64_t sequence, int64_t row, int64_t head) {
    addRowGradients(dense, q, r, k, v, g, sequence, row, head, gradients);
  });
  return gradients;
}

std::vector<double> baselineForward(const Problem &problem, Values q, Values r, Values k, Values v,
                                    const Sequences &sequences) {
  std::vector<double> o(q.size());
  Dense dense{problem, sequences};
  std::vector<float> mean(problem.headDim), correction(problem.headDim);
  dense.forEachRow([&](int64_t sequence, int64_t row, int64_t head) {
    RowWeights<float> weights(dense, q, r, k, sequence, row, head);
    std::fill(mean.begin(), mean.end(), 0.f);
    std::fill(correction.begin(), correction.end(), 0.f);
    for (size_t j = 0; j < weights.p.size(); ++j) {
      auto p = static_cast<float>(roundTo(problem.dtype, weights.p[j]));
      auto u = static_cast<float>(roundTo(problem.dtype, weights.p[j] * (weights.t[j] - weights.tbar)));
      const double *value = v.data() + dense.key(sequence, weights.range.begin + j, head);
      for (int64_t i = 0; i < problem.headDim; ++i) {
        mean[i] += p * static_cast<float>(value[i]);
        correction[i] += u * static_cast<float>(value[i]);
      }
    }
    for (int64_t i = 0; i < problem.headDim; ++i)
      o[dense.query(sequence, row, head) + i] = roundTo(problem.outputType(), mean[i] - correction[i]);
  });
  return o;
}

uint16_t toBits16(ElementType type, double value) {
  Format16 format = formatOf(type);
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value))
    return sign | format.quietNan();
  if (std::isinf(value))
    return sign | format.infinity();
  int exponent; // |value| = fraction * 2^exponent, fraction in [1/2, 1)
  std::frexp(value, &exponent);
  exponent = value == 0 ? format.minimumExponent : std::max(exponent - 1, format.minimumExponent);
  // Whole multiples of the last place's weight, halves to even. A multiple that fills up carries into the
  // exponent field by itself, and one below the implicit bit is a subnormal's.
  double multiple = std::nearbyint(std::ldexp(std::fabs(value), format.mantissaBits - exponent));
  int64_t field = exponent - format.minimumExponent;
  int64_t bits = (field << format.mantissaBits) + static_cast<int64_t>(multiple);
  return sign | static_cast<uint16_t>(std::min<int64_t>(bits, format.infinity()));
}

double fromBits16(ElementType type, uint16_t bits) {
  Format16 format = formatOf(type);
  double sign = bits & 0x8000 ? -1 : 1;
  int magnitude = bits & 0x7fff;
  if (magnitude > format.infinity())
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  if (magnitude == format.infinity())
    return sign * std::numeric_limits<double>::infinity();
  int field = magnitude >> format.mantissaBits;
  int mantissa = magnitude & ((1 << format.mantissaBits) - 1);
  if (field > 0)
    mantissa |= 1 << format.mantissaBits;
  int exponent = std::max(field - 1, 0) + format.minimumExponent;
  return sign * std::ldexp(mantissa, exponent - format.mantissaBits);
}

/// Fewer bits than `Format16` knows, and no infinity: the largest magnitude is NaN, the one below it 448.
constexpr int mantissaBitsE4M3 = 3, minimumExponentE4M3 = -6;
constexpr uint8_t nanE4M3 = 0x7f, largestE4M3 = 0x7e;

uint8_t toBitsE4M3(double value) {
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value))
    return sign | nanE4M3;
  int exponent;
  double magnitude = std::min(std::fabs(value), fromBitsE4M3(largestE4M3));
  std::frexp(magnitude, &exponent);
  exponent = magnitude == 0 ? minimumExponentE4M3 : std::max(exponent - 1, minimumExponentE4M3);
  double multiple = std::nearbyint(std::ldexp(magnitude, mantissaBitsE4M3 - exponent));
  int field = (exponent - minimumExponentE4M3) << mantissaBitsE4M3;
  return sign | static_cast<uint8_t>(field + static_cast<int>(multiple));
}

double fromBitsE4M3(uint8_t bits) {
  double sign = bits & 0x80 ? -1 : 1;
  int magnitude = bits & 0x7f, field = magnitude >> mantissaBitsE4M3;
  if (magnitude == nanE4M3)
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  int mantissa = magnitude & ((1 << mantissaBitsE4M3) - 1);
  if (field > 0)
    mantissa |= 1 << mantissaBitsE4M3;
  return sign * std::ldexp(mantissa, std::max(field - 1, 0) + minimumExponentE4M3 - mantissaBitsE4M3);
}

double roundTo(ElementType type, double value) {
  if (type == ElementType::F32)
    return static_cast<float>(value);
  if (type == ElementType::F8E4M3)
    return fromBitsE4M3(toBitsE4M3(value));
  return fromBits16(type, toBits16(type, value));
}

double relativeError(Values actual, Values expected) {
  if (actual.size() != expected.size())
    return std::numeric_limits<double>::quiet_NaN();
  double difference = 0, magnitude = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    double error = std::fabs(actual[i] - expected[i]);
    if (std::isnan(error))
      return error;
    difference = std::max(difference, error);
    magnitude = std::max(magnitude, std::fabs(expected[i]));
  }
  return difference == 0 ? 0 : difference / magnitude;
}

} // namespace lla
