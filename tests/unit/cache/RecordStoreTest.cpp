//===- RecordStoreTest.cpp - layers of records ----------------------------===//

#include "cache/RecordStore.h"
#include "cache/Publication.h"
#include "tests/unit/cache/Samples.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using namespace lla;
using namespace lla::samples;

namespace {

constexpr EmbeddedRecords embeddedTestRecords[] = {
#include "tests/unit/cache/Embedded.inc"
};

CacheLocation at(const std::string &writable, std::vector<std::string> readOnly = {}) {
  return {writable, std::move(readOnly), {}};
}

bool put(RecordStore &store, const Record &record) { return must(store.put(record)); }

/// The files below `directory`, with their paths.
std::vector<std::string> filesBelow(const std::string &directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (llvm::sys::fs::recursive_directory_iterator entry(directory, error), end; entry != end && !error;
       entry.increment(error))
    if (!llvm::sys::fs::is_directory(entry->path()))
      files.push_back(entry->path());
  return files;
}

Record exactly(const RecordStore &store, const Record &wanted) {
  for (const auto &layer : store.layers())
    for (const Record &found : layer->exact(wanted).records)
      return found;
  return {};
}

TEST(RecordStore, KeepsOverProcesses) {
  ScratchDirectory scratch;
  {
    RecordStore store(at(scratch.path), {});
    EXPECT_TRUE(put(store, record()));
  }
  RecordStore store(at(scratch.path), {});
  EXPECT_TRUE(exactly(store, record()) == record());
  EXPECT_EQ(filesBelow(scratch.path).size(), 1u) << "no lock, no staging left";
}

TEST(RecordStore, ThePreferredOneStays) {
  ScratchDirectory scratch;
  RecordStore store(at(scratch.path), {});
  Record older = record(), newer = record();
  newer.when += 60;
  EXPECT_TRUE(put(store, newer));
  EXPECT_FALSE(put(store, older));
  EXPECT_FALSE(put(store, newer));
  EXPECT_TRUE(exactly(store, record()) == newer);
}

TEST(RecordStore, RefusesWhatItCouldNotReadBack) {
  ScratchDirectory scratch;
  RecordStore store(at(scratch.path), {});
  Record bad = record();
  bad.error = std::nan("");
  EXPECT_NE(message(store.put(bad)).find("error: expected a number"), std::string::npos);
  EXPECT_TRUE(filesBelow(scratch.path).empty());
}

TEST(RecordStore, UpperLayersComeFirst) {
  ScratchDirectory user, site;
  Record low = record(), high = record();
  low.device = "site";
  high.device = "user";
  low.when += 1000;
  RecordStore below(at(site.path), {});
  put(below, low);
  put(below, record(decode(512)));
  RecordStore store(at(user.path, {site.path}), {});
  EXPECT_EQ(exactly(store, record()).device, "site");
  put(store, high);
  EXPECT_EQ(exactly(store, record()).device, "user");
  EXPECT_EQ(exactly(store, record(decode(512))).problem.context, 512);
}

TEST(RecordStore, ReadOnlyLayersAreNotWritten) {
  ScratchDirectory site;
  RecordDirectory directory(site.path, /*isWritable=*/false);
  EXPECT_NE(message(directory.put(record())).find("only read"), std::string::npos);
  EXPECT_NE(message(directory.clear()).find("only read"), std::string::npos);
}

TEST(RecordStore, WorksInMemory) {
  RecordStore store(at(""), {});
  EXPECT_TRUE(put(store, record()));
  EXPECT_FALSE(put(store, record()));
  EXPECT_TRUE(exactly(store, record()) == record());
  EXPECT_EQ(message(store.clear()), "");
  EXPECT_TRUE(store.layers().front()->all().records.empty());
}

TEST(RecordStore, ShippedRecordsAreValid) {
  ASSERT_FALSE(shippedRecords().empty());
  RecordStore store(at(""));
  for (const auto &layer : store.layers())
    for (const EntryFault &fault : layer->all().faults)
      ADD_FAILURE() << toText(fault);
}

TEST(RecordStore, EmbeddedFilesAreALayer) {
  RecordStore store(at(""), embeddedTestRecords);
  ASSERT_EQ(store.layers().size(), 2u);
  EXPECT_EQ(store.layers()[1]->name(), "shipped embedded.jsonl");
  RecordScan scan = store.layers()[1]->all();
  EXPECT_EQ(scan.records.size(), 2u);
  EXPECT_EQ(scan.faults.size(), 1u) << "the planted bad line";
  ASSERT_FALSE(scan.records.empty());
  EXPECT_TRUE(exactly(store, scan.records[0]) == scan.records[0]);
  EXPECT_EQ(store.exportLines(), "") << "the binary's records are not the user's";
}

TEST(RecordStore, BadFilesAreSkippedAndReported) {
  ScratchDirectory scratch;
  RecordStore store(at(scratch.path), {});
  put(store, record());
  std::string good = filesBelow(scratch.path).at(0);
  std::string folder = good.substr(0, good.rfind('/'));
  writeText(folder + "/empty.json", "");
  writeText(folder + "/garbage.json", std::string("\0\xff{", 3));
  writeText(folder + "/half.json", toJson(record()).substr(0, 200));
  writeText(folder + "/misplaced.json", toJson(record()));
  writeText(folder + "/large.json", std::string(1 << 20, ' '));
  ASSERT_EQ(::mkdir((folder + "/directory.json").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo((folder + "/pipe.json").c_str(), 0644), 0);
  RecordScan scan = store.layers().front()->all();
  EXPECT_EQ(scan.records.size(), 1u);
  EXPECT_EQ(scan.faults.size(), 7u);
  for (const EntryFault &fault : scan.faults)
    EXPECT_EQ(fault.path.rfind(folder, 0), 0u) << toText(fault);
  EXPECT_EQ(store.layers().front()->kind(record()).size(), 1u) << "no record has such a name";
}

/// A directory's and a table's leads tell the same of the same records.
TEST(RecordStore, LeadsTellTheShapesOfAKind) {
  ScratchDirectory scratch;
  RecordStore onDisk(at(scratch.path), {}), inMemory(at(""), {});
  Problem wide = decode(512, 32), rows = decode();
  wide.layout = Layout::BHSD;
  rows.queryLength = 4; // Another kind: code for several rows.
  for (RecordStore *store : {&onDisk, &inMemory}) {
    for (const Record &kept : {record(), record(wide), record(decode(), blackwell()), record(rows)})
      put(*store, kept);
    std::vector<RecordLead> leads = store->layers().front()->kind(record());
    ASSERT_EQ(leads.size(), 3u);
    for (const RecordLead &lead : leads) {
      RecordScan scan = store->layers().front()->read(record(), lead);
      ASSERT_EQ(scan.records.size(), 1u);
      const Problem &problem = scan.records[0].problem;
      EXPECT_EQ(lead.shape.batch * lead.shape.kvHeads, problem.batch * problem.kvHeads);
      EXPECT_EQ(lead.shape.context, problem.context);
      EXPECT_EQ(lead.shape.queryLength, problem.queryLength);
      EXPECT_EQ(lead.shape.layout, problem.layout);
      EXPECT_EQ(lead.isOtherDevice, scan.records[0].deviceClass != deviceClass(hopper()));
    }
  }
}

/// Lines of a table are parsed when they may be asked for, however they are written.
TEST(RecordStore, ATableAnswersForEverySpellingOfALine) {
  Record wanted = record(decode(4096)), other = record(decode(2048));
  other.problem.headDim = 64;
  std::string plain = toJson(wanted);
  std::string spaced = nlohmann::json::parse(plain).dump(1);
  std::replace(spaced.begin(), spaced.end(), '\n', ' ');
  std::string before = plain, escaped = plain;
  before.replace(before.find("\"head_dim\":"), 11, "\"head_dim\" :");
  escaped.replace(escaped.find("\"bf16\""), 6, "\"\\u0062f16\"");
  auto sparse = nlohmann::json::parse(plain);
  for (const char *byDefault : {"mode", "dtype", "probe"})
    sparse["problem"].erase(byDefault);
  for (const std::string &line : {plain, spaced, before, escaped, sparse.dump()}) {
    std::string lines = toJson(other) + "\n" + line + "\n{bad\n" + toJson(record(decode(512))) + "\n";
    EmbeddedRecords file{"table.jsonl", lines.c_str()};
    RecordStore store(at(""), file);
    const RecordLayer &table = *store.layers()[1];
    RecordScan scan = table.exact(wanted);
    ASSERT_EQ(scan.records.size(), 1u) << line;
    EXPECT_TRUE(scan.records[0] == wanted) << line;
    EXPECT_EQ(table.kind(wanted).size(), 2u) << line;
    EXPECT_EQ(table.kind(other).size(), 1u) << line;
    scan = table.all();
    EXPECT_EQ(scan.records.size(), 3u) << line;
    ASSERT_EQ(scan.faults.size(), 1u) << line;
    EXPECT_EQ(scan.faults[0].line, 3) << line;
  }
}

/// What a record is filed under is read before the rest of its line.
TEST(RecordStore, ATableSaysOnceThatTheRestOfALineIsBad) {
  Record good = record(decode(4096)), bad = record(decode(2048));
  std::string spoiled = toJson(bad);
  spoiled.replace(spoiled.find("\"microseconds\":"), 15, "\"nanoseconds\":0,\"x\":");
  // Of two with one key the good one stays, whichever comes first.
  for (const std::string &lines : {spoiled + "\n" + toJson(good) + "\n", toJson(good) + "\n" + spoiled + "\n",
                                   spoiled + "\n" + toJson(bad) + "\n" + toJson(good) + "\n",
                                   toJson(bad) + "\n" + spoiled + "\n" + toJson(good) + "\n"}) {
    bool hasBoth = std::count(lines.begin(), lines.end(), '\n') == 3;
    EmbeddedRecords file{"table.jsonl", lines.c_str()};
    RecordStore store(at(""), file);
    const RecordLayer &table = *store.layers()[1];
    EXPECT_EQ(table.kind(good).size(), 2u) << lines;
    RecordScan scan = table.exact(bad);
    EXPECT_EQ(scan.records.size(), hasBoth ? 1u : 0u) << lines;
    EXPECT_EQ(scan.faults.size(), hasBoth ? 0u : 1u) << lines;
    EXPECT_EQ(table.exact(bad).faults.size(), 0u) << lines;
    ASSERT_EQ(table.exact(good).records.size(), 1u) << lines;
    EXPECT_TRUE(table.exact(good).records[0] == good) << lines;
    EXPECT_EQ(table.all().faults.size(), 1u) << lines;
    EXPECT_EQ(table.all().records.size(), hasBoth ? 2u : 1u) << lines;
  }
}

TEST(RecordStore, ALeadWhoseRecordIsGoneReadsNothing) {
  ScratchDirectory scratch;
  RecordStore store(at(scratch.path), {});
  put(store, record());
  RecordLead lead = store.layers().front()->kind(record()).at(0);
  EXPECT_EQ(message(store.clear()), "");
  RecordScan scan = store.layers().front()->read(record(), lead);
  EXPECT_TRUE(scan.records.empty() && scan.faults.empty());
}

TEST(RecordStore, ABadFileIsOverwritten) {
  ScratchDirectory scratch;
  RecordStore store(at(scratch.path), {});
  put(store, record());
  writeText(filesBelow(scratch.path).at(0), "{");
  EXPECT_EQ(store.layers().front()->exact(record()).faults.size(), 1u);
  EXPECT_TRUE(put(store, record()));
  EXPECT_TRUE(exactly(store, record()) == record());
}

TEST(RecordStore, ExportedAndImportedIsTheSame) {
  ScratchDirectory one, two;
  RecordStore store(at(one.path), {}), copy(at(two.path), {});
  for (int64_t context : {512, 1024, 8192})
    for (int64_t batch : {1, 32})
      put(store, record(decode(context, batch)));
  std::string lines = store.exportLines();
  EXPECT_EQ(llvm::count(lines, '\n'), 6);
  ImportReport report = must(copy.importLines(lines, "export"));
  EXPECT_EQ(report.kept, 6);
  EXPECT_TRUE(report.faults.empty());
  EXPECT_EQ(copy.exportLines(), lines);
  report = must(copy.importLines(lines + "{bad", "export"));
  EXPECT_EQ(report.kept, 0);
  EXPECT_EQ(report.superseded, 6);
  ASSERT_EQ(report.faults.size(), 1u);
  EXPECT_EQ(report.faults[0].line, 7);
}

TEST(RecordStore, MergingIsTheSameInAnyOrder) {
  ScratchDirectory a, b, ab, ba;
  RecordStore storeA(at(a.path), {}), storeB(at(b.path), {});
  for (int number = 0; number < 6; ++number) {
    Record one = record(decode(512 << (number % 3))), other = one;
    one.when += number % 2;
    other.when += 1 - number % 2;
    other.microseconds = other.low;
    put(storeA, one);
    put(storeB, other);
  }
  RecordStore first(at(ab.path), {}), second(at(ba.path), {});
  for (const std::string &directory : {a.path, b.path, a.path})
    must(first.merge(directory));
  for (const std::string &directory : {b.path, a.path})
    must(second.merge(directory));
  EXPECT_EQ(first.exportLines(), second.exportLines());
  EXPECT_EQ(llvm::count(first.exportLines(), '\n'), 3);
}

TEST(RecordStore, ClearRemovesTheUsersRecordsOnly) {
  ScratchDirectory user, site;
  RecordStore below(at(site.path), {});
  put(below, record(decode(512)));
  RecordStore store(at(user.path, {site.path}), {});
  put(store, record());
  EXPECT_EQ(message(store.clear()), "");
  EXPECT_EQ(message(store.clear()), "") << "nothing to remove is fine";
  EXPECT_TRUE(store.layers()[0]->all().records.empty());
  EXPECT_EQ(store.layers()[1]->all().records.size(), 1u);
}

} // namespace
