//===- Sequences.cpp - lengths, starts and pages of one call's keys -------===//

#include "dialect/Spec/Sequences.h"
#include <algorithm>

namespace lla {

KeyRange Sequences::keys(const Problem &problem, int64_t sequence) const {
  int64_t length = lengths.empty() ? problem.context : std::clamp<int64_t>(lengths[sequence], 0, problem.context);
  int64_t start = starts.empty() ? 0 : std::clamp<int64_t>(starts[sequence], 0, length);
  return {start, length};
}

int64_t Sequences::row(const Problem &problem, int64_t sequence, int64_t key) const {
  if (problem.pageSize == 0)
    return sequence * problem.context + key;
  int64_t page = pages[sequence * pagesEach + key / problem.pageSize];
  return page * problem.pageSize + key % problem.pageSize;
}

KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys) {
  int64_t end = problem.causal ? std::min(keys.end - problem.queryLength + row + 1, keys.end) : keys.end;
  int64_t begin = problem.window ? std::max(end - problem.window, keys.begin) : keys.begin;
  return {begin, std::max(begin, end)};
}

KeyRange visibleKeys(const Problem &problem, int64_t row) { return visibleKeys(problem, row, {0, problem.context}); }

KeyRange seenKeys(const Problem &problem, KeyRange keys) {
  // The first row that sees anything sees the earliest keys, the last row the latest.
  int64_t blind = problem.causal ? std::max<int64_t>(problem.queryLength - keys.count(), 0) : 0;
  int64_t first = std::min(blind, problem.queryLength - 1);
  return {visibleKeys(problem, first, keys).begin, visibleKeys(problem, problem.queryLength - 1, keys).end};
}

/// The sum of a figure over sequences that are each a problem of their own: the keys before a start might as well not
/// be there.
static double sumOver(const Problem &problem, const Sequences &sequences, double (Problem::*figure)() const) {
  Problem sequenceAlone = problem;
  sequenceAlone.batch = 1;
  double sum = 0;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    sequenceAlone.context = sequences.keys(problem, sequence).count();
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
