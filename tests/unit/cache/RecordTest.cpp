//===- RecordTest.cpp - records as lines of JSON --------------------------===//

#include "tests/unit/cache/Samples.h"
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace lla;
using namespace lla::samples;

namespace {

/// The sample's line with the first `from` replaced.
std::string edited(const std::string &from, const std::string &to) {
  std::string line = toJson(record());
  size_t at = line.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? line : line.replace(at, from.size(), to);
}

TEST(Record, IsOneLineAndComesBackTheSame) {
  std::string line = toJson(record());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_TRUE(must(parseRecord(line)) == record());
  EXPECT_EQ(toJson(must(parseRecord(line))), line);
  EXPECT_NE(line.find("\"when\":\"2026-01-01T00:00:00Z\""), std::string::npos) << line;
}

TEST(Record, OddNumbersAndNamesComeBackTheSame) {
  Record odd = record();
  odd.microseconds = 0.1 + 0.2;
  odd.low = 0;
  odd.high = 1e300;
  odd.error = std::numeric_limits<double>::denorm_min();
  odd.doubt = "throttled: \"hot\"\n\tü";
  EXPECT_TRUE(must(parseRecord(toJson(odd))) == odd);
}

TEST(Record, AlternativesAreKeptAsWhatDiffers) {
  Record with = record();
  TimedSchedule other{with.schedule, 13.5};
  other.schedule.keys *= 2;
  other.schedule.peel = !other.schedule.peel;
  with.alternatives = {other, {with.schedule, 14}};
  std::string line = toJson(with);
  EXPECT_TRUE(must(parseRecord(line)) == with);
  EXPECT_NE(line.find("{\"schedule\":\"keys=" + std::to_string(other.schedule.keys) + " peel="), std::string::npos)
      << line;
  for (auto [from, to, expected] : {std::tuple{"13.5", "-1", "alternatives.microseconds: expected a positive number"},
                                    {"\"microseconds\":13.5", "\"x\":1", "microseconds: expected a time"},
                                    {"\"keys=", "\"quays=", "quays"}}) {
    std::string bad = line;
    bad.replace(bad.find(from), std::string(from).size(), to);
    EXPECT_NE(message(parseRecord(bad)).find(expected), std::string::npos) << message(parseRecord(bad));
  }
}

TEST(Record, ErrorsNameTheField) {
  struct Case {
    const char *from, *to, *expected;
  };
  const Case cases[] = {
      {"\"version\":1", "\"version\":2", "version: expected 1, got 2"},
      {"\"family\":1", "\"family\":\"x\"", "family: expected a 64-bit integer"},
      {"\"family\":1", "\"family\":0", "family: expected >= 1, got 0"},
      {"\"problem\":{", "\"problem\":[],\"p\":{", "problem: expected a JSON object"},
      {"\"head_dim\":128", "\"head_dim\":100", "head_dim: expected a multiple of 8"},
      {"\"schedule\":{", "\"schedule\":{\"colour\":1,", "colour"},
      {"\"policy\":\"graph,warm\"", "\"policy\":\"graph,tepid\"", "policy"},
      {"\"policy\":\"graph,warm\"", "\"policy\":3", "policy: expected a string"},
      {"\"microseconds\":12.375", "\"microseconds\":-1", "microseconds: expected a positive number"},
      {"\"microseconds\":12.375", "\"microseconds\":null", "microseconds: expected a finite number"},
      {"\"low\":12.25", "\"low\":13", "low, high: expected an interval around 12.375, got 13..12.5"},
      {"\"error\":0.0031", "\"error\":-0.1", "error: expected a number >= 0"},
      {"\"when\":\"2026", "\"when\":\"x026", "when: expected a time like"},
      {"\"when\":\"2026-01-01", "\"when\":\"2026-02-31", "when: expected a time like"},
      {"\"device\":", "\"devise\":", "devise"},
      {"\"static_sizes\":false", "\"static_sizes\":true", "schedule.static_sizes: expected false"},
      {"\"device_class\":\"", "\"device_class\":1,\"x\":\"", "device_class: expected a string"},
  };
  for (const Case &c : cases)
    EXPECT_NE(message(parseRecord(edited(c.from, c.to))).find(c.expected), std::string::npos)
        << c.to << " gave: " << message(parseRecord(edited(c.from, c.to)));
}

TEST(Record, RequiredFieldsAreMissed) {
  for (const char *field : {"problem", "device_class", "policy", "family", "schedule", "microseconds"}) {
    auto object = nlohmann::json::parse(toJson(record()));
    object.erase(field);
    EXPECT_EQ(message(parseRecord(object.dump())).rfind(std::string(field) + ": expected", 0), 0u)
        << message(parseRecord(object.dump()));
  }
}

TEST(RecordLines, FaultsNameTheLine) {
  std::string good = toJson(record());
  RecordScan scan = parseRecordLines(good + "\n\n{garbage\n" + good + "\r\n" + good.substr(0, 50), "some.jsonl");
  EXPECT_EQ(scan.records.size(), 2u);
  ASSERT_EQ(scan.faults.size(), 2u);
  EXPECT_EQ(toText(scan.faults[0]).rfind("some.jsonl:3: record: expected a JSON object, got text that is not", 0), 0u)
      << toText(scan.faults[0]);
  EXPECT_EQ(scan.faults[1].line, 5);
}

TEST(RecordLines, NoBytesWhatsoeverCrash) {
  std::mt19937_64 generator(20260131);
  std::string good = toJson(record());
  int survivors = 0;
  for (int round = 0; round < 3000; ++round) {
    RecordScan scan = parseRecordLines(mutate(good, generator), "fuzz");
    for (const Record &parsed : scan.records) {
      ++survivors;
      EXPECT_TRUE(must(parseRecord(toJson(parsed))) == parsed);
    }
  }
  EXPECT_GT(survivors, 0);
  std::string deep(100000, '[');
  EXPECT_EQ(parseRecordLines(deep, "deep").faults.size(), 1u);
}

TEST(Replaces, IsATotalOrder) {
  std::vector<Record> all(5, record());
  all[1].when += 10;
  all[1].microseconds = all[1].high;
  all[2].microseconds = all[2].low;
  all[3].device = "A";
  all[4].schedule.keys = 32;
  EXPECT_TRUE(replaces(all[1], all[2])) << "the newer one, though slower";
  EXPECT_TRUE(replaces(all[2], all[0])) << "of one second, the faster";
  for (const Record &a : all)
    for (const Record &b : all) {
      EXPECT_EQ(replaces(a, b) + replaces(b, a), a == b ? 0 : 1);
      for (const Record &c : all)
        EXPECT_TRUE(!replaces(a, b) || !replaces(b, c) || replaces(a, c));
    }
}

} // namespace
