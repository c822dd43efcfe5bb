//===- ScheduleChoiceTest.cpp - the schedule of an untimed call -----------===//

#include "runtime/ScheduleChoice.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"

using namespace lla;

namespace {

struct ScheduleChoiceTest : testing::Test {
  Target target = hostTarget(4);
  Cache cache{CacheLocation()};

  Problem problem(int64_t context) {
    Problem problem = smallProblem();
    problem.context = context;
    return problem;
  }
  Record keep(const Problem &problem, int64_t splits, const std::string &device) {
    Record record;
    record.problem = problem;
    record.deviceClass = device;
    record.policy = defaultPolicy(target);
    record.schedule = defaultSchedule(problem, target);
    record.schedule.splits = splits;
    record.microseconds = record.low = record.high = 5;
    record.tool = "test";
    record.when = 1;
    EXPECT_EQ(textOf(cache.records.put(record)), "");
    return record;
  }
  ScheduleAnswer choose(const Problem &problem) {
    return chooseSchedule(&cache, problem, target, defaultPolicy(target));
  }
};

TEST_F(ScheduleChoiceTest, NothingKnownGivesTheDefault) {
  ScheduleAnswer answer = choose(problem(4096));
  EXPECT_EQ(answer.source, ScheduleSource::Default);
  EXPECT_EQ(answer.schedule, defaultSchedule(problem(4096), target));
  EXPECT_FALSE(answer.needsNoTuning);
  EXPECT_FALSE(answer.why.empty());
  EXPECT_EQ(chooseSchedule(nullptr, problem(64), target, defaultPolicy(target)).source, ScheduleSource::Default);
}

TEST_F(ScheduleChoiceTest, ExactThenBucketThenNeighbourThenDefault) {
  keep(problem(4096), 4, deviceClass(target));
  EXPECT_EQ(choose(problem(4096)).source, ScheduleSource::Exact);
  EXPECT_EQ(choose(problem(4096)).schedule.splits, 4);
  ScheduleAnswer bucket = choose(problem(4200));
  EXPECT_EQ(bucket.source, ScheduleSource::Dispatch);
  EXPECT_TRUE(bucket.needsNoTuning);
  EXPECT_EQ(bucket.schedule.splits, 4);
  ScheduleAnswer neighbour = choose(problem(8192));
  EXPECT_EQ(neighbour.source, ScheduleSource::Dispatch);
  EXPECT_FALSE(neighbour.needsNoTuning);
  EXPECT_EQ(choose(problem(262144)).source, ScheduleSource::Default);
}

TEST_F(ScheduleChoiceTest, TheModeDecidesWhatAMissIs) {
  auto decide = [&](TuneMode mode, int64_t context) {
    return decideSchedule(mode, &cache, problem(context), target, defaultPolicy(target));
  };
  keep(problem(4096), 4, deviceClass(target));
  EXPECT_EQ(llvm::cantFail(decide(TuneMode::Off, 4096)).source, ScheduleSource::Default);
  EXPECT_EQ(llvm::cantFail(decide(TuneMode::Cache, 4096)).source, ScheduleSource::Exact);
  EXPECT_EQ(llvm::cantFail(decide(TuneMode::Strict, 4096)).source, ScheduleSource::Exact);
  EXPECT_EQ(llvm::cantFail(decide(TuneMode::Tune, 8192)).source, ScheduleSource::Dispatch);
  llvm::Expected<ScheduleAnswer> missed = decide(TuneMode::Strict, 8192);
  ASSERT_FALSE(bool(missed));
  auto [kind, text] = describe(missed.takeError());
  EXPECT_EQ(kind, FailureKind::Miss);
  EXPECT_NE(text.find("\"context\":8192"), std::string::npos) << text;
}

TEST_F(ScheduleChoiceTest, AnotherDevicesRecordsAreNotTrusted) {
  keep(problem(4096), 4, "host threads=96 vector=512 cache=300MiB");
  EXPECT_EQ(choose(problem(4096)).source, ScheduleSource::Default);
}

TEST_F(ScheduleChoiceTest, TheDispatchMayPreferTheDefault) {
  Record record = keep(problem(4096), 4, deviceClass(target));
  record.schedule.keys *= 2;
  record.defaultMicroseconds = record.microseconds; // What was found is no better.
  record.alternatives = {{defaultSchedule(record.problem, target), record.microseconds}};
  record.when = 2;
  ASSERT_EQ(textOf(cache.records.put(record)), "");
  ScheduleAnswer answer = choose(problem(8192));
  EXPECT_EQ(answer.source, ScheduleSource::Default);
  EXPECT_EQ(answer.schedule, defaultSchedule(problem(8192), target));
  EXPECT_NE(answer.why.find("promises more"), std::string::npos) << answer.why;
  EXPECT_TRUE(choose(problem(4200)).needsNoTuning) << "its bucket was tuned, whatever came out";
}

TEST_F(ScheduleChoiceTest, ASearchTriesTheRecordsSchedulesFirst) {
  auto hints = [&](int64_t context) { return searchHints(&cache, problem(context), target, defaultPolicy(target)); };
  EXPECT_TRUE(hints(4096).empty());
  EXPECT_TRUE(searchHints(nullptr, problem(4096), target, defaultPolicy(target)).empty());
  Record own = keep(problem(4096), 4, deviceClass(target));
  Record other = keep(problem(8192), 4, deviceClass(target));
  other.schedule.keys = own.schedule.keys * 2;
  other.when = 2;
  ASSERT_EQ(textOf(cache.records.put(other)), "");
  std::vector<Schedule> first = hints(4096);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0], own.schedule);
  EXPECT_EQ(first[1].keys, other.schedule.keys);
  EXPECT_EQ(hints(16384).size(), 2u);
}

TEST_F(ScheduleChoiceTest, SplitsFollowTheShape) {
  keep(problem(4096), 4, deviceClass(target));
  Problem wider = problem(4096);
  wider.batch *= 4;
  EXPECT_EQ(choose(wider).schedule.splits, 1);
}

} // namespace
