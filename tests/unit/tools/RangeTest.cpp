//===- RangeTest.cpp - several counts in one flag -------------------------===//

#include "tools/lla/Range.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

std::vector<int64_t> expanded(llvm::StringRef text) {
  llvm::Expected<std::vector<int64_t>> values = expandRange("batch", text);
  if (!values) {
    ADD_FAILURE() << llvm::toString(values.takeError());
    return {};
  }
  return *values;
}

bool isRefused(llvm::StringRef text) {
  llvm::Expected<std::vector<int64_t>> values = expandRange("batch", text);
  if (values)
    return false;
  return llvm::toString(values.takeError()).find("batch: expected") == 0;
}

using Values = std::vector<int64_t>;

TEST(Range, multiplies) {
  EXPECT_EQ(expanded("1:64:2x"), (Values{1, 2, 4, 8, 16, 32, 64}));
  EXPECT_EQ(expanded("3:20:3x"), (Values{3, 9}));
}

TEST(Range, adds) {
  EXPECT_EQ(expanded("128:512:128"), (Values{128, 256, 384, 512}));
  EXPECT_EQ(expanded("1:10:4"), (Values{1, 5, 9}));
  EXPECT_EQ(expanded("2:5"), (Values{2, 3, 4, 5}));
  EXPECT_EQ(expanded("7:7"), (Values{7}));
}

TEST(Range, lists) {
  EXPECT_EQ(expanded("1,32"), (Values{1, 32}));
  EXPECT_EQ(expanded("5,8:32:2x,100"), (Values{5, 8, 16, 32, 100}));
}

TEST(Range, endsAtTheLargestInteger) {
  EXPECT_EQ(expanded("9223372036854775806:9223372036854775807"), (Values{INT64_MAX - 1, INT64_MAX}));
  EXPECT_EQ(expanded("4611686018427387904:9223372036854775807:2x"), (Values{int64_t(1) << 62}));
}

TEST(Range, refusesWhatNeverEndsOrIsNoNumber) {
  for (const char *text : {"1:64:1x", "0:64:2x", "1:64:0", "1:64:-1", "64:1", "1:2:3:4", "a:b", "1:", ":", ",", "1,",
                           "1:64:x", "1.5:3", "0x1:4"})
    EXPECT_TRUE(isRefused(text)) << text;
}

TEST(Range, refusesTooMany) {
  EXPECT_TRUE(isRefused("1:9223372036854775807"));
  EXPECT_EQ(expanded("1:4096").size(), 4096u);
  EXPECT_TRUE(isRefused("1:4097"));
}

TEST(Range, leavesSingleValuesToTheField) {
  EXPECT_FALSE(isRange("64"));
  EXPECT_FALSE(isRange("-1"));
  EXPECT_TRUE(isRange("1,2"));
}

} // namespace
