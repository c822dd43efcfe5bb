//===- Inspection.h - the caches' contents for people and programs --------===//
#ifndef LLA_CACHE_INSPECTION_H
#define LLA_CACHE_INSPECTION_H

#include "cache/Cache.h"

namespace lla {

/// One line of a listing.
struct CacheItem {
  enum class Kind { Record, Artifact };
  Kind kind = Kind::Record;
  std::string digest; ///< Of its key: what `showEntry` takes a prefix of.
  std::string layer;  ///< A directory, "memory", "shipped FILE".
  std::string what;   ///< The kernel's symbol; a record's problem, schedule and time.
  int64_t bytes = 0;  ///< Of an artifact.
};
llvm::StringRef name(CacheItem::Kind);
std::string toJson(const CacheItem &item);

/// Every good entry of every layer: records, then artifacts.
std::vector<CacheItem> listCache(const Cache &cache);
/// All that is stored of the one entry whose digest starts with `prefix`, as indented JSON. None, or several: an
/// error that says so.
llvm::Expected<std::string> showEntry(const Cache &cache, llvm::StringRef prefix);

/// Whether the artifact is there; if not, the nearest keys and the fields in which they differ.
std::string whyArtifact(const ArtifactStore &store, const Key &asked);
/// Which record answers, and why no better one; the nearest keys and the fields in which they differ.
std::string whyRecord(const RecordStore &store, const Problem &problem, const Target &target,
                      const MeasurementPolicy &policy);

} // namespace lla
#endif
