//===- DefaultScheduleTest.cpp - every valid problem can run untuned ------===//

#include "DefaultOn.h"
#include "RandomProblem.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::test;

namespace {

TEST(DefaultSchedule, IsFeasibleForRandomProblemsOnEveryTarget) {
  RandomProblem random(41);
  std::vector<Target> targets = allTargets();
  for (int trial = 0; trial < 4000; ++trial) {
    Problem problem = random.next();
    ASSERT_EQ(message(normalize(problem)), "");
    for (const Target &target : targets) {
      std::string error = message(checkFeasible(problem, defaultSchedule(problem, target), target));
      bool refused = problem.dtype == ElementType::F32 && !problem.isMerge() && !target.isHost();
      EXPECT_EQ(error, refused ? "dtype fp32 runs on the host only; target is " + target.arch : "")
          << toJson(problem) << " " << toText(defaultSchedule(problem, target));
    }
  }
}

/// Few rows are a chain of latencies: one element a thread; many fill the loads with four.
TEST(DefaultSchedule, MergesHaveAFewElementsAThread) {
  Problem problem;
  problem.mode = Mode::Merge;
  problem.dtype = ElementType::F32;
  problem.shards = 8;
  for (int64_t headDim : {16, 64, 128, 256})
    for (int64_t queryLength : {1, 4096}) {
      problem.headDim = headDim;
      problem.queryLength = queryLength;
      problem.scale.reset();
      llvm::cantFail(normalize(problem));
      Schedule schedule = defaultOn("sm_90a", problem);
      int64_t elements = (schedule.rows * headDim + 32 * schedule.warps - 1) / (32 * schedule.warps);
      EXPECT_LE(elements, queryLength == 1 ? 2 : 4) << headDim;
      EXPECT_GE(elements, queryLength == 1 ? 1 : 2) << headDim;
      EXPECT_EQ(schedule.stages, 4);
      EXPECT_EQ(defaultSchedule(problem, hostTarget(4)).load, LoadPath::Scratch);
    }
  problem.shards = 1;
  problem.scale.reset();
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(defaultOn("sm_90a", problem).stages, 1);
}

/// The corners that a random draw may miss: each head dim, extreme sizes, a sliver of a GPU.
TEST(DefaultSchedule, IsFeasibleAtTheCorners) {
  std::vector<Target> targets = allTargets();
  targets.push_back(llvm::cantFail(namedTarget("sm_90a")));
  targets.back().multiprocessors = 1;
  for (Mode mode : {Mode::Decode, Mode::Prefill})
    for (Probe probe : {Probe::None, Probe::Given})
      for (ElementType dtype : {ElementType::BF16, ElementType::F16})
        for (int64_t headDim = 16; headDim <= 256; headDim += 8)
          for (int64_t context : {1, 2, 15, 17, 2147483647})
            for (int64_t group : {1, 3, 64, 1024})
              for (const Target &target : targets) {
                Problem problem;
                problem.mode = mode;
                problem.probe = probe;
                problem.dtype = dtype;
                problem.context = context;
                problem.queryLength = mode == Mode::Prefill ? std::min<int64_t>(context, 100000) : 0;
                problem.queryHeads = group;
                problem.headDim = headDim;
                ASSERT_EQ(message(normalize(problem)), "");
                EXPECT_EQ(message(checkFeasible(problem, defaultSchedule(problem, target), target)), "")
                    << toJson(problem) << " " << target.arch;
              }
}

/// A search starts from the default, so its values are candidates.
TEST(DefaultSchedule, ValuesAreCandidates) {
  RandomProblem random(42);
  std::vector<Target> targets = allTargets();
  for (int trial = 0; trial < 1000; ++trial) {
    Problem problem = random.next();
    llvm::cantFail(normalize(problem));
    for (const Target &target : targets) {
      Schedule schedule = defaultSchedule(problem, target);
      for (const ScheduleField &field : scheduleFields())
        EXPECT_TRUE(llvm::is_contained(field.values, field.get(schedule)))
            << field.name << " of " << toText(schedule) << " for " << toJson(problem);
    }
  }
}

TEST(DefaultSchedule, RowsOfManyHeadsShareAWarpgroup) {
  auto decode = [](int64_t batch, int64_t group, int64_t queryLength) {
    Problem problem = problemOf(Mode::Decode, batch, 8 * group, 4096, 128);
    problem.kvHeads = 8;
    problem.queryLength = queryLength;
    llvm::cantFail(normalize(problem));
    return problem;
  };
  Schedule schedule = defaultOn("sm_90a", decode(32, 16, 1));
  EXPECT_EQ(schedule.load, LoadPath::Ring);
  EXPECT_EQ(schedule.rows, 64);
  EXPECT_EQ(defaultOn("sm_90a", decode(32, 1, 16)).load, LoadPath::Ring);
  EXPECT_EQ(defaultOn("sm_90a", decode(32, 8, 1)).load, LoadPath::Registers) << "one block holds them";
  EXPECT_EQ(defaultOn("sm_90a", decode(4, 16, 1)).load, LoadPath::Registers) << "32 row tiles need splits";
  EXPECT_EQ(defaultOn("sm_90a", decode(4, 24, 1)).splits, 4) << "which are worth it where keys are read three times";
  EXPECT_EQ(defaultOn("sm_90a", decode(8, 16, 1)).splits, 2) << "or are many";
  EXPECT_TRUE(defaultOn("sm_90a", decode(20, 16, 1)).streamK) << "160 row tiles: one turn, and one that is divided";
  for (int64_t group : {9, 12, 24, 48, 64})
    EXPECT_EQ(defaultOn("sm_90a", decode(32, group, 1)).load, LoadPath::Ring) << group;
  EXPECT_EQ(defaultOn("sm_90a", decode(32, 65, 1)).load, LoadPath::Registers) << "more heads than rows";
  EXPECT_EQ(defaultOn("sm_80", decode(32, 16, 1)).load, LoadPath::Registers);
}

TEST(DefaultSchedule, RowsOfMoreThanAWarpgroupShareTwo) {
  auto decode = [](int64_t group, int64_t queryLength, int64_t window = 0) {
    Problem problem = problemOf(Mode::Decode, 32, 8 * group, 4096, 128);
    problem.kvHeads = 8;
    problem.queryLength = queryLength;
    problem.window = window;
    llvm::cantFail(normalize(problem));
    return problem;
  };
  for (auto [group, queryLength] : {std::pair(8, 16), {16, 8}, {8, 9}, {12, 8}, {12, 5}, {64, 2}, {8, 64}})
    EXPECT_EQ(defaultOn("sm_90a", decode(group, queryLength)).rows, 128) << group << " x " << queryLength;
  EXPECT_EQ(defaultOn("sm_90a", decode(12, 4)).rows, 64);
  EXPECT_EQ(defaultOn("sm_90a", decode(8, 16, 1024)).load, LoadPath::Registers) << "a head's rows alone are 16 of 64";
  Problem ragged = decode(8, 16, 1024);
  ragged.ragged = true;
  EXPECT_EQ(defaultOn("sm_90a", ragged).rows, 128) << "copies stop short of keys that no row sees";
  EXPECT_EQ(defaultOn("sm_80", decode(8, 16)).load, LoadPath::Registers);
  Problem bytes = decode(8, 16);
  bytes.kvDtype = ElementType::F8E4M3;
  llvm::cantFail(normalize(bytes));
  EXPECT_EQ(defaultOn("sm_90a", bytes).load, LoadPath::Registers) << "a ring has no keys of a byte";
  auto isDivided = [&](int64_t queryLength, int64_t context) {
    Problem problem = decode(8, queryLength);
    problem.ragged = true;
    problem.context = context;
    return defaultOn("sm_90a", problem).streamK;
  };
  EXPECT_TRUE(isDivided(16, 4096));
  EXPECT_FALSE(isDivided(16, 1024)) << "merges take longer than a level end saves";
  EXPECT_FALSE(isDivided(32, 4096)) << "twice as many row tiles are level enough";
  for (Mode mode : {Mode::Decode, Mode::Prefill}) {
    Problem wide = decode(8, 16);
    wide.mode = mode;
    wide.ragged = true;
    wide.headDim = 144;
    EXPECT_EQ(defaultOn("sm_90a", wide).keys, 48) << "the next rows would leave room for 16";
  }
  Problem odd = decode(8, 16);
  odd.ragged = true;
  odd.pageSize = 12;
  EXPECT_EQ(defaultOn("sm_90a", odd).rows, 32) << "four warps share what is looked up";
  odd.batch = 2;
  EXPECT_EQ(defaultOn("sm_90a", odd).rows, 8) << "but two sequences want splits";
  Problem few = decode(8, 16);
  few.batch = 1;
  few.context = 512;
  EXPECT_EQ(defaultOn("sm_90a", few).load, LoadPath::Registers) << "little is read again";
}

TEST(DefaultSchedule, RowsOfManyHeadsAndLengthsAreDividedEvenly) {
  auto of = [](int64_t batch, int64_t group, int64_t context, int64_t headDim = 128, int64_t window = 0) {
    Problem problem = problemOf(Mode::Decode, batch, 8 * group, context, headDim);
    problem.kvHeads = 8;
    problem.ragged = true;
    problem.window = window;
    problem.causal = window != 0;
    llvm::cantFail(normalize(problem));
    Schedule schedule = defaultOn("sm_90a", problem);
    return fmt::format("{} {} keys {} stages{}", name(schedule.load).str(), schedule.keys, schedule.stages,
                       schedule.streamK ? " levelled" : "");
  };
  EXPECT_EQ(of(32, 16, 4096), "ring 64 keys 3 stages levelled");
  EXPECT_EQ(of(32, 12, 4096), "ring 64 keys 3 stages levelled");
  EXPECT_EQ(of(32, 8, 4096), "registers 16 keys 2 stages") << "one block holds them";
  EXPECT_EQ(of(8, 12, 1024), "registers 16 keys 2 stages") << "merges take longer than to read twice";
  EXPECT_EQ(of(8, 64, 1024), "ring 64 keys 3 stages levelled") << "but not than eight times";
  EXPECT_EQ(of(1, 64, 8192), "registers 16 keys 2 stages") << "one sequence is split in clusters";
  EXPECT_EQ(of(32, 16, 4096, 128, 1024), "registers 16 keys 2 stages") << "a window is not divided";
  EXPECT_EQ(of(32, 16, 4096, 256), "ring 48 keys 2 stages levelled") << "there is room for the next rows";
}

TEST(DefaultSchedule, WideRowsOfOneWarpgroupAreDividedOnlyWhereRegistersAskForIt) {
  auto of = [](Probe probe, int64_t headDim) {
    Problem problem = problemOf(Mode::Decode, 32, 128, 4096, headDim);
    problem.kvHeads = 8;
    problem.probe = probe;
    Schedule schedule = defaultOn("sm_90a", problem);
    return fmt::format("{} warps {} parts {} keys {} stages", schedule.warps, schedule.valueParts, schedule.keys,
                       schedule.stages);
  };
  EXPECT_EQ(of(Probe::Given, 128), "4 warps 1 parts 64 keys 3 stages");
  EXPECT_EQ(of(Probe::Given, 144), "4 warps 1 parts 64 keys 3 stages");
  EXPECT_EQ(of(Probe::Given, 160), "4 warps 1 parts 48 keys 3 stages");
  EXPECT_EQ(of(Probe::Given, 176), "4 warps 1 parts 32 keys 4 stages");
  EXPECT_EQ(of(Probe::Given, 184), "8 warps 2 parts 64 keys 2 stages");
  EXPECT_EQ(of(Probe::None, 256), "4 warps 1 parts 64 keys 3 stages");
  EXPECT_EQ(of(Probe::None, 128), "4 warps 1 parts 16 keys 2 stages") << "a block holds 16 rows";
}

TEST(DefaultSchedule, PrefillOnHopperUsesTheRing) {
  Schedule wide = defaultOn("sm_90a", problemOf(Mode::Prefill, 1, 16, 8192, 128));
  EXPECT_EQ(toText(wide), "load=ring rows=128 keys=64 warps=8 value_parts=1 stages=3 splits=1 cluster=1 ctas=1 "
                          "lazy=8 overlap=true peel=true dependent=true split_tiles=1 persistent=true "
                          "stream_k=false pingpong=false rounded=false weigher=false held_rows=false "
                          "swapped=false spread=false longest_first=false static_sizes=false");
  Problem narrow = problemOf(Mode::Prefill, 1, 16, 8192, 64);
  EXPECT_EQ(defaultOn("sm_90a", narrow).keys, 128) << "one masked tile for each of rows";
  EXPECT_TRUE(defaultOn("sm_90a", narrow).pingpong) << "the weights take as long as the products";
  EXPECT_TRUE(defaultOn("sm_90a", narrow).rounded) << "likewise";
  narrow.causal = false;
  EXPECT_EQ(defaultOn("sm_90a", narrow).keys, 112);
  narrow.state = narrow.causal = true;
  EXPECT_FALSE(defaultOn("sm_90a", narrow).rounded) << "lse is of exact weights";
  EXPECT_EQ(defaultOn("sm_90a", narrow).keys, 128) << "one masked tile for each of rows";
  for (auto [headDim, keys] : {std::pair<int64_t, int64_t>(72, 96), {96, 96}, {104, 64}, {128, 64}})
    EXPECT_EQ(defaultOn("sm_90a", problemOf(Mode::Prefill, 1, 16, 8192, headDim)).keys, keys) << headDim;
  EXPECT_EQ(defaultOn("sm_90", problemOf(Mode::Prefill, 1, 16, 8192, 128)).load, LoadPath::Registers);
  Problem half = problemOf(Mode::Prefill, 1, 16, 8192, 128);
  half.dtype = ElementType::F16;
  EXPECT_EQ(defaultOn("sm_90a", half).lazy, 0);
}

TEST(DefaultSchedule, WideHeadsTakeFewerKeysThenAWeigher) {
  auto of = [](Probe probe, int64_t headDim) {
    Problem problem = problemOf(Mode::Prefill, 1, 16, 8192, headDim);
    problem.probe = probe;
    problem.causal = true;
    Schedule schedule = defaultOn("sm_90a", problem);
    return fmt::format("{} rows {} keys {} stages{}{}{}", schedule.rows, schedule.keys, schedule.stages,
                       schedule.persistent ? " persistent" : "", schedule.weigher ? " weigher" : "",
                       schedule.heldRows ? " held" : "");
  };
  // Registers hold O1 and O2, but shared memory no second tile of rows.
  EXPECT_EQ(of(Probe::Given, 136), "128 rows 64 keys 2 stages");
  EXPECT_EQ(of(Probe::Given, 144), "128 rows 64 keys 3 stages") << "in narrow panels";
  for (int64_t headDim : {152, 160})
    EXPECT_EQ(of(Probe::Given, headDim), "128 rows 48 keys 3 stages") << headDim;
  for (int64_t headDim : {168, 176})
    EXPECT_EQ(of(Probe::Given, headDim), "128 rows 32 keys 3 stages") << headDim;
  for (int64_t headDim : {184, 192})
    EXPECT_EQ(of(Probe::Given, headDim), "64 rows 64 keys 2 stages persistent weigher held") << headDim;
  EXPECT_EQ(of(Probe::Given, 256), "64 rows 64 keys 2 stages weigher");
  EXPECT_EQ(of(Probe::None, 160), "128 rows 96 keys 2 stages persistent");
  EXPECT_EQ(of(Probe::None, 192), "128 rows 80 keys 2 stages persistent");
  EXPECT_EQ(of(Probe::None, 224), "128 rows 96 keys 2 stages");
  EXPECT_EQ(of(Probe::None, 256), "128 rows 80 keys 2 stages");
  Problem window = problemOf(Mode::Prefill, 1, 16, 8192, 144);
  window.causal = true;
  window.window = 1024;
  EXPECT_EQ(defaultOn("sm_90a", window).keys, 48) << "masks of a window's edge spill beside 64";
}

TEST(DefaultSchedule, RowTilesThatLeaveAGpuIdleHaveTheirKeysSplit) {
  auto chunk = [](int64_t rows, int64_t context, int64_t heads, int64_t headDim = 128) {
    Problem problem = problemOf(Mode::Prefill, 1, heads, context, headDim);
    problem.queryLength = rows;
    return problem;
  };
  auto check = [](const Problem &problem, const std::string &fields) {
    Schedule schedule = defaultOn("sm_90a", problem);
    EXPECT_EQ(fmt::format("{} rows {} warps {} splits {} cluster{}", schedule.rows, schedule.warps, schedule.splits,
                          schedule.cluster, schedule.weigher ? " weigher" : ""),
              fields)
        << toJson(problem);
  };
  check(chunk(512, 32768, 8), "128 rows 8 warps 4 splits 1 cluster");
  check(chunk(128, 32768, 8), "128 rows 8 warps 12 splits 4 cluster"); // Clusters do not fill the GPU, nor need to.
  check(chunk(64, 4096, 8), "64 rows 4 warps 8 splits 8 cluster");     // Fewer rows to merge.
  check(chunk(512, 32768, 32), "128 rows 8 warps 1 splits 1 cluster");
  check(chunk(8192, 8192, 16), "128 rows 8 warps 1 splits 1 cluster");
  check(chunk(256, 16384, 8, 256), "64 rows 8 warps 4 splits 1 cluster"); // No weigher: its states would not merge.
  check(chunk(128, 128, 8), "128 rows 8 warps 1 splits 1 cluster");
  Problem window = chunk(100, 32768, 4, 256);
  window.window = 8192;
  EXPECT_EQ(defaultOn("sm_90a", window).keys, 48) << "masks of a window's edge spill beside 64";
  for (auto [heads, length, keys] : {std::tuple(8, 8192, 1024), {2, 16384, 1024}, {1, 32768, 256}, {16, 16384, 1024}}) {
    Problem full = chunk(length, length, heads);
    full.window = keys;
    EXPECT_EQ(defaultOn("sm_90a", full).splits, 1) << "a row tile sees the window's keys, not all: " << toJson(full);
  }
  EXPECT_EQ(defaultOn("sm_90a", chunk(32, 4096, 8)).load, LoadPath::Registers) << "half of a tile's rows would be idle";
  EXPECT_EQ(defaultOn("sm_90a", chunk(32, 32768, 8)).load, LoadPath::Ring) << "but so many keys are read four times";
  Problem serving = chunk(512, 16384, 8);
  serving.batch = 2;
  serving.ragged = true;
  serving.pageSize = 64;
  EXPECT_EQ(defaultOn("sm_90a", serving).splitTiles, 4) << "short sequences take fewer splits";
  EXPECT_GT(defaultOn("sm_90a", serving).splits, 1);
}

TEST(DefaultSchedule, ALastTurnOfFewRowTilesIsDivided) {
  auto divided = [](int64_t rows, int64_t context, int64_t heads, int64_t headDim = 128) {
    Problem problem = problemOf(Mode::Prefill, 1, heads, context, headDim);
    problem.queryLength = rows;
    problem.causal = rows < context;
    Schedule schedule = defaultOn("sm_90a", problem);
    EXPECT_LE(schedule.streamK, schedule.persistent && schedule.splits == 1) << toJson(problem);
    return schedule.streamK ? schedule.splitTiles : 0;
  };
  EXPECT_EQ(divided(2048, 2048, 10), 8); // 160 row tiles: a turn, and 28 of another.
  EXPECT_EQ(divided(7680, 7680, 16), 4); // 36 are left.
  EXPECT_EQ(divided(8192, 8192, 16), 0); // 100 are: what is to gain is less than what merges cost.
  EXPECT_EQ(divided(7680, 7680, 33), 0); // None is.
  EXPECT_EQ(divided(640, 32768, 32), 4); // Behind a cache all rows see about as many keys,
  EXPECT_EQ(divided(1600, 8192, 13), 4); // whose one turn is not full here.
  EXPECT_EQ(divided(512, 32768, 8), 0); // Of 32 row tiles splits make 128 alike.
  EXPECT_EQ(divided(2048, 2048, 10, 192), 0); // Its weigher does not merge.
  Problem causal = problemOf(Mode::Prefill, 1, 10, 2048, 128);
  causal.causal = true;
  EXPECT_FALSE(defaultOn("sm_90a", causal).streamK) << "the last row tiles are the shortest";
  causal.causal = false;
  causal.state = true;
  EXPECT_FALSE(defaultOn("sm_90a", causal).streamK) << "what it needs beside the loop over row tiles spills";
}

TEST(DefaultSchedule, RaggedBatchesTakeMoreAndSmallerParts) {
  Problem problem = problemOf(Mode::Decode, 32, 8, 4096, 128);
  problem.ragged = true;
  Schedule schedule = defaultOn("sm_90a", problem);
  EXPECT_EQ(schedule.splits, 1); // By turns.
  problem.context = 8192;
  schedule = defaultOn("sm_90a", problem);
  EXPECT_EQ(schedule.splits, 12); // Fewer row tiles than places: 512 keys each make several waves.
  EXPECT_EQ(schedule.splitTiles, 8);
  problem.context = 512;
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, 1); // Full sequences fill the GPU once.
  problem.batch = 2;
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, 8); // 64 keys each, and still no full wave.
  EXPECT_EQ(defaultOn("sm_90a", problem).splitTiles, 1);
  problem.batch = 128;
  problem.context = 8192;
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, 3); // Row tiles alone level much.
  EXPECT_EQ(defaultOn("sm_90a", problem).splitTiles, 16);
  // One sequence has nobody to wait for.
  problem = problemOf(Mode::Decode, 1, 8, 16384, 128);
  Schedule equal = defaultOn("sm_90a", problem);
  problem.ragged = true;
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, equal.splits);
  problem = problemOf(Mode::Decode, 8, 8, 8192, 128);
  problem.ragged = true;
  EXPECT_EQ(defaultSchedule(problem, hostTarget(16)).splits, 3);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(16)).splitTiles, 8);
}

TEST(DefaultSchedule, PagesThatARingCannotCopyGoThroughRegisters) {
  Problem problem = problemOf(Mode::Prefill, 1, 16, 8192, 128);
  problem.pageSize = 64;
  EXPECT_EQ(defaultOn("sm_90a", problem).load, LoadPath::Ring);
  EXPECT_EQ(defaultOn("sm_90a", problem).keys, 64);
  problem.headDim = 64;
  EXPECT_EQ(defaultOn("sm_90a", problem).keys, 128);
  problem.ragged = true; // The masks of a start within a page cost registers.
  EXPECT_EQ(defaultOn("sm_90a", problem).keys, 64);
  problem.pageSize = 20;
  EXPECT_EQ(defaultOn("sm_90a", problem).load, LoadPath::Registers);
}

TEST(DefaultSchedule, KeysOfBytesTakeWiderTilesOfTheSameSplits) {
  for (int64_t batch : {1, 32})
    for (int64_t context : {512, 2048}) {
      Problem halves = problemOf(Mode::Decode, batch, 8, context, 128), bytes = halves;
      bytes.kvDtype = ElementType::F8E4M3;
      Schedule schedule = defaultOn("sm_90a", bytes), narrow = defaultOn("sm_90a", halves);
      EXPECT_EQ(schedule.keys, batch > 1 ? 32 : 16) << batch << " " << context;
      EXPECT_EQ(schedule.stages, 2);
      schedule.keys = narrow.keys;
      EXPECT_EQ(schedule, narrow);
    }
  Problem prefill = problemOf(Mode::Prefill, 4, 8, 2048, 128);
  prefill.kvDtype = ElementType::F8E4M3;
  EXPECT_EQ(defaultOn("sm_90a", prefill).load, LoadPath::Registers);
}

TEST(DefaultSchedule, HostDecodeSplitsOverThreads) {
  Problem problem = problemOf(Mode::Decode, 1, 1, 65536, 128);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(2)).splits, 4);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(64)).splits, 128);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(64)).rows, 1);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(64)).keys, 64); // 16 KiB of bf16.
  problem = problemOf(Mode::Decode, 1, 1, 2048, 128);
  EXPECT_EQ(defaultSchedule(problem, hostTarget(64)).splits, 4); // 512 keys each.
  EXPECT_EQ(defaultSchedule(problemOf(Mode::Decode, 32, 8, 4096, 128), hostTarget(2)).splits, 1);
  Schedule prefill = defaultSchedule(problemOf(Mode::Prefill, 1, 8, 1024, 64), hostTarget(2));
  EXPECT_EQ(prefill.rows, 64);
  EXPECT_EQ(prefill.keys, 64);
  EXPECT_TRUE(prefill.peel);
  problem.causal = true;
  problem.queryLength = 16;
  EXPECT_TRUE(defaultSchedule(problem, hostTarget(64)).peel) << "several rows of a decode see different keys, too";
  problem.queryLength = 1;
  EXPECT_FALSE(defaultSchedule(problem, hostTarget(64)).peel);
}

} // namespace
