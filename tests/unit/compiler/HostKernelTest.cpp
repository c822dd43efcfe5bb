//===- HostKernelTest.cpp - host kernels against the definition -----------===//
//
// Every test compiles a problem, runs it in this process and compares with the
// reference in double precision on the same (rounded) inputs. Tensors end at an
// inaccessible page, so a read past a limit is a crash and not luck.
//
//===----------------------------------------------------------------------===//

#include "HostRun.h"
#include "dialect/Spec/Reference.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace lla;
using namespace lla::test;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Problem makeProblem(Mode mode, int64_t queryLength, int64_t context, int64_t headDim) {
  Problem problem;
  problem.mode = mode;
  problem.queryLength = queryLength;
  problem.context = context;
  problem.headDim = headDim;
  problem.dtype = ElementType::F32;
  return problem;
}

Problem prefill(int64_t length, int64_t headDim) { return makeProblem(Mode::Prefill, length, length, headDim); }
Problem decode(int64_t context, int64_t headDim) { return makeProblem(Mode::Decode, 1, context, headDim); }

Schedule tiles(int64_t rows, int64_t keys, int64_t splits = 1) {
  Schedule schedule;
  schedule.load = LoadPath::Scratch;
  schedule.warps = schedule.stages = schedule.ctas = 1;
  schedule.lazy = 0;
  schedule.rows = rows;
  schedule.keys = keys;
  schedule.splits = splits;
  return schedule;
}

/// Unit roundoff of the output's type, and the fp32 error.
double tolerance(ElementType type) {
  double roundoff = type == ElementType::F32 ? 0 : type == ElementType::BF16 ? std::ldexp(1, -8) : std::ldexp(1, -11);
  return 2e-5 + roundoff;
}

/// Error of the run relative to the largest reference output; infinite if it failed.
double errorOnHost(const Problem &problem, const HostTensors &tensors) {
  std::vector<double> expected =
      referenceForward(problem, tensors.q.values(), tensors.r.values(), tensors.k.values(), tensors.v.values());
  return relativeError(tensors.o.values(), expected);
}

/// In fp32 whatever the problem's type: the host rounds nothing to 16 bits before the output.
void expectRightState(const Problem &problem, const HostTensors &tensors) {
  States states =
      referenceStates(problem, tensors.q.values(), tensors.r.values(), tensors.k.values(), tensors.v.values());
  EXPECT_LE(relativeError(tensors.vbar.values(), states.vbar), 2e-5);
  std::vector<double> lse = tensors.lse.values(), tbar = tensors.tbar.values();
  for (size_t i = 0; i < states.lse.size(); ++i) {
    if (std::isinf(states.lse[i]))
      EXPECT_EQ(lse[i], states.lse[i]) << "row " << i;
    else
      EXPECT_NEAR(lse[i], states.lse[i], 2e-6 * std::max(1.0, std::abs(states.lse[i]))) << "row " << i;
    EXPECT_NEAR(tbar[i], states.tbar[i], 1e-5) << "row " << i;
  }
}

void expectRight(Problem problem, const Schedule &schedule, TaskOrder order = TaskOrder::Forward) {
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  for (unsigned bits : {512u, 256u}) {
    if (bits > hostTarget(1).vectorBits)
      continue;
    SCOPED_TRACE(toJson(problem) + " " + toText(schedule) + " " + std::to_string(bits) + "-bit vectors");
    HostTensors tensors(problem, /*seed=*/17);
    ASSERT_EQ(runOnHost(problem, schedule, bits, tensors, order), "");
    EXPECT_LE(errorOnHost(problem, tensors), tolerance(problem.outputType()));
    if (problem.state)
      expectRightState(problem, tensors);
  }
}

//===----------------------------------------------------------------------===//
// Prefill
//===----------------------------------------------------------------------===//

TEST(HostKernel, HeadDims) {
  for (int64_t dim : {16, 24, 40, 64, 80, 128, 256}) {
    Problem problem = prefill(70, dim);
    problem.causal = true;
    expectRight(problem, tiles(32, 32));
  }
}

TEST(HostKernel, Masks) {
  Problem problem = prefill(150, 32);
  problem.queryHeads = 2;
  for (bool peel : {false, true}) {
    Schedule schedule = tiles(32, 48);
    schedule.peel = peel;
    problem.causal = false;
    problem.window = 0;
    expectRight(problem, schedule);
    problem.causal = true;
    expectRight(problem, schedule);
    for (int64_t window : {1, 17, 1000}) {
      problem.window = window;
      expectRight(problem, schedule);
    }
  }
}

TEST(HostKernel, ElementTypes) {
  for (ElementType type : {ElementType::F32, ElementType::BF16, ElementType::F16})
    for (int64_t dim : {40, 64}) {
      Problem problem = prefill(90, dim);
      problem.dtype = type;
      problem.causal = true;
      problem.queryHeads = problem.kvHeads = 2;
      expectRight(problem, tiles(32, 32));
      expectRight(problem, tiles(4, 32));
    }
}

TEST(HostKernel, OutputInFp32) {
  for (ElementType type : {ElementType::BF16, ElementType::F16}) {
    Problem problem = prefill(90, 40);
    problem.dtype = type;
    problem.outputDtype = ElementType::F32;
    problem.causal = true;
    expectRight(problem, tiles(32, 32));
  }
}

TEST(HostKernel, State) {
  for (Probe probe : {Probe::Given, Probe::None})
    for (ElementType type : {ElementType::F32, ElementType::BF16}) {
      Problem problem = prefill(70, 40);
      problem.probe = probe;
      problem.dtype = type;
      problem.queryLength = 90; // The first rows see nothing.
      problem.queryHeads = problem.kvHeads = 2;
      problem.causal = problem.state = true;
      expectRight(problem, tiles(32, 32));
      expectRight(problem, tiles(5, 16)); // Rows that are no multiple of anything.
      problem.layout = Layout::BHSD;
      problem.queryLength = 33;
      expectRight(problem, tiles(16, 48));
    }
}

TEST(HostKernel, WithoutProbe) {
  Problem problem = prefill(100, 64);
  problem.probe = Probe::None;
  problem.causal = true;
  expectRight(problem, tiles(32, 64));
  problem.window = 20;
  expectRight(problem, tiles(16, 32));
}

TEST(HostKernel, LayoutsAndBatch) {
  for (Layout layout : {Layout::BSHD, Layout::BHSD}) {
    Problem problem = prefill(50, 32);
    problem.batch = 3;
    problem.queryHeads = 6;
    problem.kvHeads = 3;
    problem.causal = true;
    problem.layout = layout;
    expectRight(problem, tiles(16, 32));
  }
}

/// Rows that are no multiple of the register tile, key tiles wider than the context.
TEST(HostKernel, TileRemainders) {
  Problem problem = prefill(37, 24);
  problem.causal = true;
  for (int64_t rows : {1, 3, 6, 13, 64})
    for (int64_t keys : {16, 112})
      expectRight(problem, tiles(rows, keys));
  expectRight(problem, tiles(192, 256));
}

TEST(HostKernel, Scales) {
  for (double scale : {-0.7, 0.0, 1e-3, 3.0}) {
    Problem problem = prefill(80, 32);
    problem.causal = true;
    problem.scale = scale;
    expectRight(problem, tiles(32, 32));
    problem.queryLength = 4;
    expectRight(problem, tiles(2, 32, 2));
  }
}

/// Rows before the first key see nothing and give exactly 0.
TEST(HostKernel, MoreQueriesThanKeys) {
  Problem problem = makeProblem(Mode::Prefill, 60, 23, 32);
  problem.causal = true;
  for (int64_t splits : {1, 3})
    expectRight(problem, tiles(16, 16, splits));
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  HostTensors tensors(problem, 3);
  ASSERT_EQ(runOnHost(problem, tiles(16, 16, 3), hostTarget(1).vectorBits, tensors), "");
  for (int64_t row = 0; row < 60 - 23; ++row)
    EXPECT_EQ(tensors.o.get(0, row, 0, 5), 0) << "row " << row;
}

/// Scores that grow along the keys make every tile rescale, lazily or at once.
TEST(HostKernel, GrowingScores) {
  Problem problem = prefill(128, 16);
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  for (int64_t lazy : {0, 8}) {
    Schedule schedule = tiles(32, 16);
    schedule.lazy = lazy;
    HostTensors tensors(problem, 5);
    for (int64_t key = 0; key < 128; ++key)
      for (int64_t d = 0; d < 16; ++d)
        tensors.k.set(0, key, 0, d, tensors.q.get(0, 0, 0, d) * key / 16.0);
    ASSERT_EQ(runOnHost(problem, schedule, hostTarget(1).vectorBits, tensors), "");
    EXPECT_LE(errorOnHost(problem, tensors), 2e-5) << "lazy " << lazy;
  }
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

TEST(HostKernel, Groups) {
  for (int64_t group : {1, 2, 3, 4, 8}) {
    Problem problem = decode(300, 64);
    problem.kvHeads = 2;
    problem.queryHeads = 2 * group;
    problem.batch = 2;
    expectRight(problem, tiles(group, 64));
    problem.queryLength = 3;
    problem.causal = true;
    expectRight(problem, tiles(4, 32));
  }
}

TEST(HostKernel, Splits) {
  Problem problem = decode(333, 40);
  problem.queryHeads = 4;
  problem.kvHeads = 2;
  for (int64_t splits : {1, 2, 3, 4})
    expectRight(problem, tiles(2, 32, splits));
  for (TaskOrder order : {TaskOrder::Forward, TaskOrder::Backward, TaskOrder::TwoThreads})
    expectRight(problem, tiles(4, 32, 5), order);
}

TEST(HostKernel, StateOfSplits) {
  Problem problem = decode(333, 40);
  problem.queryHeads = 4;
  problem.kvHeads = 2;
  problem.state = true;
  for (TaskOrder order : {TaskOrder::Forward, TaskOrder::Backward, TaskOrder::TwoThreads})
    expectRight(problem, tiles(2, 32, 3), order);
  problem.context = 20;
  expectRight(problem, tiles(2, 16, 5)); // Some splits see nothing.
}

TEST(HostKernel, SplitsWithoutProbe) {
  Problem problem = decode(333, 64);
  problem.probe = Probe::None;
  expectRight(problem, tiles(4, 32, 3));
}

/// More splits than key tiles: some states are empty.
TEST(HostKernel, EmptySplits) {
  Problem problem = decode(20, 32);
  problem.scale = -1;
  expectRight(problem, tiles(4, 16, 5));
}

/// One workspace serves launch after launch: the counters return to 0.
TEST(HostKernel, WorkspaceIsReusable) {
  Problem problem = decode(200, 32);
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  HostTensors tensors(problem, 9);
  ASSERT_EQ(runOnHost(problem, tiles(4, 16, 4), hostTarget(1).vectorBits, tensors, TaskOrder::TwoThreads, 50), "");
  EXPECT_LE(errorOnHost(problem, tensors), 2e-5);
}

//===----------------------------------------------------------------------===//
// What is not seen does not matter
//===----------------------------------------------------------------------===//

TEST(HostKernel, UnseenKeysMayBeAnything) {
  for (ElementType type : {ElementType::F32, ElementType::BF16}) {
    Problem problem = decode(200, 32);
    problem.window = 50;
    problem.dtype = type;
    ASSERT_EQ(llvm::toString(normalize(problem)), "");
    HostTensors tensors(problem, 7);
    std::vector<double> expected =
        referenceForward(problem, tensors.q.values(), tensors.r.values(), tensors.k.values(), tensors.v.values());
    for (int64_t key = 0; key < 150; ++key)
      for (int64_t d = 0; d < 32; ++d) {
        tensors.k.set(0, key, 0, d, nan);
        tensors.v.set(0, key, 0, d, nan);
      }
    ASSERT_EQ(runOnHost(problem, tiles(4, 32, 2), hostTarget(1).vectorBits, tensors), "");
    EXPECT_LE(relativeError(tensors.o.values(), expected), tolerance(type));
  }
}

/// A key that a row does see is not swallowed.
TEST(HostKernel, SeenNaNShows) {
  Problem problem = decode(64, 32);
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  HostTensors tensors(problem, 7);
  tensors.v.set(0, 40, 0, 3, nan);
  ASSERT_EQ(runOnHost(problem, tiles(4, 32), hostTarget(1).vectorBits, tensors), "");
  EXPECT_TRUE(std::isnan(tensors.o.get(0, 0, 0, 3)));
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

TEST(HostModule, RejectsWhatIsNoObject) {
  Artifact artifact;
  artifact.kernelName = "k";
  artifact.bytes = "not an object";
  auto module = HostModule::load(artifact);
  ASSERT_FALSE(module);
  EXPECT_NE(llvm::toString(module.takeError()).find("cannot load kernel k"), std::string::npos);
  artifact.kind = ArtifactKind::Ptx;
  module = HostModule::load(artifact);
  ASSERT_FALSE(module);
  EXPECT_NE(llvm::toString(module.takeError()).find("expected a host object"), std::string::npos);
}

TEST(HostModule, NamesTheMissingKernel) {
  Problem problem = decode(32, 16);
  ASSERT_EQ(llvm::toString(normalize(problem)), "");
  auto artifact = compile(problem, hostTarget(1), tiles(4, 16));
  ASSERT_TRUE(bool(artifact)) << llvm::toString(artifact.takeError());
  artifact->kernelName = "another";
  auto module = HostModule::load(*artifact);
  ASSERT_FALSE(module);
  EXPECT_NE(llvm::toString(module.takeError()).find("another"), std::string::npos);
}

} // namespace
