//===- ScheduleChoice.cpp - the schedule of an untimed call ---------------===//

#include "runtime/ScheduleChoice.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "runtime/MissRules.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lla {
namespace {

constexpr NamedValue<ScheduleSource> sources[] = {{ScheduleSource::Given, "given"},
                                                  {ScheduleSource::Exact, "exact"},
                                                  {ScheduleSource::Nearest, "nearest"},
                                                  {ScheduleSource::Default, "default"},
                                                  {ScheduleSource::Tuned, "tuned"}};

/// Octaves within which a neighbour's schedule is better than the default's rules.
constexpr double nearOctaves = 2;

ScheduleAnswer defaultAnswer(const Problem &problem, const Target &target, std::string why) {
  return {defaultSchedule(problem, target), ScheduleSource::Default, "", std::move(why)};
}

} // namespace

llvm::StringRef name(ScheduleSource source) { return nameIn(sources, source); }

MeasurementPolicy defaultPolicy(const Target &target) {
  return {/*graphReplay=*/!target.isHost(), /*coldCache=*/false};
}

Schedule withSplitsFor(const Problem &problem, const Record &neighbour, const Target &target) {
  Schedule schedule = neighbour.schedule;
  if (schedule.splits == 1 && problem.context <= neighbour.problem.context)
    return schedule;
  Resources theirs = resources(neighbour.problem, schedule, target);
  int64_t ours = resources(problem, schedule, target).tiles;
  double wanted = static_cast<double>(theirs.tiles * theirs.grid.y) / static_cast<double>(std::max<int64_t>(ours, 1));
  double least = std::numeric_limits<double>::infinity();
  for (const ScheduleField &field : scheduleFields()) {
    if (llvm::StringRef(field.name) != "splits")
      continue;
    for (int64_t splits : field.values) {
      double off = std::abs(std::log2(static_cast<double>(splits) / wanted));
      if (splits % schedule.cluster != 0 || off >= least)
        continue;
      least = off;
      schedule.splits = splits;
    }
  }
  return schedule;
}

ScheduleAnswer chooseSchedule(const Cache *cache, const Problem &problem, const Target &target,
                              const MeasurementPolicy &policy) {
  if (!cache)
    return defaultAnswer(problem, target, "no records are looked at");
  Match match = cache->match(problem, target, policy);
  switch (match.grade) {
  case MatchGrade::Exact:
    return {match.record.schedule, ScheduleSource::Exact, match.layer, match.reason, true};
  case MatchGrade::NearbyShape: {
    if (match.sameBucket)
      return {match.record.schedule, ScheduleSource::Nearest, match.layer, match.reason, true};
    if (match.distance > nearOctaves)
      return defaultAnswer(problem, target, fmt::format("the nearest record is {:.1f} octaves away", match.distance));
    Schedule schedule = withSplitsFor(problem, match.record, target);
    if (llvm::Error error = checkFeasible(problem, schedule, target)) {
      llvm::consumeError(std::move(error));
      schedule = match.record.schedule;
    }
    return {schedule, ScheduleSource::Nearest, match.layer, match.reason};
  }
  case MatchGrade::OtherDevice:
    return defaultAnswer(problem, target, "records of other devices only: " + match.reason);
  case MatchGrade::None:
    return defaultAnswer(problem, target, match.reason.empty() ? "no record of this kind" : match.reason);
  }
  return defaultAnswer(problem, target, "no record of this kind");
}

llvm::Expected<ScheduleAnswer> decideSchedule(TuneMode mode, const Cache *cache, const Problem &problem,
                                              const Target &target, const MeasurementPolicy &policy) {
  ScheduleAnswer answer = chooseSchedule(mode == TuneMode::Off ? nullptr : cache, problem, target, policy);
  if (mode == TuneMode::Strict && !answer.needsNoTuning)
    return missingRecord(problem, answer.why);
  return answer;
}

} // namespace lla
