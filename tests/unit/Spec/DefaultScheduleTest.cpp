//===- DefaultScheduleTest.cpp - every valid problem can run untuned ------===//

#include "RandomProblem.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::test;

namespace {

Problem problemOf(Mode mode, int64_t batch, int64_t heads, int64_t context, int64_t headDim) {
  Problem problem;
  problem.mode = mode;
  problem.batch = batch;
  problem.queryHeads = problem.kvHeads = heads;
  problem.context = context;
  problem.headDim = headDim;
  problem.causal = true;
  llvm::cantFail(normalize(problem));
  return problem;
}

Schedule defaultOn(const char *arch, const Problem &problem) {
  return defaultSchedule(problem, llvm::cantFail(namedTarget(arch)));
}

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

TEST(DefaultSchedule, DecodeSplitsFillTheGpu) {
  EXPECT_EQ(defaultOn("sm_90a", problemOf(Mode::Decode, 1, 8, 512, 128)).splits, 8);
  auto split = [](int64_t batch, int64_t heads, int64_t context, int64_t headDim = 128) {
    Schedule schedule = defaultOn("sm_90a", problemOf(Mode::Decode, batch, heads, context, headDim));
    return std::tuple(schedule.splits, schedule.cluster, schedule.warps);
  };
  EXPECT_EQ(split(1, 8, 4080), std::tuple(16, 16, 4)); // One cluster.
  EXPECT_EQ(split(1, 4, 4096), std::tuple(16, 16, 8)); // More warps where there is room,
  EXPECT_EQ(split(1, 4, 2048), std::tuple(16, 16, 4)); // and two tiles for each.
  EXPECT_EQ(split(1, 1, 4096), std::tuple(64, 8, 4)); // One row tile alone.
  EXPECT_EQ(split(1, 1, 32768), std::tuple(64, 8, 8));
  EXPECT_EQ(split(1, 1, 8192, 64), std::tuple(64, 8, 4)) << "a narrow one of twice the keys";
  EXPECT_EQ(split(1, 2, 8192), std::tuple(64, 8, 4)) << "or two";
  EXPECT_EQ(split(1, 2, 8192, 256), std::tuple(64, 2, 8)) << "which have the next tile in flight";
  EXPECT_EQ(split(1, 2, 4096), std::tuple(16, 16, 8)) << "of more keys";
  EXPECT_EQ(split(1, 2, 32768), std::tuple(64, 2, 8)) << "and not of many";
  EXPECT_EQ(split(1, 1, 4096, 64), std::tuple(16, 16, 4)) << "narrow ones merge once";
  EXPECT_EQ(split(1, 4, 8192, 64), std::tuple(16, 16, 4));
  EXPECT_EQ(split(1, 2, 16384, 64), std::tuple(64, 8, 4));
  EXPECT_EQ(split(1, 3, 16384, 64), std::tuple(32, 8, 4));
  EXPECT_EQ(split(1, 7, 16384), std::tuple(24, 8, 4)); // Clusters, then the grid.
  EXPECT_EQ(split(8, 8, 2048), std::tuple(2, 2, 8)) << "a pair on every multiprocessor";
  EXPECT_EQ(split(8, 8, 512), std::tuple(2, 2, 4)) << "short ones with fewer warps";
  EXPECT_EQ(split(1, 8, 4096), std::tuple(16, 16, 4)) << "one cluster's merge is cheaper than pairs' and the grid's";
  EXPECT_EQ(split(1, 8, 8192), std::tuple(16, 2, 8)) << "pairs on nearly every one, and then the grid";
  EXPECT_EQ(split(1, 2, 1024), std::tuple(16, 16, 4)) << "few row tiles: a key tile for each warp";
  EXPECT_EQ(split(1, 4, 8192), std::tuple(32, 2, 8));
  EXPECT_EQ(split(4, 8, 2048), std::tuple(4, 2, 8));
  EXPECT_EQ(split(4, 8, 2048, 64), std::tuple(8, 8, 4)) << "narrow heads merge once, unless each warp has more to read";
  EXPECT_EQ(split(4, 8, 4096, 64), std::tuple(4, 2, 8));
  EXPECT_EQ(split(1, 40, 8192), std::tuple(3, 1, 8));
  EXPECT_EQ(split(4, 7, 2048), std::tuple(4, 4, 4)) << "clusters of eight would not all find room";
  Problem group = problemOf(Mode::Decode, 1, 8, 4096, 128);
  group.queryHeads = 64;
  EXPECT_EQ(defaultOn("sm_90a", group).cluster, 16) << "what a group merges wants twice the keys";
  group.context = 2048;
  EXPECT_EQ(defaultOn("sm_90a", group).cluster, 8) << "and few parts of few keys";
  group.context = 8192;
  EXPECT_EQ(defaultOn("sm_90a", group).cluster, 2);
  EXPECT_EQ(defaultOn("sm_100", problemOf(Mode::Decode, 1, 8, 4096, 128)).cluster, 8) << "16 were seen on sm_90 only";
  EXPECT_EQ(defaultOn("sm_120", problemOf(Mode::Decode, 1, 8, 4096, 128)).cluster, 8);
  EXPECT_EQ(defaultOn("sm_80", problemOf(Mode::Decode, 1, 8, 4096, 128)).cluster, 1);
  EXPECT_EQ(defaultOn("sm_80", problemOf(Mode::Decode, 1, 8, 4096, 128)).splits, 16);
  EXPECT_EQ(defaultOn("sm_90a", problemOf(Mode::Decode, 1, 8, 4096, 128)).load, LoadPath::Registers);
}

/// Rows of one row tile, whose merge grows with them.
TEST(DefaultSchedule, SplitsOfOneRowTileFollowItsRows) {
  auto of = [](int64_t group, int64_t context, int64_t headDim, const char *arch = "sm_90a", int64_t heads = 1) {
    Problem problem = problemOf(Mode::Decode, 1, group * heads, context, headDim);
    problem.kvHeads = heads;
    Schedule schedule = defaultOn(arch, problem);
    return std::tuple(schedule.splits, schedule.cluster, schedule.warps);
  };
  EXPECT_EQ(of(8, 8192, 128, "sm_90a", 2), std::tuple(32, 8, 8)) << "two of one row only";
  EXPECT_EQ(of(6, 8192, 64), std::tuple(64, 16, 4));
  EXPECT_EQ(std::get<0>(of(1, 8192, 128, "sm_100")), 32) << "seen on sm_90 only";
  EXPECT_EQ(std::get<0>(of(1, 131072, 128, "sm_100")), 128);
  EXPECT_EQ(of(4, 8192, 128), std::tuple(64, 16, 4));
  EXPECT_EQ(of(4, 8192, 64), std::tuple(64, 8, 4)) << "narrow rows are less";
  EXPECT_EQ(of(8, 8192, 64), std::tuple(64, 16, 4));
  EXPECT_EQ(of(8, 32768, 64), std::tuple(64, 8, 4));
  EXPECT_EQ(of(8, 32768, 128), std::tuple(64, 8, 8));
  EXPECT_EQ(of(1, 65536, 128), std::tuple(128, 2, 8));
  EXPECT_EQ(of(4, 65536, 128), std::tuple(64, 8, 8)) << "one CTA would merge four rows of 64 pairs";
  EXPECT_EQ(of(4, 131072, 128), std::tuple(128, 2, 8));
  EXPECT_EQ(of(8, 131072, 128), std::tuple(64, 8, 8));
  EXPECT_EQ(of(8, 262144, 128), std::tuple(128, 2, 8));
}

/// Two tiles of 16 keys rather than one of 32, where row tiles are not so few.
TEST(DefaultSchedule, NarrowTilesAreWideUnlessTheyWouldBeTheOnlyOnes) {
  auto keys = [](int64_t heads, int64_t context) {
    return defaultOn("sm_90a", problemOf(Mode::Decode, 1, heads, context, 64)).keys;
  };
  EXPECT_EQ(keys(8, 2048), 16);
  EXPECT_EQ(keys(8, 4096), 32);
  EXPECT_EQ(keys(16, 1024), 16);
  EXPECT_EQ(keys(8, 1024), 32);
  EXPECT_EQ(keys(4, 2048), 32);
}

TEST(DefaultSchedule, RowTilesThatFillTheGpuHaveCtasOfFewWarps) {
  auto of = [](int64_t batch, int64_t headDim, const char *arch = "sm_90a", int64_t context = 4096) {
    Schedule schedule = defaultOn(arch, problemOf(Mode::Decode, batch, 8, context, headDim));
    return std::tuple(schedule.warps, schedule.splits, schedule.cluster);
  };
  EXPECT_EQ(of(32, 128), std::tuple(4, 1, 1));
  EXPECT_EQ(of(32, 128, "sm_90a", 1023), std::tuple(2, 2, 2)) << "256 of 528 places: pairs of few keys";
  EXPECT_EQ(of(32, 128, "sm_90a", 1024), std::tuple(4, 1, 1));
  EXPECT_EQ(of(64, 128, "sm_90a", 1024), std::tuple(2, 1, 1));
  EXPECT_EQ(of(64, 128, "sm_90a", 1025), std::tuple(4, 1, 1)) << "which has little to merge";
  EXPECT_EQ(of(64, 256), std::tuple(2, 1, 1)) << "one tile in flight";
  EXPECT_EQ(of(32, 256), std::tuple(2, 2, 2));
  EXPECT_EQ(of(34, 128), std::tuple(4, 8, 1)); // 272: two on some multiprocessors, three on others; splits level that.
  EXPECT_EQ(of(48, 64, "sm_90a", 1023), std::tuple(2, 2, 2)); // Narrow ones have 792 places.
  EXPECT_EQ(of(128, 64, "sm_90a", 255), std::tuple(4, 1, 1)); // Two warps would leave a third of the second wave idle.
  EXPECT_EQ(of(48, 64), std::tuple(8, 2, 1)) << "long and narrow: in step, two of which fit";
  EXPECT_EQ(of(256, 128), std::tuple(4, 1, 1));
  EXPECT_EQ(of(26, 128, "sm_80"), std::tuple(4, 1, 1)); // 208 of 432 places, and no clusters to pair in.
  EXPECT_GT(std::get<1>(of(1, 128, "sm_80")), 8);      // Few row tiles: splits fill the GPU.
}

/// Heads whose rows of K and V end within a line.
TEST(DefaultSchedule, RowTilesThatShareLinesKeepStep) {
  auto of = [](int64_t batch, int64_t context, int64_t headDim, const char *arch = "sm_90a") {
    Schedule schedule = defaultOn(arch, problemOf(Mode::Decode, batch, 8, context, headDim));
    return std::tuple(schedule.warps, schedule.splits, schedule.spread);
  };
  EXPECT_EQ(of(32, 4096, 80), std::tuple(8, 1, false));
  EXPECT_EQ(of(32, 4096, 96), std::tuple(8, 1, false)) << "192 bytes are one line and a half";
  EXPECT_EQ(of(32, 4096, 128), std::tuple(4, 1, true)) << "256 bytes are whole lines";
  EXPECT_EQ(of(32, 2047, 192), std::tuple(2, 2, true)) << "384 too,";
  EXPECT_EQ(of(32, 2048, 192), std::tuple(8, 1, false)) << "but have one tile in flight";
  EXPECT_EQ(of(32, 4096, 256), std::tuple(2, 2, false)) << "of which fewer find room";
  EXPECT_EQ(of(37, 4096, 80), std::tuple(8, 3, false)) << "296 of 396 places: splits level that";
  EXPECT_EQ(of(37, 4096, 48), std::tuple(8, 6, false)) << "two of narrow ones fit: 1776 of 1848";
  EXPECT_EQ(of(37, 256, 80), std::tuple(4, 1, false)) << "few keys: fewer warps, nothing to split";
  EXPECT_EQ(of(32, 512, 80), std::tuple(4, 1, false));
  EXPECT_EQ(of(32, 2048, 80), std::tuple(4, 1, false));
  EXPECT_EQ(of(32, 2049, 80), std::tuple(8, 1, false));
  EXPECT_EQ(of(32, 512, 48), std::tuple(4, 2, false));
  EXPECT_EQ(of(32, 513, 48), std::tuple(8, 1, false)) << "narrow ones have more to load at once";
  EXPECT_EQ(of(64, 2048, 208), std::tuple(4, 1, false));
  EXPECT_EQ(of(64, 2048, 168), std::tuple(2, 1, false)) << "one tile in flight, and a last wave of 116";
  EXPECT_EQ(of(64, 2049, 168), std::tuple(8, 1, false));
  EXPECT_EQ(of(32, 2048, 168), std::tuple(8, 1, false)) << "no turns to take";
  EXPECT_EQ(of(64, 2048, 192), std::tuple(2, 1, false));
  EXPECT_EQ(of(32, 17, 80), std::tuple(2, 1, false)) << "a tile for each warp";
  EXPECT_EQ(of(16, 4096, 80), std::tuple(4, 2, true)) << "places are left";
  EXPECT_EQ(of(32, 1024, 64), std::tuple(8, 1, false)) << "narrow and long";
  EXPECT_EQ(of(32, 1023, 64), std::tuple(2, 2, true));
  EXPECT_EQ(of(64, 256, 64), std::tuple(4, 1, false)) << "or many";
  EXPECT_EQ(of(64, 1024, 64), std::tuple(4, 1, false));
  EXPECT_EQ(of(64, 1025, 64), std::tuple(8, 1, false));
  EXPECT_EQ(of(64, 255, 64), std::tuple(2, 1, true));
  EXPECT_EQ(of(56, 512, 64), std::tuple(2, 1, true)) << "448 leave a third of the second wave";
  EXPECT_EQ(std::get<0>(of(32, 4096, 80, "sm_80")), 4) << "seen on sm_90 only";
  EXPECT_EQ(std::get<0>(of(64, 4096, 80, "sm_100")), 4);
  Problem one = problemOf(Mode::Decode, 1, 256, 4096, 80);
  one.ragged = true;
  EXPECT_EQ(defaultOn("sm_90a", one).warps, 4) << "its length is not known";
  one.ragged = false;
  Schedule small = defaultOn("sm_90a", one); // Of four warps more would fit than are to be shared out.
  small.warps = 4;
  EXPECT_TRUE(spreadMatters(one, small, llvm::cantFail(namedTarget("sm_90a"))));
  EXPECT_FALSE(wantsSpread(one, small, llvm::cantFail(namedTarget("sm_90a"))));
  auto tiled = [](const Problem &problem) {
    Schedule schedule = defaultOn("sm_90a", problem);
    return std::tuple(schedule.warps, schedule.keys, schedule.splits, schedule.spread);
  };
  Problem narrow = problemOf(Mode::Decode, 32, 8, 2048, 64);
  EXPECT_EQ(tiled(narrow), std::tuple(8, 16, 1, false));
  narrow.kvDtype = ElementType::F8E4M3;
  EXPECT_EQ(tiled(narrow), std::tuple(8, 16, 1, false)) << "64 dims of a byte are half a line";
  narrow.batch = 16;
  EXPECT_EQ(std::get<1>(tiled(narrow)), 32) << "places are left";
  narrow.batch = 32;
  narrow.headDim = 80;
  EXPECT_EQ(tiled(narrow), std::tuple(4, 32, 1, false)) << "wider tiles of bytes, and fewer warps at any length";
  narrow.context = 16384;
  EXPECT_EQ(tiled(narrow), std::tuple(4, 32, 1, false));
  Problem group = problemOf(Mode::Decode, 32, 64, 2048, 64);
  group.kvHeads = 8;
  EXPECT_EQ(tiled(group), std::tuple(4, 32, 1, false)) << "eight rows are the block's rows";
  group.context = 2047;
  EXPECT_EQ(tiled(group), std::tuple(4, 32, 1, true));
  group.headDim = 48;
  EXPECT_EQ(std::get<0>(tiled(group)), 8) << "which share lines";
  group.headDim = 192;
  group.context = 4096;
  EXPECT_EQ(std::get<0>(tiled(group)), 2) << "seen of rows that are columns";
}

/// Sequences of many lengths, of heads that share lines: warps side by side, not CTAs.
TEST(DefaultSchedule, RaggedRowTilesThatShareLinesHaveManyWarps) {
  Problem full = problemOf(Mode::Decode, 32, 8, 2048, 80);
  full.ragged = true;
  auto of = [](const Problem &problem, const char *arch = "sm_90a") {
    Schedule schedule = defaultOn(arch, problem);
    return std::tuple(schedule.warps, schedule.keys);
  };
  auto with = [&](int64_t Problem::*field, int64_t value) {
    Problem problem = full;
    problem.*field = value;
    return problem;
  };
  const std::tuple many(8, 32), few(4, 16);
  EXPECT_EQ(of(full), many);
  EXPECT_EQ(defaultOn("sm_90a", full).splits, 1);
  EXPECT_EQ(defaultOn("sm_90a", with(&Problem::context, 8192)).splits, 4) << "each has 2048 keys";
  EXPECT_EQ(defaultOn("sm_90a", with(&Problem::context, 8192)).splitTiles, 8);
  EXPECT_EQ(of(with(&Problem::headDim, 96)), many);
  EXPECT_EQ(of(with(&Problem::headDim, 104)), few) << "no registers for such tiles";
  EXPECT_EQ(of(with(&Problem::headDim, 128)), few) << "whole lines";
  EXPECT_EQ(std::get<0>(of(with(&Problem::headDim, 48))), 4) << "narrow";
  EXPECT_EQ(of(with(&Problem::context, 2047)), few);
  EXPECT_EQ(of(with(&Problem::batch, 16)), few) << "places are left: a split would have four times the keys";
  EXPECT_EQ(of(with(&Problem::queryHeads, 64)), few) << "eight rows are the block's rows";
  EXPECT_EQ(of(full, "sm_80"), few);
  EXPECT_EQ(of(full, "sm_100"), few);
  Problem bytes = full;
  bytes.kvDtype = ElementType::F8E4M3;
  EXPECT_EQ(std::get<0>(of(bytes)), 4);
}

/// Where a swapped block has room for all rows.
TEST(DefaultSchedule, FewRowsSwapOperands) {
  auto rows = [](Problem problem, int64_t group, int64_t queryLength = 1, const char *arch = "sm_90a") {
    problem.queryHeads = group * problem.kvHeads;
    problem.queryLength = queryLength;
    Schedule schedule = defaultOn(arch, problem);
    return std::pair(schedule.swapped, schedule.rows);
  };
  Problem probe = problemOf(Mode::Decode, 4, 8, 2048, 128), softmax = probe;
  softmax.probe = Probe::None;
  EXPECT_EQ(rows(probe, 1), std::pair(true, int64_t(4)));
  EXPECT_EQ(rows(probe, 4), std::pair(true, int64_t(4)));
  EXPECT_EQ(rows(probe, 2, 2, "sm_80"), std::pair(true, int64_t(4)));
  EXPECT_EQ(rows(probe, 5), std::pair(false, int64_t(8)));
  EXPECT_EQ(rows(probe, 1, 5), std::pair(false, int64_t(8)));
  EXPECT_EQ(rows(softmax, 8), std::pair(true, int64_t(8)));
  EXPECT_FALSE(rows(softmax, 9).first);
}

/// Where more CTAs find room on a multiprocessor than its share, unless lengths differ.
TEST(DefaultSchedule, CtasAreSpread) {
  auto spread = [](int64_t batch, int64_t heads, int64_t context, int64_t headDim, bool ragged = false) {
    Problem problem = problemOf(Mode::Decode, batch, heads, context, headDim);
    problem.ragged = ragged;
    return defaultOn("sm_90a", problem).spread;
  };
  EXPECT_TRUE(spread(32, 8, 512, 64));
  EXPECT_TRUE(spread(1, 8, 512, 128));
  EXPECT_FALSE(spread(1, 8, 8192, 128)) << "eight warps have room once";
  EXPECT_FALSE(spread(256, 8, 2048, 128)) << "many waves";
  EXPECT_FALSE(spread(32, 8, 512, 64, /*ragged=*/true));
}

TEST(DefaultSchedule, DecodeSplitsFollowTheWindowNotTheCache) {
  Problem problem = problemOf(Mode::Decode, 1, 8, 131072, 128);
  problem.window = 512;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, 8);
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
                          "swapped=false spread=false static_sizes=false");
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
  EXPECT_EQ(schedule.splits, 8); // Fewer row tiles than places: 512 keys each make several waves.
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
    for (int64_t context : {512, 4096}) {
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
