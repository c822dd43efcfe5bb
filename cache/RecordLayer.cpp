//===- RecordLayer.cpp - one place that holds records ---------------------===//

#include "cache/RecordLayer.h"
#include "cache/Files.h"
#include "cache/LockFile.h"
#include "cache/Publication.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>

namespace fs = llvm::sys::fs;

namespace lla {
namespace {

/// A record is a few hundred bytes.
constexpr int64_t largestRecord = 1 << 16;
/// Enough of a digest to tell the few apart that meet in one folder.
constexpr size_t shortDigest = 16;
/// Writers of one kind follow one another; each takes milliseconds.
constexpr std::chrono::seconds longestWait{2};

std::string kindName(const Record &record) {
  return recordKindKey(record.problem, record.policy, record.family).digest().substr(0, shortDigest);
}

std::string fileName(const Record &record) {
  const Problem &problem = record.problem;
  return fmt::format("h{}-c{}-q{}-{}.{}.json", problem.batch * problem.kvHeads, problem.context, problem.queryLength,
                     name(problem.layout).str(), sha256(record.deviceClass).substr(0, shortDigest));
}

/// A file's one record. A file that is not there is neither record nor fault.
RecordScan readFile(const std::string &path, llvm::StringRef kind) {
  llvm::Expected<std::string> text = readRegularFile(AT_FDCWD, path, largestRecord);
  if (!text) {
    bool isAbsent = false;
    std::string reason;
    llvm::handleAllErrors(text.takeError(), [&](const llvm::ErrorInfoBase &error) {
      isAbsent = error.convertToErrorCode() == std::errc::no_such_file_or_directory;
      reason = error.message();
    });
    return isAbsent ? RecordScan{} : RecordScan{{}, {{path, 0, reason}}};
  }
  RecordScan scan = parseRecordLines(*text, path);
  if (scan.records.size() + scan.faults.size() != 1)
    return {{}, {{path, 0, fmt::format("expected one record, got {}", scan.records.size())}}};
  if (!scan.records.empty() &&
      (kindName(scan.records[0]) != kind || fileName(scan.records[0]) != llvm::sys::path::filename(path)))
    return {{}, {{path, 1, "expected the record that the file's name says, got another"}}};
  return scan;
}

RecordScan readFolder(const std::string &folder) {
  RecordScan scan;
  llvm::StringRef kind = llvm::sys::path::filename(folder);
  for (const std::string &file : listDirectory(folder))
    scan.append(readFile(joinPath(folder, file), kind));
  return scan;
}

llvm::Error readOnlyError(const std::string &name) {
  return llvm::createStringError(std::make_error_code(std::errc::read_only_file_system),
                                 fmt::format("{}: records are only read here", name));
}

} // namespace

RecordLayer::~RecordLayer() = default;
llvm::Expected<bool> RecordLayer::put(const Record &) { return readOnlyError(name()); }
llvm::Error RecordLayer::clear() { return readOnlyError(name()); }

RecordDirectory::RecordDirectory(std::string directory, bool isWritable)
    : root(std::move(directory)), schema(joinPath(root, cacheSchemaFolder)), isWritable(isWritable) {}

std::string RecordDirectory::folderOf(const Record &record) const {
  return joinPath(joinPath(schema, "records"), kindName(record));
}

std::string RecordDirectory::pathOf(const Record &record) const { return joinPath(folderOf(record), fileName(record)); }

RecordScan RecordDirectory::exact(const Record &wanted) const { return readFile(pathOf(wanted), kindName(wanted)); }

RecordScan RecordDirectory::kind(const Record &wanted) const { return readFolder(folderOf(wanted)); }

RecordScan RecordDirectory::all() const {
  RecordScan scan;
  std::string records = joinPath(schema, "records");
  for (const std::string &kind : listDirectory(records))
    scan.append(readFolder(joinPath(records, kind)));
  return scan;
}

llvm::Expected<bool> RecordDirectory::put(const Record &record) {
  if (!isWritable)
    return RecordLayer::put(record);
  if (llvm::Error error = checkRecord(record))
    return error;
  std::string locks = joinPath(schema, "locks");
  if (llvm::Error error = makeDirectory(locks))
    return error;
  LockFile lock = LockFile::acquire(joinPath(locks, "records-" + kindName(record)), longestWait);
  RecordScan holder = exact(record); // A bad one is overwritten.
  if (!holder.records.empty() && !replaces(record, holder.records[0]))
    return false;
  if (llvm::Error error = publishFile(joinPath(schema, "staging"), pathOf(record), toJson(record) + "\n"))
    return error;
  return true;
}

llvm::Error RecordDirectory::clear() {
  std::string records = joinPath(schema, "records");
  if (!isWritable)
    return RecordLayer::clear();
  return fs::exists(records) ? retire(joinPath(schema, "staging"), records) : llvm::Error::success();
}

RecordScan RecordTable::select(llvm::function_ref<bool(const Record &)> isWanted) const {
  std::lock_guard<std::mutex> guard(mutex);
  if (!unread.empty()) {
    RecordScan scan = parseRecordLines(unread, label);
    unread = {};
    faults = std::move(scan.faults);
    for (const Record &record : scan.records)
      insert(record);
  }
  RecordScan scan;
  scan.faults = faults;
  for (const auto &[key, record] : records)
    if (isWanted(record))
      scan.records.push_back(record);
  return scan;
}

bool RecordTable::insert(const Record &record) const {
  auto [holder, isNew] = records.try_emplace(record.key().text(), record);
  if (!isNew && !replaces(record, holder->second))
    return false;
  holder->second = record;
  return true;
}

RecordScan RecordTable::exact(const Record &wanted) const {
  return select([key = wanted.key()](const Record &record) { return record.key() == key; });
}

RecordScan RecordTable::kind(const Record &wanted) const {
  return select([kind = kindName(wanted)](const Record &record) { return kindName(record) == kind; });
}

RecordScan RecordTable::all() const {
  return select([](const Record &) { return true; });
}

llvm::Expected<bool> RecordTable::put(const Record &record) {
  if (!isWritable)
    return RecordLayer::put(record);
  if (llvm::Error error = checkRecord(record))
    return error;
  std::lock_guard<std::mutex> guard(mutex);
  return insert(record);
}

llvm::Error RecordTable::clear() {
  if (!isWritable)
    return RecordLayer::clear();
  std::lock_guard<std::mutex> guard(mutex);
  records.clear();
  return llvm::Error::success();
}

} // namespace lla
