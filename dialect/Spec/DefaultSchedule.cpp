//===- DefaultSchedule.cpp - what an untuned call gets --------------------===//
//
// Closed-form rules from bytes, waves and registers; nothing is measured here.
// Values are candidates of the field table wherever a search may start from
// them. Five kinds of work:
//
//   few rows, GPU    DefaultDecode.cpp; many of a decode too, where no ring is better
//   many, sm_90a     wgmma with a ring, two consumer warpgroups; splits (DefaultSplits.cpp)
//   many, CUDA       each warp its own rows
//   host             a tile per task, splits until every thread has two tasks
//   merge            a few elements per thread (host: rows per task), shards in flight
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/DefaultSchedule.h"
#include "dialect/Spec/Resources.h"
#include <algorithm>

namespace lla {
namespace defaults {

const std::vector<int64_t> &candidates(llvm::StringRef name) {
  for (const ScheduleField &field : scheduleFields())
    if (name == field.name)
      return field.values;
  static const std::vector<int64_t> one = {1};
  return one;
}

int64_t candidateBelow(llvm::StringRef name, int64_t value) {
  int64_t best = candidates(name).front();
  for (int64_t candidate : candidates(name))
    if (candidate <= value)
      best = candidate;
  return best;
}

int64_t packedRows(const Problem &problem) { return problem.queryLength * problem.group(); }

double keyElements(const Problem &problem) {
  double keys = static_cast<double>(problem.batch * problem.kvHeads) * static_cast<double>(problem.visibleSpan());
  return keys * static_cast<double>(2 * problem.headDim) * (problem.ragged ? 0.5 : 1);
}

double elementsReadAgain(const Problem &problem) {
  return static_cast<double>((packedRows(problem) - 1) / rowsPerBlock(problem, Schedule())) * keyElements(problem);
}

bool hasFewRows(const Problem &problem) {
  Schedule ring;
  ring.load = LoadPath::Ring;
  ring.rows = ring.keys = fewRows;
  int64_t rowsOfQuery = std::max(rowsPerQuery(problem, ring), problem.group());
  return problem.queryLength * rowsOfQuery <= fewRows;
}

int64_t laziness(const Problem &problem) { return problem.dtype == ElementType::F16 && problem.hasProbe() ? 0 : 8; }

void levelLengths(const Problem &problem, int64_t tiles, int64_t tasks, int64_t leastKeys, Schedule &schedule) {
  int64_t visible = problem.visibleSpan();
  if (problem.batch > 1)
    for (int64_t splits : candidates("splits"))
      if (schedule.splits < splits && tiles * schedule.splits < tasks && splits * leastKeys <= visible)
        schedule.splits = splits;
  if (schedule.splits > 1)
    schedule.splitTiles = candidateBelow("split_tiles", leastKeys / (schedule.warps * schedule.keys));
}

void fitRegisterLoads(const Problem &problem, const Target &target, Schedule &schedule) {
  // Of 168 to 192 dims a swapped block's next tile would have room by what lives, and the assembler spills it.
  bool spills = schedule.swapped && problem.headDim > 160;
  schedule.stages = 2;
  if (spills || resources(problem, schedule, target).registersPerThread > registerLimit(schedule, target))
    schedule.stages = 1;
  while (schedule.warps > 1 && resources(problem, schedule, target).sharedBytes > target.sharedBytesPerBlock)
    schedule.warps /= 2;
}

int64_t mostKeys(const Problem &problem, const Schedule &schedule) {
  // The masks of a window's edge, or of a start within a page, need registers that wider tiles have used up.
  bool masksBegin = problem.window || (problem.ragged && problem.pageSize);
  bool hasWideSums = problem.hasProbe() && !schedule.weigher; // O1 and O2 in one thread.
  if (hasWideSums && problem.headDim > 144)
    return problem.headDim <= 160 && !masksBegin ? 48 : 32;
  if (hasWideSums && problem.headDim > 128)
    return problem.window || problem.ragged ? 48 : 64;
  if (masksBegin)
    return 64;
  if (problem.hasProbe() && problem.headDim > 64)
    return problem.headDim <= 96 ? 96 : 64;
  if (problem.headDim > 128) // Of 168 to 192 dims the next row tile fits beside no more.
    return problem.headDim > 160 && problem.headDim <= 192 ? 80 : 96;
  // Tiles as long as the rows' have one masked tile at the causal edge, and where they spill some hundred bytes around
  // the loops, that costs less.
  bool asRows = problem.causal || (schedule.rounded && !problem.hasProbe());
  return asRows ? schedule.rows : 112;
}

bool fitsOneWarpgroup(const Problem &problem) { return !problem.hasProbe() || problem.headDim <= 176; }

namespace {

int64_t keysThatMatter(const Problem &problem, int64_t keys) {
  return std::min(keys, (problem.context + 15) / 16 * 16);
}

Schedule manyRowsOnCuda(const Problem &problem, const Target &target) {
  Schedule schedule;
  schedule.load = LoadPath::Registers;
  schedule.warps = 4;
  schedule.rows = rowsPerBlock(problem, schedule) * schedule.warps;
  schedule.keys = 16;
  schedule.lazy = laziness(problem);
  schedule.peel = problem.causal;
  schedule.dependent = target.hasClusters();
  fitRegisterLoads(problem, target, schedule);
  return schedule;
}

/// Each multiprocessor takes several row tiles, where a second slot of rows fits beside two of keys: the next tile's
/// copies hide behind the last one's products. A weigher that can then holds its rows instead. Read off an H200: 184
/// dims 1 to 5 % faster, 192 2 to 9 %; with three slots of keys, which fit as well, up to 8 % slower than with two.
std::optional<Schedule> byTurns(const Problem &problem, const Target &target, const Schedule &schedule) {
  Schedule turns = schedule;
  turns.persistent = true;
  auto isFeasible = [&](const Schedule &one) { return !llvm::errorToBool(checkFeasible(problem, one, target)); };
  // What page tables and further outputs need beside the loop over row tiles spills.
  for (; turns.stages >= 2 && !problem.pageSize && !problem.state; --turns.stages)
    if (isFeasible(turns)) {
      Schedule held = turns;
      held.heldRows = schedule.weigher;
      return isFeasible(held) ? held : turns;
    }
  return std::nullopt;
}

/// `schedule`, one row tile of each KV head, whose CTAs divide all lengths evenly. Read off an H200 (128 rows of 128
/// dims): of 128 Mi elements of K and V and more 7 to 25 % faster, of 32 Mi 26 % slower; of two row tiles no faster.
/// Not where the next row tile leaves room for half as many keys, as beside wide sums.
std::optional<Schedule> tileOfManyLengths(const Problem &problem, const Target &target, const Schedule &schedule) {
  constexpr double worthMerges = 64 << 20;
  bool isOneTile = problem.queryLength * rowsPerQuery(problem, schedule) <= schedule.rows;
  bool isWorthIt = problem.ragged && isOneTile && problem.batch > 1 && keyElements(problem) >= worthMerges;
  std::optional<Schedule> even = isWorthIt ? dividedEvenly(problem, target, schedule) : std::nullopt;
  return even && 2 * even->keys > schedule.keys ? even : std::nullopt;
}

/// Two warpgroups of 64 rows; or of the same ones and a third that weighs where O1 and O2 of all columns leave a thread
/// no room for scores.
Schedule manyRowsOnWarpgroups(const Problem &problem, const Target &target) {
  Schedule schedule;
  schedule.load = LoadPath::Ring;
  // One warpgroup weighs what two could only weigh twice.
  schedule.weigher = !fitsOneWarpgroup(problem);
  schedule.warps = schedule.weigher ? 12 : 8;
  schedule.valueParts = schedule.weigher ? 2 : 1;
  schedule.rows = 128 / schedule.valueParts;
  schedule.lazy = laziness(problem);
  schedule.peel = true;
  schedule.dependent = true;
  // Of wider heads the products take longer than the weights, and turns only delay them.
  schedule.pingpong = problem.headDim <= 64;
  bool isTight = problem.dtype == ElementType::F16 && problem.hasProbe();
  // With a window of 1024 keys it took 2 % longer than without.
  schedule.rounded = problem.headDim <= 64 && !problem.state && !isTight && !problem.window;
  // Of wide tiles two slots of more keys are faster than three of fewer.
  bool isWide = problem.headDim > 128;
  int64_t mostStages = schedule.rounded ? 4 : 3, most = keysThatMatter(problem, mostKeys(problem, schedule));
  auto consider = [&](int64_t keys, int64_t stages) {
    Schedule larger = schedule;
    larger.keys = keys;
    larger.stages = stages;
    if (!llvm::errorToBool(checkFeasible(problem, larger, target)))
      schedule = larger;
  };
  schedule.stages = isWide ? 2 : mostStages;
  for (int64_t keys : candidates("keys"))
    if (keys <= most)
      consider(keys, schedule.stages);
  consider(schedule.keys, mostStages);
  if (std::optional<Schedule> even = tileOfManyLengths(problem, target, schedule))
    return *even;
  std::optional<Schedule> turns = byTurns(problem, target, schedule);
  Schedule level = levelled(problem, target, schedule, turns);
  // The next row tile leaves wide sums room for fewer keys only, or fewer slots of them: of whole row tiles that is no
  // gain. A last turn that is divided saves more (D = 160: 8 to 15 %).
  bool hasRoom = !isWide || !problem.hasProbe() || schedule.weigher;
  bool isWhole = level == schedule && resources(problem, schedule, target).tiles > target.multiprocessors;
  return isWhole && turns && hasRoom ? *turns : level;
}

/// True if `schedule`, of many rows, saves blocks of a decode's from reading much again. Read off an H200 (16 rows of 8
/// heads on each of 8 KV heads): with one sequence of 512 keys it is 30 % slower than blocks, with two of 2048 36 %
/// faster, with 32 of 4096 9 times.
bool sharesMuch(const Problem &problem, const Schedule &schedule) {
  constexpr double worthIt = 30 << 20;
  return packsGroup(problem, schedule) && elementsReadAgain(problem) >= worthIt;
}

/// One element a thread where there are few rows, which are a chain of latencies; else four, which fill the loads.
Schedule merge(const Problem &problem, const Target &target) {
  Schedule schedule;
  schedule.load = target.isHost() ? LoadPath::Scratch : LoadPath::Registers;
  schedule.keys = 16;
  schedule.lazy = 0;
  schedule.warps = schedule.stages = 1;
  if (target.isHost()) {
    schedule.rows = candidateBelow("rows", std::min<int64_t>(problem.queryLength, 16));
    return schedule;
  }
  constexpr int64_t warpLanes = 32, mostWarps = 4, mostShards = 4, mostElements = 4;
  int64_t most = mostElements * mostWarps * warpLanes;
  schedule.rows = candidateBelow("rows", std::min(problem.queryLength, most / problem.headDim));
  schedule.warps = candidateBelow("warps", std::min(mostWarps, (schedule.rows * problem.headDim + 31) / warpLanes));
  schedule.stages = candidateBelow("stages", std::min(problem.shards, mostShards));
  schedule.dependent = target.hasClusters(); // The shards' own kernels may be what it follows.
  return schedule;
}

Schedule onHost(const Problem &problem, const Target &target) {
  Schedule schedule;
  schedule.load = LoadPath::Scratch;
  schedule.warps = schedule.stages = schedule.ctas = 1;
  schedule.lazy = laziness(problem);
  schedule.peel = problem.causal && problem.queryLength > 1;
  schedule.rows = fewRows;
  for (int64_t rows : candidates("rows"))
    if (rows >= packedRows(problem)) {
      schedule.rows = std::min(rows, fewRows);
      break;
    }
  // Few rows are bound by memory: the next tile of K (16 KiB of it) arrives while this one is computed.
  constexpr int64_t prefetchedBytes = 16384;
  bool memoryBound = schedule.rows < fewRows;
  int64_t prefetched = prefetchedBytes / (problem.headDim * elementBytes(problem.keyType()));
  schedule.keys =
      keysThatMatter(problem, memoryBound ? candidateBelow("keys", std::min<int64_t>(prefetched, 128)) : 64);
  // Threads take tasks as they become free: two each level out what a mask makes uneven.
  constexpr int64_t tasksPerThread = 2, leastKeys = 512;
  int64_t tiles = resources(problem, schedule, target).grid.x;
  int64_t wanted = (tasksPerThread * target.multiprocessors + tiles - 1) / tiles;
  schedule.splits = candidateBelow("splits", std::min(wanted, problem.visibleSpan() / leastKeys));
  if (problem.ragged)
    levelLengths(problem, tiles, 12 * target.multiprocessors, leastKeys, schedule);
  return schedule;
}

} // namespace
} // namespace defaults

Schedule defaultSchedule(const Problem &problem, const Target &target) {
  using namespace defaults;
  if (problem.isMerge())
    return merge(problem, target);
  if (target.isHost())
    return onHost(problem, target);
  bool isDecode = problem.mode == Mode::Decode;
  if (hasFewRows(problem))
    return decode(problem, target);
  if (target.hasWarpgroupMma()) { // Pages of some sizes do not fit a ring.
    Schedule ring = manyRowsOnWarpgroups(problem, target);
    bool isFeasible = !llvm::errorToBool(checkFeasible(problem, ring, target));
    if (isFeasible && (!isDecode || sharesMuch(problem, ring)))
      return ring;
  }
  Schedule shared = manyRowsOnCuda(problem, target);
  // Where a page is looked up for each row, warps that share tiles share that: 30 % faster (an H200, pages of 12).
  bool sharesLooks = problem.pageSize % 8 != 0;
  if (isDecode && !(sharesLooks && resources(problem, shared, target).tiles >= 2 * target.multiprocessors))
    return decode(problem, target);
  return shared;
}

} // namespace lla
