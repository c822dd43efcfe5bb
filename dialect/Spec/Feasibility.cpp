//===- Feasibility.cpp - may this schedule run this problem here? ---------===//
//
// Checks go from the plain to the derived: value ranges first, so that the cost
// formulas see sane numbers; then the load path's own rules; then the budgets.
// The message names the field, the limit and the figure.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace lla {
namespace {

using Check = llvm::Error (*)(const Problem &, const Schedule &, const Target &);

llvm::Error runAll(llvm::ArrayRef<Check> checks, const Problem &problem, const Schedule &schedule,
                   const Target &target) {
  for (Check check : checks)
    if (llvm::Error error = check(problem, schedule, target))
      return error;
  return llvm::Error::success();
}

llvm::Error expectRange(llvm::StringRef field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most)
    return llvm::Error::success();
  return fieldError(field, fmt::format("{}..{}", least, most), std::to_string(value));
}

llvm::Error expectMultiple(llvm::StringRef field, int64_t value, int64_t unit, const char *reason) {
  if (value % unit == 0)
    return llvm::Error::success();
  return fieldError(field, fmt::format("a multiple of {} ({})", unit, reason), std::to_string(value));
}

llvm::Error expectExactly(llvm::StringRef field, int64_t value, int64_t only, const Schedule &schedule) {
  if (value == only)
    return llvm::Error::success();
  return fieldError(field, fmt::format("{} with load={}", only, name(schedule.load).str()), std::to_string(value));
}

llvm::Error expectAtMost(const char *what, int64_t value, int64_t most, const std::string &where) {
  if (value <= most)
    return llvm::Error::success();
  return fieldError(what, fmt::format("at most {} ({})", most, where), std::to_string(value));
}

llvm::Error checkRanges(const Problem &, const Schedule &schedule, const Target &) {
  struct Range {
    const char *field;
    int64_t value, least, most;
  };
  const Range ranges[] = {
      {"rows", schedule.rows, 1, 256},
      {"keys", schedule.keys, 1, 1024},
      {"warps", schedule.warps, 1, 32},
      {"value_parts", schedule.valueParts, 1, 2},
      {"stages", schedule.stages, 1, 8},
      {"splits", schedule.splits, 1, 65535}, // The grid's y extent on CUDA.
      {"cluster", schedule.cluster, 1, 16},
      {"ctas", schedule.ctas, 1, 8},
      {"lazy", schedule.lazy, 0, 15}, // p is kept to what fp16 holds.
      {"split_tiles", schedule.splitTiles, 1, 1024},
  };
  for (const Range &range : ranges)
    if (llvm::Error error = expectRange(range.field, range.value, range.least, range.most))
      return error;
  return expectMultiple("keys", schedule.keys, 16, "the products' step");
}

/// Where each load path runs at all.
llvm::Error checkTarget(const Problem &problem, const Schedule &schedule, const Target &target) {
  auto needs = [&](const char *what) {
    return llvm::createStringError(
        fmt::format("load={} needs {}; target is {}", name(schedule.load).str(), what, target.arch));
  };
  if (schedule.load == LoadPath::Scratch && !target.isHost())
    return needs("the host");
  if (schedule.load == LoadPath::Registers && target.computeCapability() < 80)
    return needs("sm_80 or newer (mma.sync)");
  if (schedule.load == LoadPath::Ring && !target.hasWarpgroupMma())
    return needs("sm_90a (wgmma, bulk tensor copies)");
  if (schedule.load == LoadPath::Ring && problem.hasKeyScales())
    return fieldError("load", "registers with kv_dtype=fp8_e4m3 (wgmma takes 16-bit keys from shared memory)",
                      name(schedule.load).str());
  if (schedule.cluster > 1 && !target.hasClusters())
    return fieldError("cluster", fmt::format("1 (no clusters on {})", target.arch), std::to_string(schedule.cluster));
  if (schedule.dependent && !target.hasClusters())
    return fieldError("dependent", fmt::format("false (no dependent launch on {})", target.arch), "true");
  if (!runsOn(problem, target))
    return llvm::createStringError(fmt::format("dtype fp32 runs on the host only; target is {}", target.arch));
  return llvm::Error::success();
}

/// Fields without effect have one spelling, so that no kernel is compiled, timed or stored twice.
llvm::Error checkNumericFields(const Problem &problem, const Schedule &schedule, const Target &) {
  if (problem.dtype == ElementType::F16 && problem.hasProbe() && schedule.lazy != 0)
    return fieldError("lazy", "0 for fp16 with a probe (p*t would overflow)", std::to_string(schedule.lazy));
  if (schedule.splitTiles != 1 && !(problem.ragged && schedule.splits > 1) && !schedule.streamK)
    return fieldError("split_tiles", "1 where it has no effect (only ragged lengths with several splits, or stream_k)",
                      std::to_string(schedule.splitTiles));
  // Row tiles by turns are as if all were of one length; of packed queries some leave the CTA (Grid.cpp).
  bool hasLengths = problem.ragged && !schedule.streamK;
  if (schedule.persistent && (schedule.load != LoadPath::Ring || hasLengths || problem.packedQueries))
    return fieldError("persistent", "false (row tiles are shared out with load=ring, of ragged lengths with stream_k, "
                                    "of packed queries not at all)",
                      "true");
  if (schedule.streamK && (!schedule.persistent || problem.window || schedule.weigher))
    return fieldError("stream_k", "false (only persistent CTAs divide row tiles, without a window or a weigher)",
                      "true");
  if (schedule.pingpong && (schedule.load != LoadPath::Ring || schedule.warps < 8))
    return fieldError("pingpong", "false (warpgroups take turns with load=ring and 8 warps or more)", "true");
  if (schedule.weigher && schedule.load != LoadPath::Ring)
    return fieldError("weigher", "false (weights are handed over with load=ring)", "true");
  if (schedule.weigher && (schedule.pingpong || schedule.rounded))
    return fieldError("weigher", "false with pingpong or rounded (who forms weights then multiplies values, too)",
                      "true");
  if (schedule.swapped && (schedule.load != LoadPath::Registers || problem.isMerge()))
    return fieldError("swapped", "false (operands of mma.sync change places, with load=registers)", "true");
  if (schedule.spread && (schedule.load != LoadPath::Registers || problem.isMerge()))
    return fieldError("spread", "false (CTAs with load=registers find room for more than their share)", "true");
  if (schedule.longestFirst && (schedule.load != LoadPath::Registers || !problem.ragged))
    return fieldError("longest_first", "false (ragged lengths have an order, with load=registers)", "true");
  if (schedule.heldRows && !schedule.weigher)
    return fieldError("held_rows", "false (a weigher holds rows in registers)", "true");
  if (schedule.rounded && (schedule.load != LoadPath::Ring || paddedValueDim(problem, schedule) > panelColumns))
    return fieldError("rounded", fmt::format("false (ones stand beside values of load=ring and head_dim <= {})",
                                             panelColumns), "true");
  if (schedule.rounded && problem.dtype == ElementType::F16 && problem.hasProbe())
    return fieldError("rounded", "false for fp16 with a probe (t would overflow)", "true");
  if (schedule.rounded && problem.state)
    return fieldError("rounded", "false with state (lse and tbar are of weights that are not rounded)", "true");
  bool overlapActs = schedule.load == LoadPath::Ring && problem.hasProbe();
  if (!overlapActs && !schedule.overlap)
    return fieldError("overlap", "true where it has no effect (only load=ring with a probe overlaps)", "false");
  return llvm::Error::success();
}

llvm::Error checkCluster(const Schedule &schedule) {
  if (schedule.splits % schedule.cluster == 0 && llvm::isPowerOf2_64(schedule.cluster))
    return llvm::Error::success();
  return fieldError("cluster", fmt::format("a power of 2 that divides {} splits", schedule.splits),
                    std::to_string(schedule.cluster));
}

llvm::Error checkRegisterLoads(const Problem &problem, const Schedule &schedule, const Target &) {
  int64_t block = rowsPerBlock(problem, schedule);
  if (llvm::Error error = expectMultiple("rows", schedule.rows, block, "rows of one warp's block"))
    return error;
  int64_t rowWarps = schedule.rows / block;
  if (schedule.warps % rowWarps != 0)
    return fieldError("warps", fmt::format("a multiple of {} (row blocks of {} rows)", rowWarps, schedule.rows),
                      std::to_string(schedule.warps));
  if (llvm::Error error = expectExactly("value_parts", schedule.valueParts, 1, schedule))
    return error;
  // A merge spreads one block's rows over all threads of the CTA.
  if (rowWarps > 1 && (schedule.warps > rowWarps || schedule.splits > 1))
    return fieldError("rows", fmt::format("{} where warps or splits divide the keys", block),
                      std::to_string(schedule.rows));
  if (llvm::Error error = checkCluster(schedule))
    return error;
  return expectRange("stages", schedule.stages, 1, 2);
}

llvm::Error checkRing(const Problem &problem, const Schedule &schedule, const Target &) {
  if (schedule.warps != 4 && schedule.warps != 8 && schedule.warps != 12)
    return fieldError("warps", "4, 8 or 12 with load=ring (warpgroups)", std::to_string(schedule.warps));
  int64_t warpgroups = valueWarpgroups(schedule);
  if (schedule.weigher && warpgroups != schedule.valueParts)
    return fieldError("warps", fmt::format("{} with a weigher and {} value parts", 4 * (1 + schedule.valueParts),
                                           schedule.valueParts),
                      std::to_string(schedule.warps));
  if (warpgroups % schedule.valueParts != 0 || (schedule.valueParts > 1 && problem.headDim <= 64))
    return fieldError("value_parts",
                      fmt::format("1, or a divisor of {} warpgroups (of warps={}{}) with more than 64 dims", warpgroups,
                                  schedule.warps, schedule.weigher ? ", one of which weighs" : ""),
                      std::to_string(schedule.valueParts));
  constexpr int64_t swizzlePeriod = 8;
  if (problem.pageSize % swizzlePeriod != 0)
    return fieldError("page_size", fmt::format("a multiple of {} with load=ring (rows after which a swizzle repeats)",
                                               swizzlePeriod),
                      std::to_string(problem.pageSize));
  int64_t rows = 64 * warpgroups / schedule.valueParts;
  if (schedule.rows != rows)
    return fieldError("rows", fmt::format("{} with load=ring, {} warps{} and {} value parts (64 per warpgroup)", rows,
                                          schedule.warps, schedule.weigher ? ", a weigher" : "", schedule.valueParts),
                      std::to_string(schedule.rows));
  // A tile of more keys than rows would, at the causal edge, hold keys that none of its rows sees.
  if (llvm::Error error = expectRange("keys", schedule.keys, 16, schedule.rows))
    return error;
  if (llvm::Error error = expectRange("stages", schedule.stages, 2, 6))
    return error;
  if (schedule.splits > 1 && (schedule.persistent || schedule.weigher))
    return fieldError("splits", schedule.persistent ? "1 with persistent" : "1 with a weigher",
                      std::to_string(schedule.splits));
  if (llvm::Error error = checkCluster(schedule))
    return error;
  constexpr int64_t block = 8; // Columns that a lane's registers cannot share.
  Schedule plain = schedule;
  plain.rounded = false; // Which pads the columns, and may not make feasible what is not.
  if (int64_t columns = valuePartColumns(problem, plain); columns % (block * schedule.cluster) != 0)
    return fieldError("cluster", fmt::format("a divisor of {} (blocks of {} value columns of a warp)", columns / block,
                                             block),
                      std::to_string(schedule.cluster));
  return expectExactly("ctas", schedule.ctas, 1, schedule);
}

llvm::Error checkScratch(const Problem &, const Schedule &schedule, const Target &) {
  if (llvm::Error error = expectExactly("value_parts", schedule.valueParts, 1, schedule))
    return error;
  if (llvm::Error error = expectExactly("warps", schedule.warps, 1, schedule))
    return error;
  if (llvm::Error error = expectExactly("stages", schedule.stages, 1, schedule))
    return error;
  if (llvm::Error error = expectExactly("cluster", schedule.cluster, 1, schedule))
    return error;
  return expectExactly("ctas", schedule.ctas, 1, schedule);
}

/// Rows and warps (and on CUDA stages) are all that a merge has to choose.
llvm::Error checkMerge(const Problem &, const Schedule &schedule, const Target &target) {
  LoadPath only = target.isHost() ? LoadPath::Scratch : LoadPath::Registers;
  if (schedule.load != only)
    return fieldError("load", fmt::format("{} for a merge on {}", name(only).str(), target.arch),
                      name(schedule.load).str());
  struct {
    const char *field;
    int64_t value, only;
  } const unused[] = {{"keys", schedule.keys, 16},    {"value_parts", schedule.valueParts, 1},
                      {"splits", schedule.splits, 1}, {"cluster", schedule.cluster, 1},
                      {"ctas", schedule.ctas, 1},     {"lazy", schedule.lazy, 0},
                      {"peel", schedule.peel, 0}};
  for (const auto &one : unused)
    if (one.value != one.only)
      return fieldError(one.field, fmt::format("{} for a merge, which has no use for it", one.only),
                        std::to_string(one.value));
  return target.isHost() ? checkScratch({}, schedule, target) : llvm::Error::success();
}

llvm::Error checkLoadPath(const Problem &problem, const Schedule &schedule, const Target &target) {
  if (problem.isMerge())
    return checkMerge(problem, schedule, target);
  switch (schedule.load) {
  case LoadPath::Registers:
    return checkRegisterLoads(problem, schedule, target);
  case LoadPath::Ring:
    return checkRing(problem, schedule, target);
  case LoadPath::Scratch:
    return checkScratch(problem, schedule, target);
  }
  return fieldError("load", "registers|ring|scratch", std::to_string(static_cast<int>(schedule.load)));
}

/// The estimate counts everything as live at once, which the assembler beats: so some overshoot is let
/// through and, at worst, spills. A tuner sees a spill; it never sees what was pruned. Not where a weigher holds rows,
/// which the estimate leaves out: then whatever exceeds it spilled thousands of bytes.
int64_t toleratedRegisters(const Schedule &schedule, const Target &target) {
  int64_t limit = registerLimit(schedule, target);
  if (schedule.heldRows)
    return limit;
  return schedule.load == LoadPath::Ring ? limit * 11 / 10 : limit * 5 / 4;
}

/// The assembler fits each product with values into the registers that a CTA is launched with, whatever its roles have
/// later: the sums, and 30 more, as its refusals say.
llvm::Error checkProducts(const Problem &problem, const Schedule &schedule, const Target &target, int64_t threads) {
  constexpr int64_t further = 30, unit = 8;
  int64_t launched = target.registersPerMultiprocessor / threads / unit * unit;
  int64_t most = 2 * (launched - further), columns = valuePartColumns(problem, schedule);
  return expectAtMost("value columns of a warpgroup", columns, most,
                      fmt::format("a product within the {} registers with which {} threads are launched", launched,
                                  threads));
}

/// Packed rows are counted in 32 bits, up to the end of the last tile.
constexpr int64_t maximumRows = std::numeric_limits<int32_t>::max() - 4096;

llvm::Error checkBudgets(const Problem &problem, const Schedule &schedule, const Target &target) {
  Resources costs = resources(problem, schedule, target);
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  if (llvm::Error error = expectAtMost("workspace bytes", costs.workspaceBytes, most - 1, "64 bits"))
    return error;
  if (target.isHost())
    return llvm::Error::success();
  if (llvm::Error error = expectAtMost("packed rows of a head", costs.rowsPerHead, maximumRows, "32 bits"))
    return error;
  constexpr int64_t mostUnits = int64_t(1) << 29; // Each of which may count for three (RowTiles.cpp, Levelled).
  int64_t keyTiles = problem.context / std::max<int64_t>(schedule.keys, 1) + 1;
  if (schedule.streamK && problem.ragged)
    if (llvm::Error error = expectAtMost("key tiles of all row tiles", costs.tiles * keyTiles, mostUnits, "stream_k"))
      return error;
  std::string where = fmt::format("{} CTAs of {} threads on {}", schedule.ctas, costs.threads, target.arch);
  if (llvm::Error error = expectAtMost("threads per CTA", costs.threads, 1024, target.arch))
    return error;
  if (llvm::Error error =
          expectAtMost("shared bytes per CTA", costs.sharedBytes, target.sharedBytesPerBlock, target.arch))
    return error;
  constexpr int64_t reservedBytes = 1024; // Of each CTA, by the system.
  if (llvm::Error error =
          expectAtMost("shared bytes per multiprocessor", schedule.ctas * (costs.sharedBytes + reservedBytes),
                       target.sharedBytesPerMultiprocessor, where))
    return error;
  if (schedule.load == LoadPath::Ring)
    if (llvm::Error error = checkProducts(problem, schedule, target, costs.threads))
      return error;
  return expectAtMost("registers per thread", costs.registersPerThread, toleratedRegisters(schedule, target), where);
}

} // namespace

llvm::Error checkFeasible(const Problem &problem, const Schedule &schedule, const Target &target) {
  return runAll({checkRanges, checkTarget, checkNumericFields, checkLoadPath, checkBudgets}, problem, schedule, target);
}

} // namespace lla
