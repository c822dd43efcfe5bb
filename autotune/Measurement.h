//===- Measurement.h - what timing samples say ----------------------------===//
//
// Medians and distribution-free intervals. Kernel times are skewed, so nothing
// here assumes a normal distribution: an interval is a pair of order statistics
// whose coverage follows from the binomial law, hence it is deterministic.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_MEASUREMENT_H
#define LLA_AUTOTUNE_MEASUREMENT_H

#include "llvm/ADT/ArrayRef.h"
#include <cstddef>

namespace lla {

/// A median and the interval that holds the true median with the wanted
/// confidence, in the unit of the samples.
struct Estimate {
  double median = 0;
  double low = 0, high = 0;
  size_t samples = 0;

  double halfWidth() const { return (high - low) / 2; }
};

/// NaN for no samples.
double median(llvm::ArrayRef<double> samples);

/// Samples that an interval of this confidence needs at least (8 for 99 %).
size_t leastSamples(double confidence);

/// With fewer than `leastSamples`, the interval is the samples' range and covers less
/// than asked for. No samples: all NaN.
Estimate estimate(llvm::ArrayRef<double> samples, double confidence = 0.95);

/// Relative slowdown of `candidate` against `baseline`, candidate/baseline - 1, over the
/// rounds that both took part in (sample i of each was taken in round i): whatever slows
/// a whole round down cancels. With fewer than `leastSamples` common rounds the interval
/// is unbounded: nothing has been decided.
Estimate pairedSlowdown(llvm::ArrayRef<double> baseline, llvm::ArrayRef<double> candidate, double confidence);

} // namespace lla
#endif
