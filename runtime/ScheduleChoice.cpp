//===- ScheduleChoice.cpp - the schedule of an untimed call ---------------===//

#include "runtime/ScheduleChoice.h"
#include "autotune/Dispatch.h"
#include "dialect/Spec/Fields.h"
#include "runtime/MissRules.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>

namespace lla {
namespace {

constexpr NamedValue<ScheduleSource> sources[] = {{ScheduleSource::Given, "given"},
                                                  {ScheduleSource::Exact, "exact"},
                                                  {ScheduleSource::Dispatch, "dispatch"},
                                                  {ScheduleSource::Default, "default"},
                                                  {ScheduleSource::Tuned, "tuned"}};

ScheduleAnswer defaultAnswer(const Problem &problem, const Target &target, std::string why) {
  return {defaultSchedule(problem, target), ScheduleSource::Default, "", std::move(why)};
}

ScheduleAnswer dispatchedAnswer(const Cache &cache, const Match &nearest, const Problem &problem, const Target &target,
                                const MeasurementPolicy &policy) {
  std::vector<Neighbour> around = cache.neighbours(problem, target, policy, dispatchOctaves, dispatchNeighbours);
  if (around.empty())
    return defaultAnswer(problem, target, fmt::format("the nearest record is {:.1f} octaves away", nearest.distance));
  DispatchAnswer answer = dispatch(around, problem, target);
  std::string why = fmt::format("{} of {} records around, {:.1f} % expected to the best; nearest: {}",
                                answer.isDefault ? "the default promises more than the schedules" : "a schedule",
                                around.size(), 100 * answer.regret, nearest.reason);
  return {answer.schedule, answer.isDefault ? ScheduleSource::Default : ScheduleSource::Dispatch, answer.layer, why,
          nearest.sameBucket};
}

} // namespace

llvm::StringRef name(ScheduleSource source) { return nameIn(sources, source); }

MeasurementPolicy defaultPolicy(const Target &target) {
  return {/*graphReplay=*/!target.isHost(), /*coldCache=*/false};
}

ScheduleAnswer chooseSchedule(const Cache *cache, const Problem &problem, const Target &target,
                              const MeasurementPolicy &policy) {
  if (!cache)
    return defaultAnswer(problem, target, "no records are looked at");
  Match match = cache->match(problem, target, policy);
  switch (match.grade) {
  case MatchGrade::Exact:
    return {match.record.schedule, ScheduleSource::Exact, match.layer, match.reason, true};
  case MatchGrade::NearbyShape:
    return dispatchedAnswer(*cache, match, problem, target, policy);
  case MatchGrade::OtherDevice:
    return defaultAnswer(problem, target, "records of other devices only: " + match.reason);
  case MatchGrade::None:
    return defaultAnswer(problem, target, match.reason.empty() ? "no record of this kind" : match.reason);
  }
  return defaultAnswer(problem, target, "no record of this kind");
}

std::vector<Schedule> searchHints(const Cache *cache, const Problem &problem, const Target &target,
                                  const MeasurementPolicy &policy) {
  constexpr size_t most = 6;
  std::vector<Schedule> hints;
  if (!cache)
    return hints;
  if (Match match = cache->match(problem, target, policy); match.grade == MatchGrade::Exact)
    hints.push_back(match.record.schedule);
  std::vector<Neighbour> around = cache->neighbours(problem, target, policy, dispatchOctaves, dispatchNeighbours);
  for (const DispatchAnswer &answer : dispatchCandidates(around, problem, target))
    if (hints.size() < most && !llvm::is_contained(hints, answer.schedule))
      hints.push_back(answer.schedule);
  return hints;
}

llvm::Expected<ScheduleAnswer> decideSchedule(TuneMode mode, const Cache *cache, const Problem &problem,
                                              const Target &target, const MeasurementPolicy &policy) {
  ScheduleAnswer answer = chooseSchedule(mode == TuneMode::Off ? nullptr : cache, problem, target, policy);
  if (mode == TuneMode::Strict && !answer.needsNoTuning)
    return missingRecord(problem, answer.why);
  return answer;
}

} // namespace lla
