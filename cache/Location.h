//===- Location.h - where the caches are ----------------------------------===//
//
// The first directory of this list that can be written is the user's cache:
// LLA_CACHE_DIR's, XDG's, ~/.cache/lla, a private one under the system's temporary
// directory. Other entries of LLA_CACHE_DIR are layers that are only read. With
// nothing to write to, the caches live in memory.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_LOCATION_H
#define LLA_CACHE_LOCATION_H

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

struct CacheLocation {
  std::string writable;              ///< Exists and was writable when asked; empty: memory only.
  std::vector<std::string> readOnly; ///< In order of precedence, after `writable`.
  std::vector<std::string> notices;  ///< What the user should be told once: a directory that was passed over, and why.
};

/// Creates the writable directory if it is not there. Never fails.
CacheLocation resolveCacheLocation(const CacheEnvironment &environment);

} // namespace lla
#endif
