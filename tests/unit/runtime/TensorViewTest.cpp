//===- TensorViewTest.cpp - tensors of the caller, by address and strides -===//

#include "runtime/TensorView.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"

using namespace lla;

namespace {

/// Addresses only; nothing is read.
void *at(uintptr_t address) { return reinterpret_cast<void *>(address); }

struct TensorViewTest : testing::Test {
  Problem problem = smallProblem();
  AttentionTensors tensors = denseTensors(problem);

  TensorViewTest() {
    uintptr_t next = 0x10000;
    for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o}) {
      view->data = at(next);
      next += 0x10000;
    }
  }
  /// Asks for the state, too.
  void wantState() {
    problem.state = true;
    AttentionTensors dense = denseTensors(problem);
    uintptr_t next = 0x60000;
    for (const NamedTensor &output : outputsOf(problem).drop_front()) {
      tensors.*output.member = dense.*output.member;
      (tensors.*output.member).data = at(next);
      next += 0x10000;
    }
  }
  std::string shapes() { return textOf(problemOf(problem, tensors)); }
  std::string addresses(TargetKind kind = TargetKind::Host, void *workspace = nullptr, int64_t bytes = 0) {
    return textOf(checkAddresses(problem, tensors, workspace, bytes, kind));
  }
};

TEST_F(TensorViewTest, DenseTensorsPass) {
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda, at(0x100000), 4096), "");
}

TEST_F(TensorViewTest, StridesFollowTheLayout) {
  TensorView view = denseView(nullptr, ElementType::F16, {2, 3, 4, 16}, Layout::BHSD);
  EXPECT_EQ(view.strides, (std::array<int64_t, 4>{192, 16, 48, 1}));
  EXPECT_EQ(view.spanBytes(), 2 * 3 * 4 * 16 * 2);
}

TEST_F(TensorViewTest, SmallerBatchAndContextAreTheProblemOfTheCall) {
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o})
    view->sizes[0] = 1;
  tensors.k.sizes[1] = tensors.v.sizes[1] = 0;
  llvm::Expected<Problem> actual = problemOf(problem, tensors);
  ASSERT_TRUE(bool(actual));
  EXPECT_EQ(actual->batch, 1);
  EXPECT_EQ(actual->context, 0);
}

TEST_F(TensorViewTest, EachWrongSizeIsNamed) {
  struct {
    TensorView *view;
    int dimension;
    const char *name;
  } cases[] = {{&tensors.q, 0, "q.batch"}, {&tensors.q, 1, "q.row"},  {&tensors.q, 2, "q.head"},
               {&tensors.q, 3, "q.dim"},   {&tensors.r, 2, "r.head"}, {&tensors.k, 1, "k.row"},
               {&tensors.k, 2, "k.head"},  {&tensors.v, 1, "v.row"},  {&tensors.v, 3, "v.dim"},
               {&tensors.o, 0, "o.batch"}};
  for (auto &wrong : cases) {
    int64_t &size = wrong.view->sizes[wrong.dimension];
    ++size;
    std::string text = shapes();
    EXPECT_EQ(text.rfind(std::string(wrong.name) + ": expected", 0), 0u) << text;
    --size;
  }
  tensors.q.sizes[0] = -1;
  EXPECT_NE(shapes(), "");
}

TEST_F(TensorViewTest, TheStateIsFp32BesideTheQueries) {
  wantState();
  EXPECT_EQ(tensors.lse.sizes, (std::array<int64_t, 4>{2, 1, 4, 1}));
  EXPECT_EQ(tensors.lse.strides, (std::array<int64_t, 4>{4, 4, 1, 1}));
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
  tensors.lse.dtype = ElementType::BF16;
  EXPECT_EQ(shapes(), "lse.dtype: expected fp32, got bf16");
  tensors.lse.dtype = ElementType::F32;
  for (auto [name, view] : {std::pair{"lse", &tensors.lse}, {"tbar", &tensors.tbar}, {"vbar", &tensors.vbar}}) {
    ++view->sizes[2];
    EXPECT_EQ(shapes(), std::string(name) + ".head: expected 4 as in q, got 5");
    --view->sizes[2];
  }
  tensors.tbar.sizes[3] = 16;
  EXPECT_EQ(shapes(), "tbar.dim: expected 1, got 16");
  tensors.tbar.sizes[3] = 1;
  tensors.vbar.sizes[3] = 1;
  EXPECT_EQ(shapes(), "vbar.dim: expected 16 as in q, got 1");
  problem.state = false; // Nobody looks then.
  EXPECT_EQ(shapes(), "");
}

TEST_F(TensorViewTest, KeysOfBytesHaveScalesOrNone) {
  problem.kvDtype = ElementType::F8E4M3;
  EXPECT_EQ(shapes(), "k.dtype: expected fp8_e4m3, got fp32");
  AttentionTensors dense = denseTensors(problem);
  EXPECT_EQ(dense.kScales.sizes, (std::array<int64_t, 4>{1, 1, 2, 1}));
  tensors.k.dtype = ElementType::F8E4M3;
  EXPECT_EQ(shapes(), "v.dtype: expected fp8_e4m3, got fp32");
  tensors.v.dtype = ElementType::F8E4M3;
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
  tensors.kScales = dense.kScales;
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(), "k_scales.data: expected an address, got null");
  tensors.kScales.data = at(0x90004);
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
  tensors.o.data = at(0x90000);
  EXPECT_EQ(addresses(), "o: expected memory of its own, got an overlap with k_scales");
  tensors.kScales.sizes[2] = 1;
  EXPECT_EQ(shapes(), "");
  tensors.kScales.sizes[2] = 3;
  EXPECT_EQ(shapes(), "k_scales.head: expected 1 or 2, got 3");
  tensors.kScales.sizes = {2, 1, 2, 1};
  EXPECT_EQ(shapes(), "k_scales.batch: expected 1, got 2");
  tensors.vScales = dense.vScales;
  tensors.vScales.dtype = ElementType::BF16;
  tensors.kScales.sizes[0] = 1;
  EXPECT_EQ(shapes(), "v_scales.dtype: expected fp32, got bf16");
  tensors.v.strides[1] += 8;
  tensors.vScales = {};
  EXPECT_EQ(addresses(TargetKind::Cuda).rfind("v.stride(row): expected a multiple of 16 bytes", 0), 0u);
  problem.kvDtype.reset(); // Nobody looks then.
  tensors.k.dtype = tensors.v.dtype = ElementType::F32;
  tensors.kScales.sizes[2] = 3;
  EXPECT_EQ(shapes(), "");
}

TEST_F(TensorViewTest, LseAndTbarAreAlignedToAnElementOnly) {
  wantState();
  tensors.lse.data = at(0x60004);
  tensors.tbar.strides[2] = 3;
  tensors.tbar.strides[0] = 13;
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
  tensors.lse.data = at(0x60002);
  EXPECT_EQ(addresses(TargetKind::Cuda).rfind("lse.data: expected an address aligned to 4 bytes", 0), 0u);
  tensors.lse.data = nullptr;
  EXPECT_EQ(addresses(), "lse.data: expected an address, got null");
  tensors.lse.data = at(0x60000);
  tensors.vbar.data = at(0x80004);
  EXPECT_EQ(addresses(), "");
  EXPECT_NE(addresses(TargetKind::Cuda).find("vbar.data: expected an address aligned to 16 bytes"), std::string::npos);
}

TEST_F(TensorViewTest, NoOutputOverlapsAnother) {
  wantState();
  tensors.tbar.data = tensors.lse.data;
  EXPECT_EQ(addresses(), "lse: expected memory of its own, got an overlap with tbar");
  // Both in one buffer, side by side, is no overlap.
  tensors.tbar.data = at(0x60004);
  for (TensorView *view : {&tensors.lse, &tensors.tbar})
    view->strides = {8, 8, 2, 1};
  EXPECT_EQ(addresses(), "");
  tensors.vbar.data = tensors.k.data;
  EXPECT_EQ(addresses(), "vbar: expected memory of its own, got an overlap with k");
  tensors.vbar.data = tensors.o.data;
  EXPECT_EQ(addresses(), "o: expected memory of its own, got an overlap with vbar");
  tensors.vbar.data = at(0x80000);
  tensors.lse.strides[2] = 0;
  EXPECT_EQ(addresses().rfind("lse.stride: expected each element", 0), 0u);
}

TEST_F(TensorViewTest, DtypesMustAgree) {
  tensors.v.dtype = ElementType::F16;
  EXPECT_EQ(shapes(), "v.dtype: expected fp32, got fp16");
}

TEST_F(TensorViewTest, TheOutputHasATypeOfItsOwn) {
  problem.dtype = ElementType::BF16;
  problem.outputDtype = ElementType::F32;
  tensors = denseTensors(problem);
  EXPECT_EQ(tensors.o.dtype, ElementType::F32);
  EXPECT_EQ(tensors.q.dtype, ElementType::BF16);
  EXPECT_EQ(shapes(), "");
  tensors.o.dtype = ElementType::BF16;
  EXPECT_EQ(shapes(), "o.dtype: expected fp32, got bf16");
}

/// Tensors of a merge of three shards at made-up addresses.
struct MergeTensorsTest : TensorViewTest {
  MergeTensorsTest() {
    Problem merge;
    merge.mode = Mode::Merge;
    merge.batch = 2;
    merge.queryHeads = merge.kvHeads = 4;
    merge.headDim = 16;
    merge.dtype = ElementType::F32;
    merge.shards = 3;
    llvm::cantFail(normalize(merge));
    problem = merge;
    tensors = denseTensors(problem);
    uintptr_t next = 0x10000;
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
      for (const NamedTensor &one : names) {
        (tensors.*one.member).data = at(next);
        next += 0x10000;
      }
  }
};

TEST_F(MergeTensorsTest, PartsAreStackedShards) {
  EXPECT_EQ(tensors.partO.shardStride, 2 * 4 * 16);
  EXPECT_EQ(tensors.partLse.shardStride, 2 * 4);
  EXPECT_EQ(tensors.partO.spanBytes(), 3 * 2 * 4 * 16 * 4);
  EXPECT_EQ(shardOf(tensors.partO, 2).data, at(0x10000 + 2 * 2 * 4 * 16 * 4));
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
  for (const NamedTensor &part : inputsOf(problem))
    (tensors.*part.member).shards = 2;
  EXPECT_EQ(llvm::cantFail(problemOf(problem, tensors)).shards, 2);
  for (const NamedTensor &part : inputsOf(problem))
    (tensors.*part.member).shards = 0; // Of nothing: legal, and empty.
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
}

TEST_F(MergeTensorsTest, EachWrongShapeIsNamed) {
  tensors.partO.shards = 4;
  EXPECT_EQ(shapes(), "part_o.shard: expected at most 3, got 4");
  tensors.partO.shards = 3;
  tensors.partTbar.shards = 2;
  EXPECT_EQ(shapes(), "part_tbar.shard: expected 3, got 2");
  tensors.partTbar.shards = 3;
  tensors.partVbar.sizes[1] = 5;
  EXPECT_EQ(shapes(), "part_vbar.row: expected 1 as in part_o, got 5");
  tensors.partVbar.sizes[1] = 1;
  tensors.partO.dtype = ElementType::BF16;
  EXPECT_EQ(shapes(), "part_o.dtype: expected fp32, got bf16");
  tensors.partO.dtype = ElementType::F32;
  tensors.vbar.sizes[2] = 3;
  EXPECT_EQ(shapes(), "vbar.head: expected 4 as in part_o, got 3");
  tensors.vbar.sizes[2] = 4;
  tensors.o.shards = 3;
  EXPECT_EQ(shapes(), "o.shard: expected 1, got 3");
}

TEST_F(MergeTensorsTest, TheShardDimensionIsCheckedToo) {
  tensors.partO.shardStride = 2 * 4 * 16 + 1;
  EXPECT_EQ(addresses(), "");
  EXPECT_NE(addresses(TargetKind::Cuda).find("part_o.stride(shard): expected a multiple of 16 bytes"),
            std::string::npos);
  tensors.partO.shardStride = -128;
  EXPECT_NE(addresses().find("part_o.stride(shard): expected >= 0"), std::string::npos);
  tensors.partO.shardStride = 128;
  // The output where the third shard is; between shards it is fine.
  tensors.o.data = shardOf(tensors.partO, 2).data;
  EXPECT_EQ(addresses(), "o: expected memory of its own, got an overlap with part_o");
  tensors.o.data = shardOf(tensors.partO, 1).data;
  tensors.partO.shardStride = 256;
  EXPECT_EQ(addresses(), "");
}

TEST_F(TensorViewTest, WithoutAProbeRIsIgnored) {
  problem.probe = Probe::None;
  tensors.r = {};
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(), "");
}

TEST_F(TensorViewTest, NullMisalignedAndBadStrides) {
  tensors.k.data = nullptr;
  EXPECT_EQ(addresses(), "k.data: expected an address, got null");
  tensors.k.data = at(0x30002);
  EXPECT_NE(addresses().find("aligned to 4 bytes"), std::string::npos);
  tensors.k.data = at(0x30004);
  EXPECT_EQ(addresses(), "");
  EXPECT_NE(addresses(TargetKind::Cuda).find("k.data: expected an address aligned to 16 bytes"), std::string::npos);
  tensors.k.data = at(0x30000);
  tensors.k.strides[3] = 2;
  EXPECT_EQ(addresses(), "k.stride(dim): expected 1, got 2");
  tensors.k.strides[3] = 1;
  tensors.k.strides[1] = -32;
  EXPECT_NE(addresses().find("k.stride(row): expected >= 0"), std::string::npos);
  tensors.k.strides[1] = 33;
  EXPECT_EQ(addresses(), "");
  EXPECT_NE(addresses(TargetKind::Cuda).find("multiple of 16 bytes"), std::string::npos);
  tensors.k.strides[1] = int64_t(1) << 61;
  EXPECT_NE(addresses().find("k.stride: expected offsets below"), std::string::npos);
}

TEST_F(TensorViewTest, AStrideThatIsNeverUsedMayBeAnything) {
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.o})
    view->strides[1] = -7; // One query row.
  EXPECT_EQ(addresses(TargetKind::Cuda), "");
}

TEST_F(TensorViewTest, OutputOverlapsNothing) {
  for (TensorView *input : {&tensors.q, &tensors.r, &tensors.k, &tensors.v}) {
    void *own = tensors.o.data;
    tensors.o.data = input->data; // The same memory.
    EXPECT_NE(addresses().find("o: expected memory of its own"), std::string::npos);
    tensors.o.data = static_cast<char *>(input->data) + input->spanBytes() - 4; // Shares the last element.
    EXPECT_NE(addresses().find("overlap with"), std::string::npos);
    tensors.o.data = static_cast<char *>(input->data) + input->spanBytes(); // Touches it.
    EXPECT_EQ(addresses(), "");
    tensors.o.data = own;
  }
}

TEST_F(TensorViewTest, OutputAddressesEachElementOnce) {
  tensors.o.strides[2] = 0;
  EXPECT_NE(addresses().find("o.stride: expected each element"), std::string::npos);
  tensors.o.strides[2] = 8; // Heads overlap by half.
  EXPECT_NE(addresses().find("o.stride"), std::string::npos);
}

TEST_F(TensorViewTest, InputsMayOverlapAndRepeat) {
  tensors.r.data = tensors.q.data;
  tensors.v.data = tensors.k.data;
  tensors.k.strides[2] = 0; // One head for all.
  EXPECT_EQ(addresses(), "");
}

TEST_F(TensorViewTest, OutputInterleavedWithInputsIsNoOverlap) {
  // One packed buffer (batch, head, {q, r, o}, dim).
  int64_t dim = problem.headDim;
  int member = 0;
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.o}) {
    view->data = at(0x10000 + 4 * dim * member++);
    view->strides = {3 * dim * problem.queryHeads, 3 * dim * problem.queryHeads, 3 * dim, 1};
  }
  EXPECT_EQ(addresses(), "");
  tensors.o.data = at(0x10000 + 4 * dim * 2 - 4); // One element into r.
  EXPECT_NE(addresses().find("overlap with r"), std::string::npos);
  // Rows that hold all heads of q, then all heads of o, within sequences.
  problem.queryLength = 5;
  int64_t row = 2 * dim * problem.queryHeads;
  for (TensorView *view : {&tensors.q, &tensors.o}) {
    view->sizes[1] = 5;
    view->strides = {5 * row, row, dim, 1};
  }
  tensors.q.data = at(0x10000);
  tensors.o.data = at(0x10000 + 4 * row / 2);
  EXPECT_FALSE(mayOverlap(tensors.q, tensors.o));
  tensors.o.data = at(0x10000 + 4 * row / 2 - 4);
  EXPECT_TRUE(mayOverlap(tensors.q, tensors.o));
  tensors.o.data = at(0x10000 + 4 * row / 2 + 4); // Its last head runs into the next row's q.
  EXPECT_TRUE(mayOverlap(tensors.q, tensors.o));
}

TEST_F(TensorViewTest, NeverSaysDisjointOfWhatOverlaps) {
  // All pairs of small strided views, against the sets of their bytes.
  std::vector<TensorView> views;
  for (int64_t outer : {0, 2, 3, 4, 6, 8})
    for (int64_t inner : {0, 1, 2, 5})
      for (uintptr_t base : {0x1000, 0x1004, 0x1008, 0x1014})
        views.push_back({at(base), ElementType::F32, {3, 2, 1, 2}, {outer, inner, 0, 1}});
  auto touched = [](const TensorView &view) {
    std::vector<bool> bytes(256);
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 2; ++j)
        for (int64_t e = 0; e < 2; ++e)
          bytes[(reinterpret_cast<uintptr_t>(view.data) - 0x1000) / 4 + i * view.strides[0] + j * view.strides[1] + e] =
              true;
    return bytes;
  };
  int64_t disjoint = 0;
  for (const TensorView &a : views)
    for (const TensorView &b : views) {
      std::vector<bool> x = touched(a), y = touched(b);
      bool overlap = false;
      for (size_t i = 0; i < x.size(); ++i)
        overlap |= x[i] && y[i];
      if (!mayOverlap(a, b)) {
        EXPECT_FALSE(overlap);
        ++disjoint;
      }
    }
  EXPECT_GT(disjoint, 100);
}

/// Lengths, starts and a page table beside the tensors.
struct ServingTensorsTest : TensorViewTest {
  ServingTensorsTest() {
    problem.ragged = true;
    problem.pageSize = 8;
    tensors = denseTensors(problem);
    uintptr_t next = 0x10000;
    for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o})
      view->data = at(next += 0x10000);
    for (IndexView *view : {&tensors.lengths, &tensors.starts, &tensors.pageTable})
      view->data = static_cast<const int32_t *>(at(next += 0x10000));
  }
};

TEST_F(ServingTensorsTest, DenseTensorsPass) {
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda, at(0x200000), 4096), "");
  int64_t pages = (problem.context + 7) / 8;
  EXPECT_EQ(tensors.k.sizes, (std::array<int64_t, 4>{problem.batch * pages, 8, problem.kvHeads, problem.headDim}));
  EXPECT_EQ(tensors.pageTable.each, pages);
  EXPECT_EQ(tensors.lengths.spanBytes(), 4 * problem.batch);
}

TEST_F(ServingTensorsTest, LengthsAndStartsMayBeLeftOut) {
  tensors.lengths = tensors.starts = {};
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(), "");
  tensors.pageTable.data = nullptr;
  EXPECT_EQ(addresses(), "page_table.data: expected an address, got null");
}

TEST_F(ServingTensorsTest, WhatWouldBeIgnoredIsRefused) {
  problem.ragged = false;
  EXPECT_EQ(shapes(), "lengths: expected null for a problem that is not ragged, got an address");
  tensors.lengths.data = nullptr;
  EXPECT_EQ(shapes(), "starts: expected null for a problem that is not ragged, got an address");
  tensors.starts.data = nullptr;
  EXPECT_EQ(shapes(), "");
  problem.pageSize = 0;
  EXPECT_EQ(shapes(), "page_table: expected null for a problem that is not paged, got an address");
}

TEST_F(ServingTensorsTest, EachWrongShapeIsNamed) {
  tensors.lengths.sequences = 1;
  EXPECT_EQ(shapes(), "lengths.sequences: expected 2, got 1");
  tensors.lengths.sequences = 2;
  tensors.starts.stride = 2;
  EXPECT_EQ(shapes(), "starts.stride: expected 1, got 2");
  tensors.starts.stride = 1;
  tensors.starts.each = 2;
  EXPECT_EQ(shapes(), "starts.each: expected 1, got 2");
  tensors.starts.each = 1;
  tensors.pageTable.stride = -1;
  EXPECT_EQ(shapes(), "page_table.stride: expected >= 0, got -1");
  tensors.pageTable.stride = int64_t(1) << 62;
  EXPECT_EQ(shapes(), "page_table.stride: expected offsets below 2^59, got 4611686018427387904");
  tensors.pageTable.stride = 0; // The same pages for all.
  EXPECT_EQ(shapes(), "");
  --tensors.k.sizes[1];
  EXPECT_EQ(shapes(), "k.row: expected 8 rows in a page, got 7");
  ++tensors.k.sizes[1];
  tensors.k.sizes[0] = int64_t(1) << 31;
  EXPECT_EQ(shapes(), "k.batch: expected 0..2147483647 pages, got 2147483648");
}

TEST_F(ServingTensorsTest, ContextIsWhatThePageTableHolds) {
  auto context = [&] { return llvm::cantFail(problemOf(problem, tensors)).context; };
  EXPECT_EQ(context(), problem.context);
  tensors.pageTable.each = 2;
  EXPECT_EQ(context(), 16);
  tensors.pageTable.each = int64_t(1) << 58;
  EXPECT_EQ(context(), problem.context);
  tensors.k.sizes[0] = tensors.v.sizes[0] = 1; // Any number of pages.
  EXPECT_EQ(context(), problem.context);
  tensors.k.sizes[0] = tensors.v.sizes[0] = 0;
  EXPECT_EQ(context(), 0);
  EXPECT_EQ(addresses(), "");
}

TEST_F(ServingTensorsTest, IndexViewsAreAlignedAndApart) {
  for (auto [view, name] : {std::pair{&tensors.lengths, "lengths"}, {&tensors.starts, "starts"},
                            {&tensors.pageTable, "page_table"}}) {
    const int32_t *own = view->data;
    view->data = static_cast<const int32_t *>(at(0x900002));
    EXPECT_EQ(addresses(), std::string(name) + ".data: expected an address aligned to 4 bytes, got 0x900002");
    view->data = static_cast<const int32_t *>(tensors.o.data);
    EXPECT_EQ(addresses(), std::string("o: expected memory of its own, got an overlap with ") + name);
    view->data = static_cast<const int32_t *>(at(0x200000));
    EXPECT_EQ(addresses(TargetKind::Host, at(0x200000), 64),
              std::string("workspace: expected memory of its own, got an overlap with ") + name);
    view->data = static_cast<const int32_t *>(tensors.k.data); // Inputs may overlap.
    EXPECT_EQ(addresses(), "");
    view->data = own;
  }
  wantState();
  tensors.o.data = at(0xa0000);
  tensors.lengths.data = static_cast<const int32_t *>(tensors.lse.data);
  EXPECT_EQ(addresses(), "lse: expected memory of its own, got an overlap with lengths");
}

/// Sequences one behind the other.
struct PackedTensorsTest : TensorViewTest {
  PackedTensorsTest() {
    problem.packedQueries = problem.packedKeys = problem.ragged = true;
    tensors = denseTensors(problem);
    uintptr_t next = 0x10000;
    for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o})
      view->data = at(next += 0x10000);
    for (IndexView *view : {&tensors.cuSeqlensQ, &tensors.cuSeqlensK})
      view->data = static_cast<const int32_t *>(at(next += 0x10000));
  }
};

TEST_F(PackedTensorsTest, DenseTensorsPass) {
  EXPECT_EQ(shapes(), "");
  EXPECT_EQ(addresses(TargetKind::Cuda, at(0x200000), 4096), "");
  int64_t rows = problem.batch * problem.queryLength, keys = problem.batch * problem.context;
  EXPECT_EQ(tensors.o.sizes, (std::array<int64_t, 4>{1, rows, problem.queryHeads, problem.headDim}));
  EXPECT_EQ(tensors.v.sizes, (std::array<int64_t, 4>{1, keys, problem.kvHeads, problem.headDim}));
  EXPECT_EQ(tensors.cuSeqlensQ.spanBytes(), 4 * (problem.batch + 1));
}

TEST_F(PackedTensorsTest, TheCallIsWhatItsPlacesAndRowsAllow) {
  auto actual = [&] { return llvm::cantFail(problemOf(problem, tensors)); };
  auto resize = [&](int64_t rows, int64_t keys) {
    for (TensorView *view : {&tensors.q, &tensors.r, &tensors.o})
      view->sizes[1] = rows;
    for (TensorView *view : {&tensors.k, &tensors.v})
      view->sizes[1] = keys;
  };
  EXPECT_EQ(actual(), problem);
  resize(1, 2); // No sequence can have more.
  EXPECT_EQ(actual().queryLength, 1);
  EXPECT_EQ(actual().context, 2);
  EXPECT_EQ(actual().batch, problem.batch);
  resize(int64_t(1) << 20, int64_t(1) << 20); // More than full sequences have: nobody's.
  EXPECT_EQ(actual(), problem);
  resize(0, 0);
  EXPECT_EQ(actual().queryLength, 0);
  tensors.cuSeqlensQ.sequences = tensors.cuSeqlensK.sequences = 1;
  EXPECT_EQ(actual().batch, 0);
  EXPECT_EQ(addresses(), "");
}

TEST_F(PackedTensorsTest, EachWrongShapeIsNamed) {
  tensors.q.sizes[0] = 2;
  EXPECT_EQ(shapes(), "q.batch: expected 1, got 2");
  tensors.q.sizes[0] = 1;
  tensors.q.sizes[1] = int64_t(1) << 31;
  // Two heads of a group are rows of one tile.
  EXPECT_EQ(shapes(), "q.row: expected at most 1073739775, got 2147483648");
  tensors.q.sizes[1] = problem.batch * problem.queryLength;
  tensors.k.sizes[0] = 0;
  EXPECT_EQ(shapes(), "k.batch: expected 1, got 0");
  tensors.k.sizes[0] = 1;
  tensors.cuSeqlensQ.sequences = problem.batch + 2;
  EXPECT_EQ(shapes(), "cu_seqlens_q.sequences: expected 1..3, a number more than sequences, got 4");
  tensors.cuSeqlensQ.sequences = 0;
  EXPECT_EQ(shapes(), "cu_seqlens_q.sequences: expected 1..3, a number more than sequences, got 0");
  tensors.cuSeqlensQ.sequences = problem.batch; // A call of fewer sequences;
  EXPECT_EQ(shapes(), "cu_seqlens_k.sequences: expected 2, got 3");
  tensors.cuSeqlensK.sequences = problem.batch;
  EXPECT_EQ(shapes(), "");
  tensors.cuSeqlensK.stride = 3;
  EXPECT_EQ(shapes(), "cu_seqlens_k.stride: expected 1, got 3");
}

TEST_F(PackedTensorsTest, PlacesAreNeededAlignedAndApart) {
  for (auto [view, name] : {std::pair{&tensors.cuSeqlensQ, "cu_seqlens_q"}, {&tensors.cuSeqlensK, "cu_seqlens_k"}}) {
    const int32_t *own = view->data;
    view->data = nullptr;
    EXPECT_EQ(addresses(), std::string(name) + ".data: expected an address, got null");
    view->data = static_cast<const int32_t *>(at(0x900002));
    EXPECT_EQ(addresses(), std::string(name) + ".data: expected an address aligned to 4 bytes, got 0x900002");
    view->data = static_cast<const int32_t *>(tensors.o.data);
    EXPECT_EQ(addresses(), std::string("o: expected memory of its own, got an overlap with ") + name);
    view->data = own;
  }
  problem.packedKeys = false;
  tensors.k = tensors.v = denseTensors(problem).k;
  EXPECT_EQ(shapes(), "cu_seqlens_k: expected null for a problem that is not packed, got an address");
  tensors.cuSeqlensK = {};
  EXPECT_EQ(shapes(), "");
  problem.packedQueries = false;
  tensors.q = tensors.r = tensors.o = denseTensors(problem).q;
  EXPECT_EQ(shapes(), "cu_seqlens_q: expected null for a problem that is not packed, got an address");
}

TEST_F(PackedTensorsTest, OnlyKeysArePackedBesideQueriesOfABatch) {
  problem.packedQueries = false;
  TensorView queries = denseTensors(problem).q;
  for (TensorView *view : {&tensors.q, &tensors.r, &tensors.o}) {
    queries.data = view->data;
    *view = queries;
  }
  tensors.cuSeqlensQ = {};
  EXPECT_EQ(llvm::cantFail(problemOf(problem, tensors)), problem);
  EXPECT_EQ(addresses(), "");
  tensors.cuSeqlensK.sequences = problem.batch;
  EXPECT_EQ(shapes(), "cu_seqlens_k.sequences: expected 3, got 2");
}

TEST_F(TensorViewTest, Workspace) {
  EXPECT_EQ(addresses(TargetKind::Host, nullptr, 64), "workspace: expected 64 bytes, got null");
  EXPECT_NE(addresses(TargetKind::Host, at(0x100010), 64).find("aligned to 256"), std::string::npos);
  EXPECT_EQ(addresses(TargetKind::Host, tensors.k.data, 64),
            "workspace: expected memory of its own, got an overlap with k");
  EXPECT_EQ(addresses(TargetKind::Host, tensors.o.data, 64),
            "workspace: expected memory of its own, got an overlap with o");
  wantState();
  EXPECT_EQ(addresses(TargetKind::Host, tensors.tbar.data, 64),
            "workspace: expected memory of its own, got an overlap with tbar");
}

} // namespace
