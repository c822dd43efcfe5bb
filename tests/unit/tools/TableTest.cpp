//===- TableTest.cpp - rows and columns of text ---------------------------===//

#include "tools/lla/Table.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

TEST(Table, numbersAreAlignedRightAndTextLeft) {
  Table table({"problem", "time", "ops"});
  table.add({"a", "5.57 us", "1 load, 2 stores"});
  table.add({"long name", "-", "3 adds, 1 load"});
  EXPECT_EQ(table.text(), "problem       time  ops\n"
                          "a          5.57 us  1 load, 2 stores\n"
                          "long name        -  3 adds, 1 load\n");
}

TEST(Table, markdownAlignsColumnsOfNumbers) {
  Table table({"what", "time"});
  table.add({"a|b", "5.57 us"});
  EXPECT_EQ(table.markdown(), "| what | time |\n|---|---:|\n| a\\|b | 5.57 us |\n");
}

TEST(Table, csvQuotesWhatNeedsIt) {
  Table table({"what", "value"});
  table.add({"a,b", "say \"x\""});
  EXPECT_EQ(table.csv(), "what,value\r\n\"a,b\",\"say \"\"x\"\"\"\r\n");
}

} // namespace
