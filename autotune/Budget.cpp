//===- Budget.cpp - how long a search may go on ---------------------------===//

#include "autotune/Budget.h"
#include "dialect/Spec/Fields.h"
#include <algorithm>
#include <chrono>

namespace lla {
namespace {

constexpr NamedValue<StopReason> stopReasons[] = {{StopReason::SpaceExhausted, "space exhausted"},
                                                  {StopReason::Trials, "trial limit"},
                                                  {StopReason::Seconds, "time limit"},
                                                  {StopReason::Stagnation, "no improvement"},
                                                  {StopReason::Cancelled, "cancelled"}};

/// Share of `limit` that `used` is; a limit of 0 is used up at once.
double share(double used, double limit) { return limit > 0 ? std::min(used / limit, 1.0) : 1.0; }

} // namespace

llvm::StringRef name(StopReason reason) { return nameIn(stopReasons, reason); }

Budget::Clock Budget::steadyClock() {
  return [] {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  };
}

Budget::Budget(const BudgetLimits &limits, Clock clock, double searchShare)
    : limits(limits), clock(std::move(clock)), searchShare(searchShare), start(this->clock()) {}

void Budget::recordTrial(bool improved) {
  ++tried;
  sinceImprovement = improved ? 0 : sinceImprovement + 1;
}

std::optional<StopReason> Budget::searchEnds() const {
  if (limits.trials && tried >= *limits.trials)
    return StopReason::Trials;
  if (limits.seconds && secondsUsed() >= searchShare * *limits.seconds)
    return StopReason::Seconds;
  if (limits.stagnation && sinceImprovement >= *limits.stagnation)
    return StopReason::Stagnation;
  return std::nullopt;
}

bool Budget::isOutOfTime() const { return limits.seconds && secondsUsed() >= *limits.seconds; }

int64_t Budget::trialsLeft(int64_t wanted) const {
  return limits.trials ? std::clamp<int64_t>(*limits.trials - tried, 0, wanted) : wanted;
}

double Budget::secondsUsed() const { return clock() - start; }

double Budget::progress() const {
  double used = 0;
  if (limits.trials)
    used = std::max(used, share(static_cast<double>(tried), static_cast<double>(*limits.trials)));
  if (limits.seconds)
    used = std::max(used, share(secondsUsed(), *limits.seconds));
  return used;
}

} // namespace lla
