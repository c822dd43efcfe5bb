//===- StrategyTest.cpp - ask and tell on synthetic costs -----------------===//

#include "autotune/Strategy.h"
#include "SyntheticEvaluator.h"
#include "autotune/CostModel.h"
#include <gtest/gtest.h>
#include <limits>

namespace lla {
namespace {

Predictor modelOf(const SearchSpace &space) {
  return predictorOf(space.problem(), space.target(), nominalCeilings(space.target()));
}

/// Asks and tells until nothing is left or `enough`; returns the schedules in order.
std::vector<Schedule> drive(
    Strategy &strategy, const std::function<double(const Schedule &)> &cost, size_t batch,
    const std::function<bool(const Schedule &)> &enough = [](const Schedule &) { return false; }) {
  std::vector<Schedule> asked;
  for (;;) {
    std::vector<Schedule> questions = strategy.ask(batch);
    EXPECT_LE(questions.size(), batch);
    if (questions.empty())
      return asked;
    bool done = false;
    for (const Schedule &question : questions) {
      asked.push_back(question);
      strategy.tell(question, cost(question));
      done |= enough(question);
    }
    if (done)
      return asked;
  }
}

class EveryStrategy : public ::testing::TestWithParam<StrategyKind> {};

TEST_P(EveryStrategy, AsksForEachMemberOnceAndThenEnds) {
  SearchSpace space = smallSpace();
  auto strategy = makeStrategy(GetParam(), space, modelOf(space), 3);
  std::vector<Schedule> asked = drive(*strategy, bowl(space.schedules()[17]), 7);
  EXPECT_EQ(asked.size(), space.size());
  EXPECT_EQ(std::set<Schedule>(asked.begin(), asked.end()).size(), space.size());
  for (const Schedule &schedule : asked)
    EXPECT_TRUE(space.contains(schedule));
}

TEST_P(EveryStrategy, SameSeedAsksTheSame) {
  SearchSpace space = smallSpace();
  auto sequence = [&](uint64_t seed) {
    auto strategy = makeStrategy(GetParam(), space, modelOf(space), seed);
    return drive(*strategy, bowl(space.schedules()[40]), 5);
  };
  EXPECT_EQ(sequence(11), sequence(11));
  if (GetParam() != StrategyKind::Exhaustive)
    EXPECT_NE(sequence(11), sequence(12));
}

TEST_P(EveryStrategy, DoesNotAskForWhatItWasTold) {
  SearchSpace space = smallSpace();
  auto strategy = makeStrategy(GetParam(), space, modelOf(space), 3);
  std::vector<Schedule> told = {space.schedules()[0], space.schedules()[9]};
  for (const Schedule &schedule : told)
    strategy->tell(schedule, 1.0);
  std::vector<Schedule> asked = drive(*strategy, bowl(told[1]), 4);
  EXPECT_EQ(asked.size(), space.size() - told.size());
}

TEST_P(EveryStrategy, SurvivesThatEverythingFails) {
  SearchSpace space = smallSpace();
  auto strategy = makeStrategy(GetParam(), space, modelOf(space), 3);
  auto fails = [](const Schedule &) { return std::numeric_limits<double>::infinity(); };
  EXPECT_EQ(drive(*strategy, fails, 16).size(), space.size());
}

TEST_P(EveryStrategy, EmptySpaceAsksNothing) {
  SearchSpace space = SearchSpace::of(decodeProblem(), target("sm_90a"), {});
  EXPECT_TRUE(makeStrategy(GetParam(), space, modelOf(space), 3)->ask(8).empty());
}

INSTANTIATE_TEST_SUITE_P(All, EveryStrategy,
                         ::testing::Values(StrategyKind::Exhaustive, StrategyKind::Random, StrategyKind::LocalSearch),
                         [](const auto &info) { return name(info.param).str(); });

TEST(Exhaustive, MostPromisingFirst) {
  SearchSpace space = smallSpace();
  Schedule optimum = space.schedules()[33];
  auto strategy = makeStrategy(StrategyKind::Exhaustive, space, bowl(optimum), 0);
  EXPECT_EQ(strategy->ask(1), std::vector<Schedule>{optimum});
}

/// Mean share of the space that is asked for until the optimum is, over some optima and seeds.
double shareUntilOptimum(const SearchSpace &space, StrategyKind kind) {
  size_t total = 0, runs = 0;
  for (size_t place : {size_t(3), space.size() / 4, space.size() / 2, space.size() * 3 / 4, space.size() - 2})
    for (uint64_t seed : {1, 2, 3}) {
      Schedule optimum = space.schedules()[place];
      // A predictor that knows nothing: the search has to find its way by costs alone.
      auto strategy = makeStrategy(kind, space, [](const Schedule &) { return 1.0; }, seed);
      size_t asked = drive(*strategy, bowl(optimum), 8, [&](const Schedule &s) { return s == optimum; }).size();
      if (kind == StrategyKind::LocalSearch)
        EXPECT_LT(asked, space.size() / 4) << toText(optimum) << " seed " << seed;
      total += asked;
      ++runs;
    }
  return static_cast<double>(total) / static_cast<double>(runs * space.size());
}

TEST(LocalSearch, FindsTheOptimumOfASmoothCostInAQuarterOfTheSpace) {
  SearchSpace space = smallSpace();
  ASSERT_GT(space.size(), 150u);
  double local = shareUntilOptimum(space, StrategyKind::LocalSearch);
  EXPECT_LT(local, 0.25);
  EXPECT_LT(local, shareUntilOptimum(space, StrategyKind::Random) / 2);
}

TEST(LocalSearch, ClimbsOnTheFullSpace) {
  Problem problem = decodeProblem();
  SearchSpace space = SearchSpace::enumerate(problem, target("sm_90a"));
  Schedule optimum = space.schedules()[space.size() / 3];
  auto strategy = makeStrategy(StrategyKind::LocalSearch, space, modelOf(space), 1);
  size_t asked = drive(*strategy, bowl(optimum), 16, [&](const Schedule &s) { return s == optimum; }).size();
  EXPECT_LT(asked, space.size() / 20) << "of " << space.size();
}

TEST(LocalSearch, LeavesALocalOptimum) {
  SearchSpace space = smallSpace();
  Schedule trap = space.schedules()[2], optimum = space.schedules()[space.size() - 3];
  auto shallow = bowl(trap, 110), deep = bowl(optimum, 100, 0.4);
  auto twoHills = [&](const Schedule &schedule) { return std::min(shallow(schedule), deep(schedule)); };
  size_t asked = 0;
  constexpr uint64_t seeds = 8;
  for (uint64_t seed = 1; seed <= seeds; ++seed) { // The model points at the trap.
    auto strategy = makeStrategy(StrategyKind::LocalSearch, space, shallow, seed);
    asked += drive(*strategy, twoHills, 8, [&](const Schedule &s) { return s == optimum; }).size();
  }
  EXPECT_LT(asked, seeds * space.size() / 2);
}

TEST(LocalSearch, StartsFromWhatItIsTold) {
  SearchSpace space = smallSpace();
  Schedule hint = space.schedules()[space.size() / 2];
  auto strategy = makeStrategy(StrategyKind::LocalSearch, space, [](const Schedule &) { return 1.0; }, 5);
  strategy->tell(hint, 1.0); // Far cheaper than anything else: the first climb starts there.
  std::vector<Schedule> starts = strategy->ask(64);
  for (const Schedule &start : starts)
    strategy->tell(start, 1000);
  std::vector<Schedule> next = strategy->ask(64), near = space.neighbours(hint);
  ASSERT_FALSE(next.empty());
  for (const Schedule &schedule : next)
    EXPECT_NE(std::find(near.begin(), near.end(), schedule), near.end());
}

TEST(StrategyNames, RoundTrip) {
  for (StrategyKind kind : {StrategyKind::Exhaustive, StrategyKind::Random, StrategyKind::LocalSearch})
    EXPECT_EQ(parseStrategyKind(name(kind)), kind);
  EXPECT_FALSE(parseStrategyKind("annealing"));
}

} // namespace
} // namespace lla
