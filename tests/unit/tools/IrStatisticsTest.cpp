//===- IrStatisticsTest.cpp - a stage's text, counted ---------------------===//

#include "tools/lla/IrStatistics.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

TEST(IrStatistics, countsOperationsNotAttributesOrTypes) {
  IrStatistics statistics = countOperations(R"(
#layout = #lla.schedule<"load=ring">
module attributes {lla.target = #lla.target<"host">} {
  func.func @kernel(%q: tensor<1xf32>) {
    %0 = lla.online_init : !lla.state<1x2>
    %1, %2 = "tile.dot"(%0, %0) : (f32) -> f32
    scf.for %i = %c0 to %c1 {
      tile.yield
    }
    return
  }
})");
  std::map<std::string, int64_t> expected = {
      {"func.func", 1}, {"lla.online_init", 1}, {"tile.dot", 1}, {"scf.for", 1}, {"tile.yield", 1}};
  EXPECT_EQ(statistics.operations, expected);
  EXPECT_EQ(statistics.total(), 5);
}

TEST(IrStatistics, countsInstructionsByMnemonic) {
  IrStatistics statistics = countInstructions(R"(
// a comment
.version 9.0
$L__BB0_1:
	ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1];
	@%p1 bra $L__BB0_1;
	ld.global.b32 %r5, [%rd2];
	ret;
main:
)");
  std::map<std::string, int64_t> expected = {{"ld.global", 2}, {"bra", 1}, {"ret", 1}};
  EXPECT_EQ(statistics.operations, expected);
}

TEST(IrStatistics, topIsSortedByCountThenName) {
  IrStatistics statistics;
  statistics.operations = {{"b", 2}, {"a", 2}, {"c", 5}, {"d", 1}};
  std::vector<std::pair<std::string, int64_t>> expected = {{"c", 5}, {"a", 2}, {"b", 2}};
  EXPECT_EQ(statistics.top(3), expected);
}

} // namespace
