//===- Strategy.cpp - what all strategies share ---------------------------===//

#include "autotune/Strategy.h"
#include "autotune/Exhaustive.h"
#include "autotune/LocalSearch.h"
#include "autotune/Random.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

namespace lla {
namespace {

constexpr NamedValue<StrategyKind> strategyKinds[] = {
    {StrategyKind::Exhaustive, "exhaustive"}, {StrategyKind::Random, "random"}, {StrategyKind::LocalSearch, "local"}};

} // namespace

llvm::StringRef name(StrategyKind kind) { return nameIn(strategyKinds, kind); }
std::optional<StrategyKind> parseStrategyKind(llvm::StringRef text) { return valueIn(strategyKinds, text); }

Strategy::~Strategy() = default;

void Strategy::tell(const Schedule &schedule, double cost) {
  if (costs.emplace(schedule, cost).second)
    learned(schedule, cost);
}

double Strategy::costOf(const Schedule &schedule) const {
  auto entry = costs.find(schedule);
  return entry == costs.end() ? std::numeric_limits<double>::infinity() : entry->second;
}

std::unique_ptr<Strategy> makeStrategy(StrategyKind kind, const SearchSpace &space, Predictor predictor,
                                       uint64_t seed) {
  switch (kind) {
  case StrategyKind::Exhaustive:
    return std::make_unique<Exhaustive>(space, predictor);
  case StrategyKind::Random:
    return std::make_unique<Random>(space, seed);
  case StrategyKind::LocalSearch:
    return std::make_unique<LocalSearch>(space, std::move(predictor), seed);
  }
  return nullptr;
}

std::vector<Schedule> orderedByPrediction(llvm::ArrayRef<Schedule> schedules, const Predictor &predictor) {
  std::vector<std::pair<double, const Schedule *>> keyed;
  keyed.reserve(schedules.size());
  for (const Schedule &schedule : schedules)
    keyed.push_back({predictor(schedule), &schedule});
  llvm::sort(keyed, [](const auto &a, const auto &b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  });
  std::vector<Schedule> ordered;
  ordered.reserve(keyed.size());
  for (const auto &[prediction, schedule] : keyed)
    ordered.push_back(*schedule);
  return ordered;
}

void shuffle(llvm::MutableArrayRef<Schedule> schedules, std::mt19937_64 &generator) {
  for (size_t last = schedules.size(); last > 1; --last)
    std::swap(schedules[last - 1], schedules[generator() % last]);
}

} // namespace lla
