//===- SearchSpaceTest.cpp - enumeration against brute force --------------===//

#include "SyntheticEvaluator.h"
#include "autotune/Budget.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <numeric>

namespace lla {
namespace {

bool isFeasible(const Problem &problem, const Schedule &schedule, const Target &gpu) {
  return !llvm::errorToBool(checkFeasible(problem, schedule, gpu));
}

/// The whole product of a table, field by field.
std::vector<Schedule> productOf(llvm::ArrayRef<ScheduleField> table) {
  std::vector<Schedule> all = {Schedule{}};
  for (const ScheduleField &field : table) {
    std::vector<Schedule> longer;
    for (Schedule schedule : all)
      for (int64_t value : field.values) {
        field.set(schedule, value);
        longer.push_back(schedule);
      }
    all = std::move(longer);
  }
  return all;
}

Problem prefillProblem(bool causal, int64_t headDim) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.queryHeads = 16;
  problem.kvHeads = 8;
  problem.context = 2048;
  problem.headDim = headDim;
  problem.causal = causal;
  llvm::cantFail(normalize(problem));
  return problem;
}

int64_t rejectedIn(const SearchSpace &space) {
  int64_t sum = 0;
  for (const Rejection &rejection : space.rejections())
    sum += rejection.schedules;
  return sum;
}

/// Every load path, all of the fields that bind one another, some of the rest.
std::vector<ScheduleField> bruteForceTable() {
  return reducedTable({{"load", {0, 1, 2}},
                       {"rows", {8, 16, 64, 128, 192}},
                       {"keys", {16, 48, 80, 112, 256}},
                       {"warps", {1, 2, 4, 8, 12}},
                       {"stages", {1, 2, 3, 5}},
                       {"splits", {1, 3, 16, 128}},
                       {"ctas", {1, 2, 4}},
                       {"lazy", {0, 8}},
                       {"overlap", {0, 1}},
                       {"peel", {0, 1}}},
                      Schedule{});
}

TEST(SearchSpace, FindsExactlyWhatBruteForceFinds) {
  // Not pointless: without splits and with few warps everybody has keys; so compare in both directions.
  Problem fp16 = decodeProblem();
  fp16.dtype = ElementType::F16;
  struct {
    Problem problem;
    const char *arch;
  } cases[] = {{decodeProblem(), "sm_90a"},
               {prefillProblem(true, 64), "sm_90a"},
               {fp16, "sm_80"},
               {prefillProblem(false, 128), "host"}};
  std::vector<ScheduleField> table = bruteForceTable();
  std::vector<Schedule> product = productOf(table);
  for (const auto &[problem, arch] : cases) {
    Target where = target(arch);
    SearchSpace space = SearchSpace::enumerate(problem, where, table);
    ASSERT_GT(space.size(), 0u) << arch;
    EXPECT_EQ(space.productSize(), static_cast<int64_t>(product.size()));
    EXPECT_EQ(space.productSize(), static_cast<int64_t>(space.size()) + rejectedIn(space));
    int64_t idle = 0, missing = 0;
    for (const Rejection &rejection : space.rejections())
      if (llvm::StringRef(rejection.check).starts_with("idle"))
        idle += rejection.schedules;
    for (const Schedule &schedule : product) {
      bool feasible = isFeasible(problem, schedule, where);
      if (space.contains(schedule))
        EXPECT_TRUE(feasible) << toText(schedule);
      else
        missing += feasible;
    }
    // Whatever is feasible and not there was dropped as idle; a pruned idle subtree may hold infeasible ones too.
    EXPECT_LE(missing, idle) << arch;
    if (idle == 0)
      EXPECT_EQ(missing, 0) << arch;
  }
}

TEST(SearchSpace, NothingIsIdleInALongContextSoBruteForceMatchesExactly) {
  Problem problem = decodeProblem(1, 1 << 20);
  problem.queryHeads = 256 * problem.kvHeads; // All row tiles are filled.
  Target gpu = target("sm_90a");
  std::vector<ScheduleField> table = bruteForceTable();
  SearchSpace space = SearchSpace::enumerate(problem, gpu, table);
  std::vector<Schedule> expected;
  for (const Schedule &schedule : productOf(table)) {
    bool isIdle = schedule.load == LoadPath::Ring && schedule.splits > 1; // The GPU is full without.
    if (isFeasible(problem, schedule, gpu) && !isIdle)
      expected.push_back(schedule);
  }
  llvm::sort(expected);
  EXPECT_EQ(space.schedules().vec(), expected);
  EXPECT_GT(expected.size(), 100u);
}

TEST(SearchSpace, FullTableIsEnumeratedQuickly) {
  // No timing assertion: the count of schedules is bounded, and a slow enumeration shows in the suite's time.
  for (const char *arch : {"sm_90a", "sm_80", "host"})
    for (const Problem &problem : {decodeProblem(), decodeProblem(32, 16384), prefillProblem(true, 64)}) {
      SearchSpace space = SearchSpace::enumerate(problem, target(arch));
      EXPECT_GT(space.size(), 50u) << arch;
      EXPECT_LT(space.size(), 150000u) << arch;
      for (const Schedule &schedule : space.schedules())
        ASSERT_TRUE(isFeasible(problem, schedule, target(arch))) << toText(schedule);
    }
}

TEST(SearchSpace, AnOrderIsOfManySequencesThatWait) {
  auto ordered = [](int64_t batch, bool ragged) {
    Problem problem = decodeProblem(batch, 1024);
    problem.ragged = ragged;
    problem.kvHeads = problem.queryHeads = 8;
    int64_t count = 0, unordered = 0;
    SearchSpace space = SearchSpace::enumerate(problem, target("sm_90a"));
    for (const Schedule &schedule : space.schedules())
      (schedule.longestFirst ? count : unordered) += schedule.load == LoadPath::Registers && schedule.splits == 1;
    return std::pair(count, count == unordered);
  };
  auto [count, isOfEach] = ordered(64, true);
  EXPECT_GT(count, 0);
  EXPECT_TRUE(isOfEach) << "each in both orders";
  EXPECT_EQ(ordered(64, false).first, 0);
  EXPECT_EQ(ordered(1, true).first, 0);
  EXPECT_EQ(ordered(16, true).first, 0) << "128 row tiles have a multiprocessor each";
}

TEST(SearchSpace, RejectionsNameTheFieldAndShowAnExample) {
  SearchSpace space = SearchSpace::enumerate(decodeProblem(), target("sm_80"));
  ASSERT_FALSE(space.rejections().empty());
  EXPECT_TRUE(llvm::is_sorted(space.rejections(),
                              [](const Rejection &a, const Rejection &b) { return a.schedules > b.schedules; }));
  auto named = [&](llvm::StringRef check) {
    return llvm::any_of(space.rejections(), [&](const Rejection &rejection) { return rejection.check == check; });
  };
  EXPECT_TRUE(named("load")) << "ring and scratch are not for sm_80";
  EXPECT_TRUE(named("registers per thread"));
  for (const Rejection &rejection : space.rejections())
    EXPECT_FALSE(rejection.example.empty());
}

TEST(SearchSpace, ShortContextHasNoIdleSplits) {
  SearchSpace space = SearchSpace::enumerate(decodeProblem(1, 64), target("sm_90a"));
  ASSERT_GT(space.size(), 0u);
  for (const Schedule &schedule : space.schedules()) {
    Resources costs = resources(space.problem(), schedule, space.target());
    EXPECT_LE(costs.keyWarps * schedule.splits, std::max<int64_t>(1, (64 + schedule.keys - 1) / schedule.keys));
    EXPECT_LT(schedule.keys, 80);
  }
}

TEST(SearchSpace, NeighboursAreMembersOneStepAway) {
  SearchSpace space = smallSpace();
  for (const Schedule &schedule : space.schedules()) {
    std::vector<Schedule> near = space.neighbours(schedule);
    EXPECT_FALSE(near.empty());
    for (const Schedule &other : near) {
      EXPECT_TRUE(space.contains(other));
      EXPECT_FALSE(other == schedule);
      int64_t differing = llvm::count_if(
          scheduleFields(), [&](const ScheduleField &field) { return field.get(other) != field.get(schedule); });
      EXPECT_LE(differing, 2);
    }
  }
}

TEST(SearchSpace, NeighboursReachEverything) {
  SearchSpace space = smallSpace();
  std::set<Schedule> seen = {space.schedules().front()};
  std::vector<Schedule> frontier(seen.begin(), seen.end());
  while (!frontier.empty()) {
    Schedule here = frontier.back();
    frontier.pop_back();
    for (const Schedule &next : space.neighbours(here))
      if (seen.insert(next).second)
        frontier.push_back(next);
  }
  EXPECT_EQ(seen.size(), space.size());
}

TEST(SearchSpace, RaggedLengthsMayBeDividedEvenly) {
  Problem problem = decodeProblem(32, 4096);
  problem.queryHeads = 16 * problem.kvHeads;
  problem.ragged = true;
  Target gpu = target("sm_90a");
  SearchSpace space = SearchSpace::enumerate(problem, gpu);
  Schedule byDefault = defaultSchedule(problem, gpu);
  EXPECT_TRUE(byDefault.streamK);
  EXPECT_TRUE(space.contains(byDefault));
  EXPECT_FALSE(space.neighbours(byDefault).empty());
  for (const Schedule &schedule : space.schedules())
    ASSERT_EQ(schedule.streamK, schedule.persistent) << toText(schedule);
}

/// Which leave persistent CTAs shared memory for a third slot of keys.
TEST(SearchSpace, HeldRowsAreThereWhereverTheyAreFeasible) {
  Problem problem = prefillProblem(true, 192);
  Target gpu = target("sm_90a");
  std::vector<ScheduleField> table = reducedTable({{"load", {1}},
                                                   {"rows", {64, 128}},
                                                   {"keys", {48, 64}},
                                                   {"warps", {8, 12}},
                                                   {"value_parts", {1, 2}},
                                                   {"stages", {2, 3}},
                                                   {"persistent", {0, 1}},
                                                   {"weigher", {0, 1}},
                                                   {"held_rows", {0, 1}}},
                                                  Schedule{});
  std::vector<Schedule> expected;
  for (const Schedule &schedule : productOf(table))
    if (isFeasible(problem, schedule, gpu))
      expected.push_back(schedule);
  llvm::sort(expected);
  EXPECT_EQ(SearchSpace::enumerate(problem, gpu, table).schedules().vec(), expected);
  auto areHeldOnly = [&](Schedule schedule) {
    schedule.heldRows = !schedule.heldRows;
    return !schedule.heldRows && schedule.persistent && !llvm::is_contained(expected, schedule);
  };
  EXPECT_TRUE(llvm::any_of(expected, areHeldOnly));
}

TEST(SearchSpace, ARingsRowsAndWarpsMoveTogether) {
  Problem problem = prefillProblem(true, 64);
  Target gpu = target("sm_90a");
  SearchSpace space = SearchSpace::enumerate(problem, gpu);
  Schedule ring = defaultSchedule(problem, gpu);
  ASSERT_EQ(ring.load, LoadPath::Ring);
  ring.keys = 64; // A tile has at most as many keys as rows.
  ring.pingpong = false; // Turns need two warpgroups.
  ASSERT_TRUE(space.contains(ring));
  bool fewer = false;
  for (const Schedule &next : space.neighbours(ring))
    fewer |= next.load == LoadPath::Ring && next.rows == 64 && next.warps == 4;
  EXPECT_TRUE(fewer);
}

TEST(SearchSpace, NeighboursOfANonMember) {
  SearchSpace space = smallSpace();
  Schedule between = space.schedules().front();
  between.splits = 5; // Not a candidate of the table.
  ASSERT_FALSE(space.contains(between));
  bool below = false, above = false;
  for (const Schedule &next : space.neighbours(between)) {
    below |= next.splits == 4;
    above |= next.splits == 8;
  }
  EXPECT_TRUE(below && above);
}

TEST(SearchSpace, GivenListIsSortedAndUnique) {
  SearchSpace all = smallSpace();
  std::vector<Schedule> list = {all.schedules()[5], all.schedules()[2], all.schedules()[5]};
  SearchSpace space = SearchSpace::of(all.problem(), all.target(), list);
  EXPECT_EQ(space.schedules().vec(), (std::vector<Schedule>{all.schedules()[2], all.schedules()[5]}));
}

TEST(SearchSpace, T1HoldsTheOccurringValues) {
  nlohmann::json root = nlohmann::json::parse(smallSpace().toT1());
  for (const char *required : {"ConfigurationSpace", "KernelSpecification"})
    EXPECT_TRUE(root.contains(required));
  for (const char *required : {"Language", "KernelName", "KernelFile", "GlobalSize", "LocalSize"})
    EXPECT_TRUE(root["KernelSpecification"].contains(required)) << required;
  std::map<std::string, nlohmann::json> parameters;
  for (const nlohmann::json &parameter : root["ConfigurationSpace"]["TuningParameters"])
    parameters[parameter["Name"]] = parameter;
  EXPECT_EQ(parameters.size(), scheduleFields().size());
  EXPECT_EQ(parameters["load"]["Values"], "['registers']");
  EXPECT_EQ(parameters["lazy"]["Values"], "[0, 8]");
  EXPECT_EQ(parameters["overlap"]["Values"], "[True]");
  EXPECT_EQ(parameters["peel"]["Type"], "bool");
}

} // namespace
} // namespace lla
