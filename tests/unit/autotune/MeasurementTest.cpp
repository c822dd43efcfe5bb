//===- MeasurementTest.cpp - medians and intervals ------------------------===//

#include "autotune/Measurement.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace lla {
namespace {

TEST(Measurement, MedianOfOddEvenAndNothing) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(Measurement, LeastSamplesFollowTheBinomialLaw) {
  // 2 * 2^-n <= 1 - confidence.
  EXPECT_EQ(leastSamples(0.95), 6u);
  EXPECT_EQ(leastSamples(0.99), 8u);
  EXPECT_EQ(leastSamples(0.999), 11u);
}

TEST(Measurement, IntervalIsAPairOfOrderStatistics) {
  // n = 20, 95 %: the known ranks are the 6th and the 15th.
  std::vector<double> samples;
  for (int i = 20; i >= 1; --i)
    samples.push_back(i);
  Estimate result = estimate(samples, 0.95);
  EXPECT_EQ(result.median, 10.5);
  EXPECT_EQ(result.low, 6);
  EXPECT_EQ(result.high, 15);
  EXPECT_EQ(result.samples, 20u);
}

TEST(Measurement, FewSamplesGiveTheirRange) {
  Estimate result = estimate({5, 9, 7}, 0.95);
  EXPECT_EQ(result.low, 5);
  EXPECT_EQ(result.high, 9);
}

TEST(Measurement, CoverageIsAtLeastWhatWasAskedFor) {
  std::mt19937_64 generator(7);
  std::exponential_distribution<double> skewed(1.0);
  int covered = 0;
  constexpr int trials = 2000;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> samples;
    for (int i = 0; i < 31; ++i)
      samples.push_back(skewed(generator));
    Estimate result = estimate(samples, 0.95);
    covered += result.low <= std::log(2.0) && std::log(2.0) <= result.high;
  }
  EXPECT_GE(covered, trials * 94 / 100);
  EXPECT_LT(covered, trials);
}

TEST(Measurement, LargeSampleCountsDoNotUnderflow) {
  std::vector<double> samples(5000);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<double>(i);
  Estimate result = estimate(samples, 0.95);
  // Half-width of the ranks is about 0.98 * sqrt(n).
  EXPECT_NEAR(result.halfWidth(), 0.98 * std::sqrt(5000.0), 3);
}

TEST(Measurement, PairingCancelsWhatSlowsAWholeRound) {
  std::vector<double> a, b;
  for (int round = 0; round < 16; ++round) {
    double drift = 1 + 0.5 * round; // Far more than the difference.
    a.push_back(100 * drift);
    b.push_back(102 * drift);
  }
  Estimate gap = pairedSlowdown(a, b, 0.99);
  EXPECT_NEAR(gap.median, 0.02, 1e-12);
  EXPECT_GT(gap.low, 0.019);
}

TEST(Measurement, TooFewPairsDecideNothing) {
  std::vector<double> a(7, 100), b(7, 200);
  Estimate gap = pairedSlowdown(a, b, 0.99);
  EXPECT_EQ(gap.median, 1);
  EXPECT_TRUE(std::isinf(gap.low) && gap.low < 0);
  EXPECT_TRUE(std::isinf(gap.high) && gap.high > 0);
  EXPECT_EQ(pairedSlowdown(a, {100.0, 100.0}, 0.99).samples, 2u);
}

} // namespace
} // namespace lla
