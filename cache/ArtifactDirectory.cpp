//===- ArtifactDirectory.cpp - compiled kernels on disk -------------------===//

#include "cache/ArtifactDirectory.h"
#include "cache/Files.h"
#include "cache/Publication.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace fs = llvm::sys::fs;

namespace lla {
namespace {

constexpr const char *metaName = "meta.json";
constexpr const char *committedName = ".committed";
constexpr int64_t largestMeta = 1 << 20;

llvm::Error damage(const std::string &what) { return llvm::createStringError(what); }

/// The machine's trouble (no permission, no descriptors, a bad disk) says nothing about the entry; a missing file or
/// wrong contents do.
bool isDamage(std::error_code code) {
  return code == llvm::inconvertibleErrorCode() || code == std::errc::no_such_file_or_directory ||
         code == std::errc::not_a_directory;
}

llvm::Expected<ArtifactMeta> readMeta(int directory) {
  constexpr int64_t digestLength = 64;
  llvm::Expected<std::string> committed = readRegularFile(directory, committedName, digestLength);
  if (!committed)
    return committed.takeError();
  llvm::Expected<std::string> text = readRegularFile(directory, metaName, largestMeta);
  if (!text)
    return text.takeError();
  if (sha256(*text) != *committed)
    return damage(fmt::format("{}: expected digest {}, got {}", metaName, *committed, sha256(*text)));
  return parseArtifactMeta(*text);
}

llvm::Expected<StoredArtifact> readEntry(int directory, llvm::StringRef digest) {
  llvm::Expected<ArtifactMeta> meta = readMeta(directory);
  if (!meta)
    return meta.takeError();
  if (meta->key.digest() != digest)
    return damage(fmt::format("key: expected the entry of its name, got that of {}", meta->key.digest()));
  llvm::Expected<std::string> bytes = readRegularFile(directory, meta->fileName(), meta->bytes);
  if (!bytes)
    return bytes.takeError();
  if (static_cast<int64_t>(bytes->size()) != meta->bytes)
    return damage(fmt::format("{}: expected {} bytes, got {}", meta->fileName(), meta->bytes, bytes->size()));
  if (std::string actual = sha256(*bytes); actual != meta->digest)
    return damage(fmt::format("{}: expected digest {}, got {}", meta->fileName(), meta->digest, actual));
  return StoredArtifact{meta->kind, meta->kernelName, std::move(*bytes), meta->report};
}

Descriptor openEntry(const std::string &path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// True if `path` is still what was opened as `directory`; where nothing could be opened (a file lies there), true.
bool isSame(const std::string &path, int directory) {
  struct stat opened, present;
  return directory < 0 || (::fstat(directory, &opened) == 0 && ::lstat(path.c_str(), &present) == 0 &&
                           opened.st_dev == present.st_dev && opened.st_ino == present.st_ino);
}

int64_t sizeOf(const std::string &directory) {
  int64_t total = 0;
  for (const std::string &name : listDirectory(directory)) {
    uint64_t bytes = 0;
    if (!fs::file_size(joinPath(directory, name), bytes))
      total += bytes;
  }
  return total;
}

std::chrono::system_clock::time_point lastUseOf(const std::string &directory) {
  fs::file_status status;
  if (fs::status(joinPath(directory, committedName), status))
    return {}; // Damaged: the first to go.
  return status.getLastModificationTime();
}

} // namespace

std::string toText(const ArtifactFault &fault) {
  return fmt::format("cached kernel {}: {}{}", fault.digest, fault.reason, fault.isQuarantined ? " (quarantined)" : "");
}

ArtifactDirectory::ArtifactDirectory(std::string root, bool isWritable)
    : root(std::move(root)), isWritable(isWritable) {}

std::string ArtifactDirectory::folder(llvm::StringRef name) const {
  return joinPath(joinPath(root, cacheSchemaFolder), name);
}

std::string ArtifactDirectory::placeOf(llvm::StringRef digest) const { return joinPath(folder("artifacts"), digest); }

ArtifactLoad ArtifactDirectory::load(llvm::StringRef digest) const {
  ArtifactLoad loaded = check(digest);
  if (loaded.artifact && isWritable)
    ::utimensat(AT_FDCWD, joinPath(placeOf(digest), committedName).c_str(), nullptr, 0);
  return loaded;
}

ArtifactLoad ArtifactDirectory::check(llvm::StringRef digest) const {
  std::string place = placeOf(digest);
  // Once open, it stays the same entry even if another takes its place.
  Descriptor entry = openEntry(place);
  if (!entry.isOpen() && errno == ENOENT)
    return {std::nullopt, "not in " + root, {}};
  llvm::Expected<StoredArtifact> artifact =
      entry.isOpen() ? readEntry(entry.get(), digest) : systemError(place, "open");
  if (artifact)
    return {std::move(*artifact), "", {}};
  ArtifactFault fault{digest.str(), ""};
  bool isDamaged = false;
  llvm::handleAllErrors(artifact.takeError(), [&](const llvm::ErrorInfoBase &info) {
    fault.reason = fmt::format("bad entry in {}: {}", root, info.message());
    isDamaged = isDamage(info.convertToErrorCode());
  });
  if (isDamaged && isWritable)
    llvm::consumeError(quarantine(digest, entry.get(), fault.reason)); // If it stays, it stays a miss.
  fault.isQuarantined = !fs::exists(place);
  return {std::nullopt, fault.reason, {fault}};
}

llvm::Error ArtifactDirectory::quarantine(llvm::StringRef digest, int directory, const std::string &reason) const {
  std::string place = placeOf(digest), cell = joinPath(folder("quarantine"), digest);
  llvm::Expected<StagedDirectory> staged = StagedDirectory::create(folder("staging"));
  if (!staged)
    return staged.takeError();
  if (llvm::Error error = staged->add("reason.txt", reason + "\n"))
    return error;
  // Evicted and made anew since it was opened: the new one is not the bad one.
  if (!isSame(place, directory))
    return llvm::Error::success();
  if (llvm::Error error = staged->take(place, "entry"))
    return error;
  llvm::Expected<bool> moved = staged->publish(cell);
  if (!moved || *moved)
    return moved.takeError();
  if (llvm::Error error = retire(folder("staging"), cell)) // An earlier one of the same key.
    return error;
  return staged->publish(cell).takeError();
}

llvm::Expected<bool> ArtifactDirectory::publish(const Key &key, const StoredArtifact &artifact) const {
  if (!isWritable)
    return llvm::createStringError(std::make_error_code(std::errc::read_only_file_system),
                                   fmt::format("{}: artifacts are only read here", root));
  if (llvm::Error error = checkArtifact(artifact))
    return error;
  llvm::Expected<StagedDirectory> staged = StagedDirectory::create(folder("staging"));
  if (!staged)
    return staged.takeError();
  ArtifactMeta meta = metaOf(key, artifact);
  std::string text = toJson(meta);
  if (llvm::Error error = staged->add(meta.fileName(), artifact.bytes))
    return error;
  if (llvm::Error error = staged->add(metaName, text))
    return error;
  if (llvm::Error error = staged->add(committedName, sha256(text)))
    return error;
  return staged->publish(placeOf(key.digest()));
}

llvm::Expected<ArtifactMeta> ArtifactDirectory::meta(llvm::StringRef digest) const {
  Descriptor entry = openEntry(placeOf(digest));
  if (!entry.isOpen())
    return systemError(placeOf(digest), "open");
  return readMeta(entry.get());
}

std::vector<ArtifactEntry> ArtifactDirectory::entries() const {
  std::vector<ArtifactEntry> result;
  for (const std::string &digest : listDirectory(folder("artifacts")))
    result.push_back({digest, sizeOf(placeOf(digest)), lastUseOf(placeOf(digest))});
  return result;
}

std::vector<ArtifactFault> ArtifactDirectory::verify() const {
  std::vector<ArtifactFault> faults;
  for (const ArtifactEntry &entry : entries())
    llvm::append_range(faults, check(entry.digest).faults);
  return faults;
}

llvm::Error ArtifactDirectory::remove(llvm::StringRef digest) const {
  return retire(folder("staging"), placeOf(digest));
}

llvm::Error ArtifactDirectory::clear() const {
  for (const char *name : {"artifacts", "quarantine"})
    if (fs::exists(folder(name)))
      if (llvm::Error error = retire(folder("staging"), folder(name)))
        return error;
  return llvm::Error::success();
}

void ArtifactDirectory::sweep(std::chrono::seconds age) const {
  for (const char *name : {"staging", "quarantine", "locks"})
    sweepOlder(folder(name), age);
}

LockFile ArtifactDirectory::lock(llvm::StringRef digest, std::chrono::milliseconds timeout) const {
  std::string locks = folder("locks");
  if (!isWritable)
    return {};
  if (llvm::Error error = makeDirectory(locks)) {
    llvm::consumeError(std::move(error));
    return {};
  }
  return LockFile::acquire(joinPath(locks, digest), timeout);
}

} // namespace lla
