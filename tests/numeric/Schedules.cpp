//===- Schedules.cpp - the schedules that a case runs with ----------------===//

#include "Schedules.h"
#include "autotune/SearchSpace.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <map>
#include <random>

namespace lla::numeric {
namespace {

bool isFeasible(const Problem &problem, const Schedule &schedule, const Target &target) {
  return !llvm::errorToBool(checkFeasible(problem, schedule, target));
}

/// One default per load path.
std::vector<Schedule> defaults(const Problem &problem, const Target &target) {
  std::vector<Schedule> schedules = {defaultSchedule(problem, target)};
  Target portable = target;
  portable.arch = "sm_80";
  if (!target.isHost())
    schedules.push_back(defaultSchedule(problem, portable));
  return schedules;
}

/// `base`, or the smallest tile it has, with its keys in `splits` parts.
Schedule withSplits(const Problem &problem, const Target &target, Schedule base, int64_t splits) {
  if (!target.isHost()) {
    base.load = LoadPath::Registers;
    base.rows = rowsPerBlock(problem, base); // Rows of one warp's block are the only ones that a merge takes.
  }
  base.splits = splits;
  // The largest number has the smallest parts: as many of them work as can.
  base.splitTiles = problem.ragged && splits > 1 && splits < 9 ? 2 : 1;
  return base;
}

/// `base`, whose row tiles are nobody else's: as a weigher needs it.
Schedule whole(Schedule base) {
  base.splits = base.cluster = base.splitTiles = 1;
  base.streamK = base.swapped = base.spread = base.longestFirst = false;
  return base;
}

std::vector<Schedule> sampled(const Problem &problem, const Target &target, uint64_t seed, int64_t samples) {
  std::map<LoadPath, std::vector<Schedule>> families;
  SearchSpace space = SearchSpace::enumerate(problem, target);
  for (const Schedule &schedule : space.schedules())
    families[schedule.load].push_back(schedule);
  std::mt19937_64 random(seed);
  std::vector<Schedule> chosen;
  for (auto &[load, members] : families)
    std::sample(members.begin(), members.end(), std::back_inserter(chosen), samples, random);
  return chosen;
}

} // namespace

std::vector<Schedule> schedulesOf(const Problem &problem, ScheduleSet set, const Target &target, uint64_t seed,
                                  int64_t samples) {
  std::vector<Schedule> all = defaults(problem, target);
  auto split = [&](int64_t parts) { return withSplits(problem, target, all.back(), parts); };
  std::vector<Schedule> candidates;
  switch (set) {
  case ScheduleSet::Default:
    candidates = all;
    break;
  case ScheduleSet::Splits:
    for (int64_t parts = 1; parts <= 8; ++parts)
      candidates.push_back(split(parts));
    break;
  case ScheduleSet::RandomSplits: {
    std::mt19937_64 random(seed);
    for (int64_t parts : {int64_t(1), std::uniform_int_distribution<int64_t>(2, 8)(random),
                          std::uniform_int_distribution<int64_t>(9, 40)(random)})
      candidates.push_back(split(parts));
    break;
  }
  case ScheduleSet::Clusters:
    candidates = {all.front()};
    for (int64_t cluster : {2, 4, 8, 16})
      for (int64_t groups : {1, 3}) {
        candidates.push_back(split(cluster * groups));
        candidates.back().cluster = target.hasClusters() ? cluster : 1;
        candidates.back().dependent = target.hasClusters() && groups == 1;
      }
    break;
  case ScheduleSet::StaticSizes:
    candidates = all;
    for (int64_t parts : {1, 3, 8})
      candidates.push_back(split(parts));
    for (Schedule &schedule : candidates)
      schedule.staticSizes = true;
    break;
  case ScheduleSet::Pingpong:
    candidates = all;
    for (Schedule schedule : all) {
      schedule.pingpong = !schedule.pingpong;
      candidates.push_back(schedule);
      schedule.pingpong = true; // Three warpgroups, each of which waits for another one than waits for it.
      schedule.warps = 12;
      schedule.rows = 192;
      schedule.keys = 32;
      candidates.push_back(schedule);
    }
    break;
  case ScheduleSet::Rounded:
    candidates = all;
    for (Schedule schedule : all)
      for (auto [warps, keys] : {std::pair(4, 16), {8, 80}, {12, 48}}) {
        schedule.warps = warps;
        schedule.keys = keys;
        schedule.rows = 16 * warps;
        schedule.rounded = true;
        schedule.pingpong = warps == 12;
        schedule.overlap = warps != 4 || !problem.hasProbe();
        schedule.peel = warps != 4;
        candidates.push_back(schedule);
      }
    break;
  case ScheduleSet::Weigher:
    candidates = all; // The host has no others.
    for (Schedule schedule : all)
      for (auto [parts, keys, stages, held] : {std::tuple(1, 16, 5, false), {1, 64, 3, false}, {2, 32, 6, false},
                                               {2, 48, 2, false}, {2, 64, 2, false}, {1, 32, 3, true},
                                               {2, 48, 3, true}, {2, 64, 2, true}}) {
        schedule = whole(schedule);
        schedule.weigher = true;
        schedule.heldRows = held;
        if (held)
          schedule.persistent = keys != 48 && !problem.ragged;
        schedule.rounded = schedule.pingpong = false;
        schedule.valueParts = parts;
        schedule.warps = 4 * (1 + parts);
        schedule.rows = 64;
        schedule.keys = keys;
        schedule.stages = stages;
        schedule.overlap = keys != 48 || !problem.hasProbe();
        schedule.peel = keys != 16;
        candidates.push_back(schedule);
      }
    break;
  case ScheduleSet::ValueParts:
    candidates = all;
    for (Schedule schedule : all)
      for (auto [weigher, parts, keys, stages] :
           {std::tuple(false, 2, 64, 2), {true, 2, 64, 2}, {true, 2, 16, 4}, {false, 1, 16, 3}, {false, 1, 32, 3},
            {false, 1, 48, 2}, {false, 1, 64, 2}, {false, 1, 80, 2}, {false, 1, 96, 2}}) {
        schedule = whole(schedule);
        schedule.weigher = weigher;
        schedule.heldRows = false;
        schedule.rounded = false;
        schedule.pingpong = keys == 48;
        schedule.valueParts = parts;
        schedule.warps = 8 + 4 * weigher;
        schedule.rows = 128 / parts;
        schedule.keys = keys;
        schedule.stages = stages;
        candidates.push_back(schedule);
      }
    break;
  case ScheduleSet::RingSplits: {
    candidates = all;
    auto ring = [&](Schedule base, int64_t warps, int64_t parts, int64_t keys) {
      base.load = LoadPath::Ring;
      base.swapped = base.spread = base.longestFirst = false;
      base.weigher = base.heldRows = base.persistent = false;
      base.rounded = keys == 48 && problem.headDim <= 64;
      base.pingpong = warps == 12;
      base.warps = warps;
      base.valueParts = parts;
      base.rows = 16 * warps / parts;
      base.keys = keys;
      base.peel = keys != 16;
      return base;
    };
    for (const Schedule &base : all) {
      for (auto [warps, parts, keys, splits, cluster] :
           {std::tuple(4, 1, 16, 7, 1), {8, 1, 64, 3, 1}, {8, 2, 32, 2, 2}, {8, 2, 64, 40, 4}, {12, 1, 32, 5, 1},
            {8, 1, 48, 8, 4}, {4, 1, 64, 16, 8}}) {
        Schedule schedule = ring(base, warps, parts, keys);
        schedule.stages = keys == 64 ? 2 : 3;
        schedule.splits = splits;
        schedule.cluster = cluster;
        schedule.splitTiles = problem.ragged && keys == 16 ? 2 : 1;
        schedule.overlap = keys != 32 || !problem.hasProbe();
        candidates.push_back(schedule);
      }
      for (auto [warps, parts, keys, least] :
           {std::tuple(8, 1, 64, 1), {4, 1, 16, 3}, {8, 2, 32, 1}, {8, 1, 48, 2}, {12, 1, 32, 1}}) {
        Schedule schedule = ring(base, warps, parts, keys);
        schedule.persistent = schedule.streamK = true;
        schedule.stages = 2;
        schedule.splits = schedule.cluster = 1;
        schedule.splitTiles = least;
        candidates.push_back(schedule);
      }
    }
    break;
  }
  case ScheduleSet::Swapped:
    candidates = all;
    for (Schedule schedule : all) {
      schedule.load = target.isHost() ? schedule.load : LoadPath::Registers;
      if (schedule.load != LoadPath::Registers)
        continue;
      schedule = whole(schedule);
      schedule.valueParts = 1, schedule.weigher = schedule.heldRows = schedule.persistent = schedule.rounded = false;
      schedule.overlap = true;
      for (auto [swapped, blocks, keys, warps, splits, cluster, stages] :
           {std::tuple(true, 1, 16, 1, 1, 1, 2), {true, 1, 16, 4, 1, 1, 2}, {true, 2, 32, 2, 1, 1, 2},
            {true, 4, 16, 4, 1, 1, 1}, {true, 1, 48, 2, 3, 1, 1}, {true, 1, 16, 8, 16, 8, 2}, {true, 1, 32, 2, 8, 4, 2},
            {false, 1, 16, 4, 1, 1, 2}, {false, 1, 16, 2, 5, 1, 2}}) {
        schedule.swapped = swapped;
        schedule.rows = blocks * rowsPerBlock(problem, schedule);
        schedule.keys = keys;
        schedule.warps = warps;
        schedule.splits = splits;
        schedule.cluster = target.hasClusters() ? cluster : 1;
        schedule.stages = stages;
        schedule.peel = keys == 32;
        schedule.spread = keys == 32;
        schedule.pingpong = false;
        candidates.push_back(schedule);
      }
    }
    break;
  case ScheduleSet::LongestFirst:
    for (auto [parts, cluster] : {std::pair(1, 1), {4, 1}, {6, 2}}) {
      candidates.push_back(split(parts));
      candidates.back().cluster = target.hasClusters() ? cluster : 1;
      candidates.back().longestFirst = candidates.back().load == LoadPath::Registers;
      candidates.back().dependent = target.hasClusters() && parts > 1;
    }
    break;
  case ScheduleSet::Sampled:
    candidates = all;
    llvm::append_range(candidates, sampled(problem, target, seed, samples));
    break;
  }
  std::vector<Schedule> schedules;
  for (const Schedule &schedule : candidates)
    if (isFeasible(problem, schedule, target) && !llvm::is_contained(schedules, schedule))
      schedules.push_back(schedule);
  return schedules;
}

} // namespace lla::numeric
