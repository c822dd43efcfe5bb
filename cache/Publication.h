//===- Publication.h - files that appear whole or not at all --------------===//
//
// Everything is written beside its place, on the same file system, brought to the
// disk, and renamed. Whoever dies on the way leaves a name in the staging directory
// and nothing elsewhere.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_PUBLICATION_H
#define LLA_CACHE_PUBLICATION_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lla {

/// Replaces `path` with `bytes`; `staging` is a directory on the same file system.
llvm::Error publishFile(const std::string &staging, const std::string &path, llvm::StringRef bytes);

/// A directory that is filled and then renamed to its place. Removed if it never got there.
class StagedDirectory {
public:
  static llvm::Expected<StagedDirectory> create(const std::string &staging);
  StagedDirectory(StagedDirectory &&other) noexcept : path(std::move(other.path)) { other.path.clear(); }
  StagedDirectory &operator=(StagedDirectory &&) = delete;
  ~StagedDirectory();

  llvm::Error add(llvm::StringRef name, llvm::StringRef bytes);
  /// Moves what is at `place` in, as `name`.
  llvm::Error take(const std::string &place, llvm::StringRef name);
  /// False if `place` is taken: somebody was first.
  llvm::Expected<bool> publish(const std::string &place);

private:
  friend llvm::Error publishFile(const std::string &, const std::string &, llvm::StringRef);
  explicit StagedDirectory(std::string path) : path(std::move(path)) {}
  std::string path; ///< Empty once published.
};

/// Removes what is at `place` so that no reader finds a part of it there.
llvm::Error retire(const std::string &staging, const std::string &place);

} // namespace lla
#endif
