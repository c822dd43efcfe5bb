//===- ArtifactStore.h - all compiled kernels, layer over layer -----------===//
//
// The user's directory first, then directories that are only read; in memory where
// nothing can be written. Bounded: the kernels that were not used for longest go.
// Safe for threads and processes; no lock is ever needed for correctness. A bad
// entry is a miss, and told.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_ARTIFACTSTORE_H
#define LLA_CACHE_ARTIFACTSTORE_H

#include "cache/ArtifactDirectory.h"
#include "cache/Location.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>
#include <mutex>

namespace lla {

constexpr int64_t defaultArtifactLimit = int64_t(2) << 30;

/// A kernel, and how it came about.
struct ObtainedArtifact {
  StoredArtifact artifact;
  bool wasCached = false; ///< Else it was made for this call.
  std::string missReason; ///< Why it had to be made.
  std::string notice;     ///< Why it could not be kept; empty: it was.
};

struct PruneReport {
  int64_t removed = 0, removedBytes = 0; ///< Artifacts.
  int64_t kept = 0, keptBytes = 0;
};

class ArtifactStore {
public:
  /// `tell` is called, from any thread, with each bad entry that a load meets; may be null.
  explicit ArtifactStore(const CacheLocation &location, int64_t limitBytes = defaultArtifactLimit,
                         NoticeFunction tell = nullptr);

  /// Never fails: whatever is wrong is a miss with a reason.
  ArtifactLoad load(const Key &key) const;
  /// Returns what is kept: the given one, or that of whoever was first. An error (no space, say) leaves no trace.
  llvm::Expected<StoredArtifact> store(const Key &key, const StoredArtifact &artifact);
  /// Loads, or makes and stores. Of several that miss a key at once, one makes it and the others wait for it, but
  /// not longer than `timeout`. Fails only if `make` does.
  llvm::Expected<ObtainedArtifact> obtain(const Key &key, llvm::function_ref<llvm::Expected<StoredArtifact>()> make,
                                          std::chrono::milliseconds timeout = std::chrono::minutes(2));

  /// In order of precedence; none where everything is in memory.
  llvm::ArrayRef<ArtifactDirectory> layers() const { return directories; }
  bool isInMemory() const { return !writable; }

  /// Removes what was not used for `age`, then the longest unused until at most `bytes` are left. Sweeps up after
  /// crashed processes.
  PruneReport prune(int64_t bytes, std::optional<std::chrono::seconds> age = std::nullopt);
  llvm::Error clear();
  /// Good artifacts of another cache directory. Returns how many are new.
  llvm::Expected<int64_t> merge(const std::string &directory);

private:
  /// `directory`'s entry; tells what is wrong with it.
  ArtifactLoad loadFrom(const ArtifactDirectory &directory, llvm::StringRef digest) const;
  /// Keeps the directory within its limit, without looking at all of it on each store.
  void account(int64_t bytes);

  std::vector<ArtifactDirectory> directories;
  const ArtifactDirectory *writable = nullptr; ///< One of `directories`.
  int64_t limit;
  NoticeFunction tell;
  mutable std::mutex mutex;
  std::map<std::string, StoredArtifact> memory; ///< By digest; only if nothing is writable.
  std::optional<int64_t> estimate;              ///< Bytes in the directory, others' stores not counted.
  int64_t stores = 0;
};

} // namespace lla
#endif
