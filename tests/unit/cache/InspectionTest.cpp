//===- InspectionTest.cpp - what people are told --------------------------===//

#include "llvm/ADT/STLExtras.h"
#include "cache/Inspection.h"
#include "tests/unit/cache/Samples.h"
#include <nlohmann/json.hpp>

using namespace lla;
using namespace lla::samples;

namespace {

bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

/// A cache with one record and two artifacts.
struct Filled : testing::Test {
  Filled() : cache(CacheLocation{scratch.path, {}, {}}) {
    must(cache.records.put(record()));
    for (int number : {0, 1})
      must(cache.artifacts.store(key(number), artifact(key(number))));
  }
  ScratchDirectory scratch;
  Cache cache;
};

/// What is listed besides the records that are shipped.
std::vector<CacheItem> listOwn(const Cache &cache) {
  std::vector<CacheItem> items = listCache(cache);
  llvm::erase_if(items, [](const CacheItem &item) { return llvm::StringRef(item.layer).starts_with("shipped"); });
  return items;
}

TEST_F(Filled, ListsEverything) {
  std::vector<CacheItem> items = listOwn(cache);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(name(items[0].kind), "record");
  EXPECT_EQ(items[0].digest, record().key().digest());
  EXPECT_TRUE(has(items[0].what, "context=8192")) << items[0].what;
  EXPECT_EQ(name(items[1].kind), "artifact");
  EXPECT_GT(items[1].bytes, 20000);
  EXPECT_TRUE(has(toJson(items[1]), "\"kind\":\"artifact\""));
}

TEST_F(Filled, ShowsOneByItsPrefix) {
  std::string text = must(showEntry(cache, key().digest().substr(0, 12)));
  EXPECT_TRUE(has(text, "\"registers\": 168") && has(text, "\"llvm\": \"22.1.8\"")) << text;
  EXPECT_TRUE(has(must(showEntry(cache, record().key().digest())), "\"microseconds\": 12.375"));
  EXPECT_EQ(message(showEntry(cache, "xyz")),
            "digest: expected the start of an entry's digest, got \"xyz\", which none starts with");
  EXPECT_EQ(message(showEntry(cache, "")),
            "digest: expected the start of one entry's digest, got \"\", which " +
                std::to_string(listCache(cache).size()) + " entries start with");
}

TEST_F(Filled, WhyAnArtifactIsMissed) {
  EXPECT_EQ(toText(whyArtifact(cache.artifacts, key())), "hit: " + key().digest() + "\n");
  Toolchain newer = toolchain();
  newer.ptxasVersion = "release 13.1";
  Key asked = artifactKey(decode(), defaultSchedule(decode(), hopper()), hopper(), newer);
  ArtifactVerdict verdict = whyArtifact(cache.artifacts, asked);
  std::string text = toText(verdict);
  EXPECT_EQ(text.rfind("miss: " + asked.digest(), 0), 0u) << text;
  EXPECT_TRUE(has(text, "nearest: " + key().digest())) << text;
  EXPECT_TRUE(has(text, "  ptxas: asked \"release 13.1\", has \"release 13.0, V13.0.48\"\n")) << text;
  EXPECT_LT(text.find(key(0).digest()), text.find(key(1).digest())) << "the nearer one first";
  nlohmann::json object = nlohmann::json::parse(toJson(verdict));
  EXPECT_EQ(object["hit"], false);
  EXPECT_EQ(object["digest"], asked.digest());
  EXPECT_EQ(object["nearest"].size(), 2u);
  EXPECT_EQ(object["nearest"][0]["differences"],
            (nlohmann::json{{"ptxas", {{"asked", "release 13.1"}, {"has", "release 13.0, V13.0.48"}}}}));
}

TEST_F(Filled, WhyARecordAnswers) {
  MeasurementPolicy policy = record().policy;
  RecordVerdict exact = whyRecord(cache.records, decode(), hopper(), policy);
  EXPECT_EQ(toText(exact).rfind("exact: ", 0), 0u);
  EXPECT_EQ(nlohmann::json::parse(toJson(exact))["record"]["microseconds"], 12.375);
  RecordVerdict near = whyRecord(cache.records, decode(4096), hopper(), policy);
  std::string text = toText(near);
  EXPECT_EQ(text.rfind("nearby shape: ", 0), 0u) << text;
  EXPECT_TRUE(has(text, "context 8192, query_length 1, 1.00 octaves away, from " + scratch.path)) << text;
  EXPECT_TRUE(has(text, "  context: asked \"4096\", has \"")) << text; // Of ours, or of those that are shipped.
  nlohmann::json object = nlohmann::json::parse(toJson(near));
  EXPECT_EQ(object["grade"], "nearby shape");
  EXPECT_EQ(object["octaves"], 1);
  EXPECT_EQ(object["nearest"][0]["differences"]["context"]["asked"], "4096");
  policy.coldCache = true;
  RecordVerdict none = whyRecord(cache.records, decode(), hopper(), policy);
  EXPECT_TRUE(nlohmann::json::parse(toJson(none))["record"].is_null());
  text = toText(none);
  EXPECT_EQ(text.rfind("none: ", 0), 0u) << text;
  EXPECT_TRUE(has(text, "  policy: asked \"graph,cold\", has \"graph,warm\"\n")) << text;
}

TEST_F(Filled, VerifyAndMerge) {
  EXPECT_FALSE(cache.verify().any());
  ScratchDirectory elsewhere;
  Cache copy(CacheLocation{elsewhere.path, {}, {}});
  Cache::MergeReport report = must(copy.merge(scratch.path));
  EXPECT_EQ(report.records.kept, 1);
  EXPECT_EQ(report.newArtifacts, 2);
  EXPECT_EQ(listOwn(copy).size(), 3u);
  writeText(scratch / ("v1/artifacts/" + key().digest() + "/kernel.cubin"), "x");
  CacheFaults faults = cache.verify();
  EXPECT_TRUE(faults.records.empty());
  ASSERT_EQ(faults.artifacts.size(), 1u);
  EXPECT_TRUE(has(faults.artifacts[0].reason, "expected 20000 bytes, got 1")) << faults.artifacts[0].reason;
}

TEST_F(Filled, VerifyTellsSchedulesThatTheDeviceCannotRun) {
  Record edited = record(decode(4096));
  edited.schedule.splits = 70000;
  edited.alternatives = {{record().schedule, 13}, {record().schedule, 14}};
  edited.alternatives[1].schedule.load = LoadPath::Scratch; // The host's.
  must(cache.records.put(edited));
  Record unknown = record(decode(2048)); // Nothing can be said of it.
  unknown.deviceClass = "sm_999 multiprocessors=1";
  unknown.schedule.splits = 70000;
  must(cache.records.put(unknown));
  Record older = record(decode(1024));
  older.family = kernelFamilyVersion + 1;
  older.schedule.splits = 70000;
  must(cache.records.put(older));
  CacheFaults faults = cache.verify();
  ASSERT_EQ(faults.records.size(), 2u);
  EXPECT_EQ(faults.records[0].reason, "schedule: splits: expected 1..65535, got 70000");
  EXPECT_EQ(faults.records[1].reason.rfind("alternatives[1]: load=scratch needs the host", 0), 0u)
      << faults.records[1].reason;
  for (const EntryFault &fault : faults.records)
    EXPECT_TRUE(llvm::sys::fs::exists(fault.path) && has(readText(fault.path), "70000")) << fault.path;

  // Nor do they get into another cache, by either way.
  ScratchDirectory elsewhere;
  Cache copy(CacheLocation{elsewhere.path, {}, {}});
  Cache::MergeReport merged = must(copy.merge(scratch.path));
  EXPECT_EQ(merged.records.kept, 3);
  ASSERT_EQ(merged.records.faults.size(), 2u);
  EXPECT_EQ(toText(merged.records.faults[0]), toText(faults.records[0]));
  ImportReport imported = must(copy.records.importLines(toJson(edited), "edited.jsonl"));
  EXPECT_EQ(imported.kept, 0);
  ASSERT_EQ(imported.faults.size(), 2u);
  EXPECT_EQ(imported.faults[0].path.rfind("edited.jsonl: {", 0), 0u) << imported.faults[0].path;
  EXPECT_TRUE(has(imported.faults[0].reason, "got 70000"));
}

TEST_F(Filled, WhatIsNoCacheIsNotMerged) {
  ScratchDirectory notes;
  writeText(notes / "notes.txt", "x");
  EXPECT_EQ(message(cache.merge(notes.path)),
            notes.path + ": expected a cache folder, which has a folder v1, got a folder without");
  EXPECT_EQ(message(cache.merge(notes / "notes.txt")),
            notes / "notes.txt" + ": expected a cache folder, which has a folder v1, got no folder");
  EXPECT_EQ(listOwn(cache).size(), 3u);
}

TEST(Inspection, AnEmptyCacheSaysSo) {
  Cache cache((CacheLocation()));
  EXPECT_TRUE(has(toText(whyArtifact(cache.artifacts, key())), "not in memory"));
  EXPECT_FALSE(cache.verify().any());
}

} // namespace
