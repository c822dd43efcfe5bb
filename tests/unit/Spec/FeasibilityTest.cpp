//===- FeasibilityTest.cpp - what cannot run, and why ---------------------===//

#include "PlainProblem.h"
#include <gtest/gtest.h>
#include <limits>
#include <map>

using namespace lla;
using namespace lla::test;

namespace {

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
       "stream_k: expected false (only persistent CTAs divide row tiles, without a window or a weigher), got true"},
      {"load=ring rows=64 keys=64 warps=12 value_parts=2 stages=2 persistent=true weigher=true stream_k=true", "sm_90a",
       "stream_k: expected false (only persistent CTAs divide row tiles, without a window or a weigher), got true"},
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

TEST(Feasibility, SwappedSpreadAndLongestFirstAreOfLoadsIntoRegisters) {
  auto onRing = [](const char *field) {
    std::string text = std::string("load=ring rows=128 keys=64 warps=8 ") + field + "=true";
    return infeasibility(problemOf(Mode::Prefill, 128), text.c_str(), "sm_90a");
  };
  EXPECT_EQ(onRing("swapped"),
            "swapped: expected false (operands of mma.sync change places, with load=registers), got true");
  EXPECT_EQ(onRing("spread"),
            "spread: expected false (CTAs with load=registers find room for more than their share), got true");
  EXPECT_EQ(onRing("longest_first"),
            "longest_first: expected false (ragged lengths have an order, with load=registers), got true");
  Problem decode = problemOf(Mode::Decode, 128);
  EXPECT_NE(infeasibility(decode, "longest_first=true", "sm_80").find("ragged lengths"), std::string::npos);
  decode.ragged = true;
  EXPECT_EQ(infeasibility(decode, "longest_first=true", "sm_80"), "");
  EXPECT_EQ(infeasibility(problemOf(Mode::Decode, 128), "load=registers rows=6 swapped=true", "sm_80"),
            "rows: expected a multiple of 4 (rows of one warp's block), got 6");
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
  schedule.swapped &= load == LoadPath::Registers && !problem.isMerge();
  schedule.spread &= load == LoadPath::Registers && !problem.isMerge();
  schedule.longestFirst &= load == LoadPath::Registers && problem.ragged;
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
  schedule.rows = rowsPerBlock(problem, schedule) * rowWarps;
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
    int64_t rows = rowsPerQuery(problem, schedule);
    EXPECT_EQ(costs.rowsPerHead, problem.queryLength * rows) << what;
    EXPECT_GE(rows * heads, problem.queryHeads) << what;
    EXPECT_LT((rows / 2) * heads, problem.queryHeads) << what;
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
      EXPECT_EQ(costs.keyWarps * (schedule.rows / rowsPerBlock(problem, schedule)), schedule.warps) << what;
    else
      EXPECT_EQ(target.arch, "sm_90a") << what;
  }
  EXPECT_GT(feasible[LoadPath::Registers], 300);
  EXPECT_GT(feasible[LoadPath::Ring], 200);
  EXPECT_GT(feasible[LoadPath::Scratch], 300);
}

} // namespace
