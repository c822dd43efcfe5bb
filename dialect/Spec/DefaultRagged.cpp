//===- DefaultRagged.cpp - few rows of many lengths on a GPU, untuned ------===//
//
// Sequences end apart, and nobody knows the lengths before the launch: what one CTA
// has more than another is time that a multiprocessor rests.
//
//   enough row tiles    they take turns, longest first: the last ones are short
//   few, or long        splits that level them, each of some keys at least
//   share lines         (sm_90) many warps side by side instead of CTAs
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/DefaultSchedule.h"
#include <algorithm>
#include <cmath>

namespace lla::defaults {
namespace {

/// Splits of a ragged batch have as many keys as let those of full sequences fill the GPU once: a CTA that finds
/// nothing to do takes its place too, and each merge its time. Row tiles that are fewer than its places are split
/// finer, where that makes several waves of them. Read off an H200 (16 to 2048 row tiles).
void levelOnCuda(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  constexpr int64_t mostTiles = 16, fine = 8, wavesOfFine = 4, waves = 8;
  int64_t slots = 2 * target.multiprocessors; // CTAs of four warps.
  int64_t together = schedule.warps * schedule.keys, leastKeys = mostTiles * together;
  auto fills = [&](double wanted, int64_t keys) {
    return static_cast<double>(tiles * problem.visibleSpan()) >= wanted * static_cast<double>(slots * keys);
  };
  if (tiles <= slots && fills(wavesOfFine, fine * together))
    leastKeys = fine * together;
  while (leastKeys > together && !fills(0.9, leastKeys))
    leastKeys /= 2;
  levelLengths(problem, tiles, waves * slots, leastKeys, schedule);
}

/// Lengths that differ, of row tiles that are enough for turns: longest first, the last to end began as a short one.
/// Of lengths uniform up to L, L / 2 in the mean, none is longer than what a place has in all from 1.9 row tiles a
/// place on; four warps have two places on a multiprocessor, and eight one, which reads as fast alone. Fewer are split.
/// Read off H200s (96 to 2048 row tiles of 64 to 192 dims, one to eight heads, 1024 to 4096 keys) beside splits that
/// level as above, in any order: 0.71 to 1.01. False if row tiles are too few, too short or too long for that.
bool takeTurns(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  constexpr double few = 0.75, enough = 1.9, enoughOfShort = 1.4;
  // Elements of K in a row tile.
  constexpr int64_t least = 96 << 10, leastAlone = 64 << 10, isShort = 128 << 10, leastOfPart = 192 << 10,
                    isLong = 384 << 10, most = 512 << 10;
  double tilesOfOne = static_cast<double>(tiles) / static_cast<double>(target.multiprocessors);
  int64_t elements = problem.visibleSpan() * problem.headDim;
  if (tilesOfOne <= 0.5 || elements > most || problem.window) // Behind a window row tiles are about alike.
    return false;
  auto split = [&](int64_t parts, int64_t tilesOfPart) {
    schedule.splits = candidateBelow("splits", parts);
    schedule.splitTiles = schedule.splits > 1 ? candidateBelow("split_tiles", std::max<int64_t>(tilesOfPart, 1)) : 1;
  };
  bool isMany = tilesOfOne >= 2 * (elements <= isShort ? enoughOfShort : enough);
  if (isMany && (schedule.stages > 1 || elements < isLong)) {
    // A long one of a batch of short ones is not to be alone: 2 % slower where lengths are uniform.
    split(elements < isLong ? 1 : 2, 16);
    return true;
  }
  if (elements < (tilesOfOne > 1 ? least : leastAlone))
    return false;
  auto wanted = static_cast<int64_t>(std::ceil(enough / tilesOfOne));
  int64_t parts = std::clamp<int64_t>(elements / leastOfPart, 1, wanted);
  if (tilesOfOne <= few && elements >= leastOfPart && parts == 1) // Four warps have parts enough.
    return false;
  schedule.warps = 8;
  split(parts, problem.visibleSpan() / parts / (schedule.warps * schedule.keys) / 2);
  return true;
}

/// Lengths that differ, of heads that share lines and fill the GPU: its warps side by side read a line once, without a
/// merge. Read off an H200 (80 and 96 dims, 256 and 512 row tiles): 4 to 17 % faster. A split keeps its number of
/// tiles, and so has four times the keys.
void widenForSharedLines(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  bool isMedium = !isNarrow(problem) && problem.headDim <= 96; // Wider ones have no registers for such tiles.
  if (target.computeCapability() == 90 && isFull(tiles, target) && schedule.swapped && isMedium &&
      sharesLines(problem) && !problem.hasKeyScales() && problem.visibleSpan() >= 2048) {
    schedule.warps = 8;
    schedule.keys = 32;
    int64_t splitKeys = schedule.splitTiles * schedule.warps * schedule.keys;
    schedule.splits = std::min(schedule.splits, candidateBelow("splits", problem.visibleSpan() / splitKeys));
    if (schedule.splits == 1)
      schedule.splitTiles = 1;
  }
}

/// An order is of what waits for a place, and takes each CTA a while to find: parts of few row tiles 3 % of their time.
/// Behind a window row tiles are about alike.
bool wantsOrder(const Problem &problem, int64_t tiles, const Target &target, const Schedule &schedule) {
  constexpr int64_t warpsOfPlaces = 8; // Of a multiprocessor.
  bool waits = tiles * schedule.splits * schedule.warps > target.multiprocessors * warpsOfPlaces;
  return waits && 2 * tiles > target.multiprocessors && !problem.window;
}

} // namespace

void divideManyLengths(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  if (!takeTurns(problem, tiles, target, schedule))
    levelOnCuda(problem, tiles, target, schedule);
  widenForSharedLines(problem, tiles, target, schedule);
  fitRegisterLoads(problem, target, schedule);
  schedule.longestFirst = wantsOrder(problem, tiles, target, schedule);
}

} // namespace lla::defaults
