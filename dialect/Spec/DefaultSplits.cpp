//===- DefaultSplits.cpp - row tiles that leave a GPU idle, untuned -------===//
//
// Many rows (load = ring), but fewer row tiles than multiprocessors, or a last wave of
// few: a chunk of a prefill over a long cache, few heads, one sequence. Their keys are
// split where the estimate below says that it saves a tenth. Its unit is what 128 rows
// take for 64 keys; constants are read off an H100 (8 heads, D = 128 and 256, 32 to 512
// rows over 4096 to 32768 keys). Of seven such shapes it finds the fastest or one that
// takes up to 13 % longer:
//
//     fold     key tiles of a split, by waves; or all work evenly, where row tiles differ (causal)
//     grid     each split's state is written, and the last to arrive reads all of a row tile
//     cluster  all wait for each other, and each reads a share of all
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/DefaultSchedule.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

namespace lla::defaults {
namespace {

/// How long `schedule` takes.
double estimate(const Problem &problem, const Schedule &schedule, const Target &target) {
  constexpr double unitKeys = 64, oneWarpgroup = 0.78, opening = 1, overCluster = 2, arrival = 1.5;
  bool isNarrow = schedule.rows == 64 && schedule.valueParts == 1;
  double ofTile = isNarrow ? oneWarpgroup : 1, ofState = isNarrow ? 0.8 : 1.6; // To read, or write twice.
  double multiprocessors = static_cast<double>(target.multiprocessors);
  double tiles = static_cast<double>(resources(problem, schedule, target).tiles);
  double splits = static_cast<double>(schedule.splits), cluster = static_cast<double>(schedule.cluster);
  double longest = static_cast<double>(keysOfRowTile(problem, schedule)) / unitKeys * ofTile;
  double keysOfRow = static_cast<double>(problem.visiblePairs()) / static_cast<double>(problem.queryLength);
  double mean = keysOfRow / unitKeys * ofTile;
  double waves = std::ceil(tiles * splits / multiprocessors);
  bool isLevel = mean >= 0.75 * longest;
  double fold = isLevel ? waves * longest / splits : std::max(longest / splits, tiles * mean / multiprocessors);
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

} // namespace

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

} // namespace lla::defaults
