//===- StoredArtifact.h - a compiled kernel as the cache sees it ----------===//
#ifndef LLA_CACHE_STOREDARTIFACT_H
#define LLA_CACHE_STOREDARTIFACT_H

#include "cache/Key.h"

namespace lla {

struct StoredArtifact {
  std::string kind;       ///< "cubin", "ptx" or "o": the file's extension.
  std::string kernelName; ///< The entry's symbol.
  std::string bytes;
  std::string report = "{}"; ///< What the assembler said: a JSON object; read back, its fields are sorted.
  bool operator==(const StoredArtifact &) const = default;
};

/// Every constraint of an artifact that is about to be kept; the message names the field.
llvm::Error checkArtifact(const StoredArtifact &artifact);

/// What stands beside the bytes: everything of the artifact but them, their size and digest, and the key.
struct ArtifactMeta {
  std::string kind, kernelName, report;
  int64_t bytes = 0;
  std::string digest; ///< Of the bytes.
  Key key;

  std::string fileName() const { return "kernel." + kind; }
};
ArtifactMeta metaOf(const Key &key, const StoredArtifact &artifact);

/// JSON; `parseArtifactMeta` is its inverse.
std::string toJson(const ArtifactMeta &meta);
llvm::Expected<ArtifactMeta> parseArtifactMeta(llvm::StringRef json);

} // namespace lla
#endif
