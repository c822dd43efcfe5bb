//===- Random.h - a seeded shuffle of the space ---------------------------===//
#ifndef LLA_AUTOTUNE_RANDOM_H
#define LLA_AUTOTUNE_RANDOM_H

#include "autotune/Exhaustive.h"

namespace lla {

/// Every member once, in an order that only the seed decides: what other strategies have to beat.
class Random : public QueuedStrategy {
public:
  Random(const SearchSpace &space, uint64_t seed);
};

} // namespace lla
#endif
