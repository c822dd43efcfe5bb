//===- RunTest.cpp - what calls of the C API compute ----------------------===//

#include "AllocationCount.h"
#include "HostCall.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <tuple>

namespace {

constexpr double tolerance = 2e-6;

TEST(Run, ComputesTheFormula) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem);
  ASSERT_OK(plan.run(call.tensors));
  EXPECT_LE(call.error(), tolerance);
}

TEST(Run, HasEveryFieldOfTheProblem) {
  auto expectRight = [](const lla_problem &problem, const char *what) {
    SCOPED_TRACE(what);
    HostCall call(problem);
    HostPlan plan(problem);
    ASSERT_OK(plan.run(call.tensors));
    EXPECT_LE(call.error(), tolerance);
  };
  lla_problem problem = smallProblem();
  problem.layout = LLA_LAYOUT_BHSD;
  expectRight(problem, "bhsd");
  problem.mode = LLA_MODE_PREFILL;
  problem.query_length = 9;
  problem.causal = 1;
  expectRight(problem, "causal prefill, bhsd");
  problem.window = 5;
  expectRight(problem, "window");
  problem.probe = LLA_PROBE_NONE;
  expectRight(problem, "softmax");
  problem = smallProblem();
  problem.has_scale = 1;
  problem.scale = 0.7;
  expectRight(problem, "scale");
  problem.ragged = 1;
  expectRight(problem, "ragged");
  problem.page_size = 8;
  expectRight(problem, "ragged and paged");
  problem.ragged = 0;
  problem.layout = LLA_LAYOUT_BHSD;
  expectRight(problem, "paged, bhsd");
}

TEST(Run, APageNumberOutOfRangeMeansTheLastPage) {
  lla_problem problem = smallProblem();
  problem.page_size = 8;
  HostCall call(problem);
  HostPlan plan(problem);
  // The table names the pages backwards: the last one comes first.
  int32_t &last = call.pageTable.numbers()[0];
  const int32_t pages = last + 1;
  for (int32_t number : {pages, -1, pages + 1000, std::numeric_limits<int32_t>::max(),
                         std::numeric_limits<int32_t>::min()}) {
    last = number;
    ASSERT_OK(plan.run(call.tensors));
    last = pages - 1; // By which the formula finds it.
    EXPECT_LE(call.error(), tolerance) << number;
    std::fill_n(call.o.values(), call.o.memory.size() / sizeof(float), 0.0f);
  }
}

TEST(Run, FollowsStridesAndOffsets) {
  HostCall call(smallProblem());
  for (HostTensor *tensor : {&call.q, &call.k, &call.v, &call.r, &call.o})
    tensor->spread();
  HostPlan plan(call.problem);
  ASSERT_OK(plan.run(call.tensors));
  EXPECT_LE(call.error(), tolerance);
}

TEST(Run, TakesLessThanPlanned) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem);
  for (int64_t context : {1, 7, 0}) {
    for (HostTensor *tensor : {&call.q, &call.k, &call.v, &call.r, &call.o})
      tensor->shape[0] = 1;
    call.k.shape[1] = call.v.shape[1] = context;
    ASSERT_OK(plan.run(call.tensors));
    EXPECT_LE(call.error(), tolerance) << context; // Without a key: 0.
  }
}

TEST(Run, AnEmptyBatchNeedsNoMemory) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem);
  for (HostTensor *tensor : {&call.q, &call.k, &call.v, &call.r, &call.o}) {
    tensor->shape[0] = 0;
    tensor->view.data = nullptr;
  }
  EXPECT_OK(plan.run(call.tensors));
}

/// As a caller that knows nothing of the sizes makes them: the strides of row-major order, null or spelled out.
TEST(Run, ZeroQueryRowsAreLegal) {
  lla_problem problem = smallProblem();
  problem.mode = LLA_MODE_PREFILL;
  problem.query_length = 4;
  problem.state = 1;
  for (int32_t layout : {LLA_LAYOUT_BSHD, LLA_LAYOUT_BHSD}) {
    problem.layout = layout;
    int row = layout == LLA_LAYOUT_BSHD ? 1 : 2;
    HostCall call(problem);
    HostPlan plan(problem);
    for (HostTensor *tensor : {&call.q, &call.r, &call.o, &call.vbar, &call.lse, &call.tbar})
      tensor->shape[row] = 0;
    EXPECT_OK(plan.run(call.tensors));
    for (HostTensor *tensor : {&call.q, &call.r, &call.o, &call.vbar})
      tensor->giveStrides({0, 0, 0, 1});
    for (HostTensor *tensor : {&call.lse, &call.tbar})
      tensor->giveStrides({0, 0, 0});
    EXPECT_OK(plan.run(call.tensors));
  }
}

TEST(Run, GivesTheState) {
  lla_problem problem = smallProblem();
  problem.state = 1;
  HostCall call(problem);
  HostPlan plan(problem);
  ASSERT_OK(plan.run(call.tensors));
  EXPECT_LE(call.error(), tolerance);
  // lse of the first row, by its definition.
  double sum = 0;
  for (int64_t j = 0; j < problem.context; ++j) {
    double s = 0;
    for (int64_t d = 0; d < problem.head_dim; ++d)
      s += call.q.values()[d] * call.k.values()[j * problem.kv_heads * problem.head_dim + d] / 4;
    sum += std::exp(s);
  }
  EXPECT_NEAR(call.lse.values()[0], std::log(sum), 1e-5);
}

/// Each sequence of a packed call against a call of its own, whose formula is known.
void expectPackedIsApart(const lla_problem &problem, const std::vector<int32_t> &rows,
                         const std::vector<int32_t> &keys) {
  HostCall packed(problem);
  HostPlan plan(problem);
  int64_t batch = static_cast<int64_t>(rows.size());
  packed.cuSeqlensQ.shape[0] = packed.cuSeqlensK.shape[0] = batch + 1; // Fewer than planned.
  for (int64_t i = 0; i < batch; ++i) {
    packed.cuSeqlensQ.numbers()[i + 1] = packed.cuSeqlensQ.numbers()[i] + rows[i];
    packed.cuSeqlensK.numbers()[i + 1] = packed.cuSeqlensK.numbers()[i] + keys[i];
  }
  ASSERT_OK(plan.run(packed.tensors));
  int64_t queryFloats = problem.query_heads * problem.head_dim, keyFloats = problem.kv_heads * problem.head_dim;
  for (int64_t i = 0; i < batch; ++i) {
    SCOPED_TRACE(i);
    if (rows[i] == 0)
      continue;
    lla_problem one = problem;
    one.packed_queries = one.packed_keys = one.ragged = 0;
    one.batch = 1;
    one.query_length = rows[i];
    one.context = std::max(keys[i], 1);
    HostCall apart(one);
    auto copy = [](HostTensor &to, HostTensor &from, int64_t first, int64_t count, int64_t floats) {
      std::copy_n(from.values() + first * floats, count * floats, to.values());
    };
    for (auto [to, from] : {std::pair{&apart.q, &packed.q}, {&apart.r, &packed.r}, {&apart.o, &packed.o}})
      copy(*to, *from, packed.cuSeqlensQ.numbers()[i], rows[i], queryFloats);
    for (auto [to, from] : {std::pair{&apart.k, &packed.k}, {&apart.v, &packed.v}})
      copy(*to, *from, packed.cuSeqlensK.numbers()[i], keys[i], keyFloats);
    apart.k.shape[1] = apart.v.shape[1] = keys[i];
    EXPECT_LE(apart.error(), tolerance);
  }
}

TEST(Run, PackedSequencesAreThoseApart) {
  lla_problem problem = smallProblem();
  problem.mode = LLA_MODE_PREFILL;
  problem.batch = 5;
  problem.query_length = 12;
  problem.packed_queries = problem.packed_keys = 1;
  expectPackedIsApart(problem, {3, 12, 0, 5}, {7, 40, 9, 0});
  problem.causal = 1;
  expectPackedIsApart(problem, {3, 12, 0, 5}, {7, 40, 9, 6});
  problem.window = 4;
  expectPackedIsApart(problem, {1, 2, 12}, {1, 2, 40});
}

/// What an e4m3 byte stands for.
float valueOfByte(unsigned char byte) {
  int exponent = byte >> 3 & 15, mantissa = byte & 7;
  float magnitude = exponent ? std::ldexp(8.0f + mantissa, exponent - 10) : std::ldexp(float(mantissa), -9);
  return byte & 0x80 ? -magnitude : magnitude;
}

TEST(Run, KeysOfBytesTimesTheirScalesAreThoseOfHalves) {
  constexpr lla_data_type half = {LLA_TYPE_FLOAT, 16, 1}, byte = {LLA_TYPE_FLOAT8_E4M3FN, 8, 1};
  lla_problem ofHalves = smallProblem(), ofBytes;
  ofHalves.dtype = LLA_FP16;
  ofHalves.output_dtype = LLA_FP32;
  ofBytes = ofHalves;
  ofBytes.kv_dtype = LLA_FP8_E4M3;
  const int64_t heads = ofBytes.kv_heads, dim = ofBytes.head_dim;
  std::vector<int64_t> rows = {ofBytes.batch, 1, ofBytes.query_heads, dim},
                       keys = {ofBytes.batch, ofBytes.context, heads, dim};
  HostTensor q(rows, half), r(rows, half), k(keys, byte), v(keys, byte), wideK(keys, half), wideV(keys, half);
  HostTensor expected(rows), actual(rows), kScales({heads}), vScales({1});
  unsigned seed = 9;
  auto next = [&] { return (seed = seed * 1664525u + 1013904223u) >> 16; };
  for (HostTensor *tensor : {&q, &r})
    for (size_t i = 0; i < tensor->memory.size() / 2; ++i)
      reinterpret_cast<_Float16 *>(tensor->memory.data())[i] = _Float16(static_cast<int>(next() % 33) - 16) / 16;
  for (int64_t head = 0; head < heads; ++head)
    kScales.values()[head] = head ? -0.5f : 0.25f;
  vScales.values()[0] = 2;
  for (auto [narrow, wide, scales] : {std::tuple(&k, &wideK, &kScales), {&v, &wideV, &vScales}})
    for (size_t i = 0; i < narrow->memory.size(); ++i) {
      unsigned char bits = static_cast<unsigned char>((next() % 0x48) | (next() % 2 ? 0x80 : 0));
      int64_t head = scales->shape[0] > 1 ? static_cast<int64_t>(i) / dim % heads : 0;
      narrow->memory[i] = static_cast<char>(bits);
      reinterpret_cast<_Float16 *>(wide->memory.data())[i] = _Float16(valueOfByte(bits) * scales->values()[head]);
    }
  auto run = [&](const lla_problem &problem, lla_tensors tensors) {
    HostPlan plan(problem);
    EXPECT_OK(plan.run(tensors));
  };
  lla_tensors tensors = LLA_TENSORS_INIT;
  tensors.q = &q.view, tensors.r = &r.view, tensors.k = &wideK.view, tensors.v = &wideV.view;
  tensors.o = &expected.view;
  run(ofHalves, tensors);
  tensors.k = &k.view, tensors.v = &v.view, tensors.o = &actual.view;
  tensors.k_scales = &kScales.view, tensors.v_scales = &vScales.view;
  run(ofBytes, tensors);
  double largest = 0, difference = 0;
  for (size_t i = 0; i < actual.memory.size() / sizeof(float); ++i) {
    largest = std::max<double>(largest, std::abs(expected.values()[i]));
    difference = std::max<double>(difference, std::abs(actual.values()[i] - expected.values()[i]));
  }
  EXPECT_LE(difference, 1e-5 * largest);
  tensors.k_scales = nullptr; // 1.
  run(ofBytes, tensors);
  EXPECT_GT(std::abs(actual.values()[0] - expected.values()[0]), 1e-5 * largest);
}

TEST(Run, AClearedWorkspaceMayHaveHeldAnything) {
  lla_problem problem = splitProblem();
  HostCall call(problem);
  HostPlan plan(problem, /*prepare=*/false);
  Workspace &workspace = *plan.workspace;
  ASSERT_GT(workspace.bytes, 0u);
  std::fill(workspace.memory.begin(), workspace.memory.end(), '\xff'); // Counters of -1, states of NaN.
  char *begin = static_cast<char *>(workspace.data()), *end = begin + workspace.bytes;
  ASSERT_OK(lla_plan_clear_workspace(plan.plan, begin, workspace.bytes, nullptr));
  EXPECT_EQ(*begin, 0);
  EXPECT_EQ(end[-1], '\xff'); // States are left: they are what is large.
  EXPECT_EQ(begin[-1], '\xff');
  ASSERT_OK(lla_plan_prepare(plan.plan));
  for (int i = 0; i < 3; ++i) { // Runs leave it as they need it.
    std::fill_n(call.o.values(), problem.head_dim, 0.0f);
    ASSERT_OK(plan.run(call.tensors));
    EXPECT_LE(call.error(), tolerance);
  }
  // A plan without a workspace has nothing to clear.
  HostPlan small(smallProblem());
  ASSERT_EQ(small.workspace->bytes, 0u);
  EXPECT_OK(lla_plan_clear_workspace(small.plan, nullptr, 0, nullptr));
  *begin = 1;
  EXPECT_OK(lla_plan_clear_workspace(small.plan, begin, workspace.bytes, nullptr));
  EXPECT_EQ(*begin, 1);
}

TEST(Run, ThreadsShareAPlan) {
  lla_problem problem = smallProblem();
  HostPlan plan(problem);
  std::atomic<int> failures = 0;
  std::vector<std::thread> team;
  for (unsigned seed = 1; seed <= 8; ++seed)
    team.emplace_back([&, seed] {
      HostCall call(problem, seed);
      Workspace own(plan.workspace->bytes);
      for (int i = 0; i < 20; ++i)
        failures += lla_plan_run(plan.plan, &call.tensors, own.data(), own.bytes, nullptr) != LLA_OK ||
                    !(call.error() <= tolerance);
    });
  for (std::thread &thread : team)
    thread.join();
  EXPECT_EQ(failures, 0);
}

TEST(Run, ThreadsMayPrepareAtOnce) {
  lla_problem problem = smallProblem();
  problem.context = 41;
  HostCall call(problem);
  HostPlan plan(problem, /*prepare=*/false);
  std::atomic<int> failures = 0;
  std::vector<std::thread> team;
  for (int i = 0; i < 4; ++i)
    team.emplace_back([&] { failures += lla_plan_prepare(plan.plan) != LLA_OK; });
  for (std::thread &thread : team)
    thread.join();
  EXPECT_EQ(failures, 0);
  ASSERT_OK(plan.run(call.tensors));
  EXPECT_LE(call.error(), tolerance);
}

#ifndef LLA_SANITIZED
TEST(Run, AllocatesNothing) {
  for (bool isPaged : {false, true}) {
    lla_problem problem = smallProblem();
    problem.ragged = isPaged;
    problem.page_size = isPaged ? 8 : 0;
    HostCall call(problem);
    HostPlan plan(problem);
    ASSERT_OK(plan.run(call.tensors));
    int64_t before = allocationsSoFar();
    for (int i = 0; i < 10; ++i)
      plan.run(call.tensors);
    EXPECT_EQ(allocationsSoFar() - before, 0);
    lla_plan_run(nullptr, nullptr, nullptr, 0, nullptr); // Has to write its message.
    EXPECT_GT(allocationsSoFar(), before);               // The counter counts the library's too.
  }
}
#endif

TEST(Plan, OutlivesItsContext) {
  lla_context *context = nullptr;
  lla_plan *plan = nullptr;
  lla_problem problem = smallProblem();
  HostCall call(problem);
  ASSERT_OK(lla_context_create("host", &context));
  ASSERT_OK(lla_plan_create(context, &problem, &plan));
  ASSERT_OK(lla_context_destroy(context));
  ASSERT_OK(lla_plan_prepare(plan));
  size_t bytes = 0;
  ASSERT_OK(lla_plan_workspace_size(plan, &bytes));
  Workspace workspace(bytes);
  ASSERT_OK(lla_plan_run(plan, &call.tensors, workspace.data(), bytes, nullptr));
  EXPECT_LE(call.error(), tolerance);
  EXPECT_OK(lla_plan_destroy(plan));
}

TEST(Plan, DescribesItself) {
  lla_problem problem = smallProblem();
  HostPlan plan(problem, /*prepare=*/false);
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  ASSERT_OK(lla_plan_describe(plan.plan, &info));
  EXPECT_EQ(info.is_prepared, 0);
  EXPECT_STREQ(info.code_source, "");
  EXPECT_STREQ(info.schedule_source, "default");
  EXPECT_NE(std::string(info.schedule_reason), "");
  EXPECT_EQ(info.workspace_bytes, plan.workspace->bytes);
  ASSERT_OK(lla_plan_prepare(plan.plan));
  ASSERT_OK(lla_plan_describe(plan.plan, &info));
  EXPECT_EQ(info.is_prepared, 1);
  EXPECT_NE(std::string(info.code_source), "");
  // The problem can be read back, and is the same.
  lla_problem back = LLA_PROBLEM_INIT;
  ASSERT_OK(lla_problem_parse(info.problem, &back));
  HostPlan again(back);
  lla_plan_info other = LLA_PLAN_INFO_INIT;
  ASSERT_OK(lla_plan_describe(again.plan, &other));
  EXPECT_STREQ(other.problem, info.problem);
  EXPECT_STREQ(other.schedule, info.schedule);
  EXPECT_STREQ(other.code_source, "memory");
}

TEST(Merge, JoinsShards) {
  lla_problem problem = smallProblem();
  problem.state = 1;
  HostCall whole(problem), part(problem);
  HostPlan plan(problem);
  const int64_t rows = problem.batch * problem.query_heads, elements = rows * problem.head_dim;
  std::vector<int64_t> wide = {2, problem.batch, 1, problem.query_heads, problem.head_dim};
  std::vector<int64_t> narrow = {2, problem.batch, 1, problem.query_heads};
  HostTensor partO(wide), partVbar(wide), partLse(narrow), partTbar(narrow);
  // Keys [0, 13) and [13, 40): views of the same k and v.
  for (int shard : {0, 1}) {
    int64_t first = shard ? 13 : 0, count = shard ? 27 : 13, key = problem.kv_heads * problem.head_dim;
    for (HostTensor *tensor : {&part.k, &part.v}) {
      tensor->shape[1] = count;
      tensor->giveStrides({problem.context * key, key, problem.head_dim, 1});
      tensor->view.byte_offset = first * key * sizeof(float);
    }
    ASSERT_OK(plan.run(part.tensors));
    std::copy_n(part.o.values(), elements, partO.values() + shard * elements);
    std::copy_n(part.vbar.values(), elements, partVbar.values() + shard * elements);
    std::copy_n(part.lse.values(), rows, partLse.values() + shard * rows);
    std::copy_n(part.tbar.values(), rows, partTbar.values() + shard * rows);
  }
  lla_problem merge = LLA_PROBLEM_INIT;
  merge.mode = LLA_MODE_MERGE;
  merge.batch = problem.batch;
  merge.query_heads = merge.kv_heads = problem.query_heads;
  merge.head_dim = problem.head_dim;
  merge.shards = 4; // At most.
  HostPlan merging(merge);
  lla_tensors tensors = LLA_TENSORS_INIT;
  tensors.part_o = &partO.view;
  tensors.part_lse = &partLse.view;
  tensors.part_tbar = &partTbar.view;
  tensors.part_vbar = &partVbar.view;
  tensors.o = &whole.o.view;
  tensors.lse = &whole.lse.view;
  tensors.tbar = &whole.tbar.view;
  tensors.vbar = &whole.vbar.view;
  ASSERT_OK(merging.run(tensors));
  EXPECT_LE(whole.error(), 4 * tolerance);
  expectFailure(merging.run(whole.tensors), LLA_ERROR_USAGE, "q: expected null");
}

} // namespace
