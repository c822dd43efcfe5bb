//===- PlanTest.cpp - plan, prepare, run ----------------------------------===//

#include "runtime/Plan.h"
#include "FakeKernels.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Inputs.h"
#include "runtime/RuntimeError.h"
#include <atomic>
#include <cstdlib>
#include <new>

// Every allocation of this program is counted, so that a run can be shown to make none.
static std::atomic<int64_t> allocations = 0;

void *operator new(size_t bytes) {
  ++allocations;
  if (void *memory = std::malloc(bytes ? bytes : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

using namespace lla;

namespace {

/// An address only; nothing is read.
void *at(uintptr_t address) { return reinterpret_cast<void *>(address); }

struct PlanTest : testing::Test {
  Problem problem = smallProblem();
  std::shared_ptr<HostExecutor> executor = fakeExecutor(2);
  std::string kernelName = "right";
  std::shared_ptr<Jit> jit;
  AttentionTensors tensors = denseTensors(problem);
  std::vector<std::unique_ptr<Buffer>> memory;

  PlanTest() {
    JitOptions options;
    options.compiler = [this](const CompileRequest &) -> llvm::Expected<Artifact> { return fakeArtifact(kernelName); };
    jit = std::make_shared<Jit>(executor, options);
    setFakeProblem(problem);
    place();
    llvm::cantFail(executor->fillInputs(problem, tensors, 1));
  }
  /// Dense tensors of the problem, as it is now.
  void place() {
    tensors = denseTensors(problem);
    auto allocate = [&](int64_t bytes) {
      return memory.emplace_back(llvm::cantFail(executor->allocate(bytes)))->data();
    };
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
      for (const NamedTensor &one : names)
        (tensors.*one.member).data = allocate((tensors.*one.member).spanBytes());
    for (const NamedIndices &one : indicesOf(problem))
      (tensors.*one.member).data = static_cast<const int32_t *>(allocate((tensors.*one.member).spanBytes()));
  }
  /// Allocations of one run, which must go well.
  int64_t allocationsOf(const Plan &plan, void *space) {
    int64_t before = allocations;
    bool failed = llvm::errorToBool(plan.run(tensors, space, plan.workspaceBytes(), nullptr));
    int64_t made = allocations - before;
    EXPECT_FALSE(failed);
    return made;
  }
  void *workspace(int64_t bytes) {
    void *data = memory.emplace_back(llvm::cantFail(executor->allocate(bytes)))->data();
    llvm::cantFail(executor->fill(data, 0, bytes, nullptr));
    return data;
  }
  Plan plan() {
    Schedule schedule = defaultSchedule(problem, executor->target());
    schedule.splits = 2;
    return llvm::cantFail(Plan::create(problem, schedule, jit));
  }
};

TEST_F(PlanTest, RunsWhatWasPrepared) {
  Plan plan = this->plan();
  ASSERT_GT(plan.workspaceBytes(), 0);
  ASSERT_EQ(textOf(plan.prepare()), "");
  ASSERT_EQ(textOf(plan.prepare()), "");
  EXPECT_EQ(jit->statistics().compiles, 1);
  ASSERT_EQ(textOf(plan.run(tensors, workspace(plan.workspaceBytes()), plan.workspaceBytes(), nullptr)), "");
  llvm::Expected<ErrorFigures> figures = executor->compare(problem, tensors, 0, 1);
  ASSERT_TRUE(bool(figures));
  EXPECT_LT(figures->relative, 1e-6);
}

TEST_F(PlanTest, RunsSmallerProblemsThanPlanned) {
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o})
    view->sizes[0] = 1;
  tensors.k.sizes[1] = tensors.v.sizes[1] = 7;
  ASSERT_EQ(textOf(plan.run(tensors, workspace(plan.workspaceBytes()), plan.workspaceBytes(), nullptr)), "");
  Problem actual = problem;
  actual.batch = 1;
  actual.context = 7;
  llvm::Expected<ErrorFigures> figures = executor->compare(actual, tensors, 0, 1);
  ASSERT_TRUE(bool(figures));
  EXPECT_LT(figures->relative, 1e-6);
}

TEST_F(PlanTest, StaticSizesRunTheVeryProblem) {
  Schedule schedule = defaultSchedule(problem, executor->target());
  schedule.staticSizes = true;
  Plan plan = llvm::cantFail(Plan::create(problem, schedule, jit));
  ASSERT_EQ(textOf(plan.prepare()), "");
  void *space = workspace(plan.workspaceBytes());
  ASSERT_EQ(textOf(plan.run(tensors, space, plan.workspaceBytes(), nullptr)), "");
  llvm::Expected<ErrorFigures> figures = executor->compare(problem, tensors, 0, 1);
  ASSERT_TRUE(bool(figures));
  EXPECT_LT(figures->relative, 1e-6);
  tensors.k.sizes[1] = tensors.v.sizes[1] = 7;
  auto [kind, message] = describe(plan.run(tensors, space, plan.workspaceBytes(), nullptr));
  EXPECT_EQ(kind, FailureKind::Usage);
  EXPECT_EQ(message, "context: expected " + std::to_string(problem.context) +
                         ", as planned (static_sizes=true), got 7");
}

TEST_F(PlanTest, MisuseIsTyped) {
  Plan plan = this->plan();
  int64_t bytes = plan.workspaceBytes();
  void *space = workspace(bytes);
  auto faultOf = [&](int64_t given, void *where) { return describe(plan.run(tensors, where, given, nullptr)); };
  EXPECT_EQ(faultOf(bytes, space).first, FailureKind::NotPrepared);
  ASSERT_EQ(textOf(plan.prepare()), "");
  EXPECT_NE(faultOf(bytes - 1, space).second.find("workspace: expected at least"), std::string::npos);
  EXPECT_NE(faultOf(bytes, nullptr).second.find("workspace"), std::string::npos);
  void *output = std::exchange(tensors.o.data, tensors.q.data);
  EXPECT_EQ(faultOf(bytes, space).first, FailureKind::Usage);
  tensors.o.data = output;
  tensors.k.sizes[1] += 1;
  EXPECT_EQ(faultOf(bytes, space).first, FailureKind::Usage);
}

TEST_F(PlanTest, BadProblemsAndSchedulesDoNotBecomePlans) {
  Problem bad = problem;
  bad.headDim = 17;
  EXPECT_EQ(describe(Plan::create(bad, jit).takeError()).first, FailureKind::Usage);
  Schedule infeasible = defaultSchedule(problem, executor->target());
  infeasible.load = LoadPath::Ring;
  EXPECT_EQ(describe(Plan::create(problem, infeasible, jit).takeError()).first, FailureKind::Compile);
}

TEST_F(PlanTest, AnEmptyCallLaunchesNothing) {
  kernelName = "wrong"; // Would write.
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o})
    view->sizes[0] = 0;
  llvm::cantFail(executor->fill(tensors.o.data, 7, 64, nullptr));
  ASSERT_EQ(textOf(plan.run(tensors, workspace(plan.workspaceBytes()), plan.workspaceBytes(), nullptr)), "");
  EXPECT_EQ(static_cast<char *>(tensors.o.data)[0], 7);
}

TEST_F(PlanTest, APackedCallWithoutRowsLaunchesNothing) {
  kernelName = "wrong"; // Would write.
  problem.ragged = problem.packedQueries = problem.packedKeys = true;
  place();
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.o})
    view->sizes[1] = 0;
  llvm::cantFail(executor->fill(tensors.o.data, 7, 64, nullptr));
  ASSERT_EQ(textOf(plan.run(tensors, workspace(plan.workspaceBytes()), plan.workspaceBytes(), nullptr)), "");
  EXPECT_EQ(static_cast<char *>(tensors.o.data)[0], 7);
}

TEST_F(PlanTest, RunAllocatesNothing) {
  kernelName = "nothing";
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  void *space = workspace(plan.workspaceBytes());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(allocationsOf(plan, space), 0);
  int64_t before = allocations;
  ::operator delete(::operator new(1)); // Not a new-expression, which might be optimised away.
  EXPECT_GT(allocations, before);       // The counter counts.
}

TEST_F(PlanTest, RaggedAndPagedCallsAllocateNothingEither) {
  kernelName = "nothing";
  problem.ragged = true;
  problem.pageSize = 8;
  place();
  Schedule schedule = defaultSchedule(problem, executor->target());
  schedule.splits = 4;
  schedule.splitTiles = 2;
  Plan plan = llvm::cantFail(Plan::create(problem, schedule, jit));
  ASSERT_EQ(textOf(plan.prepare()), "");
  void *space = workspace(plan.workspaceBytes());
  EXPECT_EQ(allocationsOf(plan, space), 0);
  Launch launch = makeLaunch(*plan.answer().kernel, problem, tensors, space, executor->target());
  const KernelArguments &a = launch.arguments;
  EXPECT_EQ(a.lengths, tensors.lengths.data);
  EXPECT_EQ(a.starts, tensors.starts.data);
  EXPECT_EQ(a.page_table, tensors.pageTable.data);
  EXPECT_EQ(a.page_table_stride, tensors.pageTable.stride);
  EXPECT_EQ(a.pages, tensors.k.sizes[0]);
  EXPECT_EQ(a.k_batch_stride, tensors.k.strides[0]);
  EXPECT_EQ(a.splits, 4);
  EXPECT_EQ(a.split_tiles, 2);
}

TEST_F(PlanTest, PackedCallsAllocateNothingEither) {
  kernelName = "nothing";
  problem.ragged = problem.packedQueries = problem.packedKeys = true;
  place();
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  void *space = workspace(plan.workspaceBytes());
  EXPECT_EQ(allocationsOf(plan, space), 0);
  Launch launch = makeLaunch(*plan.answer().kernel, problem, tensors, space, executor->target());
  const KernelArguments &a = launch.arguments;
  EXPECT_EQ(a.cu_seqlens_q, tensors.cuSeqlensQ.data);
  EXPECT_EQ(a.cu_seqlens_k, tensors.cuSeqlensK.data);
  EXPECT_EQ(a.query_rows, tensors.q.sizes[1]);
  EXPECT_EQ(a.key_rows, tensors.k.sizes[1]);
  EXPECT_EQ(a.query_length, problem.queryLength);
}

TEST_F(PlanTest, ArgumentsDescribeTheCall) {
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  Problem smaller = problem;
  smaller.batch = 1;
  void *space = workspace(plan.workspaceBytes());
  Launch launch = makeLaunch(*plan.answer().kernel, smaller, tensors, space, executor->target());
  const KernelArguments &a = launch.arguments;
  EXPECT_EQ(a.q, tensors.q.data);
  EXPECT_EQ(a.r, tensors.r.data);
  EXPECT_EQ(a.k_row_stride, tensors.k.strides[1]);
  EXPECT_EQ(a.o_head_stride, tensors.o.strides[2]);
  EXPECT_EQ(a.batch, 1);
  EXPECT_EQ(a.context, problem.context);
  EXPECT_EQ(a.kv_heads, problem.kvHeads);
  EXPECT_EQ(static_cast<uint32_t>(a.heads_multiplier), quotientOf(problem.kvHeads).multiplier);
  EXPECT_EQ(static_cast<uint32_t>(a.sequences_multiplier), quotientOf(smaller.batch * problem.kvHeads).multiplier);
  EXPECT_EQ(a.splits, 2);
  EXPECT_EQ(a.workspace, space);
  EXPECT_EQ(launch.grid.x * problem.batch, plan.resources().grid.x);
  EXPECT_EQ(a.partials_offset, counterBytes(plan.resources())); // The plan's, whatever this call's batch.
  EXPECT_FLOAT_EQ(a.scale_log2, 0.25f * 1.44269504f);
  EXPECT_EQ(a.lse, nullptr); // Not asked for.
}

TEST_F(PlanTest, ArgumentsOfAMergeAreItsParts) {
  Problem merge;
  merge.mode = Mode::Merge;
  merge.queryHeads = merge.kvHeads = 4;
  merge.headDim = 16;
  merge.dtype = ElementType::F32;
  merge.shards = 3;
  Plan plan = llvm::cantFail(Plan::create(merge, jit));
  ASSERT_EQ(textOf(plan.prepare()), "");
  EXPECT_EQ(plan.workspaceBytes(), 0);
  AttentionTensors parts = denseTensors(plan.problem());
  parts.partO.data = at(0x1000);
  parts.partLse.data = at(0x2000);
  parts.partVbar.shardStride = 77;
  Launch launch = makeLaunch(*plan.answer().kernel, plan.problem(), parts, nullptr, executor->target());
  const KernelArguments &a = launch.arguments;
  EXPECT_EQ(a.part_o, at(0x1000));
  EXPECT_EQ(a.part_o_shard_stride, 64);
  EXPECT_EQ(a.part_lse, at(0x2000));
  EXPECT_EQ(a.part_lse_head_stride, 1);
  EXPECT_EQ(a.part_vbar_shard_stride, 77);
  EXPECT_EQ(a.shards, 3);
  EXPECT_EQ(a.q, nullptr);
}

TEST_F(PlanTest, ArgumentsOfAStateAreItsTensors) {
  problem.state = true;
  tensors.lse = {at(0x1000), ElementType::F32, {2, 1, 4, 1}, {40, 30, 2, 1}};
  tensors.tbar = {at(0x2000), ElementType::F32, {2, 1, 4, 1}, {41, 31, 3, 1}};
  tensors.vbar = {at(0x3000), ElementType::F32, {2, 1, 4, 16}, {420, 320, 64, 1}};
  Plan plan = this->plan();
  ASSERT_EQ(textOf(plan.prepare()), "");
  Launch launch = makeLaunch(*plan.answer().kernel, problem, tensors, nullptr, executor->target());
  const KernelArguments &a = launch.arguments;
  EXPECT_EQ(a.lse, at(0x1000));
  EXPECT_EQ(a.lse_batch_stride, 40);
  EXPECT_EQ(a.lse_row_stride, 30);
  EXPECT_EQ(a.tbar, at(0x2000));
  EXPECT_EQ(a.tbar_head_stride, 3);
  EXPECT_EQ(a.vbar, at(0x3000));
  EXPECT_EQ(a.vbar_head_stride, 64);
}

} // namespace
