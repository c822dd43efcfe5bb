//===- RivalsTest.cpp - times of other kernels, from a file ---------------===//

#include "tools/lla/Rivals.h"
#include "tools/lla/Suites.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

constexpr const char *file = R"({
  "source": "somewhere",
  "rows": [{"batch": 32, "context": 512, "ours": 28.5, "theirs": 40}],
  "other": [{"batch": 1, "kv_heads": 8, "context": 8192, "head_dim": 128, "group": 4, "theirs": 18.4}],
  "training_causal_ms": [{"batch": 1, "heads": 16, "context": 8192, "head_dim": 128,
                          "theirs": {"forward": 1.25, "backward": 4.0}, "nothing": {"backward": 1.0}}]
})";

Problem parsed(const char *json) { return llvm::cantFail(parseProblem(json)); }

TEST(Rivals, findsTheRowOfAProblem) {
  Rivals rivals = llvm::cantFail(Rivals::parse(file));
  std::map<std::string, double> published = {{"ours", 28.5}, {"theirs", 40}};
  EXPECT_EQ(
      rivals.timesOf(parsed(R"({"batch": 32, "context": 512, "kv_heads": 8, "query_heads": 8, "head_dim": 128})")),
      published);
  std::map<std::string, double> grouped = {{"theirs", 18.4}};
  EXPECT_EQ(rivals.timesOf(parsed(R"({"context": 8192, "kv_heads": 8, "query_heads": 32, "head_dim": 128})")), grouped);
}

TEST(Rivals, takesForwardTimesInMilliseconds) {
  Rivals rivals = llvm::cantFail(Rivals::parse(file));
  std::map<std::string, double> forward = {{"theirs", 1250}};
  EXPECT_EQ(rivals.timesOf(
                parsed(R"({"mode": "prefill", "causal": true, "context": 8192, "query_heads": 16, "head_dim": 128})")),
            forward);
}

TEST(Rivals, rowsOfPrefillAreOfTheirMaskAlone) {
  Rivals rivals = llvm::cantFail(Rivals::parse(R"({"rows": [
      {"causal": true, "batch": 1, "kv_heads": 4, "group": 2, "context": 1024, "head_dim": 64, "decode": 1},
      {"mode": "prefill", "batch": 1, "kv_heads": 4, "group": 2, "context": 1024, "head_dim": 64, "full": 2},
      {"mode": "prefill", "causal": true, "batch": 1, "kv_heads": 4, "group": 2, "context": 1024, "head_dim": 64,
       "causal_one": 3},
      {"mode": "prefill", "batch": 1, "kv_heads": 4, "group": 2, "context": 1024, "query_length": 128, "head_dim": 64,
       "some": 4}]})"));
  std::map<std::string, double> decode = {{"decode", 1}}, full = {{"full", 2}}, causal = {{"causal_one", 3}}, none;
  std::map<std::string, double> chunk = {{"some", 4}};
  const std::pair<const char *, std::map<std::string, double>> cases[] = {
      {"", decode},
      {R"(, "mode": "prefill")", full},
      {R"(, "mode": "prefill", "causal": true)", causal},
      {R"(, "mode": "prefill", "query_length": 128)", chunk},
      {R"(, "mode": "prefill", "query_length": 64)", none},
      {R"(, "mode": "prefill", "causal": true, "query_length": 128)", none},
      {R"(, "mode": "prefill", "window": 256)", none},
      {R"(, "mode": "prefill", "causal": true, "state": true)", none},
      {R"(, "mode": "prefill", "causal": true, "kv_dtype": "fp8_e4m3")", none},
      {R"(, "kv_dtype": "fp8_e4m3")", none},
      {R"(, "mode": "prefill", "causal": true, "packed_queries": true, "packed_keys": true)", none}};
  for (const auto &[fields, expected] : cases) {
    std::string json = R"({"context": 1024, "query_heads": 8, "kv_heads": 4, "head_dim": 64)" + std::string(fields);
    EXPECT_EQ(rivals.timesOf(parsed((json + "}").c_str())), expected) << json;
  }
}

TEST(Rivals, aProblemThatDiffersHasNoTimes) {
  Rivals rivals = llvm::cantFail(Rivals::parse(file));
  for (const char *json :
       {R"({"batch": 32, "context": 512, "kv_heads": 8, "query_heads": 8, "head_dim": 128, "dtype": "fp16"})",
        R"({"batch": 32, "context": 512, "kv_heads": 8, "query_heads": 8, "head_dim": 128, "probe": "none"})",
        R"({"batch": 32, "context": 512, "kv_heads": 8, "query_heads": 8, "head_dim": 64})",
        R"({"mode": "prefill", "context": 8192, "query_heads": 16, "head_dim": 128})"})
    EXPECT_TRUE(rivals.timesOf(parsed(json)).empty()) << json;
}

TEST(Rivals, refusesWhatIsNoReference) {
  const std::pair<const char *, const char *> cases[] = {
      {"{", "reference: expected a JSON object, got text that is not valid JSON"},
      {"[]", "reference: expected a JSON object, got an array"},
      {"{}", "reference: expected rows, other or training_causal_ms, got none of them"},
      {R"({"rows": 7})", "rows: expected an array, got 7"},
      {R"({"rows": [{"batch": 1, "context": 1}, {"batch": "many", "context": 1}]})",
       "rows[1]: expected a row, got batch: expected a 64-bit integer, got \"many\""},
      {R"({"other": [{}]})", "other[0]: expected a row, got batch: expected a 64-bit integer, got nothing"},
      {R"({"rows": [{"mode": "merge", "batch": 1, "context": 1}]})",
       "rows[0]: expected a row, got mode: expected decode|prefill, got \"merge\""},
      {R"({"rows": [{"mode": "prefill", "causal": 1, "batch": 1, "context": 1}]})",
       "rows[0]: expected a row, got causal: expected true or false, got 1"},
      {R"({"rows": [3]})", "rows[0]: expected a row, got row: expected a JSON object, got 3"}};
  for (auto [text, expected] : cases) {
    llvm::Expected<Rivals> rivals = Rivals::parse(text);
    ASSERT_FALSE(static_cast<bool>(rivals)) << text;
    EXPECT_EQ(llvm::toString(rivals.takeError()).find(expected), 0u) << text;
  }
}

TEST(Suites, decodeIsThePublishedTable) {
  std::vector<Problem> problems = llvm::cantFail(suite("decode"));
  ASSERT_EQ(problems.size(), 8u);
  EXPECT_EQ(problems.front(),
            parsed(R"({"batch": 1, "context": 512, "kv_heads": 8, "query_heads": 8, "head_dim": 128})"));
}

} // namespace
