//===- CaseInputs.cpp - what a case computes on, and what must come out ---===//

#include "CaseInputs.h"
#include "runtime/Inputs.h"
#include "runtime/Oracle.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <random>

namespace lla::numeric {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// RMS-normalised (or normal) values of Inputs.h, not rounded yet.
std::vector<double> randomValues(std::array<int64_t, 4> sizes, InputTensor which, uint64_t seed) {
  std::vector<float> values(sizes[0] * sizes[1] * sizes[2] * sizes[3]);
  TensorView view = denseView(values.data(), ElementType::F32, sizes, Layout::BSHD);
  for (int64_t row = 0, rows = rowCount(view); row < rows; ++row)
    fillInputRow(view, which, seed, row);
  return {values.begin(), values.end()};
}

/// Of the query rows over (batch, row), those that some sequence has.
std::vector<bool> rowsOfSequences(const Problem &problem, const DenseInputs &inputs) {
  std::vector<bool> isSomebodys(inputs.q.size() / (problem.queryHeads * problem.headDim));
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    RowRange rows = inputs.sequences().queries(problem, sequence);
    std::fill(isSomebodys.begin() + rows.begin, isSomebodys.begin() + rows.end, true);
  }
  return isSomebodys;
}

/// The inputs of one problem while they are being shaped.
class Shaping {
public:
  Shaping(const Problem &problem, DenseInputs &inputs) : problem(problem), inputs(inputs) {}

  void apply(InputKind kind, uint64_t seed) {
    int64_t chosen = seenKeys().begin + static_cast<int64_t>(seed % std::max<int64_t>(seenCount(), 1));
    switch (kind) {
    case InputKind::Normal:
      return;
    case InputKind::LargeProbe:
    case InputKind::HugeProbe:
      for (double &value : inputs.r)
        value *= kind == InputKind::LargeProbe ? 32 : 1024;
      return;
    case InputKind::DominantKey:
      return forEachKey([&](double *key, const double *, const double *query, int64_t position) {
        for (int64_t i = 0; position == chosen && i < problem.headDim; ++i)
          key[i] = 6 * query[i];
      });
    case InputKind::NearConstantKeys:
      return forEachKey([&](double *key, const double *first, const double *, int64_t position) {
        for (int64_t i = 0; position > 0 && i < problem.headDim; ++i)
          key[i] = first[i] + 0.01 * key[i];
      });
    case InputKind::OffsetKeys:
      return forEachKey([&](double *key, const double *first, const double *, int64_t position) {
        for (int64_t i = 0; position > 0 && i < problem.headDim; ++i)
          key[i] += 4 * first[i];
      });
    case InputKind::GrowingScores:
      return forEachKey([&](double *key, const double *, const double *query, int64_t position) {
        for (int64_t i = 0; i < problem.headDim; ++i)
          key[i] =
              0.1 * key[i] + query[i] * (3.0 * static_cast<double>(position) / static_cast<double>(problem.context));
      });
    case InputKind::LateKeys:
      return forEachKey([&](double *key, const double *first, const double *query, int64_t position) {
        for (int64_t i = 0; 8 * position >= 7 * problem.context && i < problem.headDim; ++i)
          key[i] += 0.5 * query[i] + 4 * first[i];
      });
    case InputKind::SeenNaNKey:
      if (seenCount() > 0)
        std::fill_n(inputs.k.begin() + offsetOf(0, chosen, 0), problem.headDim, nan);
      return;
    case InputKind::SeenNaNValue:
      if (seenCount() > 0)
        inputs.v[offsetOf(0, chosen, 0) + problem.headDim / 2] = nan;
      return;
    }
  }

  /// Sequences 0 and 1 begin with the same keys, those of a page.
  void shareFirstPage() {
    inputs.sharedKeys = std::min(problem.pageSize, problem.context);
    for (std::vector<double> *tensor : {&inputs.k, &inputs.v})
      std::copy_n(tensor->begin(), offsetOf(0, inputs.sharedKeys, 0), tensor->begin() + offsetOf(1, 0, 0));
  }

  /// What no row may see must not matter, whatever it is.
  void spoilUnseenKeys() {
    std::vector<bool> isSeen(inputs.k.size() / (problem.kvHeads * problem.headDim));
    for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
      KeyRange seen = seenKeys(sequence);
      for (int64_t key = seen.begin; key < seen.end; ++key) {
        isSeen[rowOf(sequence, key)] = true;
        if (sequence < 2 && key < inputs.sharedKeys)
          isSeen[rowOf(1 - sequence, key)] = true;
      }
    }
    for (size_t row = 0; row < isSeen.size(); ++row)
      for (std::vector<double> *tensor : {&inputs.k, &inputs.v})
        if (int64_t elements = problem.kvHeads * problem.headDim; !isSeen[row])
          std::fill_n(tensor->begin() + static_cast<int64_t>(row) * elements, elements, nan);
  }

  /// Query rows that no sequence has: every other one holds NaN; from the others a result could be made.
  void spoilNobodysQueries() {
    std::vector<bool> isSomebodys = rowsOfSequences(problem, inputs);
    for (size_t row = 0; row < isSomebodys.size(); row += 2)
      for (std::vector<double> *tensor : {&inputs.q, &inputs.r})
        if (int64_t elements = problem.queryHeads * problem.headDim; !isSomebodys[row] && !tensor->empty())
          std::fill_n(tensor->begin() + static_cast<int64_t>(row) * elements, elements, nan);
  }

private:
  /// Keys that some row sees.
  KeyRange seenKeys(int64_t sequence = 0) const {
    Sequences sequences = inputs.sequences();
    return lla::seenKeys(problem, sequences.keys(problem, sequence), sequences.queries(problem, sequence).count());
  }
  int64_t seenCount() const { return seenKeys().count(); }

  /// Row of a key in dense tensors, which do not have pages yet.
  int64_t rowOf(int64_t sequence, int64_t position) const {
    return problem.packedKeys ? inputs.sequences().row(problem, sequence, position)
                              : sequence * problem.context + position;
  }
  int64_t offsetOf(int64_t sequence, int64_t position, int64_t kvHead) const {
    return (rowOf(sequence, position) * problem.kvHeads + kvHead) * problem.headDim;
  }

  /// Visits each key, with the first key of its sequence and head, and the last query that it meets.
  template <class Visit> void forEachKey(Visit visit) {
    Sequences sequences = inputs.sequences();
    for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
      RowRange queries = sequences.queries(problem, sequence);
      if (queries.count() == 0)
        continue;
      int64_t keys = problem.packedKeys ? sequences.keys(problem, sequence).end : problem.context;
      for (int64_t head = 0; head < problem.kvHeads; ++head)
        for (int64_t position = 0; position < keys; ++position) {
          int64_t lastRow = queries.end - 1;
          const double *query = &inputs.q[(lastRow * problem.queryHeads + head * problem.group()) * problem.headDim];
          visit(&inputs.k[offsetOf(sequence, position, head)], &inputs.k[offsetOf(sequence, 0, head)], query, position);
        }
    }
  }

  const Problem &problem;
  DenseInputs &inputs;
};

bool holdsSeenNaN(InputKind kind) { return kind == InputKind::SeenNaNKey || kind == InputKind::SeenNaNValue; }

void fillSequences(const Problem &problem, SequenceInput choice, uint64_t seed, DenseInputs &inputs) {
  if (!problem.ragged)
    return;
  SequenceNumbers numbers = makeSequences(problem, SequenceKind::Any, seed);
  inputs.cuSeqlensQ = numbers.cuSeqlensQ;
  inputs.cuSeqlensK = numbers.cuSeqlensK;
  inputs.queryRows = numbers.queryRows;
  inputs.keyRows = numbers.keyRows;
  if (choice == SequenceInput::NotGiven)
    return;
  inputs.lengths = numbers.lengths;
  if (choice != SequenceInput::WithoutStarts)
    inputs.starts = numbers.starts;
  if (choice != SequenceInput::OutOfRange)
    return;
  constexpr int32_t most = std::numeric_limits<int32_t>::max(), least = std::numeric_limits<int32_t>::min();
  const int32_t lengths[] = {most, -1, static_cast<int32_t>(problem.context + 1), least, 5};
  const int32_t starts[] = {least, 3, -1, most, 6};
  for (size_t i = 0; i < inputs.lengths.size(); ++i) {
    inputs.lengths[i] = lengths[i % std::size(lengths)];
    inputs.starts[i] = starts[i % std::size(starts)];
  }
  // No row or key is of two sequences: both would write it, or one's NaN reach the other.
  const int32_t rowPlaces[] = {-1, 4, most, 9, least}, keyPlaces[] = {least, 20, most, 5, least};
  auto replace = [](std::vector<int32_t> &places, llvm::ArrayRef<int32_t> by) {
    for (size_t i = 0; i < places.size(); ++i)
      places[i] = by[std::min(i, by.size() - 1)];
  };
  replace(inputs.cuSeqlensQ, rowPlaces);
  replace(inputs.cuSeqlensK, keyPlaces);
}

/// Larger of two, or NaN.
double worse(double a, double b) { return std::isnan(a) || std::isnan(b) ? nan : std::max(a, b); }

/// Any numbers are the result of some keys. One result in five is that of none, and may hold anything then.
Outputs makeParts(const Problem &problem, InputKind kind, uint64_t seed) {
  std::array<int64_t, 4> sizes = {problem.shards * problem.batch, problem.queryLength, problem.queryHeads, 1};
  std::array<int64_t, 4> wide = sizes;
  wide[3] = problem.headDim;
  Outputs parts;
  parts.o = randomValues(wide, InputTensor::V, 4 * seed);
  parts.lse = randomValues(sizes, InputTensor::V, 4 * seed + 1);
  parts.tbar = randomValues(sizes, InputTensor::V, 4 * seed + 2);
  parts.vbar = randomValues(wide, InputTensor::V, 4 * seed + 3);
  std::mt19937_64 random(seed);
  for (size_t row = 0; row < parts.lse.size(); ++row) {
    int64_t shard = static_cast<int64_t>(row) / problem.stateRows();
    if (kind == InputKind::GrowingScores)
      parts.lse[row] += 30.0 * static_cast<double>(shard);
    if (kind == InputKind::LargeProbe)
      parts.tbar[row] *= 32;
    constexpr uint64_t oneInSoMany = 5;
    if (random() % oneInSoMany != 0)
      continue;
    parts.lse[row] = -infinity;
    parts.tbar[row] = nan;
    for (std::vector<double> *values : {&parts.o, &parts.vbar})
      std::fill_n(values->begin() + static_cast<int64_t>(row) * problem.headDim, problem.headDim, nan);
  }
  for (std::vector<double> *values : {&parts.o, &parts.lse, &parts.tbar, &parts.vbar})
    for (double &value : *values)
      value = roundTo(problem.dtype, value);
  return parts;
}

/// Row by row.
Truth mergeTruth(const Problem &problem, const Outputs &parts) {
  Truth truth;
  for (int64_t row = 0; row < problem.stateRows(); ++row) {
    std::vector<RowResult> shards(std::max<int64_t>(problem.shards, 1),
                                  {std::vector<double>(problem.headDim), {-infinity, 0, {}}});
    for (int64_t shard = 0; shard < problem.shards; ++shard) {
      int64_t number = shard * problem.stateRows() + row, first = number * problem.headDim;
      auto slice = [&](const std::vector<double> &values) {
        return std::vector<double>(values.begin() + first, values.begin() + first + problem.headDim);
      };
      shards[shard] = {slice(parts.o), {parts.lse[number], parts.tbar[number], slice(parts.vbar)}};
    }
    RowResult merged = referenceMerge(shards);
    llvm::append_range(truth.exact, merged.o);
    truth.states.lse.push_back(merged.state.lse);
    truth.states.tbar.push_back(merged.state.tbar);
    llvm::append_range(truth.states.vbar, merged.state.vbar);
  }
  return truth;
}

/// True if a row (over (batch, row, head)) is of no key.
bool isBlind(const Problem &problem, const DenseInputs &inputs, int64_t number) {
  if (problem.isMerge()) {
    for (int64_t shard = 0; shard < problem.shards; ++shard)
      if (inputs.parts.lse[shard * problem.stateRows() + number] != -infinity)
        return false;
    return true;
  }
  Sequences sequences = inputs.sequences();
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    RowRange rows = sequences.queries(problem, sequence);
    if (int64_t row = number / problem.queryHeads - rows.begin; row >= 0 && row < rows.count())
      return visibleKeys(problem, row, sequences.keys(problem, sequence), rows.count()).count() == 0;
  }
  return false;
}

/// Distance of neighbouring values at `magnitude`, relative to it.
double relativeUlp(ElementType type, double magnitude) {
  int fractionBits = type == ElementType::F16 ? 10 : 7;
  return magnitude > 0 ? std::exp2(std::floor(std::log2(magnitude)) - fractionBits) / magnitude : 0;
}

constexpr double singleTolerance = 2e-5, halfTolerance = 1e-2;

} // namespace

/// Scales of fp8 keys or values; about 1/8 leaves what the inputs hold well within +-448.
static std::vector<double> makeScales(const Problem &problem, ScaleInput choice, std::mt19937_64 &random) {
  int64_t count = choice == ScaleInput::NotGiven ? 0 : choice == ScaleInput::PerTensor ? 1 : problem.kvHeads;
  std::vector<double> scales(count);
  for (double &scale : scales) {
    constexpr uint64_t steps = 1000;
    scale = 0.0625 + 0.1 * static_cast<double>(random() % steps + 1) / steps;
    scale = roundTo(ElementType::F32, random() % 3 == 0 ? -scale : scale);
  }
  return scales;
}

/// Multiplies the elements of each KV head by `factor` of its scale.
template <class Factor>
static void multiplyHeads(const Problem &problem, std::vector<double> &tensor, const std::vector<double> &scales,
                          Factor factor) {
  for (size_t i = 0; i < tensor.size() && !scales.empty(); ++i) {
    int64_t head = static_cast<int64_t>(i) / problem.headDim % problem.kvHeads;
    tensor[i] *= factor(scales[scales.size() == 1 ? 0 : head]);
  }
}

DenseInputs makeInputs(const Problem &problem, InputKind kind, uint64_t seed, SequenceInput sequences,
                       ScaleInput scales) {
  std::array<int64_t, 4> querySizes = {problem.batch, problem.queryLength, problem.queryHeads, problem.headDim};
  std::array<int64_t, 4> keySizes = {problem.batch, problem.context, problem.kvHeads, problem.headDim};
  DenseInputs inputs;
  if (problem.isMerge()) {
    inputs.parts = makeParts(problem, kind, seed);
    return inputs;
  }
  inputs.q = randomValues(querySizes, InputTensor::Q, seed);
  if (problem.hasProbe())
    inputs.r = randomValues(querySizes, InputTensor::R, seed);
  inputs.k = randomValues(keySizes, InputTensor::K, seed);
  inputs.v = randomValues(keySizes, InputTensor::V, seed);
  fillSequences(problem, sequences, seed, inputs);
  Shaping shaping(problem, inputs);
  shaping.apply(kind, seed);
  if (problem.pageSize && problem.batch > 1 && !holdsSeenNaN(kind))
    shaping.shareFirstPage();
  shaping.spoilUnseenKeys();
  shaping.spoilNobodysQueries();
  if (problem.hasKeyScales()) {
    std::mt19937_64 random(seed);
    inputs.kScales = makeScales(problem, scales, random);
    inputs.vScales = makeScales(problem, scales, random);
    for (auto [tensor, factors] : {std::pair{&inputs.k, &inputs.kScales}, {&inputs.v, &inputs.vScales}})
      multiplyHeads(problem, *tensor, *factors, [](double scale) { return 1 / scale; });
  }
  for (auto [tensor, type] : {std::pair{&inputs.q, problem.dtype},
                              {&inputs.r, problem.dtype},
                              {&inputs.k, problem.keyType()},
                              {&inputs.v, problem.keyType()}})
    for (double &value : *tensor)
      value = roundTo(type, value);
  return inputs;
}

Truth makeTruth(const Problem &problem, const DenseInputs &inputs) {
  if (problem.isMerge())
    return mergeTruth(problem, inputs.parts);
  Problem dense = problem;
  dense.pageSize = 0;
  Truth truth;
  truth.rowsOfFirst = problem.batch ? inputs.sequences().queries(problem, 0).end : 0;
  std::vector<double> k = inputs.k, v = inputs.v;
  for (auto [tensor, scales] : {std::pair{&k, &inputs.kScales}, {&v, &inputs.vScales}})
    multiplyHeads(problem, *tensor, *scales, [](double scale) { return scale; });
  truth.exact = referenceForward(dense, inputs.q, inputs.r, k, v, inputs.sequences());
  if (problem.dtype != ElementType::F32)
    truth.baseline = baselineForward(dense, inputs.q, inputs.r, k, v, inputs.sequences());
  if (problem.state)
    truth.states = referenceStates(dense, inputs.q, inputs.r, k, v, inputs.sequences());
  // Rows that no sequence has stay as they were before the call: NaN.
  std::vector<bool> isSomebodys = rowsOfSequences(problem, inputs);
  for (std::vector<double> *tensor : {&truth.exact, &truth.states.lse, &truth.states.tbar, &truth.states.vbar})
    for (size_t i = 0, elements = tensor->size() / std::max<size_t>(isSomebodys.size(), 1); i < tensor->size(); ++i)
      if (!isSomebodys[i / elements])
        (*tensor)[i] = nan;
  return truth;
}

/// True if masked products may have spread another key's NaN into this (row, head) of all sequences'.
static bool isBesideNaN(const Problem &problem, InputKind kind, const Truth &truth, int64_t row) {
  return holdsSeenNaN(kind) && row / problem.queryHeads < truth.rowsOfFirst &&
         row % problem.queryHeads < problem.group();
}

/// Largest error of a state's tensor with `dim` elements a row, over max|exact| or `least` if that is more.
static double measureState(const Problem &problem, InputKind kind, const Truth &truth,
                           const std::vector<double> &output, const std::vector<double> &exact, int64_t dim,
                           double least) {
  if (output.size() != exact.size())
    return nan;
  double largest = 0, magnitude = least;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (std::isnan(exact[i])) {
      largest = std::isnan(output[i]) ? largest : nan;
      continue;
    }
    if (isBesideNaN(problem, kind, truth, static_cast<int64_t>(i) / dim) || output[i] == exact[i]) // Infinities, too.
      continue;
    largest = worse(largest, std::abs(output[i] - exact[i]));
    magnitude = std::isinf(exact[i]) ? magnitude : std::max(magnitude, std::abs(exact[i]));
  }
  return largest == 0 ? 0 : largest / magnitude;
}

ErrorFigures measure(const Problem &problem, InputKind kind, const Outputs &outputs, const Truth &truth) {
  const std::vector<double> &output = outputs.o;
  double largest = 0, largestBaseline = 0, squares = 0, squaresBaseline = 0, magnitude = 0, energy = 0;
  for (size_t i = 0; i < truth.exact.size(); ++i) {
    double exact = truth.exact[i];
    if (std::isnan(exact)) {
      largest = std::isnan(output[i]) ? largest : nan;
      continue;
    }
    if (isBesideNaN(problem, kind, truth, static_cast<int64_t>(i) / problem.headDim))
      continue;
    double error = std::abs(output[i] - exact);
    double rough = truth.baseline.empty() ? 0 : std::abs(truth.baseline[i] - exact);
    largest = worse(largest, error);
    largestBaseline = worse(largestBaseline, rough);
    squares += error * error;
    squaresBaseline += rough * rough;
    magnitude = std::max(magnitude, std::abs(exact));
    energy += exact * exact;
  }
  auto ratio = [](double error, double reference) { return error == 0 ? 0 : error / reference; };
  ErrorFigures figures;
  figures.relative = ratio(largest, magnitude);
  figures.rms = ratio(std::sqrt(squares), std::sqrt(energy));
  figures.baselineRelative = ratio(largestBaseline, magnitude);
  figures.baselineRms = ratio(std::sqrt(squaresBaseline), std::sqrt(energy));
  figures.maxReference = magnitude;
  figures.lse = measureState(problem, kind, truth, outputs.lse, truth.states.lse, 1, 1);
  figures.tbar = measureState(problem, kind, truth, outputs.tbar, truth.states.tbar, 1, 1);
  figures.vbar = measureState(problem, kind, truth, outputs.vbar, truth.states.vbar, problem.headDim, 0);
  figures.rows = static_cast<int64_t>(truth.exact.size()) / problem.headDim;
  figures.allRows = true;
  figures.oracle = "host reference";
  return figures;
}

/// What a single 16-bit problem may be wrong by: more than the straightforward evaluation by chance, and by the
/// rounding of its output, where that is rounded.
static double baselineLimit(const ErrorFigures &figures, const Problem &problem) {
  double ulps = problem.outputType() == ElementType::F32 ? 1 : 2;
  return 1.5 * figures.baselineRelative + ulps * relativeUlp(problem.dtype, figures.maxReference);
}

std::string judge(const ErrorFigures &figures, const Problem &problem, InputKind kind) {
  if (llvm::Error error = checkStateTolerance(figures, problem.dtype))
    return llvm::toString(std::move(error));
  if (problem.dtype == ElementType::F32) {
    double limit = singleTolerance;
    if (problem.outputType() != ElementType::F32) // Of a merge: rounded once.
      limit += relativeUlp(problem.outputType(), figures.maxReference) / 2;
    return figures.relative <= limit
               ? ""
               : fmt::format("error {:.2e} of max|ref|, expected at most {:.2e}", figures.relative, limit);
  }
  double limit = baselineLimit(figures, problem);
  if (!(figures.relative <= limit)) // NaN fails.
    return fmt::format("error {:.2e} of max|ref|, expected at most {:.2e} (the straightforward evaluation's: {:.2e})",
                       figures.relative, limit, figures.baselineRelative);
  // Where the inputs themselves cost the straightforward evaluation more than that, only the first limit holds.
  if (figures.relative > std::max(halfTolerance, figures.baselineRelative))
    return fmt::format("error {:.2e} of max|ref|, expected at most {:.0e}", figures.relative, halfTolerance);
  return "";
}

std::string judgeDifference(const std::vector<double> &output, const std::vector<double> &other, const Problem &problem,
                            const ErrorFigures &figures) {
  double limit =
      problem.dtype == ElementType::F32 ? singleTolerance : std::max(halfTolerance, baselineLimit(figures, problem));
  double difference = relativeError(output, other);
  return difference <= limit ? "" : fmt::format("differs by {:.2e}, expected at most {:.1e}", difference, limit);
}

std::string judgeBlindRows(const Problem &problem, const DenseInputs &inputs, const Outputs &outputs) {
  struct {
    const char *name;
    const std::vector<double> &values;
    int64_t dim;
    double expected;
  } const all[] = {{"o", outputs.o, problem.headDim, 0},
                   {"lse", outputs.lse, 1, -infinity},
                   {"tbar", outputs.tbar, 1, 0},
                   {"vbar", outputs.vbar, problem.headDim, 0}};
  for (const auto &output : all)
    for (size_t i = 0; i < output.values.size(); ++i) {
      int64_t number = static_cast<int64_t>(i) / output.dim;
      if (output.values[i] != output.expected && isBlind(problem, inputs, number))
        return fmt::format("row {} (over batch, row, head) sees no key; expected {} to be exactly {}, got {}",
                           number, output.name, output.expected, output.values[i]);
    }
  return "";
}

} // namespace lla::numeric
