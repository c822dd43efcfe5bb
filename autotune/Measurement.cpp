//===- Measurement.cpp - what timing samples say --------------------------===//

#include "autotune/Measurement.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace lla {
namespace {

/// How many order statistics may be cut off at either end: the largest k such that the
/// true median lies outside [x_k, x_{n-1-k}] with probability at most 1 - confidence,
///   2 * P(Binomial(n, 1/2) <= k) <= 1 - confidence;
/// -1 if not even k = 0 does.
int64_t trimmedRank(size_t samples, double confidence) {
  long double probability = std::ldexp(1.0L, -static_cast<int>(samples)); // Of exactly 0 below the median.
  long double tail = 0;
  int64_t rank = -1;
  for (size_t below = 0; 2 * below < samples; ++below) {
    tail += probability;
    if (2 * tail > 1 - static_cast<long double>(confidence))
      break;
    rank = static_cast<int64_t>(below);
    probability *= static_cast<long double>(samples - below) / static_cast<long double>(below + 1);
  }
  return rank;
}

double medianOfSorted(llvm::ArrayRef<double> sorted) {
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

} // namespace

double median(llvm::ArrayRef<double> samples) { return estimate(samples).median; }

size_t leastSamples(double confidence) {
  size_t samples = 1;
  while (trimmedRank(samples, confidence) < 0)
    ++samples;
  return samples;
}

Estimate estimate(llvm::ArrayRef<double> samples, double confidence) {
  if (samples.empty()) {
    double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none, none, 0};
  }
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  size_t rank = static_cast<size_t>(std::max<int64_t>(trimmedRank(sorted.size(), confidence), 0));
  return {medianOfSorted(sorted), sorted[rank], sorted[sorted.size() - 1 - rank], sorted.size()};
}

Estimate pairedSlowdown(llvm::ArrayRef<double> baseline, llvm::ArrayRef<double> candidate, double confidence) {
  size_t rounds = std::min(baseline.size(), candidate.size());
  std::vector<double> slowdowns;
  slowdowns.reserve(rounds);
  for (size_t round = 0; round < rounds; ++round)
    slowdowns.push_back(candidate[round] / baseline[round] - 1);
  Estimate result = estimate(slowdowns, confidence);
  if (trimmedRank(rounds, confidence) < 0) {
    result.low = -std::numeric_limits<double>::infinity();
    result.high = std::numeric_limits<double>::infinity();
  }
  return result;
}

} // namespace lla
