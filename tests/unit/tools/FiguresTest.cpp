//===- FiguresTest.cpp - quantities as people write them ------------------===//

#include "tools/lla/Figures.h"
#include "gtest/gtest.h"
#include <limits>

using namespace lla;

namespace {

TEST(Figures, timesHaveThreeDigits) {
  EXPECT_EQ(timeText(5.573), "5.57 us");
  EXPECT_EQ(timeText(9.996), "10.0 us");
  EXPECT_EQ(timeText(99.96), "100 us");
  EXPECT_EQ(timeText(999.6), "1.00 ms");
  EXPECT_EQ(timeText(12345.0), "12.3 ms");
  EXPECT_EQ(timeText(2.5e6), "2.50 s");
}

TEST(Figures, whatIsNoTimeIsADash) {
  for (double value : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(timeText(value), "-");
}

TEST(Figures, bytes) {
  EXPECT_EQ(bytesText(512), "512 B");
  EXPECT_EQ(bytesText(1536), "1.5 KiB");
  EXPECT_EQ(bytesText(int64_t(2) << 30), "2.0 GiB");
}

TEST(Figures, clock) {
  EXPECT_EQ(clockText(9.4), "0:09");
  EXPECT_EQ(clockText(754), "12:34");
  EXPECT_EQ(clockText(3723), "1:02:03");
  EXPECT_EQ(clockText(-5), "0:00");
}

TEST(Figures, durations) {
  for (auto [text, seconds] :
       {std::pair{"90", 90.0}, {"90s", 90.0}, {"0.5", 0.5}, {"15:00", 900.0}, {"1:00:01", 3601.0}}) {
    llvm::Expected<double> parsed = parseDuration("time-limit", text);
    ASSERT_TRUE(static_cast<bool>(parsed)) << text;
    EXPECT_EQ(*parsed, seconds) << text;
  }
}

TEST(Figures, whatIsNoDuration) {
  for (const char *text : {"", "0", "-3", "nan", "inf", "1:60", "1:2:3:4", "1:30s", "soon", ":", "1:"}) {
    llvm::Expected<double> parsed = parseDuration("time-limit", text);
    ASSERT_FALSE(static_cast<bool>(parsed)) << text;
    EXPECT_EQ(llvm::toString(parsed.takeError()).find("time-limit: expected seconds > 0"), 0u) << text;
  }
}

} // namespace
