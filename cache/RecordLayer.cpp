//===- RecordLayer.cpp - one place that holds records ---------------------===//

#include "cache/RecordLayer.h"
#include "cache/Files.h"
#include "cache/LockFile.h"
#include "cache/Publication.h"
#include "dialect/Spec/Shape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>

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

/// What the name of a device's class is cut to in file names.
std::string deviceName(const std::string &deviceClass) { return sha256(deviceClass).substr(0, shortDigest); }

std::string fileName(const Record &record) {
  const Problem &problem = record.problem;
  return fmt::format("h{}-c{}-q{}-{}.{}.json", problem.batch * problem.kvHeads, problem.foldLength(),
                     problem.queryLength, name(problem.layout).str(), deviceName(record.deviceClass));
}

/// The inverse of `fileName`, as far as it goes; nothing for a file of another name.
std::optional<RecordLead> leadOf(llvm::StringRef file, llvm::StringRef wantedDevice) {
  RecordLead lead;
  lead.place = file.str();
  for (auto [prefix, size] :
       {std::pair{"h", &lead.shape.batch}, {"-c", &lead.shape.context}, {"-q", &lead.shape.queryLength}})
    if (!file.consume_front(prefix) || file.consumeInteger(10, *size) || *size < 1)
      return std::nullopt;
  auto [layout, device] = file.split('.');
  std::optional<Layout> known = layout.consume_front("-") ? parseLayout(layout) : std::nullopt;
  if (!known || !device.consume_back(".json"))
    return std::nullopt;
  lead.shape.layout = *known;
  lead.isOtherDevice = device != wantedDevice;
  return lead;
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
    return isAbsent ? RecordScan{} : RecordScan{{}, {{path, 0, "expected a record, got " + reason}}};
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

/// A field as it begins in a line, and with its value.
struct FieldSpelling {
  std::string field, whole;
};

/// How the fields that tell most kinds apart are written in `wanted`'s.
std::vector<FieldSpelling> kindSpellings(const Record &wanted) {
  std::vector<FieldSpelling> spellings;
  auto add = [&](const char *field, const std::string &value) {
    std::string begin = fmt::format("\"{}\":", field);
    spellings.push_back({begin, begin + value});
  };
  const Problem &problem = wanted.problem;
  add("head_dim", std::to_string(problem.headDim));
  add("mode", '"' + name(problem.mode).str() + '"');
  add("dtype", '"' + name(problem.dtype).str() + '"');
  add("policy", '"' + toText(wanted.policy) + '"');
  return spellings;
}

/// True only if a line surely holds no record of that kind: to parse it takes longer than the rest of a lookup. Records
/// are written without space around ':' and without escapes in these fields, in front of their schedules; of any other
/// line nothing is sure.
bool isOfOtherKind(llvm::StringRef line, llvm::ArrayRef<FieldSpelling> spellings) {
  line = line.substr(0, line.find("\"schedule\":"));
  bool differs = llvm::any_of(spellings, [&](const FieldSpelling &spelling) {
    return line.contains(spelling.field) && !line.contains(spelling.whole);
  });
  return differs && !line.contains("\": ") && !line.contains("\" :") &&
         line.find_first_of("\\\t\r") == llvm::StringRef::npos;
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

std::string RecordDirectory::placeOf(const Record &record) const {
  return joinPath(folderOf(record), fileName(record));
}

RecordScan RecordDirectory::exact(const Record &wanted) const { return readFile(placeOf(wanted), kindName(wanted)); }

std::vector<RecordLead> RecordDirectory::kind(const Record &wanted) const {
  std::vector<RecordLead> leads;
  std::string device = deviceName(wanted.deviceClass);
  for (const std::string &file : listDirectory(folderOf(wanted)))
    if (std::optional<RecordLead> lead = leadOf(file, device))
      leads.push_back(std::move(*lead));
  return leads;
}

RecordScan RecordDirectory::read(const Record &wanted, const RecordLead &lead) const {
  return readFile(joinPath(folderOf(wanted), lead.place), kindName(wanted));
}

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
  if (llvm::Error error = publishFile(joinPath(schema, "staging"), placeOf(record), toJson(record) + "\n"))
    return error;
  return true;
}

llvm::Error RecordDirectory::clear() {
  std::string records = joinPath(schema, "records");
  if (!isWritable)
    return RecordLayer::clear();
  return fs::exists(records) ? retire(joinPath(schema, "staging"), records) : llvm::Error::success();
}

RecordTable::RecordTable(std::string name, llvm::StringRef lines) : label(std::move(name)) {
  for (int64_t number = 1; !lines.empty(); ++number) {
    auto [line, rest] = lines.split('\n');
    if (!line.trim().empty())
      unread.push_back({number, line});
    lines = rest;
  }
}

void RecordTable::parse(llvm::function_ref<bool(llvm::StringRef)> isWanted) const {
  llvm::erase_if(unread, [&](const Line &line) {
    if (!isWanted(line.text))
      return false;
    if (std::optional<Record> front = parseRecordFront(line.text))
      insert(*front, line);
    else if (llvm::Expected<Record> record = parseRecord(line.text))
      insert(*record);
    else
      faults.push_back({label, line.number, llvm::toString(record.takeError())});
    return true;
  });
}

void RecordTable::parseKind(const Record &wanted) const {
  if (unread.empty())
    return;
  std::vector<FieldSpelling> spellings = kindSpellings(wanted);
  std::string kind;
  for (const FieldSpelling &spelling : spellings)
    kind += spelling.whole + ',';
  if (!parsedKinds.insert(kind).second)
    return; // What is unread is of others.
  parse([&](llvm::StringRef line) { return !isOfOtherKind(line, spellings); });
}

bool RecordTable::complete(Entry &entry) const {
  if (entry.line.text.empty())
    return true;
  llvm::Expected<Record> record = parseRecord(entry.line.text);
  if (record)
    entry.record = std::move(*record);
  else
    faults.push_back({label, entry.line.number, llvm::toString(record.takeError())});
  bool isGood = static_cast<bool>(record);
  entry.line = {};
  return isGood;
}

bool RecordTable::insert(const Record &record, Line line) const {
  std::string key = record.key().text();
  auto holder = records.find(key);
  if (holder == records.end()) {
    // Lines of one kind follow one another: its digest is not made anew for each.
    bool isAsBefore = !lastKind.empty() && sharesCode(record.problem, last.problem) && record.policy == last.policy &&
                      record.family == last.family;
    if (!isAsBefore) {
      last = record;
      lastKind = kindName(record);
    }
    records.emplace(std::move(key), Entry{record, lastKind, line});
    return true;
  }
  // Of two with one key, all of both is looked at.
  Entry challenger{record, holder->second.kind, line};
  if (!complete(challenger))
    return false;
  if (complete(holder->second) && !replaces(challenger.record, holder->second.record))
    return false;
  holder->second.record = std::move(challenger.record);
  return true;
}

RecordScan RecordTable::readPlace(const std::string &key) const {
  auto entry = records.find(key);
  if (entry == records.end())
    return {};
  if (complete(entry->second))
    return {{entry->second.record}, {}};
  records.erase(entry);
  return {{}, {faults.back()}};
}

RecordScan RecordTable::exact(const Record &wanted) const {
  return read(wanted, {wanted.problem, /*isOtherDevice=*/false, wanted.key().text()});
}

std::vector<RecordLead> RecordTable::kind(const Record &wanted) const {
  std::lock_guard<std::mutex> guard(mutex);
  parseKind(wanted);
  std::vector<RecordLead> leads;
  std::string kind = kindName(wanted);
  for (const auto &[key, entry] : records) {
    if (entry.kind != kind)
      continue;
    Problem shape = entry.record.problem;
    shape.batch *= shape.kvHeads;
    shape.kvHeads = 1;
    leads.push_back({shape, entry.record.deviceClass != wanted.deviceClass, key});
  }
  return leads;
}

RecordScan RecordTable::read(const Record &wanted, const RecordLead &lead) const {
  std::lock_guard<std::mutex> guard(mutex);
  parseKind(wanted);
  return readPlace(lead.place);
}

RecordScan RecordTable::all() const {
  std::lock_guard<std::mutex> guard(mutex);
  parse([](llvm::StringRef) { return true; });
  for (auto entry = records.begin(); entry != records.end();)
    entry = complete(entry->second) ? std::next(entry) : records.erase(entry);
  RecordScan scan;
  scan.faults = faults;
  for (const auto &[key, entry] : records)
    scan.records.push_back(entry.record);
  return scan;
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
