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

/// Somebody's key, for comparing with the asked one.
struct KeyNeighbour {
  std::string label;
  std::vector<Key::Difference> differences; ///< Of the asked key from this one.
};

/// Whether an artifact is there, and if not, why.
struct ArtifactVerdict {
  bool isHit = false;
  std::string digest, reason;
  std::vector<KeyNeighbour> nearest; ///< Of a miss; the nearest first.
};
ArtifactVerdict whyArtifact(const ArtifactStore &store, const Key &asked);

/// Which record answers, and why no better one.
struct RecordVerdict {
  Match match;
  std::vector<KeyNeighbour> nearest; ///< Of whatever is not exact; the nearest first.
};
RecordVerdict whyRecord(const RecordStore &store, const Problem &problem, const Target &target,
                        const MeasurementPolicy &policy);

/// Lines for people, each with its end; one line for programs.
std::string toText(const ArtifactVerdict &verdict);
std::string toText(const RecordVerdict &verdict);
std::string toJson(const ArtifactVerdict &verdict);
std::string toJson(const RecordVerdict &verdict);

} // namespace lla
#endif
