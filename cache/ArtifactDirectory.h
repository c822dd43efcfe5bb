//===- ArtifactDirectory.h - compiled kernels on disk, a folder each ------===//
//
//     ROOT/v1/artifacts/DIGEST/{kernel.cubin, meta.json, .committed}
//     ROOT/v1/quarantine/DIGEST/{entry/, reason.txt}
//     ROOT/v1/staging/...        being built; what a crash left is swept later
//     ROOT/v1/locks/...
//
// An entry is renamed into place whole. `.committed` holds meta.json's digest and
// meta.json that of the kernel, so that a load vouches for every byte. Its time is
// that of the last use.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_ARTIFACTDIRECTORY_H
#define LLA_CACHE_ARTIFACTDIRECTORY_H

#include "cache/LockFile.h"
#include "cache/StoredArtifact.h"
#include <chrono>
#include <optional>

namespace lla {

/// A bad entry, and where it went.
struct ArtifactFault {
  std::string digest, reason;
  bool isQuarantined = false;
};
/// "cached kernel DIGEST: reason (quarantined)".
std::string toText(const ArtifactFault &fault);

struct ArtifactLoad {
  std::optional<StoredArtifact> artifact;
  std::string reason; ///< Why there is none.
  /// Bad entries of this key that were met, also where another layer has a good one.
  std::vector<ArtifactFault> faults;
};

struct ArtifactEntry {
  std::string digest;
  int64_t bytes = 0; ///< Of all its files.
  std::chrono::system_clock::time_point lastUse;
};

class ArtifactDirectory {
public:
  /// Touches nothing.
  ArtifactDirectory(std::string root, bool isWritable);
  const std::string &name() const { return root; }

  /// Never fails: whatever is wrong is a miss. An entry with anything wrong in it goes to quarantine, and is the one
  /// fault. A hit counts as a use.
  ArtifactLoad load(llvm::StringRef digest) const;
  /// False: somebody was first (with whatever; load it). An error leaves nothing behind.
  llvm::Expected<bool> publish(const Key &key, const StoredArtifact &artifact) const;
  /// What an entry says of itself; unchecked but for the form.
  llvm::Expected<ArtifactMeta> meta(llvm::StringRef digest) const;
  /// By digest.
  std::vector<ArtifactEntry> entries() const;
  /// Loads everything; bad entries go to quarantine.
  std::vector<ArtifactFault> verify() const;

  llvm::Error remove(llvm::StringRef digest) const;
  /// Removes artifacts and quarantine.
  llvm::Error clear() const;
  /// Removes what crashes left (half-built entries, idle lock files) and quarantined entries, where older than `age`.
  void sweep(std::chrono::seconds age) const;
  /// Not held after the timeout, nor where nothing can be written.
  LockFile lock(llvm::StringRef digest, std::chrono::milliseconds timeout) const;

private:
  /// `load`, but not as a use.
  ArtifactLoad check(llvm::StringRef digest) const;
  std::string folder(llvm::StringRef name) const;
  std::string placeOf(llvm::StringRef digest) const;
  llvm::Error quarantine(llvm::StringRef digest, int directory, const std::string &reason) const;

  std::string root;
  bool isWritable;
};

} // namespace lla
#endif
