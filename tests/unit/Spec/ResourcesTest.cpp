//===- ResourcesTest.cpp - cost formulas and feasibility ------------------===//

#include "dialect/Spec/Resources.h"
#include "RandomProblem.h"
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <random>

using namespace lla;
using namespace lla::test;

namespace {

Problem problemOf(Mode mode, int64_t headDim, Probe probe = Probe::Given, ElementType dtype = ElementType::BF16) {
  Problem problem;
  problem.mode = mode;
  problem.probe = probe;
  problem.dtype = dtype;
  problem.batch = 2;
  problem.queryHeads = 16;
  problem.kvHeads = 8;
  problem.context = 2048;
  problem.headDim = headDim;
  llvm::cantFail(normalize(problem));
  return problem;
}

Schedule scheduleOf(const char *text) { return llvm::cantFail(parseScheduleText(text)); }

const char *const ringSchedule = "load=ring rows=128 keys=80 warps=8 stages=3 peel=true";
const char *const scratchSchedule = "load=scratch rows=64 keys=64 warps=1 stages=1";

std::string infeasibility(const Problem &problem, const char *schedule, const char *arch) {
  return message(checkFeasible(problem, scheduleOf(schedule), llvm::cantFail(namedTarget(arch))));
}

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
            "persistent: expected false (row tiles are shared out with load=ring, and as if all were of one length), "
            "got true");
  problem.ragged = true;
  EXPECT_NE(infeasibility(problem, text, "sm_90a").find("persistent: expected false"), std::string::npos);
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
  problem.queryHeads = 2 * problem.kvHeads;
  problem.window = 1024;
  EXPECT_FALSE(packsGroup(problem, schedule)) << "64 query rows for 80 keys";
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
  EXPECT_EQ(rowsPerBlock(problem), 8);
  EXPECT_EQ(rowsPerBlock(problemOf(Mode::Decode, 72, Probe::None)), 16);
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

TEST(Feasibility, LoadPathsNameTheTargetTheyNeed) {
  Problem prefill = problemOf(Mode::Prefill, 128);
  for (const char *arch : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "host"})
    EXPECT_EQ(infeasibility(prefill, ringSchedule, arch),
              std::string("load=ring needs sm_90a (wgmma, bulk tensor copies); target is ") + arch);
  EXPECT_EQ(infeasibility(prefill, scratchSchedule, "sm_80"), "load=scratch needs the host; target is sm_80");
  EXPECT_EQ(infeasibility(prefill, "load=registers", "host"),
            "load=registers needs sm_80 or newer (mma.sync); target is host");
  Target old = llvm::cantFail(namedTarget("sm_80"));
  old.arch = "sm_75";
  EXPECT_EQ(message(checkFeasible(prefill, scheduleOf("load=registers"), old)),
            "load=registers needs sm_80 or newer (mma.sync); target is sm_75");
}

TEST(Feasibility, Fp32RunsOnTheHostOnly) {
  Problem problem = problemOf(Mode::Decode, 64, Probe::Given, ElementType::F32);
  EXPECT_EQ(infeasibility(problem, "load=registers", "sm_90a"), "dtype fp32 runs on the host only; target is sm_90a");
  EXPECT_EQ(infeasibility(problem, scratchSchedule, "host"), "");
}

TEST(Feasibility, RulesOfEachLoadPathNameTheirField) {
  struct Case {
    const char *schedule, *arch, *error;
  };
  const Case cases[] = {
      {"rows=0", "sm_80", "rows: expected 1..256, got 0"},
      {"rows=512", "sm_80", "rows: expected 1..256, got 512"},
      {"keys=9223372036854775807", "sm_80", "keys: expected 1..1024, got 9223372036854775807"},
      {"keys=24", "sm_80", "keys: expected a multiple of 16 (the products' step), got 24"},
      {"warps=0", "sm_80", "warps: expected 1..32, got 0"},
      {"stages=-1", "sm_80", "stages: expected 1..8, got -1"},
      {"splits=65536", "sm_80", "splits: expected 1..65535, got 65536"},
      {"ctas=0", "sm_80", "ctas: expected 1..8, got 0"},
      {"lazy=16", "sm_80", "lazy: expected 0..15, got 16"},
      {"rows=12", "sm_80", "rows: expected a multiple of 8 (rows of one warp's block), got 12"},
      {"rows=32 warps=2", "sm_80", "warps: expected a multiple of 4 (row blocks of 32 rows), got 2"},
      {"stages=3", "sm_80", "stages: expected 1..2, got 3"},
      {"overlap=false", "sm_80",
       "overlap: expected true where it has no effect (only load=ring with a probe overlaps), got false"},
      {"keys=128", "sm_80", "registers per thread: expected at most 318 (1 CTAs of 128 threads on sm_80), got 712"},
      {"rows=64 warps=8 ctas=3", "sm_80",
       "registers per thread: expected at most 100 (3 CTAs of 256 threads on sm_80), got 208"},
      {"load=ring rows=128 keys=64 warps=6", "sm_90a", "warps: expected 4, 8 or 12 with load=ring (warpgroups), got 6"},
      {"load=ring rows=64 keys=64 warps=8", "sm_90a",
       "rows: expected 128 with load=ring, 8 warps and 1 value parts (64 per warpgroup), got 64"},
      {"load=ring rows=128 keys=144 warps=8", "sm_90a", "keys: expected 16..128, got 144"},
      {"load=ring rows=128 keys=64 warps=8 stages=1", "sm_90a", "stages: expected 2..6, got 1"},
      {"load=ring rows=128 keys=64 warps=8 splits=2 persistent=true", "sm_90a",
       "splits: expected 1 with persistent, got 2"},
      {"load=ring rows=128 keys=64 warps=8 stream_k=true", "sm_90a",
       "stream_k: expected false (only persistent CTAs divide a last turn, without a window or a weigher), got true"},
      {"load=ring rows=64 keys=64 warps=12 value_parts=2 stages=2 persistent=true weigher=true stream_k=true", "sm_90a",
       "stream_k: expected false (only persistent CTAs divide a last turn, without a window or a weigher), got true"},
      {"load=ring rows=128 keys=64 warps=8 splits=6 cluster=4", "sm_90a",
       "cluster: expected a power of 2 that divides 6 splits, got 4"},
      {"load=ring rows=128 keys=64 warps=8 ctas=2", "sm_90a", "ctas: expected 1 with load=ring, got 2"},
      {"load=ring rows=128 keys=80 warps=8 stages=5", "sm_90a",
       "shared bytes per CTA: expected at most 232448 (sm_90a), got 271456"},
      {"load=scratch rows=8 warps=2 stages=1", "host", "warps: expected 1 with load=scratch, got 2"},
      {"load=scratch rows=8 warps=1 stages=2", "host", "stages: expected 1 with load=scratch, got 2"},
      {"load=scratch rows=8 warps=1 stages=1 ctas=2", "host", "ctas: expected 1 with load=scratch, got 2"},
  };
  Problem problem = problemOf(Mode::Prefill, 128);
  for (const Case &c : cases)
    EXPECT_EQ(infeasibility(problem, c.schedule, c.arch), c.error) << c.schedule;
}

/// Of a search that sets `rounded` last: it pads columns, and must not make feasible what is not without.
TEST(Feasibility, ClustersShareBlocksOfColumnsWhetherRoundedOrNot) {
  for (const char *rounded : {" rounded=false", " rounded=true"}) {
    auto fault = [&](const std::string &cluster) {
      std::string schedule = "load=ring rows=64 keys=64 warps=4 stages=3 splits=8 cluster=" + cluster + rounded;
      return infeasibility(problemOf(Mode::Prefill, 48, Probe::None), schedule.c_str(), "sm_90a");
    };
    EXPECT_EQ(fault("2"), "") << rounded;
    EXPECT_EQ(fault("4"), "cluster: expected a divisor of 6 (blocks of 8 value columns of a warp), got 4") << rounded;
  }
}

TEST(Feasibility, RegistersBoundTheValueColumnsOfOneWarpgroup) {
  const char *few = "load=ring rows=128 keys=48 warps=8 stages=2";
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 160), few, "sm_90a"), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 184), few, "sm_90a"),
            "registers per thread: expected at most 264 (1 CTAs of 384 threads on sm_90a), got 274");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 256, Probe::None), few, "sm_90a"), "");
}

TEST(Feasibility, LaunchedRegistersBoundTheColumnsOfOneProduct) {
  const char *three = "load=ring rows=192 keys=16 warps=12 stages=2";
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 192, Probe::None), three, "sm_90a"), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 200, Probe::None), three, "sm_90a"),
            "value columns of a warpgroup: expected at most 196 (a product within the 128 registers with which 512 "
            "threads are launched), got 200");
}

TEST(Feasibility, RingDividesValueColumns) {
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 136), "load=ring rows=64 keys=64 warps=8 value_parts=2", "sm_90a"),
            "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 256), "load=ring rows=128 keys=64 warps=8 value_parts=2", "sm_90a"),
            "rows: expected 64 with load=ring, 8 warps and 2 value parts (64 per warpgroup), got 128");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 256), "load=ring rows=64 keys=64 warps=4 value_parts=2", "sm_90a"),
            "value_parts: expected 1, or a divisor of 1 warpgroups (of warps=4) with more than 64 dims, got 2");
}

TEST(Feasibility, RescalingLazilyWouldOverflowFp16) {
  Problem given = problemOf(Mode::Decode, 64, Probe::Given, ElementType::F16);
  EXPECT_EQ(infeasibility(given, "lazy=8", "sm_80"),
            "lazy: expected 0 for fp16 with a probe (p*t would overflow), got 8");
  EXPECT_EQ(infeasibility(given, "lazy=0", "sm_80"), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Decode, 64, Probe::None, ElementType::F16), "rows=16 lazy=8", "sm_80"), "");
}

TEST(Feasibility, OverlapActsOnlyOnARingWithAProbe) {
  const char *apart = "load=ring rows=128 keys=64 warps=8 stages=2 overlap=false";
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 64), apart, "sm_90a"), "");
  EXPECT_NE(infeasibility(problemOf(Mode::Prefill, 64, Probe::None), apart, "sm_90a").find("overlap: expected true"),
            std::string::npos);
}

TEST(Feasibility, LeastSizeOfSplitsActsOnRaggedLengthsAndLastTurns) {
  Problem problem = problemOf(Mode::Decode, 64);
  const char *expected =
      "split_tiles: expected 1 where it has no effect (only ragged lengths with several splits, or stream_k), got 4";
  EXPECT_EQ(infeasibility(problem, "splits=8 split_tiles=4", "sm_80"), expected);
  problem.ragged = true;
  EXPECT_EQ(infeasibility(problem, "splits=8 split_tiles=4", "sm_80"), "");
  EXPECT_EQ(infeasibility(problem, "split_tiles=4", "sm_80"), expected);
  EXPECT_EQ(infeasibility(problem, "splits=8 split_tiles=0", "sm_80"), "split_tiles: expected 1..1024, got 0");
  const std::string turns = "load=ring rows=128 keys=64 warps=8 persistent=true split_tiles=4";
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 64), turns.c_str(), "sm_90a"), expected);
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 64), (turns + " stream_k=true").c_str(), "sm_90a"), "");
}

TEST(Feasibility, RingCopiesPagesOfWholeSwizzlePeriods) {
  Problem problem = problemOf(Mode::Prefill, 64);
  for (int64_t size : {0, 8, 24, 64, 1000}) {
    problem.pageSize = size;
    EXPECT_EQ(infeasibility(problem, ringSchedule, "sm_90a"), "") << size;
  }
  problem.pageSize = 12;
  EXPECT_EQ(infeasibility(problem, ringSchedule, "sm_90a"),
            "page_size: expected a multiple of 8 with load=ring (rows after which a swizzle repeats), got 12");
  EXPECT_EQ(infeasibility(problem, "rows=8", "sm_90a"), "");
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
  EXPECT_EQ(rowsPerKeyCopy(problem, ring), 64);
}

TEST(Feasibility, AWeigherComesOnTopOfTheValueParts) {
  Problem wide = problemOf(Mode::Prefill, 256);
  EXPECT_EQ(infeasibility(wide, "load=ring rows=64 keys=64 warps=12 value_parts=2 weigher=true", "sm_90a"), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 128), "load=ring rows=64 keys=64 warps=8 weigher=true", "sm_90a"),
            "");
  EXPECT_EQ(infeasibility(wide, "load=ring rows=64 keys=64 warps=8 value_parts=2 weigher=true", "sm_90a"),
            "warps: expected 12 with a weigher and 2 value parts, got 8");
  EXPECT_EQ(
      infeasibility(wide, "load=ring rows=64 keys=64 warps=12 value_parts=2 weigher=true pingpong=true", "sm_90a"),
      "weigher: expected false with pingpong or rounded (who forms weights then multiplies values, too), got true");
  EXPECT_EQ(infeasibility(wide, "weigher=true", "sm_90a"),
            "weigher: expected false (weights are handed over with load=ring), got true");
}

/// The weigher's rows take registers of those that multiply.
TEST(Feasibility, AWeigherHoldsRowsOfNoWiderHeads) {
  auto fault = [](int64_t headDim, Probe probe = Probe::Given) {
    const char *held = "load=ring rows=64 keys=64 warps=12 value_parts=2 weigher=true held_rows=true";
    return infeasibility(problemOf(Mode::Prefill, headDim, probe), held, "sm_90a");
  };
  EXPECT_EQ(fault(192), "");
  EXPECT_EQ(fault(200), "registers per thread: expected at most 128 (1 CTAs of 512 threads on sm_90a), got 134");
  EXPECT_EQ(fault(256, Probe::None), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Prefill, 128), "load=ring rows=128 keys=64 warps=8 held_rows=true", "sm_90a"),
            "held_rows: expected false (a weigher holds rows in registers), got true");
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

TEST(Feasibility, SharedMemoryIsCountedPerMultiprocessorToo) {
  Problem problem = problemOf(Mode::Decode, 256);
  problem.queryHeads = 64;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(infeasibility(problem, "rows=8 stages=1 warps=8", "sm_120"),
            "shared bytes per CTA: expected at most 101376 (sm_120), got 132096");
  EXPECT_EQ(infeasibility(problem, "rows=8 stages=1 warps=4", "sm_120"), "");
  EXPECT_NE(infeasibility(problem, "rows=8 stages=1 warps=4 ctas=2", "sm_120").find("shared bytes per multiprocessor"),
            std::string::npos);
}

/// Candidates of the field table, bent to what `load` needs: chance alone seldom hits it.
Schedule plausibleSchedule(RandomProblem &random, LoadPath load, const Problem &problem) {
  Schedule schedule;
  for (const ScheduleField &field : scheduleFields())
    field.set(schedule, field.values[random.between(0, static_cast<int64_t>(field.values.size()) - 1)]);
  schedule.load = load;
  schedule.persistent &= load == LoadPath::Ring && !problem.ragged;
  schedule.streamK &= schedule.persistent && !problem.window;
  if (!schedule.streamK && (!problem.ragged || load == LoadPath::Ring || schedule.splits == 1))
    schedule.splitTiles = 1;
  schedule.pingpong &= load == LoadPath::Ring;
  bool overflows = problem.dtype == ElementType::F16 && problem.hasProbe();
  schedule.rounded &= load == LoadPath::Ring && problem.headDim <= 64 && !problem.state && !overflows;
  if (load == LoadPath::Ring) {
    schedule.warps = 4 * random.between(1, 3);
    schedule.weigher &= schedule.warps > 4;
    schedule.heldRows &= schedule.weigher;
    int64_t multiplying = valueWarpgroups(schedule);
    schedule.valueParts = schedule.weigher ? multiplying : multiplying == 2 ? schedule.valueParts : 1;
    schedule.rows = 64 * multiplying / schedule.valueParts;
    schedule.rounded &= !schedule.weigher;
    schedule.pingpong &= schedule.warps > 4 && !schedule.weigher;
    schedule.splits = schedule.cluster = schedule.ctas = 1;
    schedule.streamK &= !schedule.weigher;
    schedule.splitTiles = schedule.streamK ? schedule.splitTiles : 1;
    return schedule;
  }
  schedule.overlap = true;
  schedule.weigher = schedule.heldRows = false;
  schedule.valueParts = 1;
  if (load == LoadPath::Scratch) {
    schedule.warps = schedule.stages = schedule.cluster = schedule.ctas = 1;
    return schedule;
  }
  int64_t rowWarps = int64_t(1) << random.between(0, 2);
  schedule.rows = rowsPerBlock(problem) * rowWarps;
  schedule.warps = rowWarps * random.between(1, 4);
  schedule.keys = 16 * random.between(1, 2);
  schedule.stages = random.between(1, 2);
  return schedule;
}

/// What is feasible keeps every promise that kernels and launches rely on.
TEST(Feasibility, FeasibleSchedulesKeepTheInvariants) {
  RandomProblem random(31);
  std::vector<Target> targets = allTargets();
  std::map<LoadPath, int> feasible;
  for (int trial = 0; trial < 200000; ++trial) {
    Problem problem = random.next();
    ASSERT_EQ(message(normalize(problem)), "");
    LoadPath load = random.pick({LoadPath::Registers, LoadPath::Ring, LoadPath::Scratch});
    Schedule schedule = plausibleSchedule(random, load, problem);
    const Target &target = targets[random.between(0, static_cast<int64_t>(targets.size()) - 1)];
    if (llvm::errorToBool(checkFeasible(problem, schedule, target)))
      continue;
    ++feasible[schedule.load];
    std::string what = toJson(problem) + " " + toText(schedule) + " " + target.arch;
    Resources costs = resources(problem, schedule, target);
    int64_t heads = packsGroup(problem, schedule) ? problem.kvHeads : problem.queryHeads;
    EXPECT_EQ(costs.rowsPerHead * heads, problem.queryLength * problem.queryHeads) << what;
    EXPECT_GE(costs.rowTiles * schedule.rows, costs.rowsPerHead) << what;
    EXPECT_LT((costs.rowTiles - 1) * schedule.rows, costs.rowsPerHead) << what;
    EXPECT_EQ(costs.tiles, problem.batch * heads * costs.rowTiles) << what;
    int64_t most = schedule.streamK ? target.multiprocessors : std::min(costs.tiles, target.multiprocessors);
    EXPECT_EQ(costs.grid.x, schedule.persistent ? most : costs.tiles) << what;
    EXPECT_LE(costs.grid.x, std::numeric_limits<int32_t>::max()) << what;
    EXPECT_EQ(costs.grid.y, schedule.splits) << what;
    int64_t states = schedule.load == LoadPath::Ring ? schedule.splits : gridSplits(schedule);
    states = schedule.streamK ? 2 : states;
    EXPECT_EQ(costs.workspaceBytes > 0, states > 1) << what;
    EXPECT_EQ(gridSplits(schedule) * schedule.cluster, schedule.splits) << what;
    EXPECT_EQ(costs.clusterBytes > 0, schedule.cluster > 1 && schedule.load != LoadPath::Ring) << what;
    if (states > 1) {
      EXPECT_EQ(costs.workspaceBytes - counterBytes(costs),
                costs.grid.x * states * partialTileFloats(problem, schedule) * 4)
          << what;
      EXPECT_GE(counterBytes(costs), 4 * costs.grid.x * costs.arrivals) << what;
      EXPECT_EQ(counterBytes(costs) % 256, 0) << what;
    }
    EXPECT_EQ(target.isHost(), schedule.load == LoadPath::Scratch) << what;
    if (target.isHost())
      continue;
    EXPECT_EQ(problem.dtype == ElementType::F32, problem.isMerge()) << what;
    EXPECT_LE(costs.threads, 1024) << what;
    EXPECT_LE(costs.sharedBytes, target.sharedBytesPerBlock) << what;
    EXPECT_LE(schedule.ctas * costs.sharedBytes, target.sharedBytesPerMultiprocessor) << what;
    if (problem.isMerge())
      EXPECT_EQ(costs.sharedBytes, 0) << what;
    else if (schedule.load == LoadPath::Registers)
      EXPECT_EQ(costs.keyWarps * (schedule.rows / rowsPerBlock(problem)), schedule.warps) << what;
    else
      EXPECT_EQ(target.arch, "sm_90a") << what;
  }
  EXPECT_GT(feasible[LoadPath::Registers], 300);
  EXPECT_GT(feasible[LoadPath::Ring], 300);
  EXPECT_GT(feasible[LoadPath::Scratch], 300);
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
