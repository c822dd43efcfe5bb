//===- UserCache.h - the caches that the environment names ----------------===//
#ifndef LLA_RUNTIME_USERCACHE_H
#define LLA_RUNTIME_USERCACHE_H

#include "cache/Cache.h"
#include "runtime/Knobs.h"
#include <memory>

namespace lla {

/// Those of LLA_CACHE_DIR and LLA_CACHE_SIZE. Where they cannot be written, and what is damaged in them, is said as
/// notices (Notices.h).
std::shared_ptr<Cache> openCache(const Knobs &knobs);

} // namespace lla
#endif
