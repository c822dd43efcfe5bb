//===- Exhaustive.cpp - everything, the most promising first --------------===//

#include "autotune/Exhaustive.h"

namespace lla {

std::vector<Schedule> QueuedStrategy::ask(size_t limit) {
  std::vector<Schedule> batch;
  for (; next < queue.size() && batch.size() < limit; ++next)
    if (!isKnown(queue[next]))
      batch.push_back(queue[next]);
  return batch;
}

} // namespace lla
