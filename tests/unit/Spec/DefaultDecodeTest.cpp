//===- DefaultDecodeTest.cpp - few rows on a GPU, untuned -----------------===//

#include "DefaultOn.h"
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::test;

namespace {

TEST(DefaultDecode, DecodeSplitsFillTheGpu) {
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
  EXPECT_EQ(split(1, 2, 8192, 256), std::tuple(64, 2, 8)) << "but with one tile in flight";
  EXPECT_EQ(split(1, 2, 4096), std::tuple(16, 16, 8)) << "of too few keys";
  EXPECT_EQ(split(1, 2, 32768), std::tuple(64, 2, 8)) << "of too many";
  EXPECT_EQ(split(1, 1, 4096, 64), std::tuple(16, 16, 4)) << "narrow ones merge once";
  EXPECT_EQ(split(1, 4, 8192, 64), std::tuple(16, 16, 4));
  EXPECT_EQ(split(1, 2, 16384, 64), std::tuple(64, 8, 4));
  EXPECT_EQ(split(1, 3, 16384, 64), std::tuple(32, 8, 4));
  EXPECT_EQ(split(1, 7, 16384), std::tuple(24, 8, 4)); // Clusters, then the grid.
  EXPECT_EQ(split(8, 8, 2048), std::tuple(2, 2, 8)) << "a pair on every multiprocessor";
  EXPECT_EQ(split(8, 8, 512), std::tuple(2, 2, 4)) << "short ones with fewer warps";
  EXPECT_EQ(split(1, 8, 4096), std::tuple(16, 16, 4)) << "one cluster's merge is cheaper than pairs' and the grid's";
  EXPECT_EQ(split(1, 8, 8192), std::tuple(16, 2, 8)) << "pairs on nearly every one, and then the grid";
  EXPECT_EQ(split(1, 8, 5120), std::tuple(16, 2, 8)) << "from a quarter more keys on";
  EXPECT_EQ(split(1, 8, 5104), std::tuple(24, 8, 4));
  EXPECT_EQ(split(2, 8, 2560), std::tuple(8, 2, 8));
  EXPECT_EQ(split(1, 8, 5120, 160), std::tuple(24, 8, 4)) << "wide ones want twice as many";
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

/// A long launch's row tiles keep their order only if none takes its place early.
TEST(DefaultDecode, LongLaunchesDoNotStartEarly) {
  auto dependent = [](int64_t batch, int64_t context, int64_t headDim, const char *arch = "sm_90a") {
    return defaultOn(arch, problemOf(Mode::Decode, batch, 8, context, headDim)).dependent;
  };
  EXPECT_TRUE(dependent(1, 4096, 128));
  EXPECT_TRUE(dependent(32, 2048, 128));
  EXPECT_FALSE(dependent(32, 4096, 128));
  EXPECT_FALSE(dependent(64, 2048, 128)) << "it is bytes that count";
  EXPECT_TRUE(dependent(32, 4096, 64));
  EXPECT_FALSE(dependent(32, 8192, 64));
  EXPECT_FALSE(dependent(32, 2048, 192)) << "of wide heads fewer";
  EXPECT_TRUE(dependent(32, 1024, 192));
  EXPECT_FALSE(dependent(1, 512, 128, "sm_80")) << "which has no dependent launch";
  Problem problem = problemOf(Mode::Decode, 32, 8, 4096, 128);
  problem.window = 1024;
  EXPECT_TRUE(defaultOn("sm_90a", problem).dependent) << "of keys that are seen";
  problem = problemOf(Mode::Decode, 32, 8, 4096, 128);
  problem.kvDtype = ElementType::F8E4M3;
  EXPECT_TRUE(defaultOn("sm_90a", problem).dependent) << "of bytes that are read";
  problem = problemOf(Mode::Decode, 64, 8, 8192, 128);
  problem.ragged = true;
  EXPECT_TRUE(defaultOn("sm_90a", problem).dependent) << "lengths that differ have no order to keep";
}

/// Rows of one row tile, whose merge grows with them.
TEST(DefaultDecode, SplitsOfOneRowTileFollowItsRows) {
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
TEST(DefaultDecode, NarrowTilesAreWideUnlessTheyWouldBeTheOnlyOnes) {
  auto keys = [](int64_t heads, int64_t context) {
    return defaultOn("sm_90a", problemOf(Mode::Decode, 1, heads, context, 64)).keys;
  };
  EXPECT_EQ(keys(8, 2048), 16);
  EXPECT_EQ(keys(8, 4096), 32);
  EXPECT_EQ(keys(16, 1024), 16);
  EXPECT_EQ(keys(8, 1024), 32);
  EXPECT_EQ(keys(4, 2048), 32);
}

TEST(DefaultDecode, RowTilesThatFillTheGpuHaveCtasOfFewWarps) {
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
TEST(DefaultDecode, RowTilesThatShareLinesKeepStep) {
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
TEST(DefaultDecode, RaggedRowTilesThatShareLinesHaveManyWarps) {
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
  const std::tuple many(8, 32), fewKeys(8, 16);
  EXPECT_EQ(of(full), many);
  EXPECT_EQ(defaultOn("sm_90a", full).splits, 1);
  EXPECT_EQ(defaultOn("sm_90a", with(&Problem::context, 8192)).splits, 4) << "each has 2048 keys";
  EXPECT_EQ(defaultOn("sm_90a", with(&Problem::context, 8192)).splitTiles, 8);
  EXPECT_EQ(of(with(&Problem::headDim, 96)), many);
  EXPECT_EQ(of(with(&Problem::headDim, 104)), fewKeys) << "no registers for such tiles";
  EXPECT_EQ(of(with(&Problem::headDim, 128)), fewKeys) << "whole lines";
  EXPECT_EQ(of(with(&Problem::context, 2047)), fewKeys);
  EXPECT_EQ(of(with(&Problem::batch, 16)), fewKeys) << "places are left";
  EXPECT_EQ(of(with(&Problem::queryHeads, 64)), fewKeys) << "eight rows are the block's rows";
  EXPECT_EQ(of(full, "sm_80"), fewKeys);
  EXPECT_EQ(of(full, "sm_100"), fewKeys);
  EXPECT_EQ(of(with(&Problem::batch, 128)), many);
  EXPECT_EQ(of(with(&Problem::batch, 128), "sm_100"), std::tuple(4, 16));
}

/// Sequences of many lengths: the longest first, where row tiles are enough for that.
TEST(DefaultDecode, RaggedRowTilesTakeTurns) {
  auto of = [](int64_t batch, int64_t context, int64_t headDim, int64_t group = 1) {
    Problem problem = problemOf(Mode::Decode, batch, 8, context, headDim);
    problem.queryHeads = 8 * group;
    problem.ragged = true;
    Schedule schedule = defaultOn("sm_90a", problem);
    return std::tuple(schedule.warps, schedule.splits, schedule.splitTiles, schedule.longestFirst);
  };
  EXPECT_EQ(of(32, 2048, 128), std::tuple(8, 1, 1, true));
  EXPECT_EQ(of(32, 2048, 128, 8), std::tuple(8, 1, 1, true)) << "rows of a block or its columns";
  EXPECT_EQ(of(32, 4096, 128), std::tuple(8, 1, 1, true));
  EXPECT_EQ(of(64, 4096, 128), std::tuple(4, 2, 16, true)) << "a long one may be alone";
  EXPECT_EQ(of(64, 3056, 128), std::tuple(4, 1, 1, true));
  EXPECT_EQ(of(12, 2048, 128), std::tuple(4, 4, 8, true)) << "a quarter of the multiprocessors have none";
  EXPECT_EQ(of(12, 1024, 128), std::tuple(8, 1, 1, false)) << "parts would be short";
  EXPECT_EQ(of(12, 4096, 128), std::tuple(8, 2, 8, true));
  EXPECT_EQ(of(13, 2048, 128), std::tuple(8, 1, 1, false));
  EXPECT_EQ(of(32, 1024, 64), std::tuple(4, 1, 1, false)) << "short, and all have places";
  EXPECT_EQ(of(64, 2048, 128), std::tuple(4, 1, 1, true)) << "two places each";
  EXPECT_EQ(of(63, 2048, 128), std::tuple(4, 1, 1, true));
  EXPECT_EQ(of(62, 2048, 128), std::tuple(8, 1, 1, true));
  EXPECT_EQ(of(48, 1024, 128), std::tuple(4, 1, 1, true)) << "short ones end early";
  EXPECT_EQ(of(46, 1024, 128), std::tuple(8, 1, 1, true));
  EXPECT_EQ(of(64, 2048, 192), std::tuple(8, 1, 1, true)) << "one tile in flight";
  EXPECT_EQ(of(16, 2048, 128), std::tuple(8, 1, 1, false)) << "all have places";
  EXPECT_EQ(of(17, 2048, 128), std::tuple(8, 1, 1, true));
  EXPECT_EQ(of(16, 4096, 128), std::tuple(8, 2, 8, true)) << "the longest would be alone";
  EXPECT_EQ(of(16, 4096, 64), std::tuple(8, 1, 1, false)) << "parts would be short";
  EXPECT_EQ(of(16, 1024, 64), std::tuple(8, 1, 1, false));
  EXPECT_EQ(of(16, 1023, 64), std::tuple(4, 1, 1, false));
  EXPECT_EQ(of(8, 2048, 128), std::tuple(4, 4, 8, false)) << "half of the multiprocessors have none";
  EXPECT_EQ(std::get<0>(of(64, 4097, 128)), 4);
  EXPECT_FALSE(std::get<3>(of(8, 16384, 128))) << "though its parts wait";
  EXPECT_GT(std::get<1>(of(32, 8192, 128)), 1) << "too long for one CTA";
  EXPECT_TRUE(std::get<3>(of(32, 8192, 128))) << "parts wait for places";
  EXPECT_FALSE(defaultOn("sm_90a", problemOf(Mode::Decode, 32, 8, 2048, 128)).longestFirst);
  Problem window = problemOf(Mode::Decode, 32, 8, 65536, 128);
  window.window = 2048;
  window.ragged = true;
  EXPECT_FALSE(defaultOn("sm_90a", window).longestFirst) << "row tiles are about alike";
  EXPECT_EQ(defaultOn("sm_90a", window).warps, 4);
}

/// Where a swapped block has room for all rows.
TEST(DefaultDecode, FewRowsSwapOperands) {
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
TEST(DefaultDecode, CtasAreSpread) {
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

TEST(DefaultDecode, DecodeSplitsFollowTheWindowNotTheCache) {
  Problem problem = problemOf(Mode::Decode, 1, 8, 131072, 128);
  problem.window = 512;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(defaultOn("sm_90a", problem).splits, 8);
}

} // namespace
