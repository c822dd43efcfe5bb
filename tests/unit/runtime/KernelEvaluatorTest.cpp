//===- KernelEvaluatorTest.cpp - the tuner's candidates, on a device ------===//

#include "runtime/KernelEvaluator.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"
#include "runtime/Tuning.h"

using namespace lla;

namespace {

struct KernelEvaluatorTest : testing::Test {
  Problem problem = smallProblem();
  std::shared_ptr<HostExecutor> executor = fakeExecutor(2);
  std::map<int64_t, std::string> kernels; ///< By the schedule's keys; "right" if absent.
  int64_t compiled = 0;
  std::atomic<bool> cancelled = false;

  KernelEvaluatorTest() { setFakeProblem(problem); }
  Schedule schedule(int64_t keys, int64_t splits = 1) {
    Schedule schedule = defaultSchedule(problem, executor->target());
    schedule.keys = keys;
    schedule.splits = splits;
    return schedule;
  }
  KernelEvaluator evaluator() {
    EvaluatorOptions options;
    options.cancelled = &cancelled;
    options.compileAll = [this](llvm::ArrayRef<CompileRequest> requests) {
      std::vector<llvm::Expected<Artifact>> results;
      for (const CompileRequest &request : requests) {
        ++compiled;
        std::string kernel = kernels.count(request.schedule.keys) ? kernels[request.schedule.keys] : "right";
        if (kernel == "crash")
          results.push_back(failure(FailureKind::Worker, "worker was ended by signal 6"));
        else if (kernel == "hang")
          results.push_back(failure(FailureKind::Timeout, "worker did not end"));
        else if (kernel == "forbidden")
          results.push_back(failure(FailureKind::JitDisabled, "not at run time"));
        else if (kernel == "refuse")
          results.push_back(failure(FailureKind::Compile, "no"));
        else
          results.push_back(fakeArtifact(kernel));
      }
      return results;
    };
    return KernelEvaluator(problem, executor, options);
  }
  Verification verify(const std::string &kernel, int64_t splits = 1) {
    kernels[16] = kernel;
    KernelEvaluator evaluator = this->evaluator();
    llvm::cantFail(evaluator.prepare({schedule(16, splits)}).takeError());
    return llvm::cantFail(evaluator.verify(schedule(16, splits)));
  }
};

TEST_F(KernelEvaluatorTest, PreparationsTellWhatHappened) {
  kernels = {{32, "crash"}, {48, "hang"}, {64, "refuse"}};
  KernelEvaluator evaluator = this->evaluator();
  Schedule infeasible = schedule(16);
  infeasible.load = LoadPath::Ring;
  llvm::Expected<std::vector<Preparation>> answers =
      evaluator.prepare({schedule(16), schedule(32), schedule(48), schedule(64), infeasible});
  ASSERT_TRUE(bool(answers));
  Outcome expected[] = {Outcome::Ok, Outcome::CompileCrashed, Outcome::CompileTimeout, Outcome::CompileFailed,
                        Outcome::Infeasible};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ((*answers)[i].outcome, expected[i]) << i;
    EXPECT_EQ((*answers)[i].reason.empty(), expected[i] == Outcome::Ok) << i;
  }
  EXPECT_EQ((*answers)[0].registers, 7);
  EXPECT_EQ(compiled, 4);
  ASSERT_TRUE(bool(evaluator.prepare({schedule(16), schedule(32)}))); // Known already.
  EXPECT_EQ(compiled, 4);
}

TEST_F(KernelEvaluatorTest, AMissThatIsRefusedIsNoCandidatesFault) {
  kernels[32] = "forbidden";
  KernelEvaluator evaluator = this->evaluator();
  llvm::Expected<std::vector<Preparation>> answers = evaluator.prepare({schedule(16), schedule(32)});
  ASSERT_FALSE(bool(answers));
  EXPECT_EQ(describe(answers.takeError()), std::pair(FailureKind::JitDisabled, std::string("not at run time")));
  kernels[32] = "right";
  EXPECT_EQ(llvm::cantFail(evaluator.prepare({schedule(32)}))[0].outcome, Outcome::Ok) << "it was not held against it";
}

/// What the batch compiler of evaluators makes of misses, by rules.
struct BatchCompilerTest : KernelEvaluatorTest {
  TestFolder folder;
  std::shared_ptr<Cache> cache = std::make_shared<Cache>(CacheLocation{folder.path, {}, {}});
  CompileRequest request{problem, executor->target(), schedule(16), {}};

  std::pair<FailureKind, std::string> faultUnder(const MissRules &rules) {
    WorkerOptions worker;
    worker.executable = LLA_TEST_WORKER;
    worker.temporary = folder.path;
    auto compileAll = cachedBatchCompiler(std::make_shared<CompileWorkers>(worker), cache, rules);
    llvm::Expected<Artifact> artifact = std::move(compileAll({request}).front());
    return artifact ? std::pair(FailureKind::Usage, std::string()) : describe(artifact.takeError());
  }
};

TEST_F(BatchCompilerTest, RefusesMissesAndServesHits) {
  MissRules disabled{/*disableJit=*/true, /*assertCacheHit=*/false}, asserted{/*disableJit=*/false, true};
  auto [kind, text] = faultUnder(disabled);
  EXPECT_EQ(kind, FailureKind::JitDisabled);
  EXPECT_NE(text.find("lla compile --target host"), std::string::npos) << text;
  EXPECT_EQ(faultUnder(asserted).first, FailureKind::Miss);
  EXPECT_EQ(faultUnder({}).second, "");
  EXPECT_EQ(faultUnder(disabled).second, "") << "now it is in the cache";
  EXPECT_EQ(faultUnder(asserted).second, "");
  cache = nullptr;
  EXPECT_EQ(faultUnder(disabled).first, FailureKind::JitDisabled);
}

TEST_F(KernelEvaluatorTest, RightKernelsPass) {
  Verification verification = verify("right");
  EXPECT_EQ(verification.outcome, Outcome::Ok) << verification.reason;
  EXPECT_LT(verification.error, 1e-6);
}

TEST_F(KernelEvaluatorTest, WrongKernelsAreCaught) {
  for (const char *kernel : {"wrong", "partial", "nothing"})
    EXPECT_EQ(verify(kernel).outcome, Outcome::WrongResult) << kernel;
  Verification outside = verify("outside");
  EXPECT_EQ(outside.outcome, Outcome::WrongResult);
  EXPECT_NE(outside.reason.find("out of bounds"), std::string::npos);
  EXPECT_EQ(verify("stale", /*splits=*/2).outcome, Outcome::WrongResult); // Counters not left at zero.
  EXPECT_EQ(verify("unheard of").outcome, Outcome::RunFailed);
}

TEST_F(KernelEvaluatorTest, TheStateIsVerifiedToo) {
  problem.state = true;
  setFakeProblem(problem);
  EXPECT_EQ(verify("right").outcome, Outcome::Ok);
  Verification mute = verify("mute");
  EXPECT_EQ(mute.outcome, Outcome::WrongResult);
  EXPECT_EQ(mute.reason.rfind("lse: ", 0), 0u) << mute.reason;
}

TEST_F(KernelEvaluatorTest, AnOutputInFp32IsJudgedAsSuch) {
  problem.dtype = ElementType::BF16;
  problem.outputDtype = ElementType::F32;
  setFakeProblem(problem);
  Verification right = verify("right");
  EXPECT_EQ(right.outcome, Outcome::Ok) << right.reason;
  EXPECT_LT(right.error, 1e-6); // Nothing is rounded to 16 bits on the way out.
}

TEST_F(KernelEvaluatorTest, TimesAreInTheOrderOfTheCandidates) {
  KernelEvaluator evaluator = this->evaluator();
  kernels[32] = "unheard of";
  std::vector<Schedule> candidates = {schedule(16), schedule(32), schedule(48, 2)};
  ASSERT_TRUE(bool(evaluator.prepare(candidates)));
  llvm::Expected<std::vector<Timing>> timings = evaluator.measure(candidates, {/*rounds=*/3});
  ASSERT_TRUE(bool(timings));
  EXPECT_EQ((*timings)[0].microseconds.size(), 3u);
  EXPECT_EQ((*timings)[1].outcome, Outcome::RunFailed);
  EXPECT_EQ((*timings)[2].microseconds.size(), 3u);
}

TEST_F(KernelEvaluatorTest, AnInterruptIsAnOutcome) {
  KernelEvaluator evaluator = this->evaluator();
  ASSERT_TRUE(bool(evaluator.prepare({schedule(16)})));
  cancelled = true;
  EXPECT_EQ(llvm::cantFail(evaluator.prepare({schedule(32)}))[0].outcome, Outcome::Cancelled);
  EXPECT_EQ(llvm::cantFail(evaluator.verify(schedule(16))).outcome, Outcome::Cancelled);
  EXPECT_EQ(llvm::cantFail(evaluator.measure({schedule(16)}, {}))[0].outcome, Outcome::Cancelled);
  cancelled = false;
  EXPECT_EQ(llvm::cantFail(evaluator.prepare({schedule(32)}))[0].outcome, Outcome::Ok);
}

TEST_F(KernelEvaluatorTest, ASearchEndsWithARecord) {
  KernelEvaluator evaluator = this->evaluator();
  TuneOptions options;
  options.effort.limits = {/*trials=*/6, std::nullopt, std::nullopt};
  options.effort.race.mostRounds = 8;
  Ceilings ceilings{1e10, 1e11, 1};
  llvm::Expected<TuneResult> result =
      tune(problem, executor->target(), ceilings, evaluator, std::move(options), /*seed=*/1);
  ASSERT_TRUE(bool(result));
  ASSERT_TRUE(result->winner);
  Record record = recordOf(problem, executor->target(), ceilings, *result, /*seed=*/1);
  EXPECT_EQ(textOf(checkRecord(record)), "");
  EXPECT_EQ(record.schedule, result->winner->schedule);
}

} // namespace
