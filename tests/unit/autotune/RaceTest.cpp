//===- RaceTest.cpp - who wins, and who stays -----------------------------===//

#include "autotune/Race.h"
#include "SyntheticEvaluator.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

namespace lla {
namespace {

/// Contenders that differ in splits only, with the given times; number 0 is the incumbent if wanted.
struct Field {
  std::vector<double> times;
  double noise = 0;
  uint64_t seed = 0;
  bool hasIncumbent = false;
  RaceRules rules = {};
  std::vector<int64_t> workspace = {}, registers = {};

  SyntheticEvaluator evaluator = SyntheticEvaluator({});

  static Schedule schedule(size_t index) {
    Schedule result;
    result.splits = static_cast<int64_t>(index + 1);
    return result;
  }

  RaceResult run(const std::function<bool()> &stop = nullptr) {
    auto failures = evaluator.failures;
    evaluator = SyntheticEvaluator([this](const Schedule &s) { return times[s.splits - 1]; }, noise, seed);
    evaluator.failures = failures;
    std::vector<Contender> contenders;
    for (size_t i = 0; i < times.size(); ++i) {
      Contender &contender = contenders.emplace_back();
      contender.trial.schedule = schedule(i);
      contender.trial.workspaceBytes = workspace.empty() ? 0 : workspace[i];
      contender.trial.registers = registers.empty() ? 0 : registers[i];
      contender.isIncumbent = hasIncumbent && i == 0;
    }
    return llvm::cantFail(race(evaluator, contenders, rules, stop, nullptr));
  }
};

TEST(Race, ClearlyFastestWinsInOneRung) {
  RaceResult result = Field{.times = {120, 100, 150}}.run();
  EXPECT_EQ(result.winner, 1u);
  EXPECT_EQ(result.ties, std::vector<size_t>{1});
  EXPECT_EQ(result.rounds, 8u);
  EXPECT_EQ(result.contenders[0].leftAfter, 8u);
  EXPECT_NE(result.contenders[0].whyLeft.find("20.0 %"), std::string::npos) << result.contenders[0].whyLeft;
}

TEST(Race, RungsDouble) {
  Field field{.times = {100, 100}, .noise = 0.05};
  field.rules.mostRounds = 64;
  RaceResult result = field.run();
  EXPECT_EQ(result.rounds, 64u);
  EXPECT_EQ(field.evaluator.measured[Field::schedule(0)], 4); // 8, 8, 16, 32.
}

TEST(Race, TiesGoToLeastWorkspaceThenRegistersThenSchedule) {
  Field field{.times = {100, 100, 100, 100}};
  field.workspace = {2, 1, 1, 1};
  field.registers = {1, 9, 5, 5};
  RaceResult result = field.run();
  EXPECT_EQ(result.ties, (std::vector<size_t>{2, 3, 1, 0}));
  EXPECT_EQ(result.winner, 2u);
}

TEST(Race, IncumbentStaysWithinTheMargin) {
  RaceResult result = Field{.times = {100.8, 100}, .hasIncumbent = true}.run();
  EXPECT_EQ(result.winner, 0u);
  ASSERT_TRUE(result.gain);
  EXPECT_NEAR(result.gain->median, 0.008, 1e-9);
}

TEST(Race, IncumbentIsReplacedBeyondTheMargin) {
  RaceResult result = Field{.times = {102, 100}, .hasIncumbent = true}.run();
  EXPECT_EQ(result.winner, 1u);
  EXPECT_NEAR(result.gain->median, 0.02, 1e-9);
  EXPECT_TRUE(result.contenders[0].leftAfter);
}

TEST(Race, IncumbentStaysWhenNoiseHidesTheGain) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RaceResult result = Field{.times = {100, 100, 99.9}, .noise = 0.02, .seed = seed, .hasIncumbent = true}.run();
    EXPECT_EQ(result.winner, 0u) << "seed " << seed;
  }
}

TEST(Race, ATiedContenderMustBeatTheIncumbentItself) {
  // The third has the least workspace and ties with the leader, but does not clear the margin.
  Field field{.times = {102, 100, 100.9}, .hasIncumbent = true};
  field.rules.replaceMargin = 0.015;
  field.workspace = {0, 5, 0};
  EXPECT_EQ(field.run().winner, 1u);
}

TEST(Race, AFaultCostsItsContenderOnly) {
  Field field{.times = {100, 90, 95}};
  field.evaluator.failures[Field::schedule(1)] = Outcome::RunFailed;
  RaceResult result = field.run();
  EXPECT_EQ(result.winner, 2u);
  EXPECT_EQ(result.contenders[1].trial.outcome, Outcome::RunFailed);
  EXPECT_EQ(result.contenders[1].whyLeft, "planted: run-failed");
}

TEST(Race, FaultingIncumbentLeavesTheFieldOpen) {
  Field field{.times = {100, 99.9}, .hasIncumbent = true};
  field.evaluator.failures[Field::schedule(0)] = Outcome::RunTimeout;
  RaceResult result = field.run();
  EXPECT_EQ(result.winner, 1u);
  EXPECT_FALSE(result.gain);
}

TEST(Race, AllFail) {
  Field field{.times = {100, 99}};
  field.evaluator.failures = {{Field::schedule(0), Outcome::RunFailed}, {Field::schedule(1), Outcome::RunFailed}};
  EXPECT_FALSE(field.run().winner);
  EXPECT_FALSE(Field{}.run().winner);
}

TEST(Race, StopsBetweenRungsWithAWinner) {
  Field field{.times = {100, 100.4}, .noise = 0.02};
  RaceResult result = field.run([] { return true; });
  EXPECT_TRUE(result.stoppedEarly);
  EXPECT_EQ(result.rounds, 8u);
  EXPECT_TRUE(result.winner);
}

TEST(Race, NoiseOfTwoPerCentGivesRegretOfOneAtMost) {
  std::vector<double> times = {140, 101.6, 100, 103, 100.4, 106, 100.7, 115};
  int wrong = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Field field{.times = times, .noise = 0.02, .seed = seed, .hasIncumbent = true};
    field.rules.mostRounds = 128;
    RaceResult result = field.run();
    ASSERT_TRUE(result.winner);
    wrong += times[*result.winner] > 101;
  }
  EXPECT_LE(wrong, 2) << "of 40"; // Comparisons are made at 99 %, several per race.
}

} // namespace
} // namespace lla
