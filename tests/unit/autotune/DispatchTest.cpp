//===- DispatchTest.cpp - a schedule for a shape that was not tuned -------===//

#include "autotune/Dispatch.h"
#include "SyntheticEvaluator.h"
#include "autotune/CostModel.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/xxhash.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lla;

namespace {

/// A machine made of the cost model, on which each family is slower than that says by some share of its own, up to
/// 10 %: which family wins is not in the closed form.
struct Machine {
  Target gpu = target("sm_90a");
  Ceilings ceilings = nominalCeilings(gpu);

  double time(const Problem &problem, const Schedule &schedule) const {
    std::string family;
    for (int64_t figure : {schedule.keys, schedule.warps, schedule.stages})
      family += ' ' + std::to_string(figure);
    double share = static_cast<double>(llvm::xxh3_64bits(family) % 1000) / 1000;
    return predict(problem, schedule, gpu, ceilings).total * (1 + 0.1 * share);
  }

  /// All that is tried, the fastest first.
  std::vector<TimedSchedule> tried(const Problem &problem) const {
    Schedule base = defaultSchedule(problem, gpu);
    base.spread = false; // The cost model does not know what it is good for.
    auto table = reducedTable({{"keys", {16, 32}},
                               {"warps", {2, 4, 8}},
                               {"stages", {1, 2}},
                               {"splits", {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128}},
                               {"cluster", {1, 2, 4, 8}}},
                              base);
    std::vector<TimedSchedule> all;
    SearchSpace space = SearchSpace::enumerate(problem, gpu, table);
    for (const Schedule &schedule : space.schedules())
      all.push_back({schedule, time(problem, schedule)});
    llvm::sort(all, [](const TimedSchedule &a, const TimedSchedule &b) { return a.microseconds < b.microseconds; });
    return all;
  }

  Record tune(const Problem &problem) const {
    std::vector<TimedSchedule> all = tried(problem), timedOnes = all;
    Schedule incumbent = defaultSchedule(problem, gpu); // Every search times it.
    timedOnes.push_back({incumbent, time(problem, incumbent)});
    TuneResult result;
    for (const TimedSchedule &timed : timedOnes) {
      Trial trial;
      trial.schedule = timed.schedule;
      trial.samples = {timed.microseconds};
      result.trials.push_back(trial);
    }
    result.winner = result.trials.front();
    result.winnerTime = result.winner->time();
    Record record;
    record.problem = problem;
    record.deviceClass = deviceClass(gpu);
    record.schedule = all.front().schedule;
    record.microseconds = all.front().microseconds;
    record.defaultMicroseconds = time(problem, incumbent);
    record.alternatives = alternativesOf(result, incumbent);
    return record;
  }

  double regret(const Problem &problem, const Schedule &schedule) const {
    double best = std::min(tried(problem).front().microseconds, time(problem, defaultSchedule(problem, gpu)));
    return time(problem, schedule) / best - 1;
  }
};

Problem shape(int64_t sequences, int64_t context) {
  Problem problem = decodeProblem(sequences, context);
  problem.queryHeads = problem.kvHeads = 1;
  llvm::cantFail(normalize(problem));
  return problem;
}

/// Records as a lookup gives them.
std::vector<Neighbour> around(const Problem &problem, llvm::ArrayRef<Record> records) {
  std::vector<Neighbour> all;
  for (const Record &record : records)
    if (double distance = shapeDistance(problem, record.problem); distance <= dispatchOctaves)
      all.push_back({record, "records", distance});
  llvm::sort(all, [](const Neighbour &a, const Neighbour &b) { return a.distance < b.distance; });
  all.resize(std::min(all.size(), dispatchNeighbours));
  return all;
}

std::vector<Record> grid(const Machine &machine) {
  std::vector<Record> records;
  for (int64_t sequences : {1, 8, 64, 512})
    for (int64_t context : {512, 2048, 8192, 32768})
      records.push_back(machine.tune(shape(sequences, context)));
  return records;
}

TEST(Dispatch, BetweenTunedShapesItIsNearlyTheBest) {
  Machine machine;
  std::vector<Record> records = grid(machine);
  double sum = 0, worst = 0, defaults = 0, nearests = 0;
  int64_t shapes = 0;
  for (int64_t sequences : {2, 3, 4, 16, 24, 32, 128, 200, 256, 1024})
    for (int64_t context : {700, 1024, 3000, 4096, 16384}) {
      Problem problem = shape(sequences, context);
      std::vector<Neighbour> neighbours = around(problem, records);
      DispatchAnswer answer = dispatch(neighbours, problem, machine.gpu);
      DispatchAnswer nearest = dispatch(llvm::ArrayRef(neighbours).take_front(), problem, machine.gpu);
      nearests += machine.regret(problem, nearest.schedule);
      EXPECT_FALSE(llvm::errorToBool(checkFeasible(problem, answer.schedule, machine.gpu)));
      double regret = machine.regret(problem, answer.schedule);
      sum += regret;
      defaults += machine.regret(problem, defaultSchedule(problem, machine.gpu));
      worst = std::max(worst, regret);
      ++shapes;
    }
  EXPECT_LE(sum / static_cast<double>(shapes), 0.015);
  EXPECT_LE(worst, 0.12);
  EXPECT_LT(sum, 0.5 * defaults) << "or there is nothing to learn";
  EXPECT_LT(sum, 0.7 * nearests) << "or one record knows as much";
}

TEST(Dispatch, HeldOutShapesAreAskedWithoutTheirOwnRecord) {
  Machine machine;
  std::vector<Record> records = grid(machine);
  records.push_back(records.front());
  records.back().deviceClass = "another";
  std::vector<Record> coldOnes = {records.front()};
  coldOnes.front().policy.coldCache = true; // Of a kind of its own.
  records.push_back(coldOnes.front());
  std::vector<HeldOut> all = holdOut(records, records, machine.gpu);
  ASSERT_EQ(all.size(), records.size() - 1);
  EXPECT_EQ(all.back().neighbours, 0u);
  EXPECT_TRUE(all.back().answer.isDefault);
  double sum = 0;
  for (const HeldOut &one : llvm::ArrayRef(all).drop_back()) {
    EXPECT_GE(one.neighbours, 3u);
    EXPECT_LE(one.neighbours, dispatchNeighbours);
    sum += machine.regret(one.record->problem, one.answer.schedule);
    std::vector<Record> others;
    llvm::copy_if(records, std::back_inserter(others), [&](const Record &other) {
      return other.deviceClass == one.record->deviceClass && !other.policy.coldCache && &other != one.record;
    });
    EXPECT_EQ(one.answer.schedule,
              dispatch(around(one.record->problem, others), one.record->problem, machine.gpu).schedule);
  }
  EXPECT_LE(sum / static_cast<double>(all.size() - 1), 0.06) << "the next shapes are 2 and 3 octaves away";
}

TEST(Dispatch, AtATunedShapeItIsTheRecord) {
  Machine machine;
  std::vector<Record> records = grid(machine);
  for (const Record &record : records) {
    DispatchAnswer answer = dispatch(around(record.problem, records), record.problem, machine.gpu);
    EXPECT_LE(machine.regret(record.problem, answer.schedule), 0.03) << toJson(record.problem);
  }
}

/// One record, nothing beside the winner: its schedule, with splits that follow the shape.
struct OneRecord : testing::Test {
  Target gpu = target("sm_90a");
  Record record;

  OneRecord() {
    record.problem = shape(8, 4096);
    record.schedule = defaultSchedule(record.problem, gpu);
    record.schedule.keys = 32;
    record.schedule.warps = 8;
    record.schedule.splits = 16;
    record.schedule.cluster = 1;
    record.microseconds = 10;
    timeDefault(12);
  }
  DispatchAnswer ask(const Problem &problem) { return dispatch(around(problem, {record}), problem, gpu); }
  void timeDefault(double microseconds) {
    record.defaultMicroseconds = microseconds;
    record.alternatives = {{defaultSchedule(record.problem, gpu), microseconds}};
  }
};

TEST_F(OneRecord, SplitsKeepTheLoad) {
  Schedule same = ask(shape(8, 4096)).schedule;
  EXPECT_EQ(same.spread, spreadMatters(shape(8, 4096), same, gpu)) << "which follows from splits, like these";
  same.spread = record.schedule.spread;
  EXPECT_EQ(same, record.schedule);
  EXPECT_EQ(ask(shape(16, 4096)).schedule.splits, 8);
  EXPECT_EQ(ask(shape(4, 8192)).schedule.splits, 32);
  EXPECT_EQ(ask(shape(4, 8192)).schedule.keys, 32);
  EXPECT_EQ(ask(shape(4, 4096)).schedule.splits, 16) << "as far as there are keys for all";
}

TEST_F(OneRecord, SplitsStayWholeClusters) {
  record.schedule.cluster = 4;
  EXPECT_EQ(ask(shape(16, 4096)).schedule.splits, 8);
  EXPECT_EQ(ask(shape(16, 4096)).schedule.cluster, 4);
  EXPECT_EQ(ask(shape(64, 4096)).schedule.splits % 4, 0);
  record.schedule.splits = 4; // Now the cluster is all there is.
  EXPECT_EQ(ask(shape(4, 4096)).schedule.splits, 8);
  EXPECT_EQ(ask(shape(4, 4096)).schedule.cluster, 8);
  EXPECT_EQ(ask(shape(32, 4096)).schedule.cluster, 4) << "of one each the cost model says that they are too few";
}

TEST_F(OneRecord, ManyTilesNeedNoSplits) {
  record.problem = shape(4096, 4096);
  record.schedule.splits = 1;
  EXPECT_LE(ask(shape(2048, 4096)).schedule.splits, 1);
}

TEST_F(OneRecord, TheDefaultIsLeftForMoreThanOneInAHundred) {
  timeDefault(record.microseconds * 1.02);
  EXPECT_FALSE(ask(record.problem).isDefault);
  timeDefault(record.microseconds * 1.009);
  EXPECT_TRUE(ask(record.problem).isDefault);
}

TEST_F(OneRecord, TheDefaultIsACandidate) {
  EXPECT_FALSE(ask(shape(8, 8192)).isDefault);
  timeDefault(record.microseconds * 1.001);
  DispatchAnswer answer = ask(shape(8, 8192));
  EXPECT_TRUE(answer.isDefault);
  EXPECT_EQ(answer.schedule, defaultSchedule(shape(8, 8192), gpu));
  EXPECT_EQ(answer.layer, "");
  EXPECT_TRUE(dispatch({}, shape(8, 8192), gpu).isDefault);
}

TEST_F(OneRecord, TheTimeOfADefaultThatRulesNoLongerGiveCountsNothing) {
  timeDefault(record.microseconds * 1.001);
  ++record.alternatives.front().schedule.lazy; // Another schedule was timed as the default.
  EXPECT_FALSE(ask(shape(8, 8192)).isDefault);
  record.alternatives.front().microseconds = 12;
  EXPECT_TRUE(ask(shape(64, 4096)).isDefault) << "nor is today's taken to lose what that did";
}

TEST_F(OneRecord, WhatIsInfeasibleIsNoCandidate) {
  record.schedule.load = LoadPath::Scratch; // The host's.
  EXPECT_TRUE(ask(shape(8, 8192)).isDefault);
}

/// Near one record whose winner is poor elsewhere, and a second family that is nearly as good everywhere.
TEST_F(OneRecord, LeastRegretOverAllNeighboursWins) {
  Schedule nearWinner = record.schedule, steady = record.schedule;
  steady.keys = 16;
  Record other = record;
  record.alternatives = {{steady, 10.1}};
  other.problem = shape(8, 8192);
  other.schedule = steady;
  other.alternatives = {{nearWinner, 12.5}};
  Problem problem = shape(8, 5400);
  ASSERT_LT(shapeDistance(problem, record.problem), shapeDistance(problem, other.problem));
  EXPECT_EQ(dispatch(around(problem, {record, other}), problem, gpu).schedule.keys, 16);
  std::vector<DispatchAnswer> both = dispatchCandidates(around(problem, {record, other}), problem, gpu);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].schedule.keys, 16);
  EXPECT_EQ(both[1].schedule.keys, 32);
  EXPECT_LT(both[0].regret, both[1].regret);
  EXPECT_EQ(ask(problem).schedule.keys, 32);
}

TEST(Alternatives, AreTheFastestOfEachFamilyThatCameClose) {
  TuneResult result;
  Schedule incumbent; // That was not tried.
  incumbent.keys = 128;
  EXPECT_TRUE(alternativesOf(result, incumbent).empty());
  auto add = [&](int64_t keys, int64_t splits, double microseconds) {
    Trial trial;
    trial.schedule.keys = keys;
    trial.schedule.splits = splits;
    trial.samples = {microseconds};
    result.trials.push_back(trial);
  };
  for (int64_t splits : {1, 2, 3, 4, 6})
    add(16, splits, 10 + static_cast<double>(splits));
  add(32, 4, 11.5);
  add(48, 4, 14.4); // Too slow, by the time of the race.
  Trial failed = result.trials.front();
  failed.outcome = Outcome::WrongResult;
  failed.schedule.keys = 64;
  result.trials.push_back(failed);
  result.winner = result.trials.front();
  result.winnerTime.median = 11;
  std::vector<TimedSchedule> kept = alternativesOf(result, incumbent);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].schedule.keys, 32);
  EXPECT_EQ(kept[1].schedule.splits, 2);
  EXPECT_EQ(kept[2].schedule.splits, 3) << "with the winner, three of its family";
  EXPECT_DOUBLE_EQ(kept[1].microseconds, 12);
  result.winnerTime.median = 5.5; // The race ran at twice the clock.
  EXPECT_DOUBLE_EQ(alternativesOf(result, incumbent)[1].microseconds, 6);
  Contender contender;
  contender.trial = result.trials[1];
  contender.samples = {5.6, 5.7, 5.8};
  result.race.contenders = {contender};
  EXPECT_EQ(alternativesOf(result, incumbent)[0].schedule.splits, 2) << "its race counts, not its search";
  EXPECT_DOUBLE_EQ(alternativesOf(result, incumbent)[0].microseconds, 5.7);
}

TEST(Alternatives, HaveTheIncumbentHoweverSlow) {
  TuneResult result;
  for (int64_t splits : {1, 2, 3, 4, 6}) {
    Trial trial;
    trial.schedule.keys = 16;
    trial.schedule.splits = splits;
    trial.samples = {10 + static_cast<double>(splits)};
    result.trials.push_back(trial);
  }
  result.winner = result.trials.front();
  result.winnerTime.median = 11;
  auto splitsOf = [&](const Schedule &incumbent) {
    std::vector<int64_t> splits;
    for (const TimedSchedule &timed : alternativesOf(result, incumbent))
      splits.push_back(timed.schedule.splits);
    return splits;
  };
  using Splits = std::vector<int64_t>;
  EXPECT_EQ(splitsOf(result.trials[0].schedule), (Splits{2, 3})) << "the winner's time is the record's";
  EXPECT_EQ(splitsOf(result.trials[1].schedule), (Splits{2, 3})) << "once";
  EXPECT_EQ(splitsOf(result.trials[4].schedule), (Splits{2, 3, 6})) << "the fourth of its family, 45 % slower";
  result.trials[4].outcome = Outcome::WrongResult;
  EXPECT_EQ(splitsOf(result.trials[4].schedule), (Splits{2, 3})) << "it has no time";
}

TEST_F(OneRecord, ASlowDefaultSaysNothingOfFamiliesThatWereNotKept) {
  Record other = record; // It has no time of the first one's family.
  other.problem = shape(8, 8192);
  other.schedule.keys = 16;
  other.defaultMicroseconds = 10.8;
  Schedule third = record.schedule;
  third.keys = 64;
  Problem problem = shape(8, 5400);
  auto regretWith = [&](double microseconds) {
    other.alternatives = {{third, microseconds}};
    for (const DispatchAnswer &answer : dispatchCandidates(around(problem, {record, other}), problem, gpu))
      if (answer.schedule.keys == record.schedule.keys)
        return answer.regret;
    return -1.0;
  };
  double asDefault = regretWith(10.8), asAnother = regretWith(10.7);
  EXPECT_GT(asDefault, 0);
  EXPECT_GT(asAnother, asDefault) << "slower than what came close, which the default need not have done";
}

TEST(Alternatives, AnswerWhatARecordKnows) {
  Machine machine;
  Record record = machine.tune(shape(8, 4096));
  ASSERT_FALSE(record.alternatives.empty());
  EXPECT_EQ(timeOf(record, record.schedule), record.microseconds);
  EXPECT_EQ(timeOf(record, defaultSchedule(record.problem, machine.gpu)), record.defaultMicroseconds);
  const TimedSchedule &other = record.alternatives.back();
  EXPECT_EQ(timeOf(record, other.schedule), other.microseconds);
  Schedule never = record.schedule;
  never.splits = 5;
  EXPECT_FALSE(timeOf(record, never));
}

} // namespace
