//===- ArtifactStore.cpp - all compiled kernels, layer over layer ---------===//

#include "cache/ArtifactStore.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>
#include <tuple>

namespace lla {
namespace {

/// After so many own stores the directory is looked at again, for others' stores.
constexpr int64_t storesPerLook = 256;
/// No process takes this long between making a staging directory and renaming it.
constexpr std::chrono::hours abandonedAge{1};

} // namespace

ArtifactStore::ArtifactStore(const CacheLocation &location, int64_t limitBytes, NoticeFunction tell)
    : limit(limitBytes), tell(std::move(tell)) {
  directories.reserve(location.readOnly.size() + 1); // `writable` points into it.
  if (!location.writable.empty())
    writable = &directories.emplace_back(location.writable, /*isWritable=*/true);
  for (const std::string &directory : location.readOnly)
    directories.emplace_back(directory, /*isWritable=*/false);
}

ArtifactLoad ArtifactStore::loadFrom(const ArtifactDirectory &directory, llvm::StringRef digest) const {
  ArtifactLoad loaded = directory.load(digest);
  for (const ArtifactFault &fault : loaded.faults)
    if (tell)
      tell(toText(fault));
  return loaded;
}

ArtifactLoad ArtifactStore::load(const Key &key) const {
  std::string digest = key.digest();
  ArtifactLoad result;
  if (isInMemory()) {
    std::lock_guard<std::mutex> guard(mutex);
    auto entry = memory.find(digest);
    if (entry != memory.end())
      return {entry->second, "", {}};
    result.reason = "not in memory";
  }
  for (const ArtifactDirectory &directory : directories) {
    ArtifactLoad loaded = loadFrom(directory, digest);
    llvm::append_range(result.faults, loaded.faults);
    if (loaded.artifact) {
      result.artifact = std::move(loaded.artifact);
      result.reason.clear();
      return result;
    }
    result.reason += (result.reason.empty() ? "" : "; ") + loaded.reason;
  }
  return result;
}

llvm::Expected<StoredArtifact> ArtifactStore::store(const Key &key, const StoredArtifact &artifact) {
  if (llvm::Error error = checkArtifact(artifact))
    return error;
  std::string digest = key.digest();
  if (isInMemory()) {
    std::lock_guard<std::mutex> guard(mutex);
    return memory.try_emplace(digest, artifact).first->second;
  }
  // A place that is taken by something bad is free the second time: loading it put that into quarantine.
  std::string reason;
  for (int attempt = 0; attempt < 2; ++attempt) {
    llvm::Expected<bool> published = writable->publish(key, artifact);
    if (!published)
      return published.takeError();
    if (*published) {
      account(artifact.bytes.size());
      return artifact;
    }
    ArtifactLoad winner = loadFrom(*writable, digest);
    if (winner.artifact)
      return std::move(*winner.artifact);
    reason = winner.reason;
  }
  return llvm::createStringError(fmt::format("{}: cannot be replaced: {}", digest, reason));
}

llvm::Expected<ObtainedArtifact> ArtifactStore::obtain(const Key &key,
                                                       llvm::function_ref<llvm::Expected<StoredArtifact>()> make,
                                                       std::chrono::milliseconds timeout) {
  ArtifactLoad loaded = load(key);
  LockFile lock;
  if (!loaded.artifact && writable) {
    lock = writable->lock(key.digest(), timeout);
    ArtifactLoad again = load(key);
    // Of two looks, the first one's reason says what was wrong: a bad entry is gone by the second.
    loaded.artifact = std::move(again.artifact);
  }
  if (loaded.artifact)
    return ObtainedArtifact{std::move(*loaded.artifact), /*wasCached=*/true, "", ""};
  llvm::Expected<StoredArtifact> made = make();
  if (!made)
    return made.takeError();
  llvm::Expected<StoredArtifact> kept = store(key, *made);
  if (kept)
    return ObtainedArtifact{std::move(*kept), /*wasCached=*/false, loaded.reason, ""};
  return ObtainedArtifact{std::move(*made), /*wasCached=*/false, loaded.reason, llvm::toString(kept.takeError())};
}

void ArtifactStore::account(int64_t bytes) {
  std::lock_guard<std::mutex> guard(mutex);
  if (estimate)
    *estimate += bytes;
  if (estimate && *estimate <= limit && ++stores % storesPerLook != 0)
    return;
  // Some room, so that the next store need not look again.
  PruneReport report = prune(limit);
  if (report.removed > 0)
    report = prune(limit - limit / 10);
  estimate = report.keptBytes;
}

PruneReport ArtifactStore::prune(int64_t bytes, std::optional<std::chrono::seconds> age) {
  PruneReport report;
  if (isInMemory())
    return report;
  writable->sweep(abandonedAge);
  std::vector<ArtifactEntry> entries = writable->entries();
  llvm::sort(entries, [](const ArtifactEntry &a, const ArtifactEntry &b) { // Longest unused last.
    return std::tie(b.lastUse, b.digest) < std::tie(a.lastUse, a.digest);
  });
  auto oldest = std::chrono::system_clock::now() - age.value_or(std::chrono::seconds::zero());
  for (const ArtifactEntry &entry : entries) {
    bool isTooOld = age && entry.lastUse < oldest;
    bool isTooMuch = report.removed > 0 || report.keptBytes + entry.bytes > bytes;
    bool isRemoved = isTooOld || isTooMuch;
    if (isRemoved)
      if (llvm::Error error = writable->remove(entry.digest)) {
        llvm::consumeError(std::move(error)); // Somebody else removed it, or nobody can.
        continue;
      }
    ++(isRemoved ? report.removed : report.kept);
    (isRemoved ? report.removedBytes : report.keptBytes) += entry.bytes;
  }
  return report;
}

llvm::Error ArtifactStore::clear() {
  std::lock_guard<std::mutex> guard(mutex);
  memory.clear();
  estimate.reset();
  return writable ? writable->clear() : llvm::Error::success();
}

llvm::Expected<int64_t> ArtifactStore::merge(const std::string &directory) {
  ArtifactDirectory other(directory, /*isWritable=*/false);
  int64_t added = 0;
  for (const ArtifactEntry &entry : other.entries()) {
    llvm::Expected<ArtifactMeta> meta = other.meta(entry.digest);
    ArtifactLoad loaded = loadFrom(other, entry.digest);
    if (!meta) {
      llvm::consumeError(meta.takeError());
      continue;
    }
    if (!loaded.artifact || load(meta->key).artifact)
      continue;
    if (llvm::Expected<StoredArtifact> kept = store(meta->key, *loaded.artifact); !kept)
      return kept.takeError();
    ++added;
  }
  return added;
}

} // namespace lla
