//===- UserCache.cpp - the caches that the environment names --------------===//

#include "runtime/UserCache.h"
#include "runtime/Notices.h"

namespace lla {

std::shared_ptr<Cache> openCache(const Knobs &knobs) {
  CacheLocation location = resolveCacheLocation(knobs.cacheEnvironment());
  for (const std::string &notice : location.notices)
    warnOnce(knobs, notice);
  return std::make_shared<Cache>(location, knobs.cacheBytes.bytes,
                                 [knobs](const std::string &text) { warnOnce(knobs, text); });
}

} // namespace lla
