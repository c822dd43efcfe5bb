//===- DefaultSplits.cpp - row tiles that leave a GPU idle, untuned -------===//
//
// Many rows (load = ring), but fewer row tiles than multiprocessors, or a last wave of
// few: a chunk of a prefill over a long cache, few heads, one sequence. Their keys are
// split where the estimate below says that it saves a tenth. Its unit is what 128 rows
// take for 64 keys; constants are read off an H100 (8 heads, D = 128, and 256 in two parts,
// 32 to 512 rows over 4096 to 32768 keys). Of seven such shapes it finds the fastest or one that
// takes up to 13 % longer:
//
//     fold     key tiles of a split, by waves; or all work evenly, where row tiles differ (causal)
//     grid     each split's state is written, and the last to arrive reads all of a row tile
//     cluster  all wait for each other, and each reads a share of all
//     turns    only those of the last turn are divided (stream_k), evenly, and merged as over the grid
//
// A divided turn must save 3 %. Of 25 shapes for which it is chosen (an H100; full, and chunks
// behind 8192 to 32768 keys; D = 64 to 128, 1.2 to 7 turns) it saves 5 to 45 %: as much as the
// estimate says, or up to 11 points less; a GPU that is busy throughout is clocked lower.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/DefaultSchedule.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

namespace lla::defaults {
namespace {

/// What there is to do.
struct Work {
  static constexpr double unitKeys = 64;
  double multiprocessors, tiles; ///< Row tiles.
  double ofTile, ofState;        ///< Units of 64 keys; of a state that is read, or written twice.
  double longest, mean;          ///< Units of a row tile.

  Work(const Problem &problem, const Schedule &schedule, const Target &target)
      : multiprocessors(static_cast<double>(target.multiprocessors)),
        tiles(static_cast<double>(resources(problem, schedule, target).tiles)) {
    bool isNarrow = schedule.rows == 64 && schedule.valueParts == 1;
    ofTile = isNarrow ? 0.78 : 1;
    ofState = isNarrow ? 0.8 : 1.6;
    longest = static_cast<double>(keysOfRowTile(problem, schedule)) / unitKeys * ofTile;
    mean = static_cast<double>(problem.visiblePairs()) / static_cast<double>(problem.queryLength) / unitKeys * ofTile;
  }
  bool isLevel() const { return mean >= 0.75 * longest; }
};

/// How long `schedule` takes, whose CTAs divide the last turn, of row tiles of `longest` units.
double estimateOfTurns(const Work &work, const Schedule &schedule) {
  constexpr double ofTurn = 0.8, opening = 2, ofMerge = 2.1;
  double whole = std::floor(work.tiles / work.multiprocessors), left = work.tiles - whole * work.multiprocessors;
  double least = static_cast<double>(schedule.splitTiles * schedule.keys) / Work::unitKeys * work.ofTile;
  double sharers = std::max(left, std::min(work.multiprocessors, left * work.longest / least));
  double time = whole * (work.longest + ofTurn);
  return left > 0 ? time + left * work.longest / sharers + opening + ofMerge * (sharers / left + 0.5) : time;
}

/// How long `schedule` takes.
double estimate(const Problem &problem, const Schedule &schedule, const Target &target) {
  constexpr double opening = 1, overCluster = 2, arrival = 1.5;
  Work work(problem, schedule, target);
  if (schedule.streamK)
    return estimateOfTurns(work, schedule);
  double tiles = work.tiles, longest = work.longest, ofState = work.ofState;
  double splits = static_cast<double>(schedule.splits), cluster = static_cast<double>(schedule.cluster);
  double waves = std::ceil(tiles * splits / work.multiprocessors);
  double evenly = std::max(longest / splits, tiles * work.mean / work.multiprocessors);
  double fold = work.isLevel() ? waves * longest / splits : evenly;
  if (schedule.splits == 1)
    return fold;
  double groups = splits / cluster;
  double total = fold + waves * (opening + ofState / 2) + (waves - 1) * ofState;
  if (cluster > 1)
    total += overCluster;
  return groups > 1 ? total + arrival + groups * ofState / cluster : total;
}

/// The fastest of `schedule` with its keys in parts, each of four tiles at least.
void considerSplits(const Problem &problem, const Target &target, Schedule schedule, Schedule &best, double &least) {
  constexpr int64_t leastTiles = 4, mostWaves = 8;
  schedule.persistent = false;
  int64_t tiles = resources(problem, schedule, target).tiles;
  for (int64_t splits : candidates("splits"))
    for (int64_t cluster : {1, 4, 8}) {
      schedule.splits = splits;
      schedule.cluster = cluster;
      schedule.splitTiles = problem.ragged ? leastTiles : 1;
      // Clusters of these find no room on a quarter of the multiprocessors.
      int64_t places = cluster > 1 ? target.multiprocessors * 3 / 4 : mostWaves * target.multiprocessors;
      int64_t leastKeys = splits * leastTiles * schedule.keys;
      if (splits == 1 || tiles * splits > places || leastKeys > keysOfRowTile(problem, schedule) ||
          llvm::errorToBool(checkFeasible(problem, schedule, target)))
        continue;
      if (double time = estimate(problem, schedule, target); time < least) {
        best = schedule;
        least = time;
      }
    }
}

/// The fastest of `turns` with the last turn divided.
void considerTurns(const Problem &problem, const Target &target, Schedule turns, Schedule &best, double &least) {
  if (!Work(problem, turns, target).isLevel())
    return;
  turns.streamK = true;
  for (int64_t splitTiles : {4, 8, 16}) {
    turns.splitTiles = splitTiles;
    double time = estimate(problem, turns, target);
    if (time < least && !llvm::errorToBool(checkFeasible(problem, turns, target))) {
      best = turns;
      least = time;
    }
  }
}

} // namespace

std::optional<Schedule> dividedEvenly(const Problem &problem, const Target &target, Schedule schedule) {
  constexpr int64_t leastTiles = 8; // As few as 4 or as many as 16 make no difference.
  if (problem.window)
    return std::nullopt;
  schedule.persistent = schedule.streamK = true;
  schedule.splitTiles = leastTiles;
  const int64_t mostKeys = schedule.keys, mostStages = schedule.stages;
  for (int64_t keys : llvm::reverse(candidates("keys")))
    for (int64_t stages : {mostStages, int64_t(2)}) {
      schedule.keys = keys;
      schedule.stages = stages;
      if (keys <= mostKeys && !llvm::errorToBool(checkFeasible(problem, schedule, target)))
        return schedule;
    }
  return std::nullopt;
}

Schedule withSplits(const Problem &problem, const Target &target, const Schedule &schedule) {
  constexpr double isWorthIt = 0.9;
  Schedule best = schedule, wide = schedule;
  double least = isWorthIt * estimate(problem, schedule, target);
  if (schedule.weigher) { // Its weights would have to be merged elsewhere than what they weigh.
    wide.weigher = false;
    wide.warps = 8;
    wide.stages = std::min<int64_t>(wide.stages, 2);
    constexpr int64_t widest = 108, fewer = 48; // Beside more columns the masks of a window's edge spill.
    if (problem.window && valuePartColumns(problem, wide) > widest)
      wide.keys = std::min(wide.keys, fewer);
  }
  considerSplits(problem, target, wide, best, least);
  if (wide.valueParts > 1)
    return best;
  Schedule narrow = wide; // Half as much to merge, of twice as many row tiles.
  narrow.rows = 64;
  narrow.warps = 4;
  narrow.keys = std::min<int64_t>(narrow.keys, 64);
  narrow.pingpong = false;
  considerSplits(problem, target, narrow, best, least);
  return best;
}

Schedule levelled(const Problem &problem, const Target &target, const Schedule &schedule,
                  const std::optional<Schedule> &turns) {
  constexpr double isWorthIt = 0.97;
  Schedule best = withSplits(problem, target, schedule);
  double least = isWorthIt * estimate(problem, best, target);
  if (turns)
    considerTurns(problem, target, *turns, best, least);
  return best;
}

} // namespace lla::defaults
