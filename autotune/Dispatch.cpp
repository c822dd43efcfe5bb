//===- Dispatch.cpp - a schedule for a shape that was not tuned -----------===//

#include "autotune/Dispatch.h"
#include "autotune/CostModel.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace lla {
namespace {

/// What a family that a record has no time of is taken to lose there, at least; the default, just so.
constexpr double leastUnknown = 0.03;
/// What a family may lose for each octave to the nearest record that has a time of it. The default's rules are made
/// for every shape.
constexpr double lossPerOctave = 0.015, defaultLossPerOctave = 0.005;
/// What is learned leaves the default only for more than this: two timings of one schedule differ by as much.
constexpr double leastGain = 0.01;
/// A loss beyond this counts as this: one record where a schedule was far off must not speak for all around it.
constexpr double mostCounted = 0.1;
/// Distances are at least this (squared): a record that is very near does not silence the others.
constexpr double nearest = 0.05;

/// Schedules that differ in nothing but splits, how these cluster (in clusters of so many, or all in one, which needs
/// no merge over the grid), and how many find room at a time, which follows from their number.
struct Family {
  Schedule code; ///< With one split.
  int64_t cluster = 1;
  bool clustersAll = false;

  bool has(const Schedule &schedule) const {
    bool isClustered = clustersAll ? schedule.cluster == schedule.splits : schedule.cluster == cluster;
    return isClustered && codeOf(schedule) == code;
  }
  bool operator==(const Family &) const = default;

  static Schedule codeOf(Schedule schedule) {
    schedule.splits = schedule.cluster = 1;
    schedule.spread = false;
    if (!schedule.streamK)
      schedule.splitTiles = 1;
    return schedule;
  }
};

/// A cluster of all splits is one of so many, too; that it is all comes first.
std::vector<Family> familiesOf(const Schedule &schedule) {
  std::vector<Family> families;
  if (schedule.cluster > 1 && schedule.cluster == schedule.splits)
    families.push_back({Family::codeOf(schedule), 1, true});
  families.push_back({Family::codeOf(schedule), schedule.cluster, false});
  return families;
}

constexpr int64_t portableCluster = 8; ///< CTAs that every GPU can place.

double weightOf(const Neighbour &neighbour) { return 1 / (neighbour.distance * neighbour.distance + nearest); }

/// The fastest of a family at a record's shape.
std::optional<TimedSchedule> fastestOf(const Record &record, const Family &family) {
  std::optional<TimedSchedule> fastest;
  auto look = [&](const Schedule &schedule, double microseconds) {
    if (family.has(schedule) && (!fastest || microseconds < fastest->microseconds))
      fastest = {schedule, microseconds};
  };
  look(record.schedule, record.microseconds);
  for (const TimedSchedule &alternative : record.alternatives)
    look(alternative.schedule, alternative.microseconds);
  return fastest;
}

double lossAt(const Record &record, double microseconds) {
  return std::max(0.0, microseconds / record.microseconds - 1);
}

/// A family that is not among what a record kept was slower than all of that, or never tried. The default schedule is
/// kept however slow it was.
double unknownLoss(const Record &record) {
  double slowest = 0;
  for (const TimedSchedule &alternative : record.alternatives)
    if (alternative.microseconds != record.defaultMicroseconds)
      slowest = std::max(slowest, lossAt(record, alternative.microseconds));
  return std::max(slowest, leastUnknown);
}

double tilesOf(const Problem &problem, const Schedule &schedule, const Target &target) {
  return static_cast<double>(std::max<int64_t>(resources(problem, schedule, target).tiles, 1));
}

/// Row tiles that multiprocessors hold at a time.
double slotsOf(const Problem &problem, Schedule schedule, const Target &target) {
  schedule.spread = false;
  return static_cast<double>(target.multiprocessors * residentCtas(problem, schedule, target));
}

/// Tasks per slot.
double loadOf(const Problem &problem, const Schedule &schedule, const Target &target) {
  return tilesOf(problem, schedule, target) * static_cast<double>(schedule.splits) / slotsOf(problem, schedule, target);
}

/// What is known of a family's splits at one shape.
struct SplitPoint {
  double heads, keys, queries; ///< Octaves from the asked shape.
  double splits;               ///< log2.
  double weight;
};

/// log2 of the splits at the asked shape: a plane in octaves through the points, each weighing what it weighs. Where
/// points do not say how splits change, as many tasks run whatever the heads. One split is a bound: fewer there are
/// none, so that a plane may pass below it.
double splitsAt(llvm::ArrayRef<SplitPoint> points) {
  constexpr size_t unknowns = 4; // The value, and its slopes along heads, keys and queries.
  constexpr double prior[unknowns] = {0, -1, 0, 0}, priorWeight[unknowns] = {1e-9, 0.3, 0.3, 0.3};
  double plane[unknowns] = {};
  auto rowOf = [](const SplitPoint &point) {
    return std::array<double, unknowns>{1, point.heads, point.keys, point.queries};
  };
  auto valueAt = [&](const SplitPoint &point) {
    std::array<double, unknowns> row = rowOf(point);
    return std::inner_product(row.begin(), row.end(), plane, 0.0);
  };
  bool anySplit = llvm::any_of(points, [](const SplitPoint &point) { return point.splits > 0; });
  constexpr int rounds = 4;
  for (int round = 0; round < rounds; ++round) {
    double matrix[unknowns][unknowns + 1] = {};
    for (size_t i = 0; i < unknowns; ++i) {
      matrix[i][i] = priorWeight[i];
      matrix[i][unknowns] = priorWeight[i] * prior[i];
    }
    for (const SplitPoint &point : points) {
      bool isBound = anySplit && point.splits <= 0;
      if (isBound && (round == 0 || valueAt(point) <= 0))
        continue;
      std::array<double, unknowns> row = rowOf(point);
      for (size_t i = 0; i < unknowns; ++i) {
        for (size_t j = 0; j < unknowns; ++j)
          matrix[i][j] += point.weight * row[i] * row[j];
        matrix[i][unknowns] += point.weight * row[i] * point.splits;
      }
    }
    for (size_t i = 0; i < unknowns; ++i) // Positive definite: no pivots to look for.
      for (size_t k = 0; k < unknowns; ++k)
        if (k != i)
          for (size_t j = unknowns + 1; j-- > i;)
            matrix[k][j] -= matrix[k][i] / matrix[i][i] * matrix[i][j];
    for (size_t i = 0; i < unknowns; ++i)
      plane[i] = matrix[i][unknowns] / matrix[i][i];
  }
  return plane[0];
}

/// The splits that this family may have for a problem, `most` of them: those of the field table, in whole clusters (of
/// all splits: up to `mostCluster`), each with keys.
std::vector<Schedule> variants(const Family &family, const Problem &problem, const Target &target,
                               int64_t mostCluster = portableCluster, int64_t splitTiles = 1,
                               size_t most = std::numeric_limits<size_t>::max()) {
  std::vector<Schedule> all;
  int64_t span = problem.visibleSpan();
  for (const ScheduleField &field : scheduleFields()) {
    if (llvm::StringRef(field.name) != "splits")
      continue;
    for (int64_t splits : field.values) {
      if (all.size() == most || (family.clustersAll && splits > mostCluster))
        break;
      Schedule schedule = family.code;
      schedule.splits = splits;
      schedule.cluster = family.clustersAll ? splits : family.cluster;
      if (!schedule.streamK)
        schedule.splitTiles = problem.ragged && splits > 1 ? splitTiles : 1;
      schedule.spread = wantsSpread(problem, schedule, target);
      int64_t sharers = splits * resources(problem, schedule, target).keyWarps;
      bool hasKeys = splits == 1 || (sharers - 1) * schedule.keys < span;
      if (hasKeys && !llvm::errorToBool(checkFeasible(problem, schedule, target)))
        all.push_back(schedule);
    }
  }
  return all;
}

class Dispatch {
public:
  Dispatch(llvm::ArrayRef<Neighbour> neighbours, const Problem &problem, const Target &target)
      : neighbours(neighbours), problem(problem), target(target) {}

  DispatchAnswer run() const {
    DispatchAnswer byDefault = ofDefault();
    std::vector<DispatchAnswer> all = candidates();
    return !all.empty() && all.front().regret + leastGain < byDefault.regret ? all.front() : byDefault;
  }

  /// The least regret first; of equals, that of the nearer winner.
  std::vector<DispatchAnswer> candidates() const {
    std::vector<DispatchAnswer> all;
    std::vector<Family> seen;
    for (const Neighbour &neighbour : neighbours) // Only winners: what never was the fastest is no candidate.
      for (const Family &family : familiesOf(neighbour.record.schedule)) {
        if (llvm::is_contained(seen, family))
          continue;
        seen.push_back(family);
        if (std::optional<DispatchAnswer> answer = ofFamily(family, neighbour.layer)) {
          auto place = llvm::find_if(all, [&](const DispatchAnswer &other) { return other.regret > answer->regret; });
          all.insert(place, std::move(*answer));
        }
      }
    return all;
  }

private:
  /// Mean of a figure over the neighbours that have one.
  template <class Figure> double mean(Figure figure) const {
    double sum = 0, weights = 0;
    for (const Neighbour &neighbour : neighbours) {
      std::optional<double> value = figure(neighbour.record);
      double weight = value ? weightOf(neighbour) : 0;
      sum += weight * std::min(value.value_or(0), mostCounted);
      weights += weight;
    }
    return weights > 0 ? sum / weights : 0;
  }

  DispatchAnswer ofDefault() const {
    double regret = mean([&](const Record &record) -> std::optional<double> {
      // The default of today. A record that has no time of it is older, or of a search that did not start from it: that
      // says nothing against it, as rules change for what is faster.
      std::optional<double> time = timeOf(record, defaultSchedule(record.problem, target));
      return time ? lossAt(record, *time) : leastUnknown;
    });
    double away = neighbours.empty() ? 0 : neighbours.front().distance;
    return {defaultSchedule(problem, target), /*isDefault=*/true, regret + defaultLossPerOctave * away, ""};
  }

  std::optional<DispatchAnswer> ofFamily(const Family &family, const std::string &layer) const {
    std::optional<Schedule> schedule = fitted(family);
    if (!schedule)
      return std::nullopt;
    double away = 0, far = 0;
    for (const Neighbour &neighbour : neighbours) // The nearest comes first.
      if (std::optional<TimedSchedule> fastest = fastestOf(neighbour.record, family)) {
        away = neighbour.distance;
        far = farLoss(*schedule, neighbour.record, fastest->schedule);
        break;
      }
    double regret = mean([&](const Record &record) -> std::optional<double> {
      if (std::optional<TimedSchedule> fastest = fastestOf(record, family))
        return lossAt(record, fastest->microseconds);
      if (variants(family, record.problem, target, portableCluster, 1, /*most=*/1).empty())
        return std::nullopt; // Not possible there, which says nothing of here.
      return unknownLoss(record);
    });
    return DispatchAnswer{*schedule, /*isDefault=*/false, regret + lossPerOctave * away + far, layer};
  }

  /// What the cost model says that a schedule loses to the default's more than a record's of its family does at that
  /// shape, beyond what the model errs by: records of other sizes do not tell where most splits become too few.
  double farLoss(const Schedule &schedule, const Record &record, const Schedule &there) const {
    constexpr double errs = 0.15;
    Ceilings ceilings = nominalCeilings(target);
    auto ratio = [&](const Problem &of, const Schedule &one) {
      auto time = [&](const Schedule &any) { return predict(of, any, target, ceilings).total; };
      return time(one) / time(defaultSchedule(of, target));
    };
    return std::max(0.0, ratio(problem, schedule) / ratio(record.problem, there) - 1 - errs);
  }

  /// With the splits that the points where the family was fast lead to; of those about as near, in full waves rather
  /// than in broken ones, and never more tasks than were of use anywhere.
  std::optional<Schedule> fitted(const Family &family) const {
    constexpr double lossThatCounts = 0.02, brokenWave = 0.5, enoughWaves = 2;
    auto octaves = [](int64_t theirs, int64_t ours) {
      return std::log2(static_cast<double>(theirs) / static_cast<double>(ours));
    };
    std::vector<SplitPoint> points;
    double mostLoad = enoughWaves;
    int64_t splitTiles = 1, mostCluster = portableCluster;
    for (const Neighbour &neighbour : llvm::reverse(neighbours)) {
      std::optional<TimedSchedule> fastest = fastestOf(neighbour.record, family);
      if (!fastest)
        continue;
      const Problem &there = neighbour.record.problem;
      const Schedule &schedule = fastest->schedule;
      double loss = lossAt(neighbour.record, fastest->microseconds);
      points.push_back(
          {octaves(there.batch * there.kvHeads, problem.batch * problem.kvHeads),
           octaves(there.foldLength(), problem.foldLength()), octaves(there.queryLength, problem.queryLength),
           std::log2(static_cast<double>(schedule.splits)), weightOf(neighbour) * std::exp(-loss / lossThatCounts)});
      if (schedule.splits > 1)
        mostLoad = std::max(mostLoad, loadOf(there, schedule, target));
      splitTiles = schedule.splitTiles;
      mostCluster = std::max(mostCluster, schedule.cluster);
    }
    double wanted = splitsAt(points);
    std::optional<Schedule> best;
    double least = std::numeric_limits<double>::infinity();
    for (const Schedule &schedule : variants(family, problem, target, mostCluster, splitTiles)) {
      double load = loadOf(problem, schedule, target);
      double full = load > 1 ? load / std::ceil(load) : 1;
      double off = std::abs(std::log2(static_cast<double>(schedule.splits)) - std::max(wanted, 0.0)) +
                   brokenWave * (1 - full) + std::max(0.0, std::log2(load / mostLoad));
      if (off < least) {
        least = off;
        best = schedule;
      }
    }
    return best;
  }

  llvm::ArrayRef<Neighbour> neighbours;
  const Problem &problem;
  const Target &target;
};

} // namespace

DispatchAnswer dispatch(llvm::ArrayRef<Neighbour> neighbours, const Problem &problem, const Target &target) {
  return Dispatch(neighbours, problem, target).run();
}

std::vector<DispatchAnswer> dispatchCandidates(llvm::ArrayRef<Neighbour> neighbours, const Problem &problem,
                                               const Target &target) {
  return Dispatch(neighbours, problem, target).candidates();
}

std::vector<TimedSchedule> alternativesOf(const TuneResult &result, const Schedule &incumbent) {
  constexpr double close = 1.3;
  constexpr size_t most = 12, mostOfFamily = 3;
  if (!result.winner)
    return {};
  std::vector<TimedSchedule> all;
  for (const Contender &contender : result.race.contenders)
    if (!contender.samples.empty())
      all.push_back({contender.trial.schedule, median(contender.samples)});
  // The search's times are of other minutes than the race's: only their ratio to the winner's counts.
  double drift = result.winner->samples.empty() ? 1 : result.winnerTime.median / result.winner->cost();
  for (const Trial &trial : result.trials)
    if (trial.isOk() && !trial.samples.empty() &&
        llvm::none_of(all, [&](const TimedSchedule &timed) { return timed.schedule == trial.schedule; }))
      all.push_back({trial.schedule, trial.cost() * drift});
  llvm::sort(all, [](const TimedSchedule &a, const TimedSchedule &b) {
    return a.microseconds != b.microseconds ? a.microseconds < b.microseconds : a.schedule < b.schedule;
  });
  std::vector<TimedSchedule> kept;
  for (const TimedSchedule &timed : all) {
    if (timed.schedule == result.winner->schedule)
      continue;
    Family family = familiesOf(timed.schedule).front();
    auto isOfFamily = [&](const TimedSchedule &other) { return family.has(other.schedule); };
    size_t before = llvm::count_if(kept, isOfFamily) + (family.has(result.winner->schedule) ? 1 : 0);
    bool isClose = timed.microseconds <= close * result.winnerTime.median;
    bool isOfTheFastest = isClose && before < mostOfFamily && kept.size() < most;
    if (timed.microseconds > 0 && (isOfTheFastest || timed.schedule == incumbent))
      kept.push_back(timed);
  }
  return kept;
}

std::vector<HeldOut> holdOut(llvm::ArrayRef<Record> asked, llvm::ArrayRef<Record> known, const Target &target) {
  auto kindOf = [](const Record &record) { return recordKindKey(record.problem, record.policy, record.family); };
  std::string here = deviceClass(target);
  std::vector<std::pair<Key, const Record *>> ours;
  for (const Record &record : known)
    if (record.deviceClass == here)
      ours.push_back({kindOf(record), &record});
  std::vector<HeldOut> all;
  for (const Record &record : asked) {
    if (record.deviceClass != here)
      continue;
    Key kind = kindOf(record);
    std::vector<Neighbour> around;
    for (const auto &[otherKind, other] : ours)
      if (double distance = shapeDistance(record.problem, other->problem);
          otherKind == kind && distance > 0 && distance <= dispatchOctaves)
        around.push_back({*other, "", distance});
    llvm::sort(around, [](const Neighbour &a, const Neighbour &b) { return a.distance < b.distance; });
    if (around.size() > dispatchNeighbours)
      around.resize(dispatchNeighbours);
    all.push_back({&record, around.size(), dispatch(around, record.problem, target)});
  }
  return all;
}

std::optional<double> timeOf(const Record &record, const Schedule &schedule) {
  if (schedule == record.schedule)
    return record.microseconds;
  for (const TimedSchedule &alternative : record.alternatives)
    if (alternative.schedule == schedule)
      return alternative.microseconds;
  return std::nullopt;
}

} // namespace lla
