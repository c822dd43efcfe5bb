//===- Sequences.cpp - lengths, places and pages of one call's sequences --===//

#include "dialect/Spec/Sequences.h"
#include <algorithm>

namespace lla {

/// Rows of a sequence in a packed tensor of `total`; at most `most`.
static RowRange packedRows(llvm::ArrayRef<int32_t> cuSeqlens, int64_t sequence, int64_t total, int64_t most) {
  int64_t begin = std::clamp<int64_t>(cuSeqlens[sequence], 0, total);
  int64_t end = std::clamp<int64_t>(cuSeqlens[sequence + 1], begin, total);
  return {begin, std::min(end, begin + most)};
}

RowRange Sequences::queries(const Problem &problem, int64_t sequence) const {
  if (problem.packedQueries && !cuSeqlensQ.empty())
    return packedRows(cuSeqlensQ, sequence, queryRows, problem.queryLength);
  int64_t begin = sequence * problem.queryLength;
  return {begin, begin + problem.queryLength};
}

int64_t Sequences::queryCount(const Problem &problem) const {
  int64_t count = 0;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence)
    count += queries(problem, sequence).count();
  return count;
}

KeyRange Sequences::keys(const Problem &problem, int64_t sequence) const {
  int64_t most = problem.context;
  if (problem.packedKeys && !cuSeqlensK.empty())
    most = packedRows(cuSeqlensK, sequence, keyRows, most).count();
  int64_t length = lengths.empty() ? most : std::clamp<int64_t>(lengths[sequence], 0, most);
  int64_t start = starts.empty() ? 0 : std::clamp<int64_t>(starts[sequence], 0, length);
  return {start, length};
}

int64_t Sequences::row(const Problem &problem, int64_t sequence, int64_t key) const {
  if (problem.packedKeys && !cuSeqlensK.empty())
    return packedRows(cuSeqlensK, sequence, keyRows, problem.context).begin + key;
  if (problem.pageSize == 0)
    return sequence * problem.context + key;
  int64_t page = pages[sequence * pagesEach + key / problem.pageSize];
  if (poolPages && (page < 0 || page >= poolPages))
    page = poolPages - 1;
  return page * problem.pageSize + key % problem.pageSize;
}

KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys, int64_t rows) {
  int64_t end = problem.causal ? std::min(keys.end - rows + row + 1, keys.end) : keys.end;
  int64_t begin = problem.window ? std::max(end - problem.window, keys.begin) : keys.begin;
  return {begin, std::max(begin, end)};
}

KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys) {
  return visibleKeys(problem, row, keys, problem.queryLength);
}

KeyRange visibleKeys(const Problem &problem, int64_t row) { return visibleKeys(problem, row, {0, problem.context}); }

KeyRange seenKeys(const Problem &problem, KeyRange keys, int64_t rows) {
  if (rows == 0)
    return {keys.begin, keys.begin};
  // The first row that sees anything sees the earliest keys, the last row the latest.
  int64_t blind = problem.causal ? std::max<int64_t>(rows - keys.count(), 0) : 0;
  int64_t first = std::min(blind, rows - 1);
  return {visibleKeys(problem, first, keys, rows).begin, visibleKeys(problem, rows - 1, keys, rows).end};
}

KeyRange seenKeys(const Problem &problem, KeyRange keys) { return seenKeys(problem, keys, problem.queryLength); }

/// The sum of a figure over sequences that are each a problem of their own: the keys before a start might as well not
/// be there, nor those of a sequence without rows.
static double sumOver(const Problem &problem, const Sequences &sequences, double (Problem::*figure)() const) {
  Problem sequenceAlone = problem;
  sequenceAlone.batch = 1;
  double sum = 0;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    sequenceAlone.queryLength = sequences.queries(problem, sequence).count();
    sequenceAlone.context = sequences.keys(problem, sequence).count();
    if (sequenceAlone.queryLength)
      sum += (sequenceAlone.*figure)();
  }
  return sum;
}

double flops(const Problem &problem, const Sequences &sequences) {
  return sumOver(problem, sequences, &Problem::flops);
}

double minimumBytes(const Problem &problem, const Sequences &sequences) {
  return sumOver(problem, sequences, &Problem::minimumBytes);
}

} // namespace lla
