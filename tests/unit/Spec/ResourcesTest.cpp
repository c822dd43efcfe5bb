//===- ResourcesTest.cpp - cost formulas ----------------------------------===//

#include "PlainProblem.h"
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace lla;
using namespace lla::test;

namespace {

TEST(Resources, DecodeWithRegisterLoads) {
  Problem problem = problemOf(Mode::Decode, 128);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Schedule schedule = scheduleOf("load=registers rows=8 keys=16 warps=8 stages=2 splits=4");
  Resources costs = resources(problem, schedule, target);
  EXPECT_EQ(costs.threads, 256);
  EXPECT_EQ(costs.rowsPerHead, 2); // Two query heads share a KV head.
  EXPECT_EQ(costs.rowTiles, 1);
  EXPECT_EQ(costs.keyWarps, 8);
  EXPECT_EQ(costs.grid.x, 2 * 8);
  EXPECT_EQ(costs.grid.y, 4);
  EXPECT_EQ(costs.registersPerThread, 64 + 32 + 2 * 32 + 8 + 40);
  Schedule swapped = scheduleOf("load=registers rows=4 swapped=true keys=16 warps=8 stages=2 splits=4");
  EXPECT_EQ(resources(problem, swapped, target).registersPerThread, 32 + 16 + 2 * 32 + 4 + 40);
  EXPECT_EQ(costs.sharedBytes, 8 * 2 * (2 * 128 + 4) * 4 + 16);
  EXPECT_EQ(costs.workspaceBytes, 256 + 16 * 4 * 8 * (2 * 128 + 4) * 4);
  EXPECT_EQ(message(checkFeasible(problem, schedule, target)), "");
}

TEST(Resources, KeysOfBytesTakeHalfTheRegistersAndNoRing) {
  Problem problem = problemOf(Mode::Decode, 128);
  problem.kvDtype = ElementType::F8E4M3;
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Schedule schedule = scheduleOf("load=registers rows=8 keys=32 warps=4 stages=2 splits=4");
  EXPECT_EQ(resources(problem, schedule, target).registersPerThread, 64 + 32 + 2 * 32 + 16 + 40);
  EXPECT_EQ(message(checkFeasible(problem, schedule, target)), "");
  EXPECT_EQ(infeasibility(problem, ringSchedule, "sm_90a"),
            "load: expected registers with kv_dtype=fp8_e4m3 (wgmma takes 16-bit keys from shared memory), got ring");
}

TEST(Resources, RegisterLoadsShareNothingWithoutAMerge) {
  Problem problem = problemOf(Mode::Prefill, 64);
  Schedule schedule = scheduleOf("load=registers rows=32 keys=16 warps=4 stages=1");
  Resources costs = resources(problem, schedule, llvm::cantFail(namedTarget("sm_80")));
  EXPECT_EQ(costs.keyWarps, 1);
  EXPECT_EQ(costs.sharedBytes, 0);
  EXPECT_EQ(costs.workspaceBytes, 0);
  EXPECT_EQ(costs.rowsPerHead, 2 * 2048);
  EXPECT_EQ(costs.rowTiles, 128);
  schedule.splits = 2;
  EXPECT_EQ(resources(problem, schedule, llvm::cantFail(namedTarget("sm_80"))).sharedBytes,
            4 * 8 * (2 * 64 + 4) * 4 + 16);
}

TEST(Resources, PrefillWithARing) {
  Problem problem = problemOf(Mode::Prefill, 128);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Resources costs = resources(problem, scheduleOf(ringSchedule), target);
  EXPECT_EQ(costs.threads, 384);
  EXPECT_EQ(costs.rowsPerHead, 2 * 2048); // Both heads of a group are rows of one tile.
  EXPECT_EQ(costs.grid.x, 2 * 8 * 32);
  EXPECT_EQ(costs.registersPerThread, 2 * 64 + 2 * 40 + 20 + 30);
  EXPECT_EQ(costs.sharedBytes, 2 * 128 * 128 * 2 + 3 * 80 * 256 * 2 + 64 + 1024);
  EXPECT_EQ(infeasibility(problem, ringSchedule, "sm_90a"), "");
  // The probes: 80 keys fit the registers at D = 128, 96 do not.
  EXPECT_NE(
      infeasibility(problem, "load=ring rows=128 keys=96 warps=8 stages=2", "sm_90a").find("registers per thread"),
      std::string::npos);
}

TEST(Resources, RowTilesOfPersistentCtas) {
  Problem problem = problemOf(Mode::Prefill, 128);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  const char *text = "load=ring rows=128 keys=80 warps=8 stages=2 persistent=true";
  Resources costs = resources(problem, scheduleOf(text), target);
  EXPECT_EQ(costs.tiles, 2 * 8 * 32);
  EXPECT_EQ(costs.grid.x, 132); // One CTA per multiprocessor.
  EXPECT_EQ(costs.sharedBytes, 2 * 2 * 128 * 128 * 2 + 2 * 80 * 256 * 2 + 64 + 1024);
  EXPECT_EQ(infeasibility(problem, text, "sm_90a"), "");
  EXPECT_NE(infeasibility(problem, "load=ring rows=128 keys=80 warps=8 stages=3 persistent=true", "sm_90a")
                .find("shared bytes per CTA"),
            std::string::npos);
  problem.batch = problem.queryHeads = problem.kvHeads = 2;
  EXPECT_EQ(resources(problem, scheduleOf(text), target).grid.x, 2 * 2 * 16);
  EXPECT_EQ(infeasibility(problemOf(Mode::Decode, 64), "persistent=true", "sm_90a"),
            "persistent: expected false (row tiles are shared out with load=ring, of ragged lengths with stream_k, "
            "of packed queries not at all), got true");
  problem.ragged = true;
  EXPECT_NE(infeasibility(problem, text, "sm_90a").find("persistent: expected false"), std::string::npos);
  std::string levelled = std::string(text) + " stream_k=true split_tiles=8";
  EXPECT_EQ(infeasibility(problem, levelled.c_str(), "sm_90a"), "");
  problem.batch = 1 << 20;
  EXPECT_NE(infeasibility(problem, levelled.c_str(), "sm_90a").find("key tiles of all row tiles"), std::string::npos);
  problem.batch = 2;
  problem.packedQueries = true;
  EXPECT_NE(infeasibility(problem, levelled.c_str(), "sm_90a").find("persistent: expected false"), std::string::npos);
}

TEST(Resources, ALastTurnIsDividedAmongAllMultiprocessors) {
  Problem problem = problemOf(Mode::Prefill, 128);
  problem.batch = problem.queryHeads = problem.kvHeads = 2; // Fewer row tiles than CTAs: all are left for it.
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Schedule schedule = scheduleOf("load=ring rows=128 keys=64 warps=8 persistent=true stream_k=true split_tiles=4");
  Resources costs = resources(problem, schedule, target);
  EXPECT_EQ(costs.grid.x, 132);
  LaunchSizes sizes = launchSizes(problem, schedule, costs);
  EXPECT_EQ(std::tuple(sizes.turns, sizes.splits, sizes.split_tiles), std::tuple(0, 1, 4));
  // A CTA has parts of two row tiles at most.
  EXPECT_EQ(counterBytes(costs), 132 * 2 * 8 * 4);
  EXPECT_EQ(costs.workspaceBytes, counterBytes(costs) + 132 * 2 * 8 * 32 * (128 + 8) * 4);
  problem.batch = 70;
  costs = resources(problem, schedule, target);
  EXPECT_EQ(launchSizes(problem, schedule, costs).turns, costs.tiles / 132);
  problem.window = 100;
  problem.causal = true;
  std::string fault = infeasibility(problem, toText(schedule).c_str(), "sm_90a");
  EXPECT_NE(fault.find("stream_k: expected false"), std::string::npos) << fault;
}

TEST(Resources, TurnsNeedTwoWarpgroups) {
  Problem problem = problemOf(Mode::Prefill, 64);
  EXPECT_EQ(infeasibility(problem, "load=ring rows=128 keys=80 warps=8 stages=2 pingpong=true", "sm_90a"), "");
  EXPECT_EQ(infeasibility(problem, "load=ring rows=64 keys=80 warps=4 stages=2 pingpong=true", "sm_90a"),
            "pingpong: expected false (warpgroups take turns with load=ring and 8 warps or more), got true");
  EXPECT_NE(infeasibility(problem, "pingpong=true warps=8", "sm_90a").find("pingpong: expected false"),
            std::string::npos);
}

TEST(Resources, RoundedWeightsNeedOnePanelOfValuesAndNoState) {
  const char *text = "load=ring rows=128 keys=80 warps=8 stages=2 rounded=true";
  Problem problem = problemOf(Mode::Prefill, 64);
  EXPECT_EQ(infeasibility(problem, text, "sm_90a"), "");
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Schedule rounded = scheduleOf(text), plain = rounded;
  plain.rounded = false;
  EXPECT_EQ(resources(problem, rounded, target).sharedBytes, resources(problem, plain, target).sharedBytes + 16 * 128)
      << "16 rows of ones";
  problem.state = true;
  EXPECT_EQ(infeasibility(problem, text, "sm_90a"),
            "rounded: expected false with state (lse and tbar are of weights that are not rounded), got true");
  problem = problemOf(Mode::Prefill, 64, Probe::Given, ElementType::F16);
  EXPECT_EQ(infeasibility(problem, "load=ring rows=128 keys=80 warps=8 stages=2 rounded=true lazy=0", "sm_90a"),
            "rounded: expected false for fp16 with a probe (t would overflow), got true");
  problem = problemOf(Mode::Prefill, 72);
  EXPECT_EQ(infeasibility(problem, text, "sm_90a"),
            "rounded: expected false (ones stand beside values of load=ring and head_dim <= 64), got true");
  EXPECT_NE(infeasibility(problemOf(Mode::Prefill, 64), "rounded=true warps=8", "sm_90a").find("rounded: expected"),
            std::string::npos);
}

TEST(Resources, ARingPacksGroupsThatDivideAWarpgroup) {
  Problem problem = problemOf(Mode::Prefill, 128);
  Schedule schedule = scheduleOf(ringSchedule); // 128 rows, 80 keys.
  for (auto [group, packs] : {std::pair(1, true), {3, false}, {4, true}, {64, true}, {128, false}}) {
    problem.queryHeads = problem.kvHeads * group;
    EXPECT_EQ(packsGroup(problem, schedule), packs) << group;
  }
  problem.mode = Mode::Decode; // Waits for bytes: idle rows cost nothing.
  for (auto [group, rows] : {std::pair(1, 1), {3, 4}, {4, 4}, {12, 16}, {33, 64}, {64, 64}, {65, 1}}) {
    problem.queryHeads = problem.kvHeads * group;
    EXPECT_EQ(rowsPerQuery(problem, schedule), rows) << group;
    EXPECT_EQ(packsGroup(problem, schedule), group <= 64) << group;
  }
  problem.mode = Mode::Prefill;
  problem.queryHeads = 2 * problem.kvHeads;
  problem.window = 1024;
  EXPECT_FALSE(packsGroup(problem, schedule)) << "64 query rows for 80 keys";
  problem.ragged = true;
  EXPECT_TRUE(packsGroup(problem, schedule)) << "row by row, copies stop where a tile's rows see no more";
  problem.ragged = false;
  schedule.keys = 64;
  EXPECT_TRUE(packsGroup(problem, schedule));
}

TEST(Resources, HostScratchIsBounded) {
  Problem problem = problemOf(Mode::Prefill, 64, Probe::Given, ElementType::F32);
  Resources costs = resources(problem, scheduleOf(scratchSchedule), hostTarget(1));
  int64_t floats = 4 * 64 * 64 + 2 * 64 * 64 + 4 * 64 * 64 + 16 * 64;
  EXPECT_EQ(costs.sharedBytes, floats * 4 + 4096);
  EXPECT_EQ(costs.threads, 1);
  EXPECT_EQ(costs.grid.x, 2 * 8 * 64);
}

TEST(Resources, PaddingFollowsTheProducts) {
  Problem problem = problemOf(Mode::Decode, 72);
  EXPECT_EQ(paddedKeyDim(problem, scheduleOf("load=registers")), 96);
  EXPECT_EQ(paddedValueDim(problem, scheduleOf("load=registers")), 128);
  EXPECT_EQ(paddedKeyDim(problem, scheduleOf("load=ring")), 80);
  EXPECT_EQ(paddedValueDim(problem, scheduleOf("load=ring")), 72);
  EXPECT_EQ(paddedValueDim(problem, scheduleOf("load=ring value_parts=2")), 72);
  EXPECT_EQ(paddedValueDim(problemOf(Mode::Decode, 40), scheduleOf("load=ring rounded=true")), 64);
  EXPECT_EQ(paddedKeyDim(problem, scheduleOf("load=scratch")), 72);
  EXPECT_EQ(paddedValueDim(problem, scheduleOf("load=scratch")), 72);
  EXPECT_EQ(rowsPerBlock(problem, Schedule()), 8);
  EXPECT_EQ(rowsPerBlock(problemOf(Mode::Decode, 72, Probe::None), Schedule()), 16);
  EXPECT_EQ(rowsPerBlock(problem, scheduleOf("swapped=true")), 4);
  EXPECT_EQ(rowsPerBlock(problemOf(Mode::Decode, 72, Probe::None), scheduleOf("swapped=true")), 8);
}

/// As many CTAs find room as share them out evenly, where fewer waves would not follow.
TEST(Resources, SpreadLaunchesLeaveNoRoomForMoreThanAShare) {
  Problem problem = problemOf(Mode::Decode, 128);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  auto places = [&](const char *text, Grid grid) {
    Schedule schedule = scheduleOf(text);
    Resources costs = resources(problem, schedule, target);
    int64_t bytes = launchedSharedBytes(costs, schedule, grid, target);
    EXPECT_GE(bytes, costs.sharedBytes);
    EXPECT_LE(bytes, mostSharedBytes(costs, schedule, target));
    EXPECT_LE(mostSharedBytes(costs, schedule, target), target.sharedBytesPerBlock);
    return ctasThatFit(costs, schedule, bytes, target);
  };
  const char *few = "load=registers rows=4 swapped=true keys=16 warps=2 splits=2 spread=true";
  EXPECT_EQ(places(few, {256, 2}), 4); // 512 on 132.
  EXPECT_EQ(places(few, {64, 2}), 1);
  EXPECT_EQ(places(few, {132, 1}), 1);
  EXPECT_EQ(places(few, {133, 1}), 2);
  EXPECT_EQ(places(few, {512, 2}), 4) << "two waves";
  EXPECT_EQ(places(few, {4096, 2}), 6) << "many waves: as many as fit";
  EXPECT_EQ(places("load=registers rows=4 swapped=true keys=16 warps=2 splits=8 cluster=8 spread=true", {16, 8}), 2)
      << "128 in clusters, which reach 99";
  EXPECT_EQ(places("load=registers rows=4 swapped=true keys=16 warps=2 splits=2", {256, 2}), 6);
}

TEST(Resources, MultiprocessorsHoldSoManyThreadsAndCtas) {
  Problem problem = problemOf(Mode::Decode, 16);
  auto fit = [&](const char *arch, const char *text) {
    Schedule schedule = scheduleOf(text);
    Target target = llvm::cantFail(namedTarget(arch));
    Resources costs = resources(problem, schedule, target);
    costs.registersPerThread = 32; // Threads and places are the limit.
    return ctasThatFit(costs, schedule, 0, target);
  };
  EXPECT_EQ(fit("sm_90a", "load=registers warps=16"), 4);
  EXPECT_EQ(fit("sm_120", "load=registers warps=16"), 3);
  EXPECT_EQ(fit("sm_90a", "load=registers warps=1"), 32);
  EXPECT_EQ(fit("sm_89", "load=registers warps=1"), 24);
  EXPECT_EQ(fit("sm_86", "load=registers warps=1"), 16);
}

TEST(Resources, PartsOfValueColumnsBeginWithAPanel) {
  Schedule schedule = scheduleOf("load=ring value_parts=2");
  struct {
    int64_t dims, panel, columns, stride;
  } const expected[] = {{72, 32, 40, 32},  {96, 64, 64, 64},  {128, 64, 64, 64},  {136, 64, 72, 64},
                        {160, 32, 96, 64}, {168, 32, 96, 96}, {192, 32, 96, 96},  {200, 32, 104, 96},
                        {216, 32, 120, 96}, {224, 32, 128, 96}, {256, 64, 128, 128}};
  for (auto [dims, panel, columns, stride] : expected) {
    EXPECT_EQ(valuePanelColumns(problemOf(Mode::Prefill, dims), schedule), panel) << dims;
    EXPECT_EQ(valuePartColumns(problemOf(Mode::Prefill, dims), schedule), columns) << dims;
    EXPECT_EQ(valuePartStride(problemOf(Mode::Prefill, dims), schedule), stride) << dims;
  }
  EXPECT_EQ(valuePartColumns(problemOf(Mode::Prefill, 72), scheduleOf("load=ring")), 72);
  EXPECT_EQ(valuePanelColumns(problemOf(Mode::Prefill, 192), scheduleOf("load=ring")), 64);
}

TEST(Resources, RowsThatAreCopiedOneByOneAreInWidePanels) {
  Schedule schedule = scheduleOf("load=ring value_parts=2");
  Problem problem = problemOf(Mode::Prefill, 192);
  for (bool ragged : {false, true}) {
    problem.ragged = ragged;
    problem.pageSize = ragged ? 0 : 64;
    EXPECT_EQ(valuePanelColumns(problem, schedule), 64);
    EXPECT_EQ(valuePartColumns(problem, schedule), 128);
    EXPECT_EQ(valuePartStride(problem, schedule), 64);
    problem.headDim = 160;
    EXPECT_EQ(keyPanelColumns(problem, schedule), 64);
    problem.headDim = 192;
  }
}

TEST(Resources, ColumnsThatFillNoWidePanelAreInNarrowOnes) {
  Schedule schedule = scheduleOf("load=ring rows=128 keys=48 warps=8 stages=2");
  for (auto [dims, panel] : {std::pair(16, 64), {96, 64}, {128, 64}, {136, 64}, {144, 32}, {160, 32}, {168, 64},
                             {192, 64}, {200, 64}, {224, 32}, {240, 64}})
    EXPECT_EQ(keyPanelColumns(problemOf(Mode::Prefill, dims), schedule), panel) << dims;
  // 160 columns, not 192: of q and r, and of two slots of k and v; then 1 KiB to align them, and barriers.
  EXPECT_EQ(resources(problemOf(Mode::Prefill, 144), schedule, llvm::cantFail(namedTarget("sm_90a"))).sharedBytes,
            (2 * 128 + 2 * 2 * 48) * 160 * 2 + 1024 + 6 * 8);
}

TEST(Resources, HugeWorkspacesSaturateAndAreRefused) {
  Problem problem = problemOf(Mode::Decode, 256);
  problem.batch = 1 << 20;
  problem.queryHeads = problem.kvHeads = 1 << 10;
  llvm::cantFail(normalize(problem));
  Schedule schedule = scheduleOf("load=scratch rows=256 keys=16 warps=1 stages=1 splits=65535");
  EXPECT_EQ(resources(problem, schedule, hostTarget(1)).workspaceBytes, std::numeric_limits<int64_t>::max());
  EXPECT_NE(message(checkFeasible(problem, schedule, hostTarget(1))).find("workspace bytes"), std::string::npos);
}

TEST(Resources, KeysOfOneLookupLieInOnePage) {
  Schedule registers, ring, scratch;
  ring.load = LoadPath::Ring;
  ring.keys = 80;
  scratch.load = LoadPath::Scratch;
  Problem problem = problemOf(Mode::Decode, 64);
  EXPECT_EQ(keysPerLookup(problem, registers), 1);
  EXPECT_EQ(rowsPerKeyCopy(problem, ring), 80);
  for (int64_t size = 8; size <= 200; ++size) {
    problem.pageSize = size;
    for (int64_t keys : {16, 32, 48, 80, 112}) {
      registers.keys = keys;
      int64_t together = keysPerLookup(problem, registers);
      if (size % 8) {
        EXPECT_EQ(together, 1) << size; // Eight neighbouring keys may lie in two pages.
        continue;
      }
      EXPECT_TRUE(together % 8 == 0 && keys % together == 0 && size % together == 0) << size << " " << keys;
    }
    EXPECT_EQ(keysPerLookup(problem, scratch), 1);
  }
  problem.pageSize = 64;
  EXPECT_EQ(rowsPerKeyCopy(problem, ring), 16);
  ring.keys = 64;
  EXPECT_EQ(rowsPerKeyCopy(problem, ring), 16) << "of a decode, whose few tiles have edges";
  problem.mode = Mode::Prefill;
  EXPECT_EQ(rowsPerKeyCopy(problem, ring), 64);
}

TEST(Resources, HeldRowsNeedNoSecondSlot) {
  Problem problem = problemOf(Mode::Prefill, 192);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  auto bytes = [&](const std::string &more) {
    std::string weigher = "load=ring rows=64 keys=64 warps=12 value_parts=2 weigher=true persistent=true ";
    return resources(problem, scheduleOf((weigher + more).c_str()), target).sharedBytes;
  };
  constexpr int64_t barriers = 2 * 8;
  EXPECT_EQ(bytes("held_rows=false") - bytes("held_rows=true"), 2 * 64 * 192 * 2 + barriers);
}

/// Two slots of a tile of p and one of u, with their notes and barriers; K and V have barriers of their own.
TEST(Resources, AWeigherHandsOverThroughSharedMemory) {
  Problem problem = problemOf(Mode::Prefill, 256);
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  int64_t with = resources(problem, scheduleOf("load=ring rows=64 keys=64 warps=12 value_parts=2 weigher=true"), target)
                     .sharedBytes;
  int64_t without =
      resources(problem, scheduleOf("load=ring rows=64 keys=64 warps=8 value_parts=2"), target).sharedBytes;
  EXPECT_EQ(with - without, 2 * (2 * 64 * 64 * 2 + 2 * 256 + 2 * 16) + 3 * 256 + 16 * (2 + 4 + 1));
}

TEST(Quotient, IsTheDivisionOfWhatAGridCounts) {
  std::mt19937_64 random(5);
  constexpr int64_t most = (int64_t(1) << 31) - 1;
  auto check = [](int64_t n, int64_t divisor) {
    Quotient quotient = quotientOf(divisor);
    uint64_t product = static_cast<uint64_t>(n) * quotient.multiplier;
    int64_t got = quotient.multiplier ? static_cast<int64_t>(product >> 32 >> quotient.shift) : n;
    EXPECT_EQ(got, n / divisor) << n << " / " << divisor;
  };
  for (int64_t divisor = 1; divisor < 3000; ++divisor)
    for (int64_t n : {int64_t(0), divisor - 1, divisor, 2 * divisor - 1, most / divisor * divisor - 1,
                      most / divisor * divisor, most})
      check(n, divisor);
  for (int trial = 0; trial < 100000; ++trial) {
    int64_t divisor = static_cast<int64_t>(random() >> (33 + random() % 31)) + 1;
    int64_t n = static_cast<int64_t>(random() >> 33);
    check(n, divisor);
    check(std::min(most, n / divisor * divisor), divisor);
    check(std::max<int64_t>(0, n / divisor * divisor - 1), divisor);
  }
  check(most, most);
  check(most - 1, most);
}

} // namespace
