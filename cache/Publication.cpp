//===- Publication.cpp - files that appear whole or not at all ------------===//

#include "cache/Publication.h"
#include "cache/Files.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = llvm::sys::fs;

namespace lla {
namespace {

std::string parentOf(const std::string &path) { return llvm::sys::path::parent_path(path).str(); }

/// A new directory in `staging`. Its name must only be free, which mkdir decides; the process in it is for those
/// who look. Its mode is the user's umask's, since a cache may be shared.
llvm::Expected<std::string> makeStagedDirectory(const std::string &staging) {
  if (llvm::Error error = makeDirectory(staging))
    return error;
  static std::atomic<uint64_t> counter = 0;
  for (;;) {
    std::string path = joinPath(staging, fmt::format("{}-{}", ::getpid(), counter++));
    if (::mkdir(path.c_str(), 0777) == 0)
      return path;
    if (errno != EEXIST)
      return systemError(path, "create");
  }
}

} // namespace

llvm::Error publishFile(const std::string &staging, const std::string &path, llvm::StringRef bytes) {
  llvm::Expected<StagedDirectory> staged = StagedDirectory::create(staging);
  if (!staged)
    return staged.takeError();
  if (llvm::Error error = staged->add("file", bytes))
    return error;
  if (llvm::Error error = makeDirectory(parentOf(path)))
    return error;
  if (::rename(joinPath(staged->path, "file").c_str(), path.c_str()) != 0)
    return systemError(path, "rename");
  syncDirectory(parentOf(path));
  return llvm::Error::success();
}

llvm::Expected<StagedDirectory> StagedDirectory::create(const std::string &staging) {
  llvm::Expected<std::string> path = makeStagedDirectory(staging);
  if (!path)
    return path.takeError();
  return StagedDirectory(std::move(*path));
}

StagedDirectory::~StagedDirectory() {
  if (!path.empty())
    fs::remove_directories(path);
}

llvm::Error StagedDirectory::add(llvm::StringRef name, llvm::StringRef bytes) {
  return writeNewFile(joinPath(path, name), bytes);
}

llvm::Expected<bool> StagedDirectory::publish(const std::string &place) {
  if (llvm::Error error = makeDirectory(parentOf(place)))
    return error;
  syncDirectory(path);
  if (::rename(path.c_str(), place.c_str()) != 0) {
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
      return false;
    return systemError(place, "rename");
  }
  path.clear();
  syncDirectory(parentOf(place));
  return true;
}

llvm::Error StagedDirectory::take(const std::string &place, llvm::StringRef name) {
  if (::rename(place.c_str(), joinPath(path, name).c_str()) != 0)
    return systemError(place, "rename");
  return llvm::Error::success();
}

llvm::Error retire(const std::string &staging, const std::string &place) {
  llvm::Expected<StagedDirectory> grave = StagedDirectory::create(staging);
  if (!grave)
    return grave.takeError();
  return grave->take(place, "retired");
}

} // namespace lla
