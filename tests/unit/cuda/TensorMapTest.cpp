//===- TensorMapTest.cpp - geometry of tensor maps ------------------------===//

#include "runtime/cuda/TensorMap.h"
#include "runtime/Executor.h"
#include "runtime/RuntimeError.h"
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::cuda;

// Generated kernels read the record at these offsets.
static_assert(offsetof(KernelArguments, q) == 0 && offsetof(KernelArguments, page_table) == 120);
static_assert(offsetof(KernelArguments, q_batch_stride) == 160 && offsetof(KernelArguments, page_table_stride) == 488);
static_assert(offsetof(KernelArguments, batch) == 512 && offsetof(KernelArguments, scale_log2) == 576);
static_assert(sizeof(KernelArguments) == 584 && alignof(KernelArguments) == 8);

namespace {

Problem prefill(Layout layout) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.batch = 2;
  problem.queryHeads = 8;
  problem.kvHeads = 2;
  problem.queryLength = problem.context = 512;
  problem.headDim = 128;
  problem.layout = layout;
  return problem;
}

/// The launch record of dense tensors at made-up addresses.
KernelArguments argumentsOf(const Problem &problem) {
  AttentionTensors tensors = denseTensors(problem);
  KernelArguments arguments;
  uintptr_t address = 0x10000;
#define SET(tensor)                                                                                                    \
  arguments.tensor = reinterpret_cast<void *>(address);                                                                \
  address += 0x1000000;                                                                                                \
  arguments.tensor##_batch_stride = tensors.tensor.strides[0];                                                         \
  arguments.tensor##_row_stride = tensors.tensor.strides[1];                                                           \
  arguments.tensor##_head_stride = tensors.tensor.strides[2];
  SET(q)
  SET(r)
  SET(k) SET(v) SET(o)
#undef SET
      arguments.batch = problem.batch;
  arguments.query_length = problem.queryLength;
  arguments.context = problem.context;
  arguments.kv_heads = problem.kvHeads;
  arguments.pages = problem.pageSize ? tensors.k.sizes[0] : 0;
  arguments.query_rows = problem.packedQueries ? tensors.q.sizes[1] : 0;
  arguments.key_rows = problem.packedKeys ? tensors.k.sizes[1] : 0;
  return arguments;
}

Schedule ring() {
  Schedule schedule;
  schedule.load = LoadPath::Ring;
  schedule.rows = 128;
  schedule.keys = 80;
  return schedule;
}

std::string errorOf(const Problem &problem, const KernelArguments &arguments, const Schedule &schedule = ring()) {
  auto maps = tensorMapGeometry(problem, schedule, arguments);
  if (maps)
    return "";
  auto [kind, text] = describe(maps.takeError());
  EXPECT_EQ(kind, FailureKind::Usage);
  return text;
}

TEST(TensorMap, InterleavedHeads) {
  Problem problem = prefill(Layout::BSHD);
  problem.queryHeads = 6; // Groups of three: no part of 64 rows.
  auto maps = tensorMapGeometry(problem, ring(), argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  ASSERT_EQ(maps->size(), 4u);
  const TensorMapGeometry &q = (*maps)[0], &k = (*maps)[2];
  EXPECT_EQ(q.rank, 4u);
  const cuuint64_t sizes[] = {128, 512, 6, 2}, strides[] = {6 * 256, 256, 512 * 6 * 256};
  EXPECT_TRUE(std::equal(sizes, sizes + 4, q.sizes));
  EXPECT_TRUE(std::equal(strides, strides + 3, q.strideBytes));
  const cuuint32_t box[] = {64, 128, 1, 1};
  EXPECT_TRUE(std::equal(box, box + 4, q.box));
  EXPECT_EQ(k.sizes[2], 2u);
  EXPECT_EQ(k.strideBytes[0], 2u * 256);
  EXPECT_EQ(k.box[1], 80u);
}

TEST(TensorMap, NarrowPanelsOfValues) {
  Problem problem = prefill(Layout::BSHD);
  problem.headDim = 192;
  Schedule schedule = ring();
  schedule.rows = 64;
  schedule.valueParts = 2;
  auto maps = tensorMapGeometry(problem, schedule, argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  EXPECT_EQ((*maps)[2].box[0], 64u);
  EXPECT_EQ((*maps)[3].box[0], 32u);
}

TEST(TensorMap, SeparateHeads) {
  Problem problem = prefill(Layout::BHSD);
  problem.kvHeads = 8;
  auto maps = tensorMapGeometry(problem, ring(), argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  const cuuint64_t strides[] = {256, 512 * 256, 8 * 512 * 256};
  EXPECT_TRUE(std::equal(strides, strides + 3, (*maps)[0].strideBytes));
}

TEST(TensorMap, RowsOfAGroupInterleave) {
  Problem problem = prefill(Layout::BSHD);
  auto maps = tensorMapGeometry(problem, ring(), argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  const TensorMapGeometry &q = (*maps)[0];
  EXPECT_EQ(q.rank, 5u); // A head of the group, then its row, then the group.
  const cuuint64_t sizes[] = {128, 4, 512, 2, 2}, strides[] = {256, 8 * 256, 4 * 256, 512 * 8 * 256};
  EXPECT_TRUE(std::equal(sizes, sizes + 5, q.sizes));
  EXPECT_TRUE(std::equal(strides, strides + 4, q.strideBytes));
  const cuuint32_t box[] = {64, 4, 32, 1, 1};
  EXPECT_TRUE(std::equal(box, box + 5, q.box));
  EXPECT_EQ((*maps)[2].rank, 4u);
}

TEST(TensorMap, RowsBehindAGroupAreZeros) {
  Problem problem = prefill(Layout::BSHD);
  problem.mode = Mode::Decode;
  problem.queryHeads = 6;
  auto maps = tensorMapGeometry(problem, ring(), argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  const TensorMapGeometry &q = (*maps)[0];
  EXPECT_EQ(q.rank, 5u); // Three heads, in boxes of four.
  const cuuint64_t sizes[] = {128, 3, 512, 2, 2}, strides[] = {256, 6 * 256, 3 * 256, 512 * 6 * 256};
  EXPECT_TRUE(std::equal(sizes, sizes + 5, q.sizes));
  EXPECT_TRUE(std::equal(strides, strides + 4, q.strideBytes));
  const cuuint32_t box[] = {64, 4, 32, 1, 1};
  EXPECT_TRUE(std::equal(box, box + 5, q.box));
}

TEST(TensorMap, WhatIsNeverSteppedOverMayHaveAnyStride) {
  Problem problem = prefill(Layout::BSHD);
  problem.queryLength = problem.batch = 1;
  KernelArguments arguments = argumentsOf(problem);
  arguments.q_row_stride = arguments.q_batch_stride = 3;
  EXPECT_EQ(errorOf(problem, arguments), "");
  arguments.q_head_stride = 3;
  EXPECT_EQ(errorOf(problem, arguments), "q: head stride in bytes: expected a multiple of 16 below 2^40, got 6");
}

TEST(TensorMap, NoProbeNoMap) {
  Problem problem = prefill(Layout::BSHD);
  problem.probe = Probe::None;
  KernelArguments arguments = argumentsOf(problem);
  auto maps = tensorMapGeometry(problem, ring(), arguments);
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  ASSERT_EQ(maps->size(), 3u);
  EXPECT_EQ((*maps)[1].base, arguments.k);
}

TEST(TensorMap, RaggedKeysAreAlsoSeenRowByRow) {
  Problem problem = prefill(Layout::BSHD);
  problem.ragged = true;
  KernelArguments arguments = argumentsOf(problem);
  auto maps = tensorMapGeometry(problem, ring(), arguments);
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  ASSERT_EQ(maps->size(), 6u);
  EXPECT_EQ((*maps)[2].box[1], 80u);
  for (auto [index, base] : {std::pair(4, arguments.k), {5, arguments.v}}) {
    EXPECT_EQ((*maps)[index].base, base);
    EXPECT_EQ((*maps)[index].box[1], 1u);
    EXPECT_EQ((*maps)[index].sizes[1], 512u);
    EXPECT_EQ((*maps)[index].sizes[3], 2u);
  }
}

TEST(TensorMap, PagesAreTheOutermostDimension) {
  Problem problem = prefill(Layout::BHSD);
  problem.pageSize = 48;
  auto maps = tensorMapGeometry(problem, ring(), argumentsOf(problem));
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  ASSERT_EQ(maps->size(), 6u);
  const TensorMapGeometry &q = (*maps)[0], &v = (*maps)[3], &vRows = (*maps)[5];
  EXPECT_EQ(q.sizes[4], 2u);
  const cuuint64_t sizes[] = {128, 48, 2, 2 * 11}, strides[] = {256, 48 * 256, 2 * 48 * 256};
  EXPECT_TRUE(std::equal(sizes, sizes + 4, v.sizes));
  EXPECT_TRUE(std::equal(strides, strides + 3, v.strideBytes));
  EXPECT_EQ(v.box[1], 16u); // Of 80 keys and 48 in a page.
  EXPECT_EQ(vRows.box[1], 1u);
}

TEST(TensorMap, PackedSequencesAreOneOfAllRows) {
  Problem problem = prefill(Layout::BSHD);
  problem.ragged = problem.packedQueries = problem.packedKeys = true;
  KernelArguments arguments = argumentsOf(problem);
  arguments.query_rows = 700;
  arguments.key_rows = 900;
  auto maps = tensorMapGeometry(problem, ring(), arguments);
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  ASSERT_EQ(maps->size(), 6u);
  const TensorMapGeometry &q = (*maps)[0], &k = (*maps)[2], &kRows = (*maps)[4];
  // (dim, head of the group, row, group, sequence); (dim, row, head, sequence)
  EXPECT_EQ(q.sizes[2], 700u);
  EXPECT_EQ(q.sizes[4], 1u);
  for (const TensorMapGeometry *map : {&k, &kRows}) {
    EXPECT_EQ(map->sizes[1], 900u);
    EXPECT_EQ(map->sizes[3], 1u);
    EXPECT_EQ(map->strideBytes[0], static_cast<cuuint64_t>(2 * arguments.k_row_stride));
  }
  EXPECT_EQ(k.box[1], 80u);
  EXPECT_EQ(kRows.box[1], 1u);
}

TEST(TensorMap, MisplacedAddressNamesTheTensor) {
  Problem problem = prefill(Layout::BSHD);
  KernelArguments arguments = argumentsOf(problem);
  arguments.k = static_cast<char *>(arguments.k) + 2;
  EXPECT_EQ(errorOf(problem, arguments), "k: address: expected a multiple of 16, got 2");
}

TEST(TensorMap, OddStrideNamesTheTensor) {
  Problem problem = prefill(Layout::BSHD);
  KernelArguments arguments = argumentsOf(problem);
  arguments.v_row_stride = 257;
  EXPECT_EQ(errorOf(problem, arguments), "v: row stride in bytes: expected a multiple of 16 below 2^40, got 514");
}

TEST(TensorMap, HugeStrideIsRefused) {
  Problem problem = prefill(Layout::BSHD);
  KernelArguments arguments = argumentsOf(problem);
  arguments.q_batch_stride = int64_t(1) << 39;
  EXPECT_NE(errorOf(problem, arguments).find("q: batch stride in bytes"), std::string::npos);
}

TEST(TensorMap, StrideOfASingleElementDoesNotMatter) {
  Problem problem = prefill(Layout::BSHD);
  KernelArguments arguments = argumentsOf(problem);
  arguments.batch = 1;
  arguments.q_batch_stride = 3;
  EXPECT_EQ(errorOf(problem, arguments), "");
}

TEST(TensorMap, EmptyContextStillEncodes) {
  Problem problem = prefill(Layout::BSHD);
  KernelArguments arguments = argumentsOf(problem);
  arguments.context = 0;
  auto maps = tensorMapGeometry(problem, ring(), arguments);
  ASSERT_TRUE(bool(maps)) << llvm::toString(maps.takeError());
  EXPECT_EQ((*maps)[2].sizes[1], 1u);
}

TEST(TensorMap, TooTallABoxIsRefused) {
  Problem problem = prefill(Layout::BSHD);
  Schedule schedule = ring();
  schedule.keys = 512;
  EXPECT_NE(errorOf(problem, argumentsOf(problem), schedule).find("k: rows of a tile"), std::string::npos);
}

} // namespace
