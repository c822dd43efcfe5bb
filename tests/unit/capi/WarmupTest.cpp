//===- WarmupTest.cpp - many problems at once, the log, and workers -------===//

#include "HostCall.h"
#include <mutex>

namespace {

/// Problems that no other test compiles: each has a scale of its own.
std::vector<lla_problem> problemsOf(size_t count, double scale) {
  std::vector<lla_problem> problems(count, smallProblem());
  for (size_t i = 0; i < count; ++i) {
    problems[i].mode = LLA_MODE_PREFILL;
    problems[i].context = 8;
    problems[i].head_dim = 16 + 8 * static_cast<int64_t>(i % 8);
    problems[i].has_scale = 1;
    problems[i].scale = scale;
  }
  return problems;
}

lla_statistics statisticsOf(const lla_context *context) {
  lla_statistics statistics = LLA_STATISTICS_INIT;
  EXPECT_OK(lla_context_statistics(context, &statistics));
  return statistics;
}

struct Progress {
  std::vector<size_t> done;
  std::vector<lla_status> statuses;
  std::vector<std::string> messages;
  size_t stopAfter = ~size_t(0);

  static int tell(void *user, size_t done, size_t count, size_t index, lla_status status, const char *message) {
    auto &self = *static_cast<Progress *>(user);
    EXPECT_LE(done, count);
    EXPECT_LT(index, count);
    self.done.push_back(done);
    self.statuses.push_back(status);
    self.messages.push_back(message);
    return done >= self.stopAfter;
  }
};

TEST(Warmup, PreparesEveryProblem) {
  lla_context *context = nullptr;
  ASSERT_OK(lla_context_create("host:2", &context));
  std::vector<lla_problem> problems = problemsOf(4, 0.25);
  Progress progress;
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  options.jobs = 2;
  options.progress = Progress::tell;
  options.user = &progress;
  ASSERT_OK(lla_warmup(context, problems.data(), problems.size(), &options));
  EXPECT_EQ(progress.done, (std::vector<size_t>{1, 2, 3, 4}));
  EXPECT_EQ(progress.statuses, std::vector<lla_status>(4, LLA_OK));
  lla_statistics before = statisticsOf(context);
  EXPECT_EQ(before.compiles + before.cache_hits, 4);
  EXPECT_EQ(before.misses, before.compiles);
  EXPECT_EQ(before.schedules_by_default, 4);
  EXPECT_GT(before.compile_load_milliseconds + before.cache_load_milliseconds, 0);
  EXPECT_GT(before.compile_milliseconds + before.cache_milliseconds, 0);
  for (const lla_problem &problem : problems) {
    lla_plan *plan = nullptr;
    ASSERT_OK(lla_plan_create(context, &problem, &plan));
    ASSERT_OK(lla_plan_prepare(plan));
    EXPECT_OK(lla_plan_destroy(plan));
  }
  EXPECT_EQ(statisticsOf(context).memory_hits, before.memory_hits + 4);
  EXPECT_EQ(statisticsOf(context).compiles, before.compiles);
  EXPECT_OK(lla_context_destroy(context));
}

TEST(Warmup, IsCancelledBetweenProblems) {
  std::vector<lla_problem> problems = problemsOf(6, 0.5);
  std::vector<lla_status> statuses(problems.size(), LLA_ERROR_INTERNAL);
  Progress progress;
  progress.stopAfter = 2;
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  options.jobs = 1;
  options.progress = Progress::tell;
  options.user = &progress;
  options.statuses = statuses.data();
  expectFailure(lla_warmup(hostContext(), problems.data(), problems.size(), &options), LLA_ERROR_CANCELLED,
                "cancelled after 2 of 6 problems");
  EXPECT_EQ(statuses, (std::vector<lla_status>{LLA_OK, LLA_OK, LLA_ERROR_CANCELLED, LLA_ERROR_CANCELLED,
                                               LLA_ERROR_CANCELLED, LLA_ERROR_CANCELLED}));
}

TEST(Warmup, WhatIsDoneCannotBeCancelled) {
  std::vector<lla_problem> problems = problemsOf(2, 0.5);
  std::vector<lla_status> statuses(problems.size(), LLA_ERROR_INTERNAL);
  Progress progress;
  progress.stopAfter = 2; // The last.
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  options.progress = Progress::tell;
  options.user = &progress;
  options.statuses = statuses.data();
  EXPECT_OK(lla_warmup(hostContext(), problems.data(), problems.size(), &options));
  EXPECT_EQ(statuses, (std::vector<lla_status>{LLA_OK, LLA_OK}));
}

TEST(Warmup, OneFailureIsNotAll) {
  std::vector<lla_problem> problems = problemsOf(3, 0.75);
  problems[1].head_dim = 17;
  std::vector<lla_status> statuses(problems.size(), LLA_ERROR_INTERNAL);
  Progress progress;
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  options.progress = Progress::tell;
  options.user = &progress;
  options.statuses = statuses.data();
  expectFailure(lla_warmup(hostContext(), problems.data(), problems.size(), &options), LLA_ERROR_USAGE,
                "problems[1]: head_dim: expected a multiple of 8 in 16..256, got 17 (1 of 3 failed)");
  EXPECT_EQ(statuses, (std::vector<lla_status>{LLA_OK, LLA_ERROR_USAGE, LLA_OK}));
  EXPECT_EQ(progress.done.size(), 3u);
}

TEST(Warmup, ArgumentsAreChecked) {
  std::vector<lla_problem> problems = problemsOf(2, 0.25);
  EXPECT_OK(lla_warmup(hostContext(), nullptr, 0, nullptr));
  expectFailure(lla_warmup(hostContext(), nullptr, 2, nullptr), LLA_ERROR_USAGE, "problems: expected 2 of them");
  problems[1].struct_size = 8;
  expectFailure(lla_warmup(hostContext(), problems.data(), 2, nullptr), LLA_ERROR_USAGE, "problems[1].struct_size");
  problems[0].struct_size = 0;
  expectFailure(lla_warmup(hostContext(), problems.data(), 2, nullptr), LLA_ERROR_USAGE, "struct_size: expected");
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  options.jobs = -1;
  expectFailure(lla_warmup(hostContext(), nullptr, 0, &options), LLA_ERROR_USAGE, "options.jobs: expected >= 0");
  options.struct_size = 1;
  expectFailure(lla_warmup(hostContext(), nullptr, 0, &options), LLA_ERROR_USAGE, "options.struct_size: expected");
}

TEST(Log, TellsWhatCostsTime) {
  std::vector<std::string> lines;
  auto callback = [](void *user, lla_log_level level, const char *message) {
    EXPECT_LE(level, LLA_LOG_DEBUG);
    static_cast<std::vector<std::string> *>(user)->push_back(message);
  };
  auto prepare = [&](double scale) {
    lla_problem problem = problemsOf(1, scale).front();
    HostPlan plan(problem);
  };
  // A scale is no part of an artifact: a window is.
  lla_problem problem = problemsOf(1, 1).front();
  problem.window = 3;
  ASSERT_OK(lla_set_log_callback(LLA_LOG_DEBUG, callback, &lines));
  {
    HostPlan plan(problem);
  }
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].find("compiled lla_prefill_d16"), 0u) << lines[0];
  EXPECT_EQ(lines[1].find("loaded lla_prefill_d16"), 0u) << lines[1];
  ASSERT_OK(lla_set_log_callback(LLA_LOG_ERROR, callback, &lines));
  prepare(1.5);
  EXPECT_EQ(lines.size(), 2u);
  ASSERT_OK(lla_set_log_callback(LLA_LOG_OFF, nullptr, nullptr));
  prepare(1.75);
  EXPECT_EQ(lines.size(), 2u);
}

/// An environment variable, for as long as it lives.
struct Setting {
  Setting(const char *variable, const char *value) : variable(variable) { setenv(variable, value, 1); }
  ~Setting() { unsetenv(variable); }
  const char *variable;
};

/// The status of preparing a problem that nobody has compiled, in the environment as it is.
lla_status prepareNewly() {
  lla_context *context = nullptr;
  EXPECT_OK(lla_context_create("host:1", &context));
  lla_problem problem = problemsOf(1, 1).front();
  problem.window = 5;
  lla_plan *plan = nullptr;
  EXPECT_OK(lla_plan_create(context, &problem, &plan));
  lla_status status = lla_plan_prepare(plan);
  EXPECT_OK(lla_plan_destroy(plan));
  EXPECT_OK(lla_context_destroy(context));
  return status;
}

TEST(Worker, ItsEndIsNotOurs) {
  Setting worker("LLA_WORKER", LLA_TEST_WORKER);
  {
    Setting wish("LLA_DUMP_DIR", "abort");
    expectFailure(prepareNewly(), LLA_ERROR_WORKER, "Cannot select: intrinsic");
  }
  {
    Setting wish("LLA_DUMP_DIR", "nothing");
    expectFailure(prepareNewly(), LLA_ERROR_WORKER, "left no artifact");
  }
  Setting wish("LLA_DUMP_DIR", "refuse");
  expectFailure(prepareNewly(), LLA_ERROR_COMPILE, "rows: expected 8, got 9");
}

TEST(Worker, OneThatIsNotThereIsAnError) {
  Setting worker("LLA_WORKER", "/nowhere/lla");
  expectFailure(prepareNewly(), LLA_ERROR_WORKER, "/nowhere/lla");
}

TEST(Worker, MayBeForbidden) {
  {
    Setting rule("LLA_DISABLE_JIT", "1");
    expectFailure(prepareNewly(), LLA_ERROR_JIT_DISABLED, "to compile it ahead: ");
  }
  Setting rule("LLA_ASSERT_CACHE_HIT", "1");
  expectFailure(prepareNewly(), LLA_ERROR_MISS, "expected the kernel in the cache");
}

} // namespace

/// Caches of this run only; the worker is found beside the library, as in an installed tree.
int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  char folder[] = "/tmp/lla-capi-test-XXXXXX";
  if (!mkdtemp(folder))
    return 1;
  setenv("LLA_CACHE_DIR", folder, 1);
  for (const char *variable : {"LLA_TUNE", "LLA_LOG", "LLA_WORKER", "LLA_DISABLE_JIT", "LLA_ASSERT_CACHE_HIT"})
    unsetenv(variable);
  int status = RUN_ALL_TESTS();
  (void)!std::system((std::string("rm -rf ") + folder).c_str());
  return status;
}
