//===- LocalSearch.cpp - hill climbing from several starts ----------------===//

#include "autotune/LocalSearch.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

namespace lla {
namespace {

constexpr size_t promisingStarts = 6, randomStarts = 2;
/// Starts closer than this climb the same hill.
constexpr size_t diverseFields = 3;

size_t differingFields(const Schedule &a, const Schedule &b) {
  return llvm::count_if(scheduleFields(), [&](const ScheduleField &field) { return field.get(a) != field.get(b); });
}

} // namespace

LocalSearch::LocalSearch(const SearchSpace &space, Predictor predictor, uint64_t seed)
    : space(space), predictor(std::move(predictor)), shuffled(space.schedules().vec()) {
  std::mt19937_64 generator(seed);
  shuffle(shuffled, generator);
  queueUnknown(diverseStarts(promisingStarts));
  queueRandomStarts(randomStarts);
}

std::vector<Schedule> LocalSearch::ask(size_t limit) {
  const Schedule *cheapest = nullptr;
  for (const Schedule &answered : batch)
    if (!cheapest || costOf(answered) < costOf(*cheapest))
      cheapest = &answered;
  if (current && cheapest && costOf(*cheapest) < costOf(*current))
    climbTo(*cheapest);

  batch.clear();
  while (batch.size() < limit) {
    if (queue.empty() && (!batch.empty() || !(climbFromNextStart() || queueRandomStarts(randomStarts))))
      break;
    for (; !queue.empty() && batch.size() < limit; queue.pop_front())
      if (!isKnown(queue.front()) && !llvm::is_contained(batch, queue.front()))
        batch.push_back(queue.front());
  }
  return batch;
}

void LocalSearch::learned(const Schedule &schedule, double cost) {
  if (std::isfinite(cost) && !current)
    starts.push_back(schedule);
}

void LocalSearch::climbTo(const Schedule &point) {
  queue.clear();
  current = point;
  if (climbed.insert(point).second)
    queueUnknown(orderedByPrediction(space.neighbours(point), predictor));
}

void LocalSearch::queueUnknown(llvm::ArrayRef<Schedule> schedules) {
  for (const Schedule &schedule : schedules)
    if (!isKnown(schedule))
      queue.push_back(schedule);
}

/// False if no start is left. A start without unknown neighbours queues nothing, and that is fine.
bool LocalSearch::climbFromNextStart() {
  auto cheapest = std::min_element(starts.begin(), starts.end(), [&](const Schedule &a, const Schedule &b) {
    return std::make_pair(costOf(a), a) < std::make_pair(costOf(b), b);
  });
  if (cheapest == starts.end()) {
    current.reset();
    return false;
  }
  Schedule start = *cheapest;
  starts.erase(cheapest);
  climbTo(start);
  return true;
}

bool LocalSearch::queueRandomStarts(size_t count) {
  size_t queued = 0;
  for (; !shuffled.empty() && queued < count; shuffled.pop_back())
    if (!isKnown(shuffled.back())) {
      queue.push_back(shuffled.back());
      ++queued;
    }
  return queued != 0;
}

std::vector<Schedule> LocalSearch::diverseStarts(size_t count) const {
  std::vector<Schedule> chosen;
  for (const Schedule &candidate : orderedByPrediction(space.schedules(), predictor)) {
    if (chosen.size() == count)
      break;
    if (llvm::all_of(chosen, [&](const Schedule &other) { return differingFields(candidate, other) >= diverseFields; }))
      chosen.push_back(candidate);
  }
  return chosen;
}

} // namespace lla
