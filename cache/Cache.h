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
  /// `tell` gets what users should know of bad entries that were met; see ArtifactStore.
  explicit Cache(const CacheLocation &location, int64_t artifactLimit = defaultArtifactLimit,
                 NoticeFunction tell = nullptr);

  /// The best record for a problem; damaged ones that were met on the way are told.
  Match match(const Problem &problem, const Target &target, const MeasurementPolicy &policy) const;
  /// Records around it (see `neighbourhood`), likewise.
  std::vector<Neighbour> neighbours(const Problem &problem, const Target &target, const MeasurementPolicy &policy,
                                    double octaves, size_t most) const;

  /// Reads every entry of every layer, checks all digests and whether the schedules of records are feasible on their
  /// devices; bad artifacts go to quarantine.
  CacheFaults verify() const;
  /// Takes over what another cache directory holds. Fails if the directory is none.
  struct MergeReport {
    ImportReport records;
    int64_t newArtifacts = 0;
  };
  llvm::Expected<MergeReport> merge(const std::string &directory);

  CacheLocation location;
  RecordStore records;
  ArtifactStore artifacts;

private:
  NoticeFunction tell;
};

} // namespace lla
#endif
