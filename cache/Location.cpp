//===- Location.cpp - where the caches are --------------------------------===//

#include "cache/Location.h"
#include "cache/Files.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = llvm::sys::fs;

namespace lla {
namespace {

/// Why `directory` cannot be written; nothing if it can. Creates it.
std::optional<std::string> whyNotWritable(const std::string &directory) {
  if (llvm::Error error = makeDirectory(directory))
    return llvm::toString(std::move(error));
  if (!fs::is_directory(directory))
    return "not a directory";
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return std::error_code(errno, std::generic_category()).message();
  return std::nullopt;
}

/// In a directory that everybody writes to, only a real directory that is ours and closed to others will do.
std::optional<std::string> whyNotPrivate(const std::string &directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return std::error_code(errno, std::generic_category()).message();
  struct stat status;
  if (::lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return "not a directory";
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return "not private to this user";
  return whyNotWritable(directory);
}

/// Takes the first writable of LLA_CACHE_DIR; the others are layers to read from.
CacheLocation listed(llvm::StringRef list) {
  CacheLocation location;
  llvm::SmallVector<llvm::StringRef> directories;
  list.split(directories, ':', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef directory : directories) {
    bool isNeeded = location.writable.empty();
    std::optional<std::string> reason = isNeeded ? whyNotWritable(directory.str()) : std::nullopt;
    if (isNeeded && !reason)
      location.writable = directory.str();
    else if (fs::is_directory(directory))
      location.readOnly.push_back(directory.str());
    else
      location.notices.push_back(fmt::format("LLA_CACHE_DIR: expected a folder, or the name of one that can be made, "
                                             "got {}{}",
                                             directory.str(), reason ? ": " + *reason : ""));
  }
  if (location.writable.empty())
    location.notices.push_back(
        fmt::format("LLA_CACHE_DIR: expected a folder that can be written, got {}: nothing is kept beyond this process",
                    list.str()));
  return location;
}

} // namespace

CacheLocation resolveCacheLocation(const CacheEnvironment &environment) {
  if (!environment.cacheDirectories.empty())
    return listed(environment.cacheDirectories);
  CacheLocation location;
  auto consider = [&](const std::string &directory, auto &&whyNot) {
    if (!location.writable.empty())
      return;
    if (std::optional<std::string> reason = whyNot(directory))
      location.notices.push_back(fmt::format("cache directory {}: {}", directory, *reason));
    else
      location.writable = directory;
  };
  if (llvm::sys::path::is_absolute(environment.xdgCacheHome))
    consider(joinPath(environment.xdgCacheHome, "lla"), whyNotWritable);
  if (!environment.home.empty())
    consider(joinPath(environment.home, ".cache/lla"), whyNotWritable);
  if (!environment.temporary.empty())
    consider(joinPath(environment.temporary, fmt::format("lla-{}", ::geteuid())), whyNotPrivate);
  if (location.writable.empty())
    location.notices.push_back("no cache directory can be written: nothing is kept beyond this process");
  return location;
}

} // namespace lla
