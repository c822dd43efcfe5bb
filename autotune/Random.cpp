//===- Random.cpp - a seeded shuffle of the space -------------------------===//

#include "autotune/Random.h"

namespace lla {
namespace {

std::vector<Schedule> shuffled(const SearchSpace &space, uint64_t seed) {
  std::vector<Schedule> queue = space.schedules().vec();
  std::mt19937_64 generator(seed);
  shuffle(queue, generator);
  return queue;
}

} // namespace

Random::Random(const SearchSpace &space, uint64_t seed) : QueuedStrategy(shuffled(space, seed)) {}

} // namespace lla
