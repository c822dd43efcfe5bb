//===- Resources.cpp - what a schedule costs, in closed form --------------===//
//
// One function per figure and load path. The formulas describe the generated
// kernels: whoever changes one side changes the other.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/Resources.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace lla {
namespace {

constexpr int64_t warpLanes = 32;
constexpr int64_t warpgroupWarps = 4;
constexpr int64_t floatBytes = 4;
constexpr int64_t reservedBytes = 1024; // Shared memory of each CTA, by the system.

int64_t roundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Quotient rounded up; a divisor below 1 (a schedule that is infeasible anyway) counts as 1.
int64_t ceilDivide(int64_t value, int64_t divisor) {
  divisor = std::max<int64_t>(divisor, 1);
  return value / divisor + (value % divisor != 0);
}

/// The first power of two that is at least `value`.
int64_t powerOfTwoFrom(int64_t value) { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(value))); }

/// The operator keeps each of its accumulators once, or twice with a probe (O1 and O2, S and T, P and P*t).
int64_t strands(const Problem &problem) { return problem.hasProbe() ? 2 : 1; }

int64_t saturatedProduct(std::initializer_list<int64_t> factors) {
  uint64_t result = 1;
  for (int64_t factor : factors)
    result = llvm::SaturatingMultiply(result, static_cast<uint64_t>(std::max<int64_t>(factor, 0)));
  return std::min<uint64_t>(result, std::numeric_limits<int64_t>::max());
}

/// A fp32 tile in a host task's arena, each row on its own cache lines, and what reads past the last one may touch.
int64_t scratchTileBytes(int64_t rows, int64_t columns) {
  constexpr int64_t line = 64;
  return rows * roundUp(columns * floatBytes, line);
}
constexpr int64_t scratchSlack = 4096;

//===--- load = registers ---------------------------------------------------===//

/// Rows of a block are query rows and probe rows, 16 or 8 in all, whatever the group; lanes share them evenly.
/// 32-bit registers of one thread: O, the Q operand, K and V tiles as they are in memory (only the larger at a
/// time without prefetch), the scores, and addresses, row state and loop counters.
int64_t registersOfRegisterLoads(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t bookkeeping = 40;
  int64_t blockRows = rowsPerBlock(problem, schedule) * strands(problem);
  int64_t keyDim = paddedKeyDim(problem, schedule), valueDim = paddedValueDim(problem, schedule);
  int64_t output = blockRows * valueDim / warpLanes;
  int64_t query = blockRows * keyDim / warpLanes / 2;
  int64_t perRegister = floatBytes / elementBytes(problem.keyType());
  int64_t keyTile = schedule.keys * keyDim / warpLanes / perRegister;
  int64_t valueTile = schedule.keys * valueDim / warpLanes / perRegister;
  int64_t tiles = schedule.stages > 1 ? keyTile + valueTile : std::max(keyTile, valueTile);
  int64_t scores = blockRows * schedule.keys / warpLanes;
  return output + query + tiles + scores + bookkeeping;
}

/// Warps that fold different keys of one row tile.
int64_t keyWarpsOfRegisterLoads(const Problem &problem, const Schedule &schedule) {
  int64_t rowWarps = std::max<int64_t>(schedule.rows / rowsPerBlock(problem, schedule), 1);
  return std::max<int64_t>(schedule.warps / rowWarps, 1);
}

/// Each warp leaves the partial state of its live rows for the merge (over key warps, then over splits), and
/// the last CTA to arrive is told so through 16 bytes. Nothing is merged, nothing is shared.
int64_t sharedBytesOfRegisterLoads(const Problem &problem, const Schedule &schedule, int64_t keyWarps) {
  if (keyWarps == 1 && schedule.splits == 1)
    return 0;
  int64_t state = liveRows(problem, schedule) * partialRowFloats(problem) * floatBytes;
  constexpr int64_t arrivalBytes = 16;
  return schedule.warps * state + (schedule.splits > 1 ? arrivalBytes : 0);
}

//===--- load = ring --------------------------------------------------------===//

struct ValueParts {
  int64_t stride, columns;
};

/// Parts of the value columns that begin with a panel of `panel` columns each.
ValueParts valuePartsOf(const Problem &problem, const Schedule &schedule, int64_t panel) {
  int64_t columns = paddedValueDim(problem, schedule);
  if (schedule.valueParts <= 1)
    return {0, columns};
  int64_t stride = ceilDivide(columns, panel) / schedule.valueParts * panel;
  return {stride, std::max(stride, columns - stride * (schedule.valueParts - 1))};
}

ValueParts valueParts(const Problem &problem, const Schedule &schedule) {
  return valuePartsOf(problem, schedule, valuePanelColumns(problem, schedule));
}

/// Of O1, and likewise of O2, in a warp: its part of the value columns, and the sums.
int64_t accumulatedColumns(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t sumColumns = 8;
  return valuePartColumns(problem, schedule) + (schedule.rounded ? sumColumns : 0);
}

/// A warpgroup has 64 rows and one part of the value columns: its threads hold that of O1 and O2, S and T, and the
/// packed operand of one value product (the other takes the registers of the scores it came from). With a weigher, no
/// thread holds both O1 and O2, and S and T; rows that it holds are not counted: where the others' registers hold their
/// parts of O1 and O2, its own hold those.
int64_t registersOfRing(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t bookkeeping = 30;
  int64_t output = accumulatedColumns(problem, schedule) / 2;
  int64_t scores = schedule.keys / 2;
  int64_t packed = schedule.keys / 4;
  if (schedule.weigher)
    return std::max(strands(problem) * output, strands(problem) * scores + packed) + bookkeeping;
  return strands(problem) * (output + scores) + packed + bookkeeping;
}

/// Tiles of 16-bit elements, swizzled, hence aligned to 1024 bytes: the slots of Q (and R), then those of K and V;
/// then a full and an empty barrier per slot. With a weigher K and V have their own barriers, and there are the rings
/// in which weights, and sums, are handed over.
int64_t sharedBytesOfRing(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t elementSize = 2, barrierSize = 8, alignment = 1024;
  int64_t keyDim = roundUp(paddedKeyDim(problem, schedule), keyPanelColumns(problem, schedule));
  int64_t valueDim = roundUp(paddedValueDim(problem, schedule), valuePanelColumns(problem, schedule));
  int64_t queries = rowSlots(schedule) * strands(problem) * schedule.rows * keyDim * elementSize;
  int64_t slots = schedule.stages * schedule.keys * (keyDim + valueDim) * elementSize;
  int64_t barriers = 2 * (rowSlots(schedule) + schedule.stages) * barrierSize;
  constexpr int64_t onesRows = 16;
  int64_t ones = schedule.rounded ? onesRows * panelColumns * elementSize : 0;
  int64_t handedOver = 0;
  if (schedule.weigher) {
    constexpr int64_t rowNotes = 64 * floatBytes, flagNotes = 16;
    int64_t weights = strands(problem) * schedule.rows * roundUp(schedule.keys, panelColumns) * elementSize;
    handedOver = weightSlots * (weights + 2 * rowNotes + 2 * flagNotes) + 3 * rowNotes;
    barriers += 2 * (schedule.stages + strands(problem) * weightSlots + 1) * barrierSize;
  }
  return queries + slots + ones + handedOver + barriers + alignment;
}

//===--- mode = merge -------------------------------------------------------===//

/// Of each element that a thread owns: o, vbar and its row's m, d and tbar, its places, and what is read of each shard
/// that is in flight; of each such shard, where its four tensors are.
int64_t registersOfMerge(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t ofElement = 11, ofElementInShard = 3, ofShard = 10, bookkeeping = 30;
  int64_t elements = ceilDivide(schedule.rows * problem.headDim, warpLanes * schedule.warps);
  return elements * (ofElement + ofElementInShard * schedule.stages) + ofShard * schedule.stages + bookkeeping;
}

/// Tiles o and vbar: carried, of a shard, and new; and statistics, one value per row each.
int64_t scratchBytesOfMerge(const Problem &problem, const Schedule &schedule) {
  return 6 * scratchTileBytes(schedule.rows, problem.headDim) + 16 * scratchTileBytes(1, schedule.rows) + scratchSlack;
}

//===--- load = scratch -----------------------------------------------------===//

/// One task's arena, all fp32: Q, R, O1, O2 tiles, the (transposed) K tile and the V tile, S, T, P, P*t, and
/// the vectors of one value per row; each row of a tile, and each vector, on its own cache lines.
int64_t scratchBytes(const Problem &problem, const Schedule &schedule) {
  int64_t rowTiles = 4 * scratchTileBytes(schedule.rows, problem.headDim);
  int64_t keyTiles = 2 * scratchTileBytes(schedule.keys, problem.headDim);
  int64_t scores = 4 * scratchTileBytes(schedule.rows, schedule.keys);
  int64_t rowVectors = 16 * scratchTileBytes(1, schedule.rows);
  return rowTiles + keyTiles + scores + rowVectors + scratchSlack;
}

/// In each CTA of a cluster, from each: statistics of the live rows, and O1, O2 of the elements that it owns; behind
/// them the barrier that counts their bytes.
int64_t clusterBytesOf(const Problem &problem, const Schedule &schedule) {
  if (schedule.cluster <= 1)
    return 0;
  constexpr int64_t statistics = 4, lineBytes = 16, barrierBytes = 16;
  int64_t values = roundUp(clusterShare(problem, schedule) * strands(problem) * floatBytes, lineBytes);
  return schedule.cluster * (liveRows(problem, schedule) * statistics * floatBytes + values) + barrierBytes;
}

/// Row tiles of all heads and sequences.
int64_t tilesOf(const Problem &problem, const Schedule &schedule, int64_t rowTiles) {
  int64_t heads = packsGroup(problem, schedule) ? problem.kvHeads : problem.queryHeads;
  return problem.batch * heads * rowTiles; // At most 2^31: see `normalize`.
}

/// A CTA for each row tile and split, or as many as run at a time.
Grid gridOf(const Schedule &schedule, const Target &target, int64_t tiles) {
  if (schedule.streamK)
    return {target.multiprocessors, 1};
  return {schedule.persistent ? std::min(tiles, target.multiprocessors) : tiles, schedule.splits};
}

/// States that are kept for each x of the grid: of each split or cluster, or of the two row tiles that a CTA has a part
/// of, the first and the last.
int64_t statesOf(const Schedule &schedule) {
  if (schedule.streamK)
    return 2;
  return schedule.load == LoadPath::Ring ? schedule.splits : gridSplits(schedule);
}

/// Counters, then partial states.
int64_t workspaceBytesOf(const Problem &problem, const Schedule &schedule, const Resources &costs) {
  int64_t states = statesOf(schedule);
  if (states == 1)
    return 0;
  int64_t partials = saturatedProduct({costs.grid.x, states, partialTileFloats(problem, schedule), floatBytes});
  int64_t counters = counterBytes(costs);
  return std::min(partials, std::numeric_limits<int64_t>::max() - counters) + counters;
}

} // namespace

bool packsGroup(const Problem &problem, const Schedule &schedule) {
  if (schedule.load != LoadPath::Ring)
    return true;
  constexpr int64_t warpgroupRows = 64;
  int64_t rows = powerOfTwoFrom(problem.group());
  bool mayIdle = problem.mode == Mode::Decode, stopsShort = problem.ragged || problem.pageSize;
  return rows <= warpgroupRows && (rows == problem.group() || mayIdle) &&
         (problem.window == 0 || stopsShort || schedule.rows >= schedule.keys * rows);
}

int64_t rowsPerQuery(const Problem &problem, const Schedule &schedule) {
  if (!packsGroup(problem, schedule))
    return 1;
  return schedule.load == LoadPath::Ring ? powerOfTwoFrom(problem.group()) : problem.group();
}

int64_t rowsPerBlock(const Problem &problem, const Schedule &schedule) {
  return (schedule.swapped ? 8 : 16) / strands(problem);
}

int64_t liveRows(const Problem &problem, const Schedule &schedule) {
  int64_t block = rowsPerBlock(problem, schedule);
  return problem.queryLength == 1 ? std::min(block, problem.group()) : block;
}

int64_t paddedKeyDim(const Problem &problem, const Schedule &schedule) {
  switch (schedule.load) {
  case LoadPath::Registers:
    return roundUp(problem.headDim, 32);
  case LoadPath::Ring:
    return roundUp(problem.headDim, 16);
  case LoadPath::Scratch:
    return problem.headDim;
  }
  return problem.headDim;
}

int64_t paddedValueDim(const Problem &problem, const Schedule &schedule) {
  if (schedule.load == LoadPath::Scratch)
    return problem.headDim;
  bool isExact = schedule.load == LoadPath::Ring && !schedule.rounded;
  return roundUp(problem.headDim, isExact ? 8 : panelColumns);
}

int64_t keysOfRowTile(const Problem &problem, const Schedule &schedule) {
  int64_t span = problem.visibleSpan();
  return problem.window ? std::min(span, problem.window + schedule.rows - 1) : span;
}

RoleRegisters roleRegisters(int64_t warps, bool hasWeigher, bool holdsRows) {
  if (hasWeigher && warps > 8)
    return holdsRows ? RoleRegisters{24, 232, 128} : RoleRegisters{24, 152, 168};
  if (hasWeigher)
    return {24, 240, 240};
  return warps > 8 ? RoleRegisters{32, 0, 160} : RoleRegisters{24, 0, 240};
}

/// True if rows may be in panels of 32 columns: copied one by one, each begins at a multiple of 128 bytes.
static bool mayBeNarrow(const Problem &problem) { return !problem.ragged && !problem.pageSize; }

/// True if narrow panels save room, and `columns` are so many that there is too little. Of heads that begin within a
/// sector of 32 bytes a narrow row is three sectors instead of two.
static bool saveRoom(const Problem &problem, int64_t columns) {
  return problem.headDim % 16 == 0 && columns > 2 * panelColumns &&
         roundUp(columns, narrowColumns) < roundUp(columns, panelColumns);
}

int64_t keyPanelColumns(const Problem &problem, const Schedule &schedule) {
  return mayBeNarrow(problem) && saveRoom(problem, paddedKeyDim(problem, schedule)) ? narrowColumns : panelColumns;
}

int64_t valuePanelColumns(const Problem &problem, const Schedule &schedule) {
  auto columns = [&](int64_t panel) { return valuePartsOf(problem, schedule, panel).columns; };
  bool isShorter = columns(narrowColumns) < columns(panelColumns);
  bool isNarrow = isShorter || saveRoom(problem, paddedValueDim(problem, schedule));
  return mayBeNarrow(problem) && isNarrow ? narrowColumns : panelColumns;
}

int64_t valuePartColumns(const Problem &problem, const Schedule &schedule) {
  return valueParts(problem, schedule).columns;
}

int64_t valuePartStride(const Problem &problem, const Schedule &schedule) {
  return valueParts(problem, schedule).stride;
}

int64_t keysPerLookup(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t rowsTogether = 8; // Of a lane's loads, and of a swizzled line's period.
  if (schedule.load == LoadPath::Scratch || problem.pageSize == 0 || problem.pageSize % rowsTogether != 0)
    return 1;
  return std::gcd(problem.pageSize, schedule.keys);
}

int64_t valueWarpgroups(const Schedule &schedule) { return schedule.warps / warpgroupWarps - schedule.weigher; }

int64_t rowSlots(const Schedule &schedule) { return schedule.persistent && !schedule.heldRows ? 2 : 1; }

int64_t rowsPerKeyCopy(const Problem &problem, const Schedule &schedule) {
  if (!problem.pageSize)
    return schedule.keys;
  constexpr int64_t few = 16; // A sequence's first and last box go row by row: much of what a short one waits for.
  int64_t together = keysPerLookup(problem, schedule);
  return problem.mode == Mode::Decode ? std::gcd(together, few) : together;
}

int64_t partialRowFloats(const Problem &problem) {
  constexpr int64_t scalars = 4; // m, d1, d2, c
  return strands(problem) * problem.headDim + scalars;
}

int64_t partialTileFloats(const Problem &problem, const Schedule &schedule) {
  if (schedule.load != LoadPath::Ring)
    return schedule.rows * partialRowFloats(problem);
  constexpr int64_t scalars = 2 * 2; // m, d1, or d2, c, of two rows.
  int64_t values = accumulatedColumns(problem, schedule) / 2, ofLane = values + scalars;
  if (schedule.cluster > 1) { // Without sums behind the values; and a share for the grid.
    values = valuePartColumns(problem, schedule) / 2;
    ofLane = values + scalars + values / schedule.cluster + scalars;
  }
  return warpgroupWarps * valueWarpgroups(schedule) * warpLanes * strands(problem) * ofLane;
}

bool mayBeAlone(const Problem &problem, const Schedule &schedule) {
  return schedule.streamK || (problem.ragged && gridSplits(schedule) > 1);
}

int64_t gridSplits(const Schedule &schedule) { return ceilDivide(schedule.splits, schedule.cluster); }

int64_t clusterShare(const Problem &problem, const Schedule &schedule) {
  constexpr int64_t run = 2; // Neighbours that a thread adds together.
  return run * ceilDivide(liveRows(problem, schedule) * problem.headDim, run * schedule.cluster);
}

int64_t counterBytes(const Resources &resources) {
  constexpr int64_t counterSize = 4, padding = 256;
  return roundUp(resources.grid.x * resources.arrivals * counterSize, padding);
}

int64_t registerLimit(const Schedule &schedule, const Target &target) {
  constexpr int64_t nameable = 255, unit = 8;
  if (schedule.load == LoadPath::Ring)
    return schedule.warps > 4 ? roleRegisters(schedule.warps, schedule.weigher, schedule.heldRows).consumer : nameable;
  int64_t threads = std::max<int64_t>(32 * schedule.warps * schedule.ctas, 32);
  return std::min(nameable, target.registersPerMultiprocessor / threads / unit * unit);
}

/// Threads and CTAs that a multiprocessor holds at most (CUDA Programming Guide, "Technical Specifications per Compute
/// Capability").
static std::pair<int64_t, int64_t> residentLimits(const Target &target) {
  if (target.arch == "sm_86")
    return {1536, 16};
  if (target.arch == "sm_89" || target.arch == "sm_120")
    return {1536, 24};
  return {2048, 32};
}

int64_t ctasThatFit(const Resources &costs, const Schedule &schedule, int64_t sharedBytes, const Target &target) {
  constexpr int64_t registerUnit = 8;
  auto [mostThreads, mostCtas] = residentLimits(target);
  int64_t byShared = target.sharedBytesPerMultiprocessor / (sharedBytes + reservedBytes);
  int64_t registers = std::min(costs.registersPerThread, registerLimit(schedule, target));
  registers = roundUp(std::max(registers, registerUnit), registerUnit);
  int64_t byRegisters = target.registersPerMultiprocessor / (registers * costs.threads);
  return std::max<int64_t>(std::min({byShared, byRegisters, mostThreads / costs.threads, mostCtas}), 1);
}

/// The least shared memory of which there is not enough for one CTA more than `places`.
static int64_t bytesThatFill(int64_t places, const Resources &costs, const Target &target) {
  constexpr int64_t unit = 1024;
  int64_t bytes = target.sharedBytesPerMultiprocessor / (places + 1) / unit * unit + unit - reservedBytes;
  return std::max(costs.sharedBytes, std::min(bytes, target.sharedBytesPerBlock));
}

int64_t launchedSharedBytes(const Resources &costs, const Schedule &schedule, Grid grid, const Target &target) {
  if (!schedule.spread)
    return costs.sharedBytes;
  // Clusters of more than two CTAs find no room on a quarter of the places that single ones fill, those of 16, which
  // need a whole partition, on half of them.
  int64_t reachedQuarters = schedule.cluster > 8 ? 2 : schedule.cluster > 2 ? 3 : 4;
  int64_t reached = target.multiprocessors * reachedQuarters / 4;
  constexpr int64_t fewWaves = 2; // Of more, whose ends lie apart, none waits for another's.
  int64_t ctas = grid.x * grid.y, fit = ctasThatFit(costs, schedule, costs.sharedBytes, target);
  int64_t waves = ceilDivide(ctas, reached * fit), places = ceilDivide(ctas, waves * reached);
  if (waves > fewWaves || places >= fit)
    return costs.sharedBytes;
  int64_t bytes = bytesThatFill(places, costs, target);
  return ctasThatFit(costs, schedule, bytes, target) < places ? costs.sharedBytes : bytes; // Whole KiB of many places.
}

bool spreadMatters(const Problem &problem, Schedule schedule, const Target &target) {
  if (schedule.load != LoadPath::Registers || problem.isMerge())
    return false;
  schedule.spread = true;
  Resources costs = resources(problem, schedule, target);
  return launchedSharedBytes(costs, schedule, costs.grid, target) > costs.sharedBytes;
}

int64_t mostSharedBytes(const Resources &costs, const Schedule &schedule, const Target &target) {
  return schedule.spread ? bytesThatFill(1, costs, target) : costs.sharedBytes;
}

Resources resources(const Problem &problem, const Schedule &schedule, const Target &target) {
  Resources costs;
  costs.rowsPerHead = problem.queryLength * rowsPerQuery(problem, schedule);
  costs.rowTiles = ceilDivide(costs.rowsPerHead, schedule.rows);
  costs.tiles = tilesOf(problem, schedule, costs.rowTiles);
  costs.grid = gridOf(schedule, target, costs.tiles);
  switch (schedule.load) {
  case LoadPath::Registers:
    costs.threads = warpLanes * schedule.warps;
    if (problem.isMerge()) {
      costs.registersPerThread = registersOfMerge(problem, schedule);
      break;
    }
    costs.keyWarps = keyWarpsOfRegisterLoads(problem, schedule);
    costs.registersPerThread = registersOfRegisterLoads(problem, schedule);
    costs.clusterBytes = clusterBytesOf(problem, schedule);
    costs.sharedBytes = sharedBytesOfRegisterLoads(problem, schedule, costs.keyWarps) + costs.clusterBytes;
    break;
  case LoadPath::Ring:
    costs.threads = warpLanes * (schedule.warps + warpgroupWarps);
    costs.arrivals = warpgroupWarps * valueWarpgroups(schedule) * (schedule.streamK ? 2 : schedule.cluster);
    costs.registersPerThread = registersOfRing(problem, schedule);
    costs.sharedBytes = sharedBytesOfRing(problem, schedule);
    break;
  case LoadPath::Scratch:
    costs.threads = 1;
    costs.sharedBytes = problem.isMerge() ? scratchBytesOfMerge(problem, schedule) : scratchBytes(problem, schedule);
    break;
  }
  costs.workspaceBytes = workspaceBytesOf(problem, schedule, costs);
  return costs;
}

Quotient quotientOf(int64_t divisor) {
  if (divisor <= 1)
    return {};
  uint32_t bits = static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(divisor) - 1)), all = 31 + bits;
  uint64_t multiplier = ((uint64_t(1) << all) + static_cast<uint64_t>(divisor) - 1) / static_cast<uint64_t>(divisor);
  return {static_cast<uint32_t>(multiplier), all - 32};
}

LaunchSizes launchSizes(const Problem &problem, const Schedule &schedule, const Resources &costs) {
  int64_t heads = packsGroup(problem, schedule) ? problem.kvHeads : problem.queryHeads;
  Quotient ofHeads = quotientOf(heads), ofSequences = quotientOf(problem.batch * heads);
  return {.batch = problem.batch,
          .query_length = problem.queryLength,
          .context = problem.context,
          .kv_heads = problem.kvHeads,
          .row_tiles = costs.rowTiles,
          .turns = costs.tiles / std::max<int64_t>(costs.grid.x, 1),
          .splits = costs.grid.y,
          .shards = problem.shards,
          .split_tiles = schedule.splitTiles * costs.keyWarps,
          .heads_multiplier = ofHeads.multiplier,
          .heads_shift = ofHeads.shift,
          .sequences_multiplier = ofSequences.multiplier,
          .sequences_shift = ofSequences.shift};
}

} // namespace lla
