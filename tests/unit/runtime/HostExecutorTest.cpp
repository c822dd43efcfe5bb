//===- HostExecutorTest.cpp - kernels on the threads of this process ------===//

#include "FakeKernels.h"
#include "runtime/Knobs.h"
#include "runtime/Inputs.h"
#include "runtime/RuntimeError.h"
#include <cmath>
#include <cstring>
#include <set>
#include <thread>

using namespace lla;

namespace {

Schedule hostSchedule(const Problem &problem) { return defaultSchedule(problem, hostTarget(1)); }

std::unique_ptr<LoadedKernel> loadKernel(Executor &executor, const char *kernel, const Problem &problem) {
  llvm::Expected<std::unique_ptr<LoadedKernel>> loaded =
      executor.load(fakeArtifact(kernel), problem, hostSchedule(problem));
  EXPECT_TRUE(bool(loaded));
  return std::move(*loaded);
}

TEST(HostExecutor, EveryTaskRunsOnceUnderAnyNumberOfThreads) {
  Problem problem = smallProblem();
  for (unsigned threads = 1; threads <= 8; ++threads) {
    std::shared_ptr<HostExecutor> executor = fakeExecutor(threads);
    std::unique_ptr<LoadedKernel> kernel = loadKernel(*executor, "count", problem);
    for (Grid grid : {Grid{1, 1}, {7, 3}, {1000, 13}, {0, 5}, {5, 0}}) {
      std::vector<int> counts(std::max<int64_t>(grid.x * grid.y, 1));
      Launch launch;
      launch.kernel = kernel.get();
      launch.grid = grid;
      launch.arguments.o = counts.data();
      launch.arguments.row_tiles = static_cast<int32_t>(grid.x);
      for (int repeat = 1; repeat <= 3; ++repeat) {
        EXPECT_EQ(textOf(executor->launch(launch, nullptr)), "");
        for (int64_t i = 0; i < grid.x * grid.y; ++i)
          ASSERT_EQ(counts[i], repeat) << threads << " threads, task " << i;
      }
    }
  }
}

TEST(HostExecutor, LaunchesFromSeveralThreadsDoNotMix) {
  std::shared_ptr<HostExecutor> executor = fakeExecutor(3);
  std::unique_ptr<LoadedKernel> kernel = loadKernel(*executor, "count", smallProblem());
  constexpr int callers = 4, launches = 50, width = 97;
  std::vector<std::vector<int>> counts(callers, std::vector<int>(width));
  std::vector<std::thread> threads;
  for (int caller = 0; caller < callers; ++caller)
    threads.emplace_back([&, caller] {
      Launch launch;
      launch.kernel = kernel.get();
      launch.grid = {width, 1};
      launch.arguments.o = counts[caller].data();
      launch.arguments.row_tiles = width;
      for (int i = 0; i < launches; ++i)
        llvm::cantFail(executor->launch(launch, nullptr));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::vector<int> &mine : counts)
    EXPECT_EQ(mine, std::vector<int>(width, launches));
}

TEST(HostExecutor, LoadRefusesForeignCode) {
  std::shared_ptr<HostExecutor> executor = fakeExecutor(1);
  Artifact cubin = fakeArtifact("right");
  cubin.kind = ArtifactKind::Cubin;
  Problem problem = smallProblem();
  EXPECT_NE(textOf(executor->load(cubin, problem, hostSchedule(problem))), "");
  EXPECT_NE(textOf(executor->load(fakeArtifact("unheard of"), problem, hostSchedule(problem))), "");
}

TEST(HostExecutor, Memory) {
  std::shared_ptr<HostExecutor> executor = fakeExecutor(2);
  for (int64_t bytes : {0, 1, 100, 5 << 20}) {
    llvm::Expected<std::unique_ptr<Buffer>> buffer = executor->allocate(bytes);
    ASSERT_TRUE(bool(buffer));
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*buffer)->data()) % 256, 0u);
    EXPECT_EQ(textOf(executor->fill((*buffer)->data(), 0x5A, bytes, nullptr)), "");
    std::vector<char> copy(bytes);
    EXPECT_EQ(textOf(executor->copyOut(copy.data(), (*buffer)->data(), bytes, nullptr)), "");
    EXPECT_EQ(copy, std::vector<char>(bytes, 0x5A));
  }
  EXPECT_NE(textOf(executor->allocate(-1)), "");
  EXPECT_NE(textOf(executor->allocate(int64_t(1) << 62)), "");
}

TEST(HostExecutor, InputsDependOnSeedAndIndexOnly) {
  Problem problem = smallProblem();
  AttentionTensors a = denseTensors(problem), b;
  problem.layout = Layout::BHSD;
  b = denseTensors(problem);
  std::vector<std::vector<float>> memory;
  for (AttentionTensors *tensors : {&a, &b})
    for (TensorView *view : {&tensors->q, &tensors->r, &tensors->k, &tensors->v})
      view->data = memory.emplace_back(view->elements()).data();
  EXPECT_EQ(textOf(fakeExecutor(1)->fillInputs(problem, a, 5)), "");
  EXPECT_EQ(textOf(fakeExecutor(4)->fillInputs(problem, b, 5)), "");
  std::vector<double> x(problem.headDim), y(problem.headDim);
  for (auto member : {&AttentionTensors::q, &AttentionTensors::r, &AttentionTensors::k, &AttentionTensors::v})
    for (int64_t row = 0; row < rowCount(a.*member); ++row) {
      readRow(a.*member, row, x.data());
      readRow(b.*member, row, y.data());
      ASSERT_EQ(x, y);
      double squares = 0;
      for (double value : x)
        squares += value * value;
      double rms = std::sqrt(squares / problem.headDim);
      if (member != &AttentionTensors::v)
        ASSERT_NEAR(rms, member == &AttentionTensors::r ? 0.5 : 1.0, 1e-5);
    }
  EXPECT_EQ(textOf(fakeExecutor(1)->fillInputs(problem, b, 6)), "");
  readRow(a.k, 0, x.data());
  readRow(b.k, 0, y.data());
  EXPECT_NE(x, y);
}

TEST(SequenceNumbers, AreOfTheirKind) {
  Problem problem = smallProblem();
  problem.batch = 400;
  problem.ragged = true;
  problem.pageSize = 12;
  int64_t empty = 0, full = 0, later = 0;
  for (uint64_t seed : {1, 2, 3})
    for (SequenceKind kind : {SequenceKind::Any, SequenceKind::Busy}) {
      SequenceNumbers numbers = makeSequences(problem, kind, seed);
      ASSERT_EQ(numbers.lengths.size(), 400u);
      std::set<int32_t> pages;
      for (int64_t i = 0; i < problem.batch; ++i) {
        int64_t length = numbers.lengths[i], start = numbers.starts[i];
        EXPECT_TRUE(length >= (kind == SequenceKind::Busy) && length <= problem.context) << length;
        EXPECT_TRUE(start >= 0 && start <= (kind == SequenceKind::Busy ? 0 : length)) << start;
        empty += length == 0;
        full += length == problem.context;
        later += start > 0;
        for (int64_t entry = 0; entry < numbers.pagesEach; ++entry) {
          int32_t page = numbers.pages[i * numbers.pagesEach + entry];
          EXPECT_EQ(page >= 0, entry * problem.pageSize < length);
          EXPECT_TRUE(page < 0 || pages.insert(page).second) << page << " twice";
        }
      }
      EXPECT_LT(*pages.rbegin(), problem.batch * numbers.pagesEach);
      EXPECT_EQ(makeSequences(problem, kind, seed).pages, numbers.pages);
    }
  EXPECT_GT(empty, 3 * 400 / 16);
  EXPECT_GT(full, 0);
  EXPECT_GT(later, 3 * 400 / 8);
  EXPECT_NE(makeSequences(problem, SequenceKind::Any, 1).lengths, makeSequences(problem, SequenceKind::Any, 2).lengths);
  problem.ragged = false;
  EXPECT_TRUE(makeSequences(problem, SequenceKind::Any, 1).lengths.empty());
}

TEST(SequenceNumbers, PackedSequencesFollowEachOther) {
  Problem problem = smallProblem(Mode::Prefill);
  problem.batch = 400;
  problem.packedQueries = problem.packedKeys = problem.ragged = true;
  int64_t without = 0, spare = 0, later = 0;
  for (uint64_t seed : {1, 2, 3})
    for (SequenceKind kind : {SequenceKind::Any, SequenceKind::Busy}) {
      SequenceNumbers numbers = makeSequences(problem, kind, seed);
      AttentionTensors tensors = denseTensors(problem);
      EXPECT_EQ(numbers.queryRows, tensors.q.sizes[1]);
      EXPECT_EQ(numbers.keyRows, tensors.k.sizes[1]);
      ASSERT_EQ(numbers.cuSeqlensQ.size(), 401u);
      ASSERT_EQ(numbers.cuSeqlensK.size(), 401u);
      for (int64_t i = 0; i < problem.batch; ++i) {
        int64_t rows = numbers.cuSeqlensQ[i + 1] - numbers.cuSeqlensQ[i];
        int64_t keys = numbers.cuSeqlensK[i + 1] - numbers.cuSeqlensK[i];
        EXPECT_TRUE(rows >= (kind == SequenceKind::Busy) && rows <= problem.queryLength) << rows;
        EXPECT_TRUE(keys >= numbers.lengths[i] && keys <= problem.context) << keys;
        EXPECT_TRUE(kind == SequenceKind::Any || keys == numbers.lengths[i]);
        without += rows == 0;
        spare += keys > numbers.lengths[i];
      }
      EXPECT_TRUE(numbers.cuSeqlensQ[0] >= 0 && numbers.cuSeqlensQ.back() <= numbers.queryRows);
      EXPECT_TRUE(numbers.cuSeqlensK[0] >= 0 && numbers.cuSeqlensK.back() <= numbers.keyRows);
      later += numbers.cuSeqlensQ[0] > 0;
      // Where nothing is packed, the lengths are the same.
      Problem padded = problem;
      padded.packedQueries = padded.packedKeys = false;
      EXPECT_EQ(makeSequences(padded, kind, seed).lengths, numbers.lengths);
    }
  EXPECT_GT(without, 3 * 400 / 16);
  EXPECT_GT(spare, 3 * 400 / 8);
  EXPECT_GT(later, 0);
}

TEST(HostExecutor, TimesEveryCandidateInEveryRound) {
  std::shared_ptr<HostExecutor> executor = fakeExecutor(1);
  std::unique_ptr<LoadedKernel> kernel = loadKernel(*executor, "nothing", smallProblem());
  Launch launch;
  launch.kernel = kernel.get();
  TimingPolicy policy;
  policy.rounds = 4;
  llvm::Expected<std::vector<std::vector<double>>> times = executor->time({{launch}, {launch, launch}}, policy);
  ASSERT_TRUE(bool(times));
  ASSERT_EQ(times->size(), 2u);
  for (const std::vector<double> &samples : *times)
    EXPECT_EQ(samples.size(), 4u);
  policy.giveUpAbove = 0;
  policy.cold = true;
  times = executor->time({{launch}}, policy);
  ASSERT_TRUE(bool(times));
  EXPECT_EQ(times->front().size(), 1u);
}

TEST(HostExecutor, CeilingsArePositiveAndRemembered) {
  std::shared_ptr<HostExecutor> executor = fakeExecutor(1);
  llvm::Expected<Ceilings> first = executor->ceilings(1 << 20, ElementType::F32);
  llvm::Expected<Ceilings> second = executor->ceilings(1 << 20, ElementType::F32);
  ASSERT_TRUE(first && second);
  EXPECT_GT(first->bytesPerSecond, 1e8);
  EXPECT_GT(first->flopsPerSecond, 1e8);
  EXPECT_EQ(first->bytesPerSecond, second->bytesPerSecond);
}

TEST(Executor, OpensByName) {
  Knobs knobs;
  llvm::Expected<std::unique_ptr<Executor>> host = openExecutor("host:3", knobs);
  ASSERT_TRUE(bool(host));
  EXPECT_EQ((*host)->target().multiprocessors, 3);
  for (auto [target, kind] : {std::pair{"host:0", FailureKind::Usage},
                              {"host:x", FailureKind::Usage},
                              {"cuda:-1", FailureKind::Usage},
                              {"sm_90a", FailureKind::NoDevice},
                              {"sm_99", FailureKind::Usage},
                              {"", FailureKind::Usage}}) {
    llvm::Expected<std::unique_ptr<Executor>> none = openExecutor(target, knobs);
    ASSERT_FALSE(bool(none)) << target;
    EXPECT_EQ(describe(none.takeError()).first, kind) << target;
  }
}

} // namespace
