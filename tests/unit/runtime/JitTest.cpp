//===- JitTest.cpp - from a problem to a kernel that can be launched ------===//

#include "runtime/Jit.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <thread>

using namespace lla;

namespace {

struct JitTest : testing::Test {
  TestFolder folder;
  std::shared_ptr<HostExecutor> executor = fakeExecutor(2);
  Problem problem = smallProblem();
  std::atomic<int> compiles = 0;

  JitOptions options() {
    JitOptions options;
    options.policy = defaultPolicy(executor->target());
    options.cache = std::make_shared<Cache>(resolveCacheLocation({folder.path, "", "", ""}));
    options.compiler = [this](const CompileRequest &) -> llvm::Expected<Artifact> {
      ++compiles;
      return fakeArtifact("right");
    };
    return options;
  }
  Record record(const Schedule &schedule) {
    Record record;
    record.problem = problem;
    record.deviceClass = deviceClass(executor->target());
    record.policy = defaultPolicy(executor->target());
    record.schedule = schedule;
    record.microseconds = record.low = record.high = 10;
    record.tool = "test";
    record.when = 1;
    return record;
  }
  Schedule otherSchedule() {
    Schedule schedule = defaultSchedule(problem, executor->target());
    schedule.keys = schedule.keys == 16 ? 32 : 16;
    EXPECT_EQ(textOf(checkFeasible(problem, schedule, executor->target())), "");
    return schedule;
  }
  static std::pair<FailureKind, std::string> faultOf(llvm::Expected<JitAnswer> answer) {
    if (answer)
      return {FailureKind::Usage, ""};
    return describe(answer.takeError());
  }
};

TEST_F(JitTest, CompiledThenMemoryThenCache) {
  Jit first(executor, options());
  llvm::Expected<JitAnswer> answer = first.get(problem);
  ASSERT_TRUE(bool(answer));
  EXPECT_EQ(answer->code, CodeSource::Compiled);
  EXPECT_EQ(answer->schedule.source, ScheduleSource::Default);
  EXPECT_EQ(answer->report.registers, 7);
  ASSERT_TRUE(answer->kernel);
  llvm::Expected<JitAnswer> again = first.get(problem);
  ASSERT_TRUE(bool(again));
  EXPECT_EQ(again->code, CodeSource::Memory);
  EXPECT_EQ(again->kernel, answer->kernel);
  Jit second(executor, options()); // Another process, as far as it can tell.
  llvm::Expected<JitAnswer> cached = second.get(problem);
  ASSERT_TRUE(bool(cached));
  EXPECT_EQ(cached->code, CodeSource::Cache);
  EXPECT_EQ(cached->report.registers, 7);
  EXPECT_EQ(compiles, 1);
  EXPECT_EQ(first.statistics().memoryHits, 1);
  EXPECT_EQ(second.statistics().artifactHits, 1);
}

TEST_F(JitTest, ARecordGivesTheSchedule) {
  JitOptions with = options();
  Schedule tuned = otherSchedule();
  ASSERT_EQ(textOf(with.cache->records.put(record(tuned))), "");
  Jit jit(executor, with);
  llvm::Expected<JitAnswer> answer = jit.get(problem);
  ASSERT_TRUE(bool(answer));
  EXPECT_EQ(answer->schedule.source, ScheduleSource::Exact);
  EXPECT_EQ(answer->schedule.schedule, tuned);
  EXPECT_EQ(answer->schedule.layer, folder.path);
  with.tune = TuneMode::Off;
  llvm::Expected<ScheduleAnswer> untuned = Jit(executor, with).decide(problem);
  ASSERT_TRUE(bool(untuned));
  EXPECT_EQ(untuned->source, ScheduleSource::Default);
}

TEST_F(JitTest, StrictModeFailsOnAMissAndNotOnARecord) {
  JitOptions strict = options();
  strict.tune = TuneMode::Strict;
  auto [kind, text] = faultOf(Jit(executor, strict).get(problem));
  EXPECT_EQ(kind, FailureKind::Miss);
  EXPECT_NE(text.find("strict"), std::string::npos) << text;
  EXPECT_EQ(compiles, 0);
  ASSERT_EQ(textOf(strict.cache->records.put(record(otherSchedule()))), "");
  EXPECT_EQ(textOf(Jit(executor, strict).get(problem)), "");
}

TEST_F(JitTest, TuneModeSearchesOnceAndOnlyOnAMiss) {
  JitOptions tuning = options();
  tuning.tune = TuneMode::Tune;
  int searches = 0;
  tuning.policy.coldCache = true;
  tuning.tuner = [&](const Problem &, const MeasurementPolicy &policy) -> llvm::Expected<Schedule> {
    ++searches;
    EXPECT_TRUE(policy == tuning.policy);
    return otherSchedule();
  };
  Jit jit(executor, tuning);
  llvm::Expected<JitAnswer> answer = jit.get(problem);
  ASSERT_TRUE(bool(answer));
  EXPECT_EQ(answer->schedule.source, ScheduleSource::Tuned);
  EXPECT_EQ(answer->schedule.schedule, otherSchedule());
  EXPECT_EQ(textOf(jit.get(problem)), "");
  EXPECT_EQ(searches, 1);
  EXPECT_EQ(jit.statistics().tunes, 1);
  Record kept = record(otherSchedule());
  kept.policy = tuning.policy;
  ASSERT_EQ(textOf(tuning.cache->records.put(kept)), "");
  EXPECT_EQ(textOf(Jit(executor, tuning).get(problem)), "");
  EXPECT_EQ(searches, 1);
}

TEST_F(JitTest, ADisabledJitDoesNotSearchEither) {
  JitOptions tuning = options();
  tuning.tune = TuneMode::Tune;
  tuning.misses.disableJit = true;
  int searches = 0;
  tuning.tuner = [&](const Problem &, const MeasurementPolicy &) -> llvm::Expected<Schedule> {
    ++searches;
    return otherSchedule();
  };
  auto [kind, text] = faultOf(Jit(executor, tuning).get(problem));
  EXPECT_EQ(kind, FailureKind::JitDisabled);
  EXPECT_NE(text.find("lla tune --target"), std::string::npos) << text;
  EXPECT_EQ(searches, 0);
  ASSERT_EQ(textOf(tuning.cache->records.put(record(otherSchedule()))), "");
  EXPECT_NE(faultOf(Jit(executor, tuning).get(problem)).second.find("lla compile"), std::string::npos)
      << "a record needs no search, but its kernel a compile";
}

TEST_F(JitTest, ADisabledJitNamesTheCommand) {
  JitOptions disabled = options();
  disabled.misses.disableJit = true;
  auto [kind, text] = faultOf(Jit(executor, disabled).get(problem));
  EXPECT_EQ(kind, FailureKind::JitDisabled);
  EXPECT_NE(text.find("lla compile"), std::string::npos) << text;
  EXPECT_NE(text.find("--target host"), std::string::npos) << text;
  EXPECT_EQ(compiles, 0);
  ASSERT_EQ(textOf(Jit(executor, options()).get(problem)), "");
  EXPECT_EQ(textOf(Jit(executor, disabled).get(problem)), ""); // From the cache it may.
}

TEST_F(JitTest, AnAssertedHitPrintsTheDifference) {
  ASSERT_EQ(textOf(Jit(executor, options()).get(problem)), "");
  JitOptions asserting = options();
  asserting.misses.assertCacheHit = true;
  EXPECT_EQ(textOf(Jit(executor, asserting).get(problem)), "");
  problem.headDim = 32;
  auto [kind, text] = faultOf(Jit(executor, asserting).get(problem));
  EXPECT_EQ(kind, FailureKind::Miss);
  EXPECT_NE(text.find("head_dim"), std::string::npos) << text;
  EXPECT_NE(text.find("\"32\""), std::string::npos) << text;
}

TEST_F(JitTest, ADamagedKernelIsAMissThatIsTold) {
  ASSERT_EQ(textOf(Jit(executor, options()).get(problem)), "");
  std::vector<ArtifactEntry> entries = options().cache->artifacts.layers()[0].entries();
  ASSERT_EQ(entries.size(), 1u);
  std::error_code error;
  llvm::raw_fd_ostream(folder.path + "/v1/artifacts/" + entries[0].digest + "/kernel.o", error) << "x";
  ASSERT_FALSE(error);
  std::vector<std::string> told;
  JitOptions telling = options();
  telling.cache = std::make_shared<Cache>(telling.cache->location, defaultArtifactLimit,
                                          [&](const std::string &text) { told.push_back(text); });
  llvm::Expected<JitAnswer> answer = Jit(executor, telling).get(problem);
  ASSERT_TRUE(bool(answer));
  EXPECT_EQ(answer->code, CodeSource::Compiled);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NE(told[0].find(entries[0].digest), std::string::npos) << told[0];
  EXPECT_NE(told[0].find("kernel.o: expected"), std::string::npos) << told[0];
  EXPECT_EQ(Jit(executor, telling).get(problem)->code, CodeSource::Cache) << "the new one is good";
  EXPECT_EQ(told.size(), 1u);
}

TEST_F(JitTest, AFailedCompileIsTypedAndTriedAgain) {
  JitOptions failing = options();
  bool works = false;
  failing.compiler = [&](const CompileRequest &) -> llvm::Expected<Artifact> {
    if (works)
      return fakeArtifact("right");
    return llvm::createStringError("no such luck");
  };
  Jit jit(executor, failing);
  EXPECT_EQ(faultOf(jit.get(problem)), std::pair(FailureKind::Compile, std::string("no such luck")));
  EXPECT_EQ(jit.statistics().compileFailures, 1);
  works = true;
  EXPECT_EQ(textOf(jit.get(problem)), "");
}

TEST_F(JitTest, ThreadsShareOneCompile) {
  Jit jit(executor, options());
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      if (llvm::errorToBool(jit.get(problem).takeError()))
        ++failures;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(compiles, 1);
}

TEST_F(JitTest, WithoutACacheKernelsLiveInMemory) {
  JitOptions bare = options();
  bare.cache = nullptr;
  Jit jit(executor, bare);
  EXPECT_EQ(textOf(jit.get(problem)), "");
  EXPECT_EQ(textOf(jit.get(problem)), "");
  EXPECT_EQ(compiles, 1);
  EXPECT_EQ(textOf(Jit(executor, bare).get(problem)), "");
  EXPECT_EQ(compiles, 2);
}

TEST_F(JitTest, CaptureCountsTheProblems) {
  JitOptions capturing = options();
  capturing.capture = folder.path + "/seen.jsonl";
  for (int process = 0; process < 2; ++process) {
    Jit jit(executor, capturing);
    EXPECT_EQ(textOf(jit.get(problem)), "");
    EXPECT_EQ(textOf(jit.get(problem)), "");
  }
  auto file = llvm::MemoryBuffer::getFile(capturing.capture);
  ASSERT_TRUE(bool(file));
  std::string line = "{\"problem\":" + toJson(problem) + ",\"count\":2}\n";
  EXPECT_EQ((*file)->getBuffer(), line + line);
}

TEST_F(JitTest, ACaptureThatCannotBeWrittenIsSaid) {
  JitOptions capturing = options();
  capturing.capture = folder.path + "/missing/seen.jsonl";
  std::vector<std::string> warnings;
  capturing.note = [&](LogLevel level, const std::string &text) {
    if (level == LogLevel::Warning)
      warnings.push_back(text);
  };
  {
    Jit jit(executor, capturing);
    EXPECT_EQ(textOf(jit.get(problem)), "");
    EXPECT_EQ(textOf(jit.get(problem)), "");
  }
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("LLA_CAPTURE: expected a file that can be written, got " + capturing.capture + ": "),
            std::string::npos)
      << warnings[0];
}

} // namespace
