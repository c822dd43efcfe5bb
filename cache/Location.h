//===- Location.h - where the caches are ----------------------------------===//
//
// LLA_CACHE_DIR, if it is set, decides alone: the first of its directories that can
// be written is the user's cache, the others are layers that are only read, and
// nothing is ever written elsewhere, be it misspelt or not. Otherwise it is the first
// that can be written of XDG's, ~/.cache/lla, and a private one under the system's
// temporary directory. With nothing to write to, the caches live in memory.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_LOCATION_H
#define LLA_CACHE_LOCATION_H

#include <functional>
#include <string>
#include <vector>

namespace lla {

/// Values of the environment as the caller read them; an unset one is empty.
struct CacheEnvironment {
  std::string cacheDirectories; ///< LLA_CACHE_DIR: paths with ':' between them.
  std::string xdgCacheHome;     ///< Ignored unless absolute, as its specification has it.
  std::string home;
  std::string temporary; ///< The system's directory for temporary files.
};

/// Takes one sentence for the user.
using NoticeFunction = std::function<void(const std::string &)>;

struct CacheLocation {
  std::string writable;              ///< Exists and was writable when asked; empty: memory only.
  std::vector<std::string> readOnly; ///< In order of precedence, after `writable`.
  std::vector<std::string> notices;  ///< What the user should be told once: a directory that was passed over, and why.
};

/// Creates the writable directory if it is not there. Never fails.
CacheLocation resolveCacheLocation(const CacheEnvironment &environment);

} // namespace lla
#endif
