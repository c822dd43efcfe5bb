//===- DefaultDecode.cpp - few rows on a GPU, untuned ---------------------===//
//
// Few rows are bound by the bytes of K and V: every multiprocessor is to read all
// the time, and merges are to cost little. What the row tiles leave of the GPU
// decides:
//
//   more rows than a block (sm_90a) one warpgroup: where row tiles fill the GPU, or where
//                                   K and V would be read again and again
//   full                            CTAs of two warps for few keys, else of four; (sm_90) in step
//                                   where rows of K and V share lines, or are narrow and long
//   uneven, or places left          splits: in clusters, and over the grid
//   lengths differ                  DefaultRagged.cpp; of one warpgroup, stream_k
//
// Keys of a byte take wider tiles besides.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/DefaultSchedule.h"
#include "dialect/Spec/Resources.h"
#include <algorithm>
#include <cmath>
#include <optional>

namespace lla::defaults {

bool isNarrow(const Problem &problem) { return problem.headDim <= 64; }

bool sharesLines(const Problem &problem) {
  constexpr int64_t line = 128;
  return problem.headDim * elementBytes(problem.keyType()) % line != 0;
}

bool isFull(int64_t tiles, const Target &target) { return tiles >= 2 * target.multiprocessors * 9 / 10; }

namespace {

/// One block of mma.sync holds the rows as its columns: rows of K and V, of which a tile has more, are its rows.
bool isSwapped(const Problem &problem) {
  Schedule swapped;
  swapped.swapped = true;
  return packedRows(problem) <= rowsPerBlock(problem, swapped);
}

/// Share of the last wave's slots, over all waves, that work when `tasks` run on `slots`.
double waveEfficiency(int64_t tasks, int64_t slots) {
  int64_t waves = (tasks + slots - 1) / slots;
  return static_cast<double>(tasks) / static_cast<double>(waves * slots);
}

/// The smallest candidate with which the waves are nine tenths full; else the fullest that leaves `leastKeys` each.
int64_t splitsThatFill(int64_t tiles, int64_t slots, int64_t visible, int64_t leastKeys) {
  int64_t best = 1;
  for (int64_t splits : candidates("splits")) {
    if (splits > 1 && splits * leastKeys > visible)
      break;
    if (waveEfficiency(tiles * splits, slots) > waveEfficiency(tiles * best, slots))
      best = splits;
    if (waveEfficiency(tiles * best, slots) >= 0.9)
      break;
  }
  return best;
}

/// CTAs of `warps` warps for which a multiprocessor has registers: three of four narrow ones, else two.
int64_t ctasWithRegisters(const Problem &problem, int64_t warps) { return (isNarrow(problem) ? 12 : 8) / warps; }

/// Row tiles that fill the GPU with CTAs of two warps rather than four: as many loads in flight, less to merge at a
/// time. Pairs of them share a row tile where all find room at once; more waves than one must not leave more of the
/// last idle. Longer contexts have little to merge, and a CTA of four that has the next tile in flight too (two stages)
/// keeps a multiprocessor busy where others have ended. Read off an H200 (256 to 1024 row tiles): up to 512 keys 3 to
/// 17 % faster than four, from 2048 on up to 3 % slower (of eight rows 2 % faster to 1 % slower), as on an H100. False
/// if these do not fit.
bool fillWithFewWarps(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  constexpr int64_t few = 2, shortSpan = 1024;
  auto slots = [&](int64_t warps) { return target.multiprocessors * ctasWithRegisters(problem, warps); };
  bool isOneWave = tiles <= slots(few), wantsPairs = 2 * tiles <= slots(few), prefetches = schedule.stages > 1;
  int64_t visible = problem.visibleSpan();
  if (prefetches && (visible > shortSpan || (visible == shortSpan && wantsPairs)))
    return false;
  if (!isOneWave && waveEfficiency(tiles, slots(few)) < std::max(0.85, waveEfficiency(tiles, slots(schedule.warps))))
    return false;
  if (wantsPairs) { // Alone they would have half as many loads in flight.
    if (!target.hasClusters())
      return false;
    schedule.splits = schedule.cluster = 2;
  } else if (isOneWave && visible > shortSpan && waveEfficiency(tiles, target.multiprocessors) < 0.9) {
    return false; // A multiprocessor with one CTA more than others keeps them waiting: splits level that.
  }
  schedule.warps = few;
  return true;
}

/// Rows of K and V as columns of a narrow tile: its next one has room with 16 keys, and CTAs of eight warps.
bool isNarrowAndSwapped(const Problem &problem) { return isNarrow(problem) && isSwapped(problem); }

/// More row tiles than pairs of narrow CTAs of two warps fill, whose last wave is about full where two CTAs have room.
bool isMany(int64_t tiles, const Target &target) {
  return tiles > 3 * target.multiprocessors && waveEfficiency(tiles, 2 * target.multiprocessors) >= 0.9;
}

/// Row tiles that fill a GPU and share lines: a line that two CTAs read comes from memory twice unless both do so at
/// about the same time, as few CTAs of many warps in their order do, and many small ones do not. Heads of whole lines
/// are faster so, too, where they are narrow and long, or many, or of 192 dims. Only of sm_90, where it was seen.
bool keepsStep(const Problem &problem, int64_t tiles, const Target &target) {
  int64_t visible = problem.visibleSpan(), leastNarrow = isMany(tiles, target) ? 256 : 1024;
  bool isLongAndNarrow = isNarrow(problem) && visible >= (isSwapped(problem) ? leastNarrow : 2048);
  bool isLongAndWide = isSwapped(problem) && problem.headDim > 160 && problem.headDim <= 192 && visible >= 2048;
  return target.computeCapability() == 90 && !problem.ragged && isFull(tiles, target) &&
         (sharesLines(problem) || isLongAndNarrow || isLongAndWide);
}

/// Read off an H200 (256 to 2048 row tiles of 64 to 256 dims, 256 to 16384 keys; of bytes 64 to 256 dims) and an H100
/// (16 to 240 dims, 256 to 16384 keys). Beside CTAs of two warps that are spread, row tiles that share lines are up to
/// 20 % faster, 12 % of it because they are in order; others from 1 % slower to 10 % faster. Four warps beside eight:
/// up to 1024 keys 4 to 27 % faster (narrow ones where they are many), of 2048 6 % faster to 2 % slower; of bytes, and
/// of eight narrow rows, at any length.
void fillInStep(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  constexpr int64_t tilesPerWarp = 4;
  int64_t visible = problem.visibleSpan();
  auto fitting = [&] {
    Resources costs = resources(problem, schedule, target);
    return ctasThatFit(costs, schedule, costs.sharedBytes, target);
  };
  bool hasWideTiles = isNarrow(problem) && !schedule.swapped && !sharesLines(problem);
  schedule.keys = hasWideTiles ? 32 : 16;
  schedule.warps = 4;
  fitRegisterLoads(problem, target, schedule);
  // A CTA of four that is alone in a last wave needs the next tile in flight to keep its multiprocessor busy.
  bool lastsBusy = schedule.stages > 1 || waveEfficiency(tiles, fitting() * target.multiprocessors) >= 0.85;
  bool isNarrowAndMany = isNarrowAndSwapped(problem) && isMany(tiles, target);
  int64_t shortSpan = isNarrowAndMany ? 1024 : !isNarrow(problem) && lastsBusy ? 2048 : 512;
  // With one tile in flight many CTAs of two warps take turns better: 3 to 11 % faster (512 row tiles).
  bool wantsTurns = visible <= 2048 && !lastsBusy && isMany(tiles, target);
  if (visible > shortSpan && !hasWideTiles && (!problem.hasKeyScales() || isNarrowAndSwapped(problem)))
    schedule.warps = wantsTurns ? 2 : 8;
  int64_t keyTiles = (visible + schedule.keys - 1) / schedule.keys;
  schedule.warps = candidateBelow("warps", std::min(schedule.warps, keyTiles));
  fitRegisterLoads(problem, target, schedule);
  int64_t ctas = fitting();
  if (!isNarrowAndSwapped(problem) || isNarrowAndMany)
    ctas = std::min<int64_t>(ctas, 2); // Which keep a multiprocessor busy.
  schedule.splits =
      splitsThatFill(tiles, ctas * target.multiprocessors, visible, tilesPerWarp * schedule.warps * schedule.keys);
}

/// Keys of a byte: what a tile costs besides its bytes is the larger share, so it has twice the keys where registers
/// hold them (older machines convert in integers, which take more) and each warp still has four such tiles.
void widenTiles(const Problem &problem, const Target &target, Schedule &schedule) {
  constexpr int64_t narrow = 16, leastTiles = 4, converting = 89;
  Schedule wider = schedule;
  wider.keys *= 2;
  bool isLong = problem.visibleSpan() >= leastTiles * wider.splits * wider.warps * wider.keys;
  if (schedule.keys == narrow && isLong && target.computeCapability() >= converting &&
      resources(problem, wider, target).registersPerThread <= registerLimit(wider, target))
    schedule = wider;
}

/// Splits that put a CTA of eight warps on nearly every multiprocessor, each with as much to read; 1 if no number does,
/// or if their merges, over pairs and then over the grid, cost more than other splits' unevenness. Read off an H200 (2
/// to 64 row tiles): up to 30 % faster than clusters that leave places empty, and beyond 1 MiB a row tile 2 to 8 % even
/// where these are whole.
int64_t splitsThatLevel(const Problem &problem, int64_t tiles, const Target &target) {
  constexpr int64_t leastElements = 64 << 10, shortSpan = 8192; // Of K and V, for a CTA.
  int64_t splits = 1;
  for (int64_t candidate : candidates("splits"))
    if (candidate * tiles <= target.multiprocessors)
      splits = candidate;
  if (splits <= 2 && waveEfficiency(2 * tiles, target.multiprocessors) >= 0.9)
    return splits; // One pair a row tile has no merge over the grid.
  // A group's heads and a hundred parts are more to merge, a narrow head has less elsewhere, and up to 16 would merge
  // at once in a cluster: they want twice as many keys; 16 of medium heads a quarter more (8, 16 and 32 row tiles of
  // 128 dims: from there on 3 to 10 % faster, at worst 3 % slower).
  bool mergesAtOnce = splits <= 16, isMedium = !isNarrow(problem) && problem.headDim <= 128;
  bool mergesMore = problem.group() > 1 || splits > 64 || (mergesAtOnce && !isMedium) ||
                    (isNarrow(problem) && problem.visibleSpan() <= shortSpan);
  int64_t least = leastElements * (mergesMore ? 8 : mergesAtOnce ? 5 : 4) / 4;
  // The last to arrive merges all rows of a hundred parts: of eight rows 64 splits in clusters of 8 were up to 25 %
  // faster, which read with half of the GPU.
  if (splits > 64)
    least = std::max(least, leastElements * std::min<int64_t>(packedRows(problem), 8));
  bool isWorthIt = problem.visibleSpan() / splits * 2 * problem.headDim >= least;
  return isWorthIt && waveEfficiency(splits * tiles, target.multiprocessors) >= 0.9 ? splits : 1;
}

constexpr int64_t widestCluster = 16, portableCluster = 8;

/// Clusters beyond 8 need whole partitions of 16 multiprocessors: seen on sm_90 only, no promise of other GPUs.
bool hasWidestClusters(const Target &target) {
  constexpr int64_t wholeGpu = 132;
  return target.computeCapability() == 90 && target.multiprocessors >= wholeGpu;
}

/// One row tile alone, or two of one row, is best in 64 splits of four warps, in clusters of so many; 0 if it is not
/// alone, or so long that eight warps, or so short that fewer splits, are better. Read off an H200 with warm caches:
/// from 4096 keys on up to 23 % faster than with as many splits as else, of two row tiles 2 to 7 (cold 4 to 22);
/// clusters of 8 rather than 16 are 2 to 5 % faster where they are given (cold: 12 % faster to 4 % slower), and as much
/// slower where they are not. Narrow ones of several rows and 32768 keys are 7 to 11 % faster so (cold: 4 % faster to
/// 5 % slower), on an H100 too.
int64_t clusterOfLone(const Problem &problem, int64_t tiles, const Target &target, const Schedule &schedule) {
  constexpr int64_t medium = 8192, large = 16384;
  int64_t visible = problem.visibleSpan(), rows = packedRows(problem);
  bool prefetches = schedule.stages > 1;
  bool isPair = tiles == 2 && rows == 1 && prefetches && visible >= medium && visible <= large;
  bool isOne = tiles == 1 && visible >= (isNarrow(problem) ? medium : medium / 2) &&
               visible <= (rows > 1 && isNarrow(problem) ? 2 * large : large);
  if (!hasWidestClusters(target) || !(isPair || isOne))
    return 0;
  bool mergesLess = rows == 1 || (isNarrow(problem) && (rows <= 4 || visible > large));
  return mergesLess ? portableCluster : widestCluster;
}

/// CTAs that find room in clusters of so many, where a multiprocessor has registers for `ctas`: clusters of more than
/// two find none on a quarter of the places that single ones fill.
int64_t placesOf(const Target &target, int64_t ctas, int64_t cluster) {
  return target.multiprocessors * ctas * (cluster > 2 ? 3 : 4) / 4;
}

/// A split costs a share of the merge and saves a share of the fold: the best number grows as the root of the keys.
/// Read off tuned records of an H100 and an H200 (1 to 512 row tiles).
void splitByKeys(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  constexpr double splitsAt2048Keys = 16;
  constexpr int64_t fewTiles = 8, mostOfRows = 64;
  int64_t visible = problem.visibleSpan();
  bool narrow = isNarrow(problem), isWhole = hasWidestClusters(target);
  double wanted = splitsAt2048Keys * std::sqrt(static_cast<double>(visible) / 2048);
  int64_t most = std::max<int64_t>(static_cast<int64_t>(wanted), visible >= 256 ? 8 : 1);
  if (isWhole && packedRows(problem) >= 4) // Which merge more than as many CTAs again read.
    most = std::min(most, mostOfRows);
  if (isWhole && !narrow && tiles < fewTiles / 2 && visible >= 1024) // A tile a warp.
    most = std::max(most, widestCluster);
  if (isWhole && narrow && visible <= 8192) // One cluster of four warps: up to 11 % on an H100.
    most = std::min(most, widestCluster);
  // A group's heads merge more, and the widest clusters of eight row tiles fill all there is room for: of few keys half
  // the CTAs are faster, and four warps of these.
  bool mergesFew = problem.group() >= 4 && visible <= 2048 && tiles >= fewTiles;
  int64_t widestOfMany = mergesFew ? portableCluster : widestCluster;
  int64_t widestAlone = candidateBelow("splits", tiles < fewTiles ? most : std::min(most, widestOfMany));
  int64_t ctas = narrow ? 3 : 2; // Of four warps, as registers have it.
  while (2 * schedule.splits <= widestAlone &&
         2 * schedule.splits * tiles <= placesOf(target, ctas, 2 * schedule.splits))
    schedule.splits *= 2;
  if (visible > (narrow ? 8192 : 2048)) // As many as there is room for, merging over the grid besides.
    schedule.splits = std::max(
        schedule.splits, candidateBelow("splits", std::min(most, placesOf(target, 2, widestCluster) / tiles)));
  // Eight warps where each has two tiles at least (narrow heads: beyond 8192 keys), else what they save in the fold
  // goes into the merge.
  bool isLong = narrow ? visible > 8192 : visible >= 2 * 8 * schedule.splits * schedule.keys;
  bool hasRoom = isLong && 2 * schedule.splits * tiles <= target.multiprocessors;
  schedule.warps = hasRoom && !mergesFew ? 8 : 4;
}

/// The splits of row tiles that do not fill the GPU, merging in clusters.
void splitInClusters(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule) {
  int64_t visible = problem.visibleSpan();
  int64_t largest = clusterOfLone(problem, tiles, target, schedule);
  bool isLone = largest > 0;
  int64_t level = isLone ? 1 : splitsThatLevel(problem, tiles, target);
  if (isLone) {
    schedule.splits = 64;
    schedule.warps = 4;
  } else if (level > 1) {
    // Of a short pair what eight warps save in the fold goes into the merge, and one with fewer is as well spread.
    bool mergesMuch = !isNarrow(problem) || problem.group() > 1;
    schedule.splits = level;
    schedule.warps = level == 2 && visible <= 512 && mergesMuch ? 4 : 8;
    largest = 2;
  } else {
    splitByKeys(problem, tiles, target, schedule);
    largest = hasWidestClusters(target) && schedule.splits == widestCluster ? widestCluster : portableCluster;
  }
  // Of many row tiles two tiles of 16 keys are faster than one of 32: of 8 of 2048 keys 5 % (cold 6 %).
  bool isOnlyTile = schedule.splits * schedule.warps * 32 >= visible;
  if (isNarrow(problem) && visible > 512 && schedule.splits * tiles <= placesOf(target, 2, schedule.splits) &&
      !(isOnlyTile && tiles * visible >= 16384))
    schedule.keys = 32;
  int64_t splitKeys = schedule.splits * schedule.keys;
  schedule.warps = candidateBelow("warps", std::min(schedule.warps, (visible + splitKeys - 1) / splitKeys));
  while (2 * schedule.cluster <= largest && schedule.splits % (2 * schedule.cluster) == 0)
    schedule.cluster *= 2;
  fitRegisterLoads(problem, target, schedule);
}

/// Whether to start under the launch before, which a long launch gains nothing by. Read off H200s (1 to 1024 row tiles,
/// 16 to 4096 MiB of K and V, samples of 0.2 and 3 ms): without it, launches that read more than this (of wide heads
/// less will do) are up to 8 % faster where row tiles keep step or are wide, as if places that come free one by one
/// cost them their order, and others 2 % faster to 2 % slower; shorter ones are up to 30 % slower, few of them faster.
/// Of lengths that differ it was from 5 % faster to 12 % slower, as they were split then.
bool wantsDependent(const Problem &problem, const Target &target) {
  constexpr double large = 480 << 20, largeOfWide = 320 << 20;
  double bytes = keyElements(problem) * elementBytes(problem.keyType());
  return target.hasClusters() && (problem.ragged || bytes < (problem.headDim > 160 ? largeOfWide : large));
}

Schedule fewRowsOnCuda(const Problem &problem, const Target &target) {
  Schedule schedule;
  schedule.load = LoadPath::Registers;
  schedule.swapped = isSwapped(problem);
  schedule.rows = rowsPerBlock(problem, schedule);
  schedule.keys = 16;
  schedule.lazy = laziness(problem);
  int64_t slots = 2 * target.multiprocessors;
  int64_t tiles = resources(problem, schedule, target).tiles;
  // Two CTAs of 4 warps fill a multiprocessor's registers; 8 warps merge more in one place.
  schedule.warps = 4;
  fitRegisterLoads(problem, target, schedule);
  bool isUneven = problem.ragged && problem.batch > 1; // A cluster works or rests as a whole: too coarse.
  bool inStep = keepsStep(problem, tiles, target);
  if (target.hasClusters() && !isUneven && !isFull(tiles, target)) {
    splitInClusters(problem, tiles, target, schedule);
  } else if (inStep) {
    fillInStep(problem, tiles, target, schedule);
  } else {
    int64_t visible = problem.visibleSpan();
    // A short context is a chain of latencies: one tile per warp. A longer one pays for its merge first.
    int64_t tilesPerWarp = visible > 1024 ? 4 : 1;
    schedule.keys = isNarrow(problem) && visible >= 256 ? 32 : 16;
    if (isUneven) {
      divideManyLengths(problem, tiles, target, schedule);
    } else if (problem.ragged || !isFull(tiles, target) || !fillWithFewWarps(problem, tiles, target, schedule)) {
      schedule.splits = splitsThatFill(tiles, slots, visible, schedule.warps * schedule.keys * tilesPerWarp);
    }
    fitRegisterLoads(problem, target, schedule);
  }
  schedule.dependent = wantsDependent(problem, target);
  if (problem.hasKeyScales() && !(inStep && isNarrowAndSwapped(problem)))
    widenTiles(problem, target, schedule);
  schedule.spread = wantsSpread(problem, schedule, target);
  return schedule;
}

/// `schedule`, of one warpgroup's rows, whose CTAs divide all lengths evenly. It takes 15 to 20 us besides what its
/// bytes take, to find parts and to merge: not where others read little again. Read off an H200 (12 to 64 rows of 128
/// dims, 1 to 128 sequences of up to 512 to 32768 keys): 15 % to 6.5 times faster.
std::optional<Schedule> rowsOfManyLengths(const Problem &problem, const Target &target, const Schedule &schedule) {
  constexpr double worthMerges = 30 << 20;
  bool isOne = problem.batch == 1; // Which clusters split well.
  bool isWorthIt = elementsReadAgain(problem) >= worthMerges * (isOne ? 2 : 1);
  return isWorthIt ? dividedEvenly(problem, target, schedule) : std::nullopt;
}

/// One warpgroup's 64 rows (two with half of the value columns each where one has no room for O1 and O2) and a ring:
/// blocks of mma.sync would each read K and V for themselves. Only where row tiles fill the multiprocessors evenly, or
/// splits, or a divided turn, do of more than half a tile of rows, or where much would be read again: read off an H200
/// (12 to 64 rows, 1 to 20 sequences of 4096 to 131072 keys) up to twice as fast, at worst 5 % slower.
std::optional<Schedule> rowsOfOneWarpgroup(const Problem &problem, const Target &target) {
  constexpr double worthMerges = 60 << 20;
  // A block of 16 rows that are wide leaves registers for few loads in flight: of 160, 192 and 256 dims it was 9, 5 and
  // 45 % slower.
  int64_t oneBlock = problem.headDim > 128 ? 8 : rowsPerBlock(problem, Schedule());
  if (!target.hasWarpgroupMma() || packedRows(problem) <= oneBlock)
    return std::nullopt;
  Schedule schedule;
  schedule.load = LoadPath::Ring;
  schedule.rows = 64;
  schedule.valueParts = fitsOneWarpgroup(problem) ? 1 : 2;
  schedule.warps = 4 * schedule.valueParts;
  bool isTight = problem.headDim > 128 && schedule.valueParts == 1;
  schedule.keys = isTight ? candidateBelow("keys", std::min<int64_t>(mostKeys(problem, schedule), 64)) : 64;
  schedule.lazy = laziness(problem);
  schedule.peel = schedule.dependent = true;
  if (!packsGroup(problem, schedule))
    return std::nullopt;
  // Enough in flight: more slots of 64 keys were slower, of 48 no faster; of 32 there are as many bytes in four.
  schedule.stages = schedule.valueParts > 1 ? 2 : schedule.keys < 48 ? 4 : 3;
  if (problem.ragged)
    return rowsOfManyLengths(problem, target, schedule);
  bool fills = waveEfficiency(resources(problem, schedule, target).tiles, target.multiprocessors) >= 0.75;
  if (!fills && (2 * packedRows(problem) > schedule.rows || elementsReadAgain(problem) >= worthMerges)) {
    Schedule turns = schedule;
    turns.persistent = true;
    schedule = levelled(problem, target, schedule, turns);
  }
  bool isLevel = fills || schedule.splits > 1 || schedule.streamK;
  if (!isLevel || llvm::errorToBool(checkFeasible(problem, schedule, target)))
    return std::nullopt;
  return schedule;
}

} // namespace

Schedule decode(const Problem &problem, const Target &target) {
  std::optional<Schedule> wide = hasFewRows(problem) ? rowsOfOneWarpgroup(problem, target) : std::nullopt;
  return wide ? *wide : fewRowsOnCuda(problem, target);
}

} // namespace lla::defaults

bool lla::wantsSpread(const Problem &problem, const Schedule &schedule, const Target &target) {
  // Lengths that differ are levelled by places that are left.
  return !problem.ragged && spreadMatters(problem, schedule, target) &&
         !defaults::keepsStep(problem, resources(problem, schedule, target).tiles, target);
}
