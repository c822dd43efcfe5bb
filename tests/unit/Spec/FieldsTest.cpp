//===- FieldsTest.cpp - hostile JSON gets an error, never a crash ---------===//

#include "dialect/Spec/Fields.h"
#include "RandomProblem.h"
#include "dialect/Spec/Schedule.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::test;

namespace {

enum class Colour { Red, Green };
constexpr NamedValue<Colour> colours[] = {{Colour::Red, "red"}, {Colour::Green, "green"}};

/// Reads one object with a field of each type.
std::string readSample(llvm::StringRef json) {
  FieldReader reader("sample", json);
  int64_t count;
  bool flag;
  double ratio;
  std::string label;
  Colour colour;
  reader.integer("count", count);
  reader.boolean("flag", flag);
  reader.number("ratio", ratio);
  reader.text("label", label);
  reader.choice("colour", colour, colours);
  return message(reader.finish());
}

TEST(Fields, ReadsEveryType) {
  FieldReader reader("sample", R"({"count": -3, "flag": true, "ratio": 0.5, "label": "x", "colour": "green"})");
  int64_t count = 0;
  bool flag = false;
  double ratio = 0;
  std::string label;
  Colour colour = Colour::Red;
  EXPECT_TRUE(reader.integer("count", count));
  EXPECT_TRUE(reader.boolean("flag", flag));
  EXPECT_TRUE(reader.number("ratio", ratio));
  EXPECT_TRUE(reader.text("label", label));
  EXPECT_TRUE(reader.choice("colour", colour, colours));
  EXPECT_FALSE(reader.integer("absent", count));
  EXPECT_EQ(message(reader.finish()), "");
  EXPECT_EQ(count, -3);
  EXPECT_TRUE(flag);
  EXPECT_EQ(ratio, 0.5);
  EXPECT_EQ(label, "x");
  EXPECT_EQ(colour, Colour::Green);
}

TEST(Fields, NestedObjectsAreTextForTheirOwnReader) {
  FieldReader outer("outer", R"({"inner": {"count": 5}, "flat": 3})");
  std::string inner, flat;
  ASSERT_TRUE(outer.object("inner", inner));
  EXPECT_FALSE(outer.object("flat", flat));
  EXPECT_EQ(message(outer.finish()), "flat: expected a JSON object, got 3");
  EXPECT_EQ(readSample(inner), "");
}

TEST(Fields, IntegersAreNumbersToo) { EXPECT_EQ(readSample(R"({"ratio": 2})"), ""); }

TEST(Fields, ErrorsNameTheField) {
  EXPECT_EQ(readSample(R"({"count": 1.5})"), "count: expected a 64-bit integer, got 1.5");
  EXPECT_EQ(readSample(R"({"count": 9223372036854775808})"),
            "count: expected a 64-bit integer, got 9223372036854775808");
  EXPECT_EQ(readSample(R"({"flag": 1})"), "flag: expected true or false, got 1");
  EXPECT_EQ(readSample(R"({"ratio": "2"})"), "ratio: expected a finite number, got \"2\"");
  EXPECT_EQ(readSample(R"({"label": [1]})"), "label: expected a string, got an array");
  EXPECT_EQ(readSample(R"({"colour": "blue"})"), "colour: expected red|green, got \"blue\"");
  EXPECT_EQ(readSample(R"({"version": 2})"), "version: expected 1, got 2");
  EXPECT_EQ(readSample(R"({"version": 1})"), "");
  EXPECT_EQ(readSample(R"({"size": 1})"),
            "\"size\": unknown field of a sample; known: version, count, flag, ratio, label, colour");
  EXPECT_EQ(readSample(R"({"count": 1, "count": 2})"), "count: expected one value, got two");
  EXPECT_EQ(readSample("[1, 2]"), "sample: expected a JSON object, got an array");
  EXPECT_EQ(readSample("7"), "sample: expected a JSON object, got 7");
  for (const char *torn : {"{\"count\": ", ""})
    EXPECT_EQ(
        readSample(torn).find("sample: expected a JSON object, got text that is not valid JSON: parse error at line"),
        0u)
        << readSample(torn);
}

TEST(Fields, TheFirstFaultWins) {
  EXPECT_EQ(readSample(R"({"zeta": 1, "flag": 1, "count": "x"})"), "count: expected a 64-bit integer, got \"x\"");
}

TEST(Fields, LongValuesAreCutInErrors) {
  std::string error = readSample(R"({"count": ")" + std::string(5000, 'x') + "\"}");
  EXPECT_LT(error.size(), 150u);
}

TEST(Fields, DeepNestingIsAnErrorNotAStackOverflow) {
  std::string deep = "{\"count\": " + std::string(1000000, '[') + std::string(1000000, ']') + "}";
  EXPECT_EQ(readSample(deep), "sample: expected at most 64 nested levels, got more");
  EXPECT_NE(readSample(std::string(1000000, '[')), "");
}

TEST(Fields, NumbersThatNoDoubleHoldsAreErrors) {
  EXPECT_EQ(readSample(R"({"flag": true, "ratio": 1e999})"), "ratio: expected a number that a double holds, got 1e999");
  EXPECT_EQ(readSample(R"({"ratio": -1e-400})"), "ratio: expected a number that a double holds, got -1e-400");
  EXPECT_EQ(readSample(R"({"inner": {"ratio": [1e-400]}})"),
            "ratio: expected a number that a double holds, got 1e-400");
  EXPECT_NE(readSample(R"({"ratio": NaN})"), "");
  for (const char *zero : {"0", "0.0", "-0.0", "0e-999", "0.000e5", "1e-300"})
    EXPECT_EQ(readSample(std::string("{\"ratio\": ") + zero + "}"), "") << zero;
}

TEST(Fields, NaturalsListsAndMissingNumbers) {
  FieldReader reader("sample",
                     R"({"seed": 18446744073709551615, "times": [1, 2.5], "error": null, "rows": [{"a": 1}, 2]})");
  uint64_t seed = 0;
  double error = 0, absent = 3;
  std::vector<double> times;
  std::vector<std::string> rows;
  EXPECT_TRUE(reader.natural("seed", seed));
  EXPECT_TRUE(reader.numbers("times", times));
  EXPECT_TRUE(reader.numberOrNull("error", error));
  EXPECT_FALSE(reader.numberOrNull("absent", absent));
  EXPECT_TRUE(reader.array("rows", rows));
  EXPECT_EQ(message(reader.finish()), "");
  EXPECT_EQ(seed, 18446744073709551615ull);
  EXPECT_EQ(times, (std::vector<double>{1, 2.5}));
  EXPECT_TRUE(std::isnan(error));
  EXPECT_EQ(absent, 3);
  EXPECT_EQ(rows, (std::vector<std::string>{R"({"a":1})", "2"}));
}

TEST(Fields, NaturalsAndListsNameTheirFaults) {
  auto fault = [](const char *json, auto &&read) {
    FieldReader reader("sample", json);
    read(reader);
    return message(reader.finish());
  };
  uint64_t seed;
  std::vector<double> times;
  std::vector<std::string> rows;
  EXPECT_EQ(fault(R"({"x": -1})", [&](FieldReader &r) { r.natural("x", seed); }),
            "x: expected a 64-bit integer >= 0, got -1");
  EXPECT_EQ(fault(R"({"x": [1, "2"]})", [&](FieldReader &r) { r.numbers("x", times); }),
            "x: expected an array of numbers, got an array");
  EXPECT_EQ(fault(R"({"x": "1"})", [&](FieldReader &r) { r.array("x", rows); }), "x: expected an array, got \"1\"");
  Problem problem;
  EXPECT_EQ(fault(R"({"x": {"context": 64}})", [&](FieldReader &r) { r.nested("x", problem, readProblem); }),
            "x: expected a valid one, got head_dim: expected a multiple of 8 in 16..256, got nothing");
  EXPECT_EQ(fault("{}", [&](FieldReader &r) { r.nested("x", problem, readProblem); }),
            "x: expected an object, got nothing");
}

TEST(Fields, OthersAreAFaultUnlessAllowed) {
  FieldReader reader("sample", R"({"count": 1, "newer": 2})");
  reader.allowOthers();
  int64_t count = 0;
  EXPECT_TRUE(reader.integer("count", count));
  EXPECT_EQ(message(reader.finish()), "");
}

/// All three parsers of this folder; true if one took the text.
bool anyParses(const std::string &json) {
  bool problem = message(parseProblem(json)).empty();
  bool schedule = message(parseSchedule(json)).empty();
  bool target = message(parseTarget(json)).empty();
  return problem || schedule || target;
}

std::vector<std::string> seeds() {
  Problem problem;
  problem.context = 4096;
  problem.headDim = 128;
  problem.window = 100;
  llvm::cantFail(normalize(problem));
  return {toJson(problem), toJson(Schedule()), toJson(llvm::cantFail(namedTarget("sm_90a"))), toJson(hostTarget(2))};
}

TEST(FieldsFuzz, RandomBytes) {
  RandomProblem random(1);
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text(random.between(0, 80), '\0');
    for (char &byte : text)
      byte = static_cast<char>(random.between(0, 255));
    EXPECT_FALSE(anyParses(text)) << "a random text that is valid: " << text;
  }
}

TEST(FieldsFuzz, EveryTruncation) {
  for (const std::string &seed : seeds())
    for (size_t length = 0; length < seed.size(); ++length)
      EXPECT_FALSE(anyParses(seed.substr(0, length))) << seed.substr(0, length);
}

TEST(FieldsFuzz, Mutations) {
  RandomProblem random(2);
  std::vector<std::string> texts = seeds();
  const std::string splices[] = {
      "-",    "0", "99999999999999999999", "1e400", "null", "{}", "[[", "\"", "\\u0", "\xff", ",",
      "true", "}", "\"context\":"};
  int rejected = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text = texts[trial % texts.size()];
    for (int64_t edits = random.between(1, 4); edits > 0; --edits) {
      size_t at = random.between(0, static_cast<int64_t>(text.size()) - 1);
      switch (random.between(0, 3)) {
      case 0:
        text[at] = static_cast<char>(random.between(0, 255));
        break;
      case 1:
        text.insert(at, splices[random.between(0, std::size(splices) - 1)]);
        break;
      case 2:
        text.erase(at, random.between(1, 3));
        break;
      case 3:
        text += text.substr(at);
        break;
      }
      if (text.empty())
        text = "{";
    }
    rejected += !anyParses(text);
  }
  EXPECT_GT(rejected, 15000);
}

/// What a mutation lets through is a valid problem: it survives its own round trip.
TEST(FieldsFuzz, AcceptedProblemsAreValid) {
  RandomProblem random(3);
  std::string seed = seeds().front();
  int accepted = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text = seed;
    text[random.between(0, static_cast<int64_t>(text.size()) - 1)] = static_cast<char>(random.between('0', '9'));
    llvm::Expected<Problem> problem = parseProblem(text);
    if (!problem) {
      llvm::consumeError(problem.takeError());
      continue;
    }
    ++accepted;
    llvm::Expected<Problem> again = parseProblem(toJson(*problem));
    ASSERT_TRUE(static_cast<bool>(again)) << text;
    EXPECT_EQ(*again, *problem) << text;
  }
  EXPECT_GT(accepted, 100);
}

} // namespace
