//===- TunerTest.cpp - whole searches on synthetic machines ---------------===//

#include "autotune/Tuner.h"
#include "SyntheticEvaluator.h"
#include "autotune/CostModel.h"
#include "autotune/ReplayEvaluator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

namespace lla {
namespace {

Predictor flat = [](const Schedule &) { return 1.0; };

/// One search with everything replaceable.
struct Search {
  SearchSpace space;
  Schedule optimum = space.schedules()[space.size() / 2];
  SyntheticEvaluator evaluator = SyntheticEvaluator(bowl(optimum));
  StrategyKind kind = StrategyKind::Exhaustive;
  uint64_t seed = 1;
  TuneOptions options;

  explicit Search(SearchSpace given = smallSpace()) : space(std::move(given)) {
    options.effort = EffortPreset();
    options.effort.race.mostRounds = 64;
    options.incumbent = defaultSchedule(space.problem(), space.target());
    options.clock = [] { return 0.0; };
  }

  llvm::Expected<TuneResult> tryRun(Evaluator &with) {
    auto strategy = makeStrategy(kind, space, flat, seed);
    return Tuner(space, *strategy, with, options).run();
  }
  TuneResult run() { return llvm::cantFail(tryRun(evaluator)); }
};

const Trial &trialOf(const TuneResult &result, const Schedule &schedule) {
  return *llvm::find_if(result.trials, [&](const Trial &trial) { return trial.schedule == schedule; });
}

TEST(Tuner, ExhaustiveFindsTheOptimum) {
  Search search;
  TuneResult result = search.run();
  ASSERT_TRUE(result.winner);
  EXPECT_EQ(result.winner->schedule, search.optimum);
  EXPECT_FALSE(result.keptIncumbent);
  EXPECT_EQ(result.stop, StopReason::SpaceExhausted);
  EXPECT_DOUBLE_EQ(result.winnerTime.median, 100);
  ASSERT_TRUE(result.incumbentTime && result.gain);
  EXPECT_NEAR(result.gain->median, result.incumbentTime->median / 100 - 1, 1e-9);
  EXPECT_FALSE(search.evaluator.brokeContract);

  size_t tried = search.space.size() + !search.space.contains(search.options.incumbent);
  EXPECT_EQ(result.counts.feasible, static_cast<int64_t>(search.space.size()));
  EXPECT_EQ(result.counts.tried, static_cast<int64_t>(tried));
  EXPECT_EQ(result.counts.timed, result.counts.tried);
  EXPECT_EQ(result.counts.raced, static_cast<int64_t>(search.options.effort.finalists + 1));
  EXPECT_TRUE(result.counts.failures.empty());
}

TEST(Tuner, TheDefaultIsTriedFirst) {
  Search search;
  search.options.effort.limits.trials = 1;
  TuneResult result = search.run();
  ASSERT_EQ(result.trials.size(), 1u);
  EXPECT_EQ(result.trials[0].schedule, search.options.incumbent);
  ASSERT_TRUE(result.winner);
  EXPECT_TRUE(result.keptIncumbent);
  EXPECT_EQ(result.stop, StopReason::Trials);
}

TEST(Tuner, EffortNoneTimesTheDefaultAlone) {
  Search search;
  search.options.effort = presetOf(Effort::None);
  TuneResult result = search.run();
  EXPECT_EQ(result.counts.tried, 1);
  EXPECT_TRUE(result.keptIncumbent);
}

TEST(Tuner, HintsAreTriedNext) {
  Search search;
  search.options.hints = {search.optimum, search.options.incumbent};
  search.options.effort.limits.trials = 2;
  TuneResult result = search.run();
  ASSERT_EQ(result.trials.size(), 2u);
  EXPECT_EQ(result.winner->schedule, search.optimum);
}

TEST(Tuner, NoiseOfTwoPerCentAcrossTwentySeeds) {
  Search reference;
  auto cost = bowl(reference.optimum);
  std::map<Schedule, int> winners;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Search search;
    search.evaluator = SyntheticEvaluator(cost, 0.02, seed);
    search.options.effort = presetOf(Effort::Full);
    search.options.effort.limits = {};
    TuneResult result = search.run();
    ASSERT_TRUE(result.winner);
    EXPECT_LE(cost(result.winner->schedule), 1.02 * cost(reference.optimum)) << "seed " << seed; // Within the noise.
    ++winners[result.winner->schedule];
  }
  EXPECT_LE(winners.size(), 2u);
}

TEST(Tuner, EqualCostsGiveTheSameWinnerWhateverTheNoise) {
  // Everything costs the same, except that the default is slow: ties go by workspace, registers, schedule.
  Search first;
  Schedule incumbent = first.options.incumbent;
  auto cost = [incumbent](const Schedule &s) { return s == incumbent ? 150.0 : 100.0; };
  Schedule few = first.space.schedules()[0];
  std::set<Schedule> winners;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Search search;
    search.space =
        SearchSpace::of(first.space.problem(), first.space.target(), first.space.schedules().take_front(6).vec());
    search.evaluator = SyntheticEvaluator(cost, 0.005, seed);
    search.evaluator.registers = [few](const Schedule &s) { return s == few ? 40 : 64; };
    search.options.effort.race.mostRounds = 128;
    TuneResult result = search.run();
    ASSERT_TRUE(result.winner);
    winners.insert(result.winner->schedule);
  }
  EXPECT_EQ(winners.size(), 1u);
}

TEST(Tuner, DefaultIsKeptIfTheGainIsWithinNoise) {
  Search reference;
  Schedule incumbent = reference.options.incumbent;
  // Everything else is at best half a per cent faster than the default.
  auto cost = [incumbent](const Schedule &s) { return s == incumbent ? 100.0 : 99.5; };
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Search search;
    search.evaluator = SyntheticEvaluator(cost, 0.02, seed);
    TuneResult result = search.run();
    EXPECT_TRUE(result.keptIncumbent) << "seed " << seed;
    EXPECT_EQ(result.winner->schedule, incumbent);
  }
}

TEST(Tuner, FailuresOfEachKindAreRecordedAndTheTuningGoesOn) {
  Search search;
  const Outcome kinds[] = {Outcome::Infeasible,     Outcome::CompileFailed, Outcome::CompileTimeout,
                           Outcome::CompileCrashed, Outcome::WrongResult,   Outcome::RunFailed,
                           Outcome::RunTimeout};
  std::vector<Schedule> victims;
  for (const Schedule &schedule : search.space.schedules())
    if (victims.size() < std::size(kinds) && !(schedule == search.optimum) && !(schedule == search.options.incumbent)) {
      search.evaluator.failures[schedule] = kinds[victims.size()];
      victims.push_back(schedule);
    }
  TuneResult result = search.run();
  EXPECT_EQ(result.winner->schedule, search.optimum);
  for (auto [victim, kind] : llvm::zip(victims, kinds)) {
    const Trial &trial = trialOf(result, victim);
    EXPECT_EQ(trial.outcome, kind);
    EXPECT_NE(trial.reason.find("planted"), std::string::npos);
    EXPECT_TRUE(std::isinf(trial.cost()));
    EXPECT_EQ(result.counts.failures[kind], 1);
  }
  EXPECT_EQ(trialOf(result, victims[4]).error, 0.5);
  EXPECT_EQ(result.counts.compiled, result.counts.tried - 4);
  EXPECT_EQ(result.counts.correct, result.counts.tried - 7);
  EXPECT_EQ(search.evaluator.measured.count(victims[4]), 0u) << "a wrong candidate was timed";
  EXPECT_FALSE(search.evaluator.brokeContract);
}

TEST(Tuner, TheOptimumItselfMayFail) {
  Search search;
  search.evaluator.failures[search.optimum] = Outcome::WrongResult;
  TuneResult result = search.run();
  ASSERT_TRUE(result.winner);
  EXPECT_FALSE(result.winner->schedule == search.optimum);
}

TEST(Tuner, AFailingDefaultIsReplaced) {
  Search search;
  search.evaluator.failures[search.options.incumbent] = Outcome::CompileFailed;
  TuneResult result = search.run();
  EXPECT_EQ(result.winner->schedule, search.optimum);
  EXPECT_FALSE(result.incumbentTime);
}

TEST(Tuner, NothingWorks) {
  Search search;
  for (const Schedule &schedule : search.space.schedules())
    search.evaluator.failures[schedule] = Outcome::CompileFailed;
  search.evaluator.failures[search.options.incumbent] = Outcome::CompileFailed;
  TuneResult result = search.run();
  EXPECT_FALSE(result.winner);
  EXPECT_EQ(result.counts.failures[Outcome::CompileFailed], result.counts.tried);
}

TEST(Tuner, SpillingCandidatesAreNotRun) {
  Search search;
  search.evaluator.spills[search.optimum] = 48;
  TuneResult result = search.run();
  EXPECT_FALSE(result.winner->schedule == search.optimum);
  EXPECT_EQ(trialOf(result, search.optimum).outcome, Outcome::Spilled);
  EXPECT_EQ(search.evaluator.verified[search.optimum], 0);
  EXPECT_EQ(result.counts.clean, result.counts.tried - 1);
}

TEST(Tuner, WhatWaitsOutsideTheKeyLoopsMaySpill) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.queryHeads = problem.kvHeads = 16;
  problem.context = 8192;
  problem.headDim = 64;
  llvm::cantFail(normalize(problem));
  Target gpu = llvm::cantFail(namedTarget("sm_90a"));
  auto table = reducedTable({{"keys", {64, 80}}, {"stages", {2, 3}}, {"persistent", {0, 1}}},
                            defaultSchedule(problem, gpu));
  Search search(SearchSpace::enumerate(problem, gpu, table));
  Schedule persistent = search.optimum, once = search.optimum;
  persistent.persistent = true;
  once.persistent = false;
  ASSERT_TRUE(search.space.contains(persistent) && search.space.contains(once));
  search.options.incumbent = *llvm::find_if(search.space.schedules(), [&](const Schedule &schedule) {
    return !(schedule == persistent) && !(schedule == once);
  });
  search.evaluator.spills[persistent] = search.evaluator.spills[once] = 68;
  TuneResult result = search.run();
  EXPECT_EQ(trialOf(result, persistent).outcome, Outcome::Ok);
  EXPECT_EQ(trialOf(result, once).outcome, Outcome::Spilled);
  EXPECT_EQ(result.counts.clean, result.counts.tried - 1);
}

TEST(Tuner, SpillingCandidatesRunIfNothingElseWorks) {
  Search search;
  for (const Schedule &schedule : search.space.schedules())
    search.evaluator.spills[schedule] = 400;
  search.evaluator.spills[search.optimum] = 8;
  search.evaluator.failures[search.options.incumbent] = Outcome::CompileFailed;
  TuneResult result = search.run();
  ASSERT_TRUE(result.winner);
  EXPECT_EQ(result.winner->schedule, search.optimum);
  EXPECT_FALSE(search.evaluator.brokeContract);
}

TEST(Tuner, EvaluatorsOwnFailureEndsWithItsMessage) {
  Search search;
  search.evaluator.dies = "no device";
  EXPECT_EQ(llvm::toString(search.tryRun(search.evaluator).takeError()), "no device");
}

//===--- Budgets --------------------------------------------------------------===//

TEST(TunerBudget, Trials) {
  Search search;
  search.options.effort.limits.trials = 20;
  TuneResult result = search.run();
  EXPECT_EQ(result.counts.tried, 20);
  EXPECT_EQ(result.stop, StopReason::Trials);
  EXPECT_TRUE(result.winner);
}

TEST(TunerBudget, Seconds) {
  Search search;
  double now = 0;
  search.options.clock = [&] { return now; };
  search.options.effort.limits.seconds = 10;
  search.evaluator.beforePrepare = [&] { now += 3; };
  TuneResult result = search.run();
  EXPECT_EQ(result.stop, StopReason::Seconds);
  EXPECT_LT(result.counts.tried, static_cast<int64_t>(search.space.size()));
  EXPECT_TRUE(result.winner) << "a race is always run";
}

TEST(TunerBudget, Stagnation) {
  Search search;
  search.evaluator = SyntheticEvaluator([](const Schedule &) { return 100.0; });
  search.options.effort.limits.stagnation = 30;
  TuneResult result = search.run();
  EXPECT_EQ(result.stop, StopReason::Stagnation);
  EXPECT_LT(result.counts.tried, 30 + 2 * static_cast<int64_t>(search.options.effort.batch));
}

TEST(TunerBudget, CancellationKeepsFinishedTrials) {
  Search search;
  std::atomic<bool> cancelled = false;
  int batches = 0;
  search.options.cancelled = &cancelled;
  search.evaluator.beforePrepare = [&] { cancelled = ++batches == 3; };
  TuneResult result = search.run();
  EXPECT_EQ(result.stop, StopReason::Cancelled);
  EXPECT_FALSE(result.winner);
  EXPECT_EQ(result.trials.size(), 1 + search.options.effort.batch) << "the interrupted batch has no verdicts";
}

TEST(TunerBudget, CancellationInTheRaceKeepsItsWinner) {
  Search search;
  std::atomic<bool> cancelled = false;
  search.options.cancelled = &cancelled;
  search.evaluator = SyntheticEvaluator([](const Schedule &) { return 100.0; }, 0.02);
  search.options.onEvent = [&](const TuneEvent &event) { cancelled = event.kind == TuneEventKind::RungFinished; };
  TuneResult result = search.run();
  EXPECT_EQ(result.race.rounds, 8u);
  EXPECT_TRUE(result.race.stoppedEarly);
}

//===--- Log, resume, replay --------------------------------------------------===//

class TunerLog : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("lla-tuner-log", directory));
    path = (directory + "/trials.jsonl").str();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(directory); }

  static void configure(Search &search) {
    search.kind = StrategyKind::LocalSearch;
    search.evaluator = SyntheticEvaluator(bowl(search.optimum), 0.01, 4);
    search.evaluator.failures[search.space.schedules()[5]] = Outcome::RunFailed;
    search.evaluator.spills[search.space.schedules()[6]] = 16;
    search.options.effort.limits = {.trials = 80, .stagnation = 60};
  }
  static TrialLogHeader headerOf(const Search &search) {
    TrialLogHeader header;
    header.problem = search.space.problem();
    header.target = search.space.target();
    return header;
  }
  static std::vector<Schedule> schedulesOf(llvm::ArrayRef<Trial> trials) {
    std::vector<Schedule> schedules;
    for (const Trial &trial : trials)
      schedules.push_back(trial.schedule);
    return schedules;
  }

  llvm::SmallString<128> directory;
  std::string path;
};

TEST_F(TunerLog, EveryTrialIsLoggedAndReplayFindsTheSameWinner) {
  Search search;
  configure(search);
  TuneResult original;
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(path, headerOf(search)));
    search.options.log = &writer;
    original = search.run();
  }
  TrialLog log = llvm::cantFail(readTrialLog(path));
  EXPECT_TRUE(log.complaints.empty());
  EXPECT_EQ(schedulesOf(log.trials), schedulesOf(original.trials));
  EXPECT_EQ(log.winner, original.winner->schedule);
  EXPECT_EQ(log.races.size(), original.race.contenders.size());

  Search again;
  configure(again);
  ReplayEvaluator replay(log);
  TuneResult replayed = llvm::cantFail(again.tryRun(replay));
  EXPECT_EQ(schedulesOf(replayed.trials), schedulesOf(original.trials));
  ASSERT_TRUE(replayed.winner);
  EXPECT_EQ(replayed.winner->schedule, original.winner->schedule);
  EXPECT_EQ(replayed.winnerTime.median, original.winnerTime.median);
  EXPECT_EQ(replayed.counts.failures, original.counts.failures);
}

TEST_F(TunerLog, AnotherStrategySearchesAReplay) {
  Search search;
  configure(search);
  search.options.effort.limits = {};
  TrialLog log;
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(path, headerOf(search)));
    search.options.log = &writer;
    search.run();
  }
  log = llvm::cantFail(readTrialLog(path));
  Search other;
  other.space = SearchSpace::of(log.header.problem, log.header.target, schedulesOf(log.trials));
  other.kind = StrategyKind::Random;
  ReplayEvaluator replay(log);
  TuneResult result = llvm::cantFail(other.tryRun(replay));
  ASSERT_TRUE(result.winner);
  EXPECT_LE(bowl(search.optimum)(result.winner->schedule), 101);
}

TEST_F(TunerLog, ResumeEqualsAnUninterruptedRun) {
  Search whole;
  configure(whole);
  TuneResult expected = whole.run();

  for (int stopAt : {2, 3, 4}) {
    std::string file = path + std::to_string(stopAt);
    Search first;
    configure(first);
    std::atomic<bool> cancelled = false;
    int batches = 0;
    {
      TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(file, headerOf(first)));
      first.options.log = &writer;
      first.options.cancelled = &cancelled;
      first.evaluator.beforePrepare = [&] { cancelled = ++batches == stopAt; };
      EXPECT_FALSE(first.run().winner);
    }
    TrialLog log = llvm::cantFail(readTrialLog(file));
    ASSERT_FALSE(log.trials.empty());

    Search second;
    configure(second);
    second.options.finished = log.trials;
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::append(file));
    second.options.log = &writer;
    TuneResult resumed = second.run();
    EXPECT_EQ(schedulesOf(resumed.trials), schedulesOf(expected.trials));
    ASSERT_TRUE(resumed.winner);
    EXPECT_EQ(resumed.winner->schedule, expected.winner->schedule);
    EXPECT_EQ(resumed.winnerTime.median, expected.winnerTime.median);
    EXPECT_EQ(resumed.counts.failures, expected.counts.failures);
    EXPECT_FALSE(second.evaluator.brokeContract) << "finalists of the log were raced unverified";
    // Finished trials cost nothing but the finalists' preparation.
    int again = llvm::count_if(log.trials, [&](const Trial &t) { return second.evaluator.prepared.count(t.schedule); });
    EXPECT_LE(again, static_cast<int>(second.options.effort.finalists + 1));
    EXPECT_EQ(schedulesOf(llvm::cantFail(readTrialLog(file)).trials), schedulesOf(expected.trials));
  }
}

TEST_F(TunerLog, AResumedFinalistMayFailNow) {
  Search search;
  configure(search);
  search.evaluator = SyntheticEvaluator(bowl(search.optimum));
  TuneResult before = search.run();
  Search later;
  configure(later);
  later.evaluator = SyntheticEvaluator(bowl(later.optimum));
  later.evaluator.failures[before.winner->schedule] = Outcome::WrongResult;
  later.options.finished = before.trials;
  TuneResult after = later.run();
  ASSERT_TRUE(after.winner);
  EXPECT_FALSE(after.winner->schedule == before.winner->schedule);
  EXPECT_EQ(trialOf(after, before.winner->schedule).outcome, Outcome::WrongResult);
}

TEST_F(TunerLog, AFullDiskDoesNotEndTheSearch) {
  llvm::Expected<TrialLogWriter> writer = TrialLogWriter::append("/dev/full");
  if (!writer)
    GTEST_SKIP() << "no /dev/full: " << llvm::toString(writer.takeError());
  Search search;
  search.options.log = &*writer;
  TuneResult result = search.run();
  EXPECT_EQ(result.winner->schedule, search.optimum);
  EXPECT_EQ(result.complaints.size(), 1u);
}

//===--- Events ---------------------------------------------------------------===//

TEST(TunerEvents, TellTheWholeStory) {
  Search search;
  search.options.effort.limits.trials = 40;
  std::vector<TuneEventKind> kinds;
  double progress = 0;
  double best = std::numeric_limits<double>::infinity();
  search.options.onEvent = [&](const TuneEvent &event) {
    kinds.push_back(event.kind);
    EXPECT_GE(event.progress, progress);
    progress = event.progress;
    ASSERT_TRUE(event.counts);
    if (event.kind == TuneEventKind::TrialFinished) {
      ASSERT_TRUE(event.trial && event.best);
      EXPECT_LE(event.best->cost(), best);
      best = event.best->cost();
      EXPECT_GT(event.defaultMicroseconds, 0);
    }
    if (event.kind == TuneEventKind::RungFinished)
      EXPECT_FALSE(event.contenders.empty());
  };
  search.run();
  EXPECT_EQ(kinds.front(), TuneEventKind::Started);
  EXPECT_EQ(kinds.back(), TuneEventKind::Finished);
  EXPECT_EQ(llvm::count(kinds, TuneEventKind::TrialFinished), 40);
  EXPECT_GE(llvm::count(kinds, TuneEventKind::RungFinished), 1);
  EXPECT_EQ(progress, 1);
}

TEST(Efforts, NamesRoundTrip) {
  for (Effort effort : {Effort::None, Effort::Quick, Effort::Full})
    EXPECT_EQ(parseEffort(name(effort)), effort);
  EXPECT_FALSE(parseEffort("max"));
}

} // namespace
} // namespace lla
