//===- SuitesTest.cpp - problems that are asked for by name ---------------===//

#include "tools/lla/Suites.h"
#include "cache/Key.h"
#include "gtest/gtest.h"
#include <set>

using namespace lla;

namespace {

/// KV heads of all sequences, context, group, head dimension.
using Shape = std::tuple<int64_t, int64_t, int64_t, int64_t>;

std::set<Shape> shapesOf(const char *name) {
  std::set<Shape> shapes;
  for (const Problem &problem : llvm::cantFail(suite(name))) {
    EXPECT_EQ(problem.mode, Mode::Decode);
    EXPECT_LE(problem.kvHeads, 8);
    EXPECT_TRUE(
        shapes.insert({problem.batch * problem.kvHeads, problem.context, problem.group(), problem.headDim}).second);
  }
  return shapes;
}

TEST(Suites, theGridIsAllThatHasKeysOfTwoGibibytes) {
  std::set<Shape> grid = shapesOf("grid");
  EXPECT_EQ(grid.size(), 207u);
  EXPECT_TRUE(grid.count({1, 128, 1, 64}));
  EXPECT_TRUE(grid.count({2048, 8192, 1, 64}));
  EXPECT_FALSE(grid.count({2048, 8192, 1, 128}));
  EXPECT_TRUE(grid.count({256, 32768, 1, 128}));
}

TEST(Suites, thePretunedShapesAreApartInOctaves) {
  std::set<Shape> all = shapesOf("pretuned"), mha = shapesOf("pretuned-mha");
  EXPECT_EQ(all.size(), 4u * 4 * 2 * 3);
  EXPECT_EQ(mha.size(), 4u * 4 * 2);
  for (const Shape &shape : mha)
    EXPECT_TRUE(all.count(shape));
  EXPECT_TRUE(all.count({512, 32768, 8, 128}));
}

TEST(Suites, aChunkIsOfFewerRowsThanKeysAndHasNoMask) {
  std::vector<Problem> chunks = llvm::cantFail(suite("chunk"));
  EXPECT_EQ(chunks.size(), 10u);
  for (const Problem &problem : chunks) {
    EXPECT_EQ(problem.mode, Mode::Prefill);
    EXPECT_LT(problem.queryLength, problem.context);
    EXPECT_FALSE(problem.causal);
  }
}

TEST(Suites, anUnknownNameIsToldTheOthers) {
  llvm::Expected<std::vector<Problem>> none = suite("gird");
  ASSERT_FALSE(bool(none));
  EXPECT_EQ(llvm::toString(none.takeError()),
            "suite: expected decode|prefill|chunk|grid|pretuned|pretuned-mha, got \"gird\"");
}

} // namespace
