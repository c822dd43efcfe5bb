//===- BudgetTest.cpp - limits, on an injected clock ----------------------===//

#include "autotune/Budget.h"
#include <gtest/gtest.h>

namespace lla {
namespace {

TEST(Budget, WithoutLimitsNothingEnds) {
  Budget budget({});
  for (int i = 0; i < 1000; ++i)
    budget.recordTrial(false);
  EXPECT_FALSE(budget.searchEnds());
  EXPECT_FALSE(budget.isOutOfTime());
  EXPECT_EQ(budget.trialsLeft(32), 32);
  EXPECT_EQ(budget.progress(), 0);
}

TEST(Budget, Trials) {
  Budget budget({.trials = 3});
  budget.recordTrial(true);
  EXPECT_EQ(budget.trialsLeft(32), 2);
  budget.recordTrial(true);
  EXPECT_FALSE(budget.searchEnds());
  budget.recordTrial(true);
  EXPECT_EQ(budget.searchEnds(), StopReason::Trials);
  EXPECT_EQ(budget.trialsLeft(32), 0);
  EXPECT_EQ(budget.progress(), 1);
}

TEST(Budget, SecondsLeaveAShareForTheRace) {
  double now = 1000;
  Budget budget({.seconds = 10}, [&] { return now; }, 0.75);
  now += 7.4;
  EXPECT_FALSE(budget.searchEnds());
  now += 0.2;
  EXPECT_EQ(budget.searchEnds(), StopReason::Seconds);
  EXPECT_FALSE(budget.isOutOfTime());
  now += 2.4;
  EXPECT_TRUE(budget.isOutOfTime());
  EXPECT_DOUBLE_EQ(budget.progress(), 1);
}

TEST(Budget, StagnationCountsFromTheLastImprovement) {
  Budget budget({.stagnation = 2});
  budget.recordTrial(false);
  budget.recordTrial(true);
  budget.recordTrial(false);
  EXPECT_FALSE(budget.searchEnds());
  budget.recordTrial(false);
  EXPECT_EQ(budget.searchEnds(), StopReason::Stagnation);
}

TEST(Budget, UnionEndsAtTheFirst) {
  double now = 0;
  Budget budget({.trials = 100, .seconds = 1, .stagnation = 5}, [&] { return now; });
  budget.recordTrial(true);
  EXPECT_FALSE(budget.searchEnds());
  now = 0.9;
  EXPECT_EQ(budget.searchEnds(), StopReason::Seconds);
  EXPECT_NEAR(budget.progress(), 0.9, 1e-12);
}

TEST(Budget, ZeroEndsAtOnce) {
  EXPECT_EQ(Budget({.trials = 0}).searchEnds(), StopReason::Trials);
  EXPECT_EQ(Budget({.seconds = 0}).searchEnds(), StopReason::Seconds);
}

TEST(Budget, SteadyClockDoesNotGoBack) {
  Budget::Clock clock = Budget::steadyClock();
  double before = clock();
  EXPECT_LE(before, clock());
}

} // namespace
} // namespace lla
