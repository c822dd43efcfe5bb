//===- Oracle.cpp - judging an output on the host -------------------------===//

#include "runtime/Oracle.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Inputs.h"
#include "runtime/RuntimeError.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <random>

namespace lla {
namespace {

/// What one row adds to the figures.
struct RowErrors {
  double maximum = 0, squares = 0;                 ///< Of o - ref; NaN spreads.
  double baselineMaximum = 0, baselineSquares = 0; ///< Of the straightforward evaluation.
  double referenceMaximum = 0, referenceSquares = 0;
  struct Worst {
    double difference = 0, reference = 0;
  } lse, tbar, vbar; ///< With state.
};

/// The larger one, or NaN.
double worse(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }

struct RowIndex {
  int64_t sequence, position, head;
};

RowIndex indexOf(const Problem &problem, int64_t row) {
  return {row / problem.queryHeads / problem.queryLength, row / problem.queryHeads % problem.queryLength,
          row % problem.queryHeads};
}

/// Number of the row over (batch, row, head) of q, r and the outputs.
int64_t rowOfViews(const Problem &problem, const Sequences &sequences, RowIndex index) {
  return (sequences.queries(problem, index.sequence).begin + index.position) * problem.queryHeads + index.head;
}

/// The factor of a KV head's keys (or values); 1 where none is given.
double scaleOf(const TensorView &scales, int64_t kvHead) {
  double scale = 1;
  if (!scales.empty())
    readRow(scales, scales.sizes[2] > 1 ? kvHead : 0, &scale);
  return scale;
}

/// Keys (or values) [range) of one KV head as dense doubles, times their scale.
std::vector<double> gather(const Problem &problem, const Sequences &sequences, const TensorView &view,
                           const TensorView &scales, int64_t sequence, KeyRange range, int64_t kvHead) {
  int64_t dims = view.sizes[3];
  std::vector<double> values(range.count() * dims);
  for (int64_t key = range.begin; key < range.end; ++key)
    readRow(view, sequences.row(problem, sequence, key) * view.sizes[2] + kvHead, &values[(key - range.begin) * dims]);
  if (!problem.hasKeyScales())
    return values;
  double scale = scaleOf(scales, kvHead);
  for (double &value : values)
    value *= scale;
  return values;
}

/// One query over the keys it sees, nothing masked.
Problem problemOfRow(const Problem &problem, KeyRange range) {
  Problem single = problem;
  single.mode = Mode::Decode;
  single.batch = single.queryHeads = single.kvHeads = single.queryLength = 1;
  single.context = range.end - range.begin;
  single.layout = Layout::BSHD;
  single.causal = false;
  single.window = 0;
  single.ragged = false;
  single.pageSize = 0;
  single.packedQueries = single.packedKeys = false;
  single.scale = problem.effectiveScale();
  return single;
}

/// Equal infinities differ by nothing.
void raise(RowErrors::Worst &worst, double actual, double expected) {
  worst.difference = worse(worst.difference, actual == expected ? 0 : std::abs(actual - expected));
  if (std::isfinite(expected))
    worst.reference = std::max(worst.reference, std::abs(expected));
}

void compareState(const Problem &problem, const AttentionTensors &tensors, int64_t row, const RowState &expected,
                  RowErrors &errors) {
  double lse, tbar;
  std::vector<double> vbar(problem.headDim);
  readRow(tensors.lse, row, &lse);
  readRow(tensors.tbar, row, &tbar);
  readRow(tensors.vbar, row, vbar.data());
  raise(errors.lse, lse, expected.lse);
  raise(errors.tbar, tbar, expected.tbar);
  for (int64_t i = 0; i < problem.headDim; ++i)
    raise(errors.vbar, vbar[i], expected.vbar[i]);
}

/// What a row must come to, and what the straightforward evaluation makes of it.
struct Expectation {
  RowResult exact;
  std::vector<double> baseline;
};

Expectation expectationOf(const Problem &problem, const AttentionTensors &tensors, int64_t row) {
  RowIndex index = indexOf(problem, row);
  int64_t dims = problem.headDim;
  Sequences sequences = sequencesOf(tensors);
  KeyRange range = visibleKeys(problem, index.position, sequences.keys(problem, index.sequence),
                               sequences.queries(problem, index.sequence).count());
  int64_t place = rowOfViews(problem, sequences, index);
  Expectation expectation{
      {std::vector<double>(dims), {-std::numeric_limits<double>::infinity(), 0, std::vector<double>(dims)}},
      std::vector<double>(dims)};
  if (range.begin < range.end) {
    std::vector<double> q(dims), r(problem.hasProbe() ? dims : 0);
    readRow(tensors.q, place, q.data());
    if (problem.hasProbe())
      readRow(tensors.r, place, r.data());
    int64_t kvHead = index.head / problem.group();
    std::vector<double> k = gather(problem, sequences, tensors.k, tensors.kScales, index.sequence, range, kvHead);
    std::vector<double> v = gather(problem, sequences, tensors.v, tensors.vScales, index.sequence, range, kvHead);
    Problem single = problemOfRow(problem, range);
    referenceRow(single, q, r, k, v, 0, 0, 0, expectation.exact.o);
    expectation.baseline = baselineForward(single, q, r, k, v);
    if (problem.state)
      expectation.exact.state = referenceRowState(single, q, r, k, v, 0, 0, 0);
  }
  return expectation;
}

/// Rows of the shards merged; a right one rounds that once.
Expectation expectationOfMerge(const Problem &problem, const AttentionTensors &tensors, int64_t row) {
  std::vector<RowResult> shards(std::max<int64_t>(problem.shards, 1),
                                {std::vector<double>(problem.headDim),
                                 {-std::numeric_limits<double>::infinity(), 0, std::vector<double>(problem.headDim)}});
  for (int64_t shard = 0; shard < problem.shards; ++shard) {
    int64_t number = shard * problem.stateRows() + row;
    readRow(tensors.partO, number, shards[shard].o.data());
    readRow(tensors.partLse, number, &shards[shard].state.lse);
    readRow(tensors.partTbar, number, &shards[shard].state.tbar);
    readRow(tensors.partVbar, number, shards[shard].state.vbar.data());
  }
  RowResult merged = referenceMerge(shards);
  return {merged, merged.o};
}

RowErrors compareRow(const Problem &problem, const AttentionTensors &tensors, int64_t row) {
  auto [exact, baseline] =
      problem.isMerge() ? expectationOfMerge(problem, tensors, row) : expectationOf(problem, tensors, row);
  const std::vector<double> &expected = exact.o;
  std::vector<double> actual(problem.headDim);
  int64_t place = rowOfViews(problem, sequencesOf(tensors), indexOf(problem, row));
  readRow(tensors.o, place, actual.data());
  RowErrors errors;
  if (problem.state)
    compareState(problem, tensors, place, exact.state, errors);
  for (int64_t i = 0; i < problem.headDim; ++i) {
    double difference = std::abs(actual[i] - expected[i]);
    double straightforward = std::abs(roundTo(problem.outputType(), baseline[i]) - expected[i]);
    errors.maximum = worse(errors.maximum, difference);
    errors.squares += difference * difference;
    errors.baselineMaximum = worse(errors.baselineMaximum, straightforward);
    errors.baselineSquares += straightforward * straightforward;
    errors.referenceMaximum = worse(errors.referenceMaximum, std::abs(expected[i]));
    errors.referenceSquares += expected[i] * expected[i];
  }
  return errors;
}

/// An error over a reference; where the reference is all zero, any error at all is infinite.
double ratio(double error, double reference) {
  if (reference == 0)
    return error == 0 ? 0 : std::isnan(error) ? NAN : std::numeric_limits<double>::infinity();
  return error / reference;
}

/// Distance of neighbouring values of `type` at `magnitude`, relative to it.
double relativeUlp(ElementType type, double magnitude) {
  int fractionBits = type == ElementType::F32 ? 23 : type == ElementType::F16 ? 10 : 7;
  return magnitude > 0 ? std::exp2(std::floor(std::log2(magnitude)) - fractionBits) / magnitude : 0;
}

constexpr double singleLimit = 2e-5, halfLimit = 1e-2; ///< Of fp32 and of 16 bits.

llvm::Error checkError(const char *output, double error, double limit, const ErrorFigures &figures) {
  if (error <= limit) // False for NaN.
    return llvm::Error::success();
  return failure(FailureKind::Verification,
                 fmt::format("{}: expected an error of at most {:.2e} of max|reference|, got {:.2e} ({} rows, {})",
                             output, limit, error, figures.rows, figures.oracle));
}

} // namespace

void inSequence(int64_t count, llvm::function_ref<void(int64_t)> body) {
  for (int64_t i = 0; i < count; ++i)
    body(i);
}

std::vector<int64_t> sampleRows(const Problem &problem, int64_t rows, uint64_t seed, const Sequences &sequences) {
  std::vector<int64_t> before = {0}; // Rows of the sequences before each, and of all.
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence)
    before.push_back(before.back() + sequences.queries(problem, sequence).count());
  int64_t count = before.back(), all = count * problem.queryHeads;
  // The sequence of one of the rows that there are.
  auto sequenceOf = [&](int64_t row) -> int64_t {
    return std::upper_bound(before.begin(), before.end(), row) - before.begin() - 1;
  };
  auto numberOf = [&](int64_t row, int64_t head) {
    int64_t sequence = sequenceOf(row);
    return (sequence * problem.queryLength + row - before[sequence]) * problem.queryHeads + head;
  };
  auto numberAt = [&](int64_t index) { return numberOf(index / problem.queryHeads, index % problem.queryHeads); };
  std::vector<int64_t> chosen;
  if (rows <= 0 || rows >= all) {
    chosen.resize(all);
    for (int64_t index = 0; index < all; ++index)
      chosen[index] = numberAt(index);
    return chosen;
  }
  for (int64_t row : {int64_t(0), before[sequenceOf(0) + 1] - 1, before[sequenceOf(count - 1)], count - 1})
    for (int64_t head : {int64_t(0), problem.queryHeads - 1})
      chosen.push_back(numberOf(row, head));
  std::mt19937_64 random(seed);
  while (static_cast<int64_t>(chosen.size()) < rows)
    chosen.push_back(numberAt(static_cast<int64_t>(random() % static_cast<uint64_t>(all))));
  chosen.resize(rows);
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

ErrorFigures compareWithReference(const Problem &problem, const AttentionTensors &tensors, llvm::ArrayRef<int64_t> rows,
                                  ParallelFor parallel) {
  std::vector<RowErrors> perRow(rows.size());
  parallel(rows.size(), [&](int64_t i) { perRow[i] = compareRow(problem, tensors, rows[i]); });
  RowErrors total;
  for (const RowErrors &row : perRow) { // In order, so that sums do not depend on threads.
    total.maximum = worse(total.maximum, row.maximum);
    total.squares += row.squares;
    total.baselineMaximum = worse(total.baselineMaximum, row.baselineMaximum);
    total.baselineSquares += row.baselineSquares;
    total.referenceMaximum = worse(total.referenceMaximum, row.referenceMaximum);
    total.referenceSquares += row.referenceSquares;
    for (RowErrors::Worst RowErrors::*member : {&RowErrors::lse, &RowErrors::tbar, &RowErrors::vbar}) {
      RowErrors::Worst &worst = total.*member;
      worst.difference = worse(worst.difference, (row.*member).difference);
      worst.reference = std::max(worst.reference, (row.*member).reference);
    }
  }
  ErrorFigures figures;
  figures.relative = ratio(total.maximum, total.referenceMaximum);
  figures.rms = ratio(std::sqrt(total.squares), std::sqrt(total.referenceSquares));
  figures.baselineRelative = ratio(total.baselineMaximum, total.referenceMaximum);
  figures.baselineRms = ratio(std::sqrt(total.baselineSquares), std::sqrt(total.referenceSquares));
  figures.maxReference = total.referenceMaximum;
  figures.lse = total.lse.difference / std::max(total.lse.reference, 1.0);
  figures.tbar = total.tbar.difference / std::max(total.tbar.reference, 1.0);
  figures.vbar = ratio(total.vbar.difference, total.vbar.reference);
  figures.rows = rows.size();
  figures.allRows = figures.rows == sequencesOf(tensors).queryCount(problem) * problem.queryHeads;
  figures.oracle = "host reference";
  return figures;
}

llvm::Error checkTolerance(const ErrorFigures &figures, const Problem &problem) {
  double limit = singleLimit;
  if (problem.dtype != ElementType::F32)
    limit = std::max(halfLimit, 1.5 * figures.baselineRelative + 2 * relativeUlp(problem.dtype, figures.maxReference));
  else if (problem.outputType() != ElementType::F32)
    limit += relativeUlp(problem.outputType(), figures.maxReference) / 2;
  if (llvm::Error error = checkError("output", figures.relative, limit, figures))
    return error;
  return checkStateTolerance(figures, problem.dtype);
}

llvm::Error checkStateTolerance(const ErrorFigures &figures, ElementType dtype) {
  bool isHalf = dtype != ElementType::F32;
  constexpr double statisticLimit = 1e-4;
  for (auto [name, error] : {std::pair{"lse", figures.lse}, {"tbar", figures.tbar}})
    if (llvm::Error wrong = checkError(name, error, isHalf ? statisticLimit : singleLimit, figures))
      return wrong;
  return checkError("vbar", figures.vbar, isHalf ? halfLimit : singleLimit, figures);
}

} // namespace lla
