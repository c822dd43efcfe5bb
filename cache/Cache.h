//===- Cache.h - both caches of one location ------------------------------===//
#ifndef LLA_CACHE_CACHE_H
#define LLA_CACHE_CACHE_H

#include "cache/ArtifactStore.h"
#include "cache/Match.h"
#include "cache/RecordStore.h"

namespace lla {

struct CacheFaults {
  std::vector<EntryFault> records;
  std::vector<ArtifactFault> artifacts;
  bool any() const { return !records.empty() || !artifacts.empty(); }
};

struct Cache {
  explicit Cache(const CacheLocation &location, int64_t artifactLimit = defaultArtifactLimit);

  /// Reads every entry of every layer and checks all digests; bad artifacts go to quarantine.
  CacheFaults verify() const;
  /// Takes over what another cache directory holds.
  struct MergeReport {
    ImportReport records;
    int64_t newArtifacts = 0;
  };
  llvm::Expected<MergeReport> merge(const std::string &directory);

  CacheLocation location;
  RecordStore records;
  ArtifactStore artifacts;
};

} // namespace lla
#endif
