//===- RatiosTest.cpp - one figure of many problems -----------------------===//

#include "tools/lla/Ratios.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

TEST(Ratios, haveAGeometricMeanAndTwoEnds) {
  Ratios ratios;
  EXPECT_EQ(ratios.count(), 0);
  EXPECT_EQ(ratios.geometricMean(), 0);
  ratios.add("a", 2);
  ratios.add("b", 0.5);
  ratios.add("c", 8);
  EXPECT_EQ(ratios.count(), 3);
  EXPECT_DOUBLE_EQ(ratios.geometricMean(), 2);
  EXPECT_EQ(ratios.least().name, "b");
  EXPECT_EQ(ratios.least().ratio, 0.5);
  EXPECT_EQ(ratios.most().name, "c");
  EXPECT_EQ(ratios.most().ratio, 8);
}

} // namespace
