//===- ScheduleTest.cpp - the field table and its texts -------------------===//

#include "dialect/Spec/Schedule.h"
#include "RandomProblem.h"
#include <gtest/gtest.h>
#include <set>

using namespace lla;
using namespace lla::test;

namespace {

/// Any combination of candidates, feasible or not.
Schedule randomSchedule(RandomProblem &random) {
  Schedule schedule;
  for (const ScheduleField &field : scheduleFields())
    field.set(schedule, field.values[random.between(0, static_cast<int64_t>(field.values.size()) - 1)]);
  return schedule;
}

TEST(Schedule, TableListsEveryFieldOnce) {
  std::set<std::string> names;
  size_t fields = 0;
#define LLA_SCHEDULE_FIELD(type, name, json, init, values, help) ++fields;
#include "dialect/Spec/Schedule.def"
  for (const ScheduleField &field : scheduleFields()) {
    names.insert(field.name);
    EXPECT_NE(std::string(field.help), "");
    EXPECT_FALSE(field.values.empty()) << field.name;
    EXPECT_TRUE(std::is_sorted(field.values.begin(), field.values.end())) << field.name;
  }
  EXPECT_EQ(scheduleFields().size(), fields);
  EXPECT_EQ(names.size(), fields);
}

TEST(Schedule, SettersAndGettersMatch) {
  for (const ScheduleField &field : scheduleFields())
    for (int64_t value : field.values) {
      Schedule schedule;
      field.set(schedule, value);
      for (const ScheduleField &other : scheduleFields()) {
        int64_t expected = &other == &field ? value : other.get(Schedule());
        EXPECT_EQ(other.get(schedule), expected) << field.name << " changed " << other.name;
      }
    }
}

TEST(Schedule, OrderIsLexicographicInTableOrder) {
  Schedule small, large;
  small.load = LoadPath::Registers;
  small.rows = 256;
  large.load = LoadPath::Ring;
  large.rows = 8;
  EXPECT_LT(small, large);
  EXPECT_FALSE(large < small);
  EXPECT_FALSE(small < small);
  large = small;
  large.peel = !small.peel;
  EXPECT_TRUE(small < large || large < small);
}

TEST(ScheduleText, DefaultSpellsEveryField) {
  EXPECT_EQ(toText(Schedule()),
            "load=registers rows=8 keys=16 warps=4 value_parts=1 stages=2 splits=1 cluster=1 ctas=1 "
            "lazy=8 overlap=true peel=false dependent=false split_tiles=1 persistent=false stream_k=false "
            "pingpong=false rounded=false weigher=false held_rows=false swapped=false spread=false longest_first=false "
            "static_sizes=false");
}

TEST(ScheduleText, RandomRoundTripsOfTextAndJson) {
  RandomProblem random(21);
  for (int trial = 0; trial < 2000; ++trial) {
    Schedule schedule = randomSchedule(random);
    EXPECT_EQ(llvm::cantFail(parseScheduleText(toText(schedule))), schedule);
    EXPECT_EQ(llvm::cantFail(parseSchedule(toJson(schedule))), schedule);
  }
}

TEST(ScheduleText, FieldsLeftOutKeepTheirDefaults) {
  Schedule expected;
  expected.keys = 80;
  expected.load = LoadPath::Ring;
  EXPECT_EQ(llvm::cantFail(parseScheduleText("  keys=80\tload=ring \n")), expected);
  EXPECT_EQ(llvm::cantFail(parseSchedule(R"({"keys": 80, "load": "ring"})")), expected);
  EXPECT_EQ(llvm::cantFail(parseScheduleText("")), Schedule());
  Schedule base = expected;
  base.rows = 64;
  expected.rows = 64;
  expected.keys = 32;
  EXPECT_EQ(llvm::cantFail(parseScheduleText("keys=32", base)), expected) << "or those of a base";
}

TEST(ScheduleText, ErrorsNameTheField) {
  const std::string known = "unknown field of a schedule; known: ";
  const std::string fields = "load, rows, keys, warps, value_parts, stages, splits, cluster, ctas, lazy, overlap, "
                             "peel, dependent, split_tiles, persistent, stream_k, pingpong, rounded, weigher, "
                             "held_rows, swapped, spread, longest_first, static_sizes";
  EXPECT_EQ(message(parseScheduleText("tile=3")), "tile: " + known + fields);
  EXPECT_EQ(message(parseScheduleText("load=dma")), "load: expected registers|ring|scratch, got \"dma\"");
  EXPECT_EQ(message(parseScheduleText("keys=many")), "keys: expected a 64-bit integer, got \"many\"");
  EXPECT_EQ(message(parseScheduleText("keys=99999999999999999999")),
            "keys: expected a 64-bit integer, got \"99999999999999999999\"");
  EXPECT_EQ(message(parseScheduleText("keys")), "keys: expected a 64-bit integer, got \"\"");
  EXPECT_EQ(message(parseScheduleText("peel=1")), "peel: expected true|false, got \"1\"");
  EXPECT_EQ(message(parseScheduleText("keys=16 keys=32")), "keys: expected one value, got two");
  EXPECT_EQ(message(parseSchedule(R"({"tile": 3})")), "\"tile\": " + known + "version, " + fields);
  EXPECT_EQ(message(parseSchedule(R"({"load": 1})")), "load: expected a string, got 1");
  EXPECT_EQ(message(parseSchedule(R"({"peel": 1})")), "peel: expected true or false, got 1");
  EXPECT_EQ(message(parseSchedule(R"({"rows": true})")), "rows: expected a 64-bit integer, got true");
}

TEST(ScheduleText, MutatedTextNeverCrashes) {
  RandomProblem random(22);
  int rejected = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text = toText(randomSchedule(random));
    for (int64_t edits = random.between(1, 3); edits > 0; --edits)
      text[random.between(0, static_cast<int64_t>(text.size()) - 1)] = static_cast<char>(random.between(0, 255));
    rejected += !message(parseScheduleText(text)).empty();
  }
  EXPECT_GT(rejected, 10000);
}

} // namespace
