//===- KnobsTest.cpp - the environment, read once -------------------------===//

#include "runtime/Knobs.h"
#include "FakeKernels.h"
#include <map>

using namespace lla;

namespace {

llvm::Expected<Knobs> read(const std::map<std::string, std::string> &environment) {
  return Knobs::from([&](const char *variable) -> const char * {
    auto entry = environment.find(variable);
    return entry == environment.end() ? nullptr : entry->second.c_str();
  });
}

TEST(Knobs, NothingSetGivesTheDefaults) {
  llvm::Expected<Knobs> knobs = read({});
  ASSERT_TRUE(bool(knobs));
  EXPECT_EQ(knobs->tune, TuneMode::Cache);
  EXPECT_EQ(knobs->cacheBytes.bytes, int64_t(2) << 30);
  EXPECT_EQ(knobs->effort, Effort::Quick);
  EXPECT_FALSE(knobs->disableJit);
  EXPECT_TRUE(knobs->cacheDirectories.empty());
}

TEST(Knobs, EveryTypeIsRead) {
  llvm::Expected<Knobs> knobs = read({{"LLA_CACHE_DIR", "/a::/b"},
                                      {"LLA_CACHE_SIZE", "512M"},
                                      {"LLA_TUNE", "strict"},
                                      {"LLA_DISABLE_JIT", "Yes"},
                                      {"LLA_EFFORT", "full"},
                                      {"LLA_BUDGET_SECONDS", "1.5"},
                                      {"LLA_SEED", "42"},
                                      {"LLA_LOG", "debug"},
                                      {"LLA_WORKER", "/w"}});
  ASSERT_TRUE(bool(knobs));
  EXPECT_EQ(knobs->cacheDirectories, (PathList{"/a", "/b"}));
  EXPECT_EQ(knobs->cacheBytes.bytes, int64_t(512) << 20);
  EXPECT_EQ(knobs->tune, TuneMode::Strict);
  EXPECT_TRUE(knobs->disableJit);
  EXPECT_EQ(knobs->effort, Effort::Full);
  EXPECT_EQ(knobs->budgetSeconds, 1.5);
  EXPECT_EQ(knobs->seed, 42);
  EXPECT_EQ(knobs->log, LogLevel::Debug);
  EXPECT_EQ(knobs->worker, "/w");
  EXPECT_EQ(knobs->cacheEnvironment().cacheDirectories, "/a:/b");
}

TEST(Knobs, ByteCounts) {
  for (auto [text, bytes] : {std::pair<const char *, int64_t>{"0", 0},
                             {"17", 17},
                             {"3k", 3 << 10},
                             {"2GiB", int64_t(2) << 30},
                             {"1T", int64_t(1) << 40},
                             {"5MB", 5 << 20}}) {
    llvm::Expected<Knobs> knobs = read({{"LLA_CACHE_SIZE", text}});
    ASSERT_TRUE(bool(knobs)) << text;
    EXPECT_EQ(knobs->cacheBytes.bytes, bytes) << text;
  }
}

TEST(Knobs, ABadValueNamesVariableExpectationAndValue) {
  const char *bad[][2] = {{"LLA_CACHE_SIZE", "lots"},
                          {"LLA_CACHE_SIZE", "-1"},
                          {"LLA_CACHE_SIZE", "M"},
                          {"LLA_CACHE_SIZE", "9000000T"},
                          {"LLA_TUNE", "always"},
                          {"LLA_DISABLE_JIT", "2"},
                          {"LLA_EFFORT", "most"},
                          {"LLA_BUDGET_SECONDS", "1h"},
                          {"LLA_BUDGET_SECONDS", "nan"},
                          {"LLA_BUDGET_SECONDS", "-1"},
                          {"LLA_SEED", "0x1"},
                          {"LLA_JOBS", "-2"},
                          {"LLA_SEED", "99999999999999999999"},
                          {"LLA_LOG", "loud"},
                          {"LLA_CACHE_DIR", ":"}};
  for (auto [variable, value] : bad) {
    std::string text = textOf(read({{variable, value}}));
    EXPECT_NE(text.find(std::string(variable) + ": expected "), std::string::npos) << variable << "=" << value;
    EXPECT_NE(text.find('"' + std::string(value) + '"'), std::string::npos) << text;
  }
}

TEST(Knobs, AnEmptyValueCountsAsNotSet) {
  llvm::Expected<Knobs> knobs = read({{"LLA_TUNE", ""}, {"LLA_CACHE_SIZE", ""}});
  ASSERT_TRUE(bool(knobs));
  EXPECT_EQ(knobs->tune, TuneMode::Cache);
}

TEST(Knobs, TheTableShowsValueAndDefault) {
  Knobs knobs;
  knobs.cacheBytes.bytes = 3 << 20;
  bool found = false;
  for (const KnobLine &line : describe(knobs))
    if (line.variable == "LLA_CACHE_SIZE") {
      found = true;
      EXPECT_EQ(line.value, "3M");
      EXPECT_EQ(line.defaultValue, "2G");
      EXPECT_EQ(line.type, "bytes");
      EXPECT_FALSE(line.help.empty());
    }
  EXPECT_TRUE(found);
}

} // namespace
