//===- MisuseTest.cpp - every wrong call is a status and a message --------===//
//
// One group per function. Each wrong thing is the only one of its call, and the
// same call without it succeeds: that is what shows that it was the reason.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Structs.h"
#include "HostCall.h"
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <thread>

namespace {

constexpr int64_t huge = std::numeric_limits<int64_t>::max();

//===--- handles ------------------------------------------------------------===//

/// Calls of all functions that take a context, with this one.
void expectBadContext(lla_context *context, const std::string &text) {
  lla_problem problem = smallProblem();
  lla_plan *plan = nullptr;
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  lla_statistics statistics = LLA_STATISTICS_INIT;
  expectFailure(lla_context_describe(context, &info), LLA_ERROR_HANDLE, text);
  expectFailure(lla_context_statistics(context, &statistics), LLA_ERROR_HANDLE, text);
  expectFailure(lla_plan_create(context, &problem, &plan), LLA_ERROR_HANDLE, text);
  expectFailure(lla_warmup(context, &problem, 1, nullptr), LLA_ERROR_HANDLE, text);
  if (context)
    expectFailure(lla_context_destroy(context), LLA_ERROR_HANDLE, text);
  EXPECT_EQ(plan, nullptr);
}

void expectBadPlan(lla_plan *plan, const std::string &text) {
  HostCall call(smallProblem());
  size_t bytes = 77;
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  expectFailure(lla_plan_workspace_size(plan, &bytes), LLA_ERROR_HANDLE, text);
  expectFailure(lla_plan_prepare(plan), LLA_ERROR_HANDLE, text);
  expectFailure(lla_plan_run(plan, &call.tensors, nullptr, 0, nullptr), LLA_ERROR_HANDLE, text);
  expectFailure(lla_plan_clear_workspace(plan, nullptr, 0, nullptr), LLA_ERROR_HANDLE, text);
  expectFailure(lla_plan_describe(plan, &info), LLA_ERROR_HANDLE, text);
  if (plan)
    expectFailure(lla_plan_destroy(plan), LLA_ERROR_HANDLE, text);
  EXPECT_EQ(bytes, 77u);
}

TEST(Handles, NullIsNone) {
  expectBadContext(nullptr, "context: expected a context, got null");
  expectBadPlan(nullptr, "plan: expected a plan, got null");
  EXPECT_OK(lla_context_destroy(nullptr));
  EXPECT_OK(lla_plan_destroy(nullptr));
}

TEST(Handles, DestroyedOnesAreKnown) {
  lla_context *context = nullptr;
  lla_plan *plan = nullptr;
  lla_problem problem = smallProblem();
  ASSERT_OK(lla_context_create("host:1", &context));
  ASSERT_OK(lla_plan_create(context, &problem, &plan));
  ASSERT_OK(lla_plan_destroy(plan));
  ASSERT_OK(lla_context_destroy(context));
  expectBadContext(context, "destroyed");
  expectBadPlan(plan, "destroyed");
  // Also when others have taken their places.
  lla_context *nextContext = nullptr;
  lla_plan *nextPlan = nullptr;
  ASSERT_OK(lla_context_create("host:1", &nextContext));
  ASSERT_OK(lla_plan_create(nextContext, &problem, &nextPlan));
  expectBadContext(context, "destroyed");
  expectBadPlan(plan, "destroyed");
  EXPECT_OK(lla_plan_prepare(nextPlan));
  EXPECT_OK(lla_plan_destroy(nextPlan));
  EXPECT_OK(lla_context_destroy(nextContext));
}

TEST(Handles, OneOfAnotherKindIsNone) {
  HostPlan plan(smallProblem(), /*prepare=*/false);
  expectBadContext(reinterpret_cast<lla_context *>(plan.plan), "is no context");
  expectBadPlan(reinterpret_cast<lla_plan *>(hostContext()), "is no plan");
}

TEST(Handles, NoNumberIsOneByChance) {
  lla_problem problem = smallProblem();
  for (uintptr_t number : {uintptr_t(1), reinterpret_cast<uintptr_t>(&problem), ~uintptr_t(0), uintptr_t(1) << 63,
                           uintptr_t(0x1fffffff), uintptr_t(0x2fffffff), uintptr_t(1) << 32}) {
    expectBadContext(reinterpret_cast<lla_context *>(number), "is no context");
    expectBadPlan(reinterpret_cast<lla_plan *>(number), "is no plan");
  }
}

TEST(Handles, ManyLiveAtOnce) {
  std::vector<lla_plan *> plans(3000);
  lla_problem problem = smallProblem();
  for (lla_plan *&plan : plans)
    ASSERT_OK(lla_plan_create(hostContext(), &problem, &plan));
  for (lla_plan *plan : plans)
    ASSERT_OK(lla_plan_destroy(plan));
  expectBadPlan(plans.front(), "destroyed");
  expectBadPlan(plans.back(), "destroyed");
}

//===--- structs ------------------------------------------------------------===//

/// `call` is given a struct that it takes, and then ones with wrong sizes.
template <class Struct>
void expectChecksSize(const char *name, const Struct &good, const std::function<lla_status(Struct *)> &call) {
  SCOPED_TRACE(name);
  std::string prefix = std::string(name) + ".struct_size: expected";
  struct Longer {
    Struct known;
    char unknown[16];
  } longer;
  std::memset(static_cast<void *>(&longer), 0, sizeof(longer));
  longer.known = good;
  EXPECT_OK(call(&longer.known));
  longer.known.struct_size = sizeof(Longer);
  EXPECT_OK(call(&longer.known)); // A newer caller that uses nothing new.
  longer.unknown[15] = 1;
  expectFailure(call(&longer.known), LLA_ERROR_USAGE, prefix + " at most");
  for (size_t size : {size_t(0), size_t(8), lla::capi::firstSize<Struct> - 1, size_t(5000), ~size_t(0)}) {
    longer.known = good;
    longer.known.struct_size = size;
    expectFailure(call(&longer.known), LLA_ERROR_USAGE, prefix);
  }
  expectFailure(call(nullptr), LLA_ERROR_USAGE, std::string(name) + ": expected a struct, got null");
}

TEST(Structs, SizesAreChecked) {
  lla_problem problem = smallProblem();
  HostCall call(problem);
  HostPlan plan(problem);
  expectChecksSize<lla_problem>("problem", problem, [](lla_problem *given) {
    lla_plan *plan = nullptr;
    lla_status status = lla_plan_create(hostContext(), given, &plan);
    lla_plan_destroy(plan);
    return status;
  });
  expectChecksSize<lla_problem>("problem", problem, [](lla_problem *given) {
    return lla_problem_parse("{\"context\":8,\"head_dim\":16}", given);
  });
  expectChecksSize<lla_tensors>("tensors", call.tensors, [&](lla_tensors *given) {
    return lla_plan_run(plan.plan, given, plan.workspace->data(), plan.workspace->bytes, nullptr);
  });
  expectChecksSize<lla_context_info>("info", LLA_CONTEXT_INFO_INIT, [](lla_context_info *given) {
    return lla_context_describe(hostContext(), given);
  });
  expectChecksSize<lla_statistics>("statistics", LLA_STATISTICS_INIT,
                                   [](lla_statistics *given) { return lla_context_statistics(hostContext(), given); });
  expectChecksSize<lla_plan_info>("info", LLA_PLAN_INFO_INIT,
                                  [&](lla_plan_info *given) { return lla_plan_describe(plan.plan, given); });
}

TEST(Structs, ResultsStayWithinTheCallersSize) {
  lla_statistics statistics[2] = {LLA_STATISTICS_INIT, LLA_STATISTICS_INIT};
  std::memset(static_cast<void *>(&statistics[1]), 0, sizeof(lla_statistics));
  statistics[0].struct_size = 2 * sizeof(lla_statistics);
  ASSERT_OK(lla_context_statistics(hostContext(), statistics));
  EXPECT_EQ(statistics[0].struct_size, 2 * sizeof(lla_statistics));
  EXPECT_EQ(statistics[1].struct_size, 0u);
}

//===--- contexts -----------------------------------------------------------===//

TEST(Context, TargetsAreChecked) {
  lla_context *context = nullptr;
  for (const char *target : {"", "hast", "host:0", "host:-1", "host:x", "cuda:-1", "cuda:99999999999", "host:"})
    expectFailure(lla_context_create(target, &context), LLA_ERROR_USAGE, "target: expected");
  expectFailure(lla_context_create("sm_90a", &context), LLA_ERROR_NO_DEVICE, "expected a device");
  expectFailure(lla_context_create("cuda:4000", &context), LLA_ERROR_NO_DEVICE, "");
  expectFailure(lla_context_create("host", nullptr), LLA_ERROR_USAGE, "context: expected an address, got null");
  EXPECT_EQ(context, nullptr);
}

TEST(Context, TheEnvironmentIsChecked) {
  lla_context *context = nullptr;
  setenv("LLA_TUNE", "sometimes", 1);
  expectFailure(lla_context_create("host", &context), LLA_ERROR_USAGE, "LLA_TUNE: expected");
  unsetenv("LLA_TUNE");
  EXPECT_OK(lla_context_create("host", &context));
  EXPECT_OK(lla_context_destroy(context));
}

TEST(Context, DescribesItself) {
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  ASSERT_OK(lla_context_describe(hostContext(), &info));
  EXPECT_STREQ(info.target, "host:2");
  EXPECT_STREQ(info.arch, "host");
  EXPECT_EQ(info.device.type, LLA_DEVICE_CPU);
  EXPECT_EQ(info.multiprocessors, 2);
}

TEST(Context, TheBestTargetNeedsNoName) {
  lla_context *context = nullptr;
  ASSERT_OK(lla_context_create(nullptr, &context));
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  ASSERT_OK(lla_context_describe(context, &info));
  EXPECT_TRUE(std::string(info.target) == "host" || std::string(info.target) == "cuda") << info.target;
  EXPECT_OK(lla_context_destroy(context));
}

//===--- problems -----------------------------------------------------------===//

TEST(Problem, EveryFieldIsChecked) {
  struct {
    const char *text;
    void (*spoil)(lla_problem &);
  } const cases[] = {
      {"mode: expected 0..2, got 3", [](lla_problem &p) { p.mode = 3; }},
      {"mode: expected 0..2, got -1", [](lla_problem &p) { p.mode = -1; }},
      {"probe: expected 0..2, got 9", [](lla_problem &p) { p.probe = 9; }},
      {"probe: expected none or given", [](lla_problem &p) { p.probe = LLA_PROBE_SOLVED; }},
      {"dtype: expected 0..3, got 4", [](lla_problem &p) { p.dtype = 4; }},
      {"output_dtype: expected 0..3", [](lla_problem &p) { p.output_dtype = -7; }},
      {"output_dtype: expected", [](lla_problem &p) { p.output_dtype = LLA_BF16; }},
      {"layout: expected 0..1", [](lla_problem &p) { p.layout = 2; }},
      {"causal: expected 0..1", [](lla_problem &p) { p.causal = 2; }},
      {"state: expected 0..1", [](lla_problem &p) { p.state = -1; }},
      {"ragged: expected 0..1", [](lla_problem &p) { p.ragged = 5; }},
      {"has_scale: expected 0..1", [](lla_problem &p) { p.has_scale = 4; }},
      {"packed_queries: expected 0..1, got 2", [](lla_problem &p) { p.packed_queries = 2; }},
      {"packed_keys: expected 0..1, got -1", [](lla_problem &p) { p.packed_keys = -1; }},
      {"page_size: expected 0 with packed_keys", [](lla_problem &p) { p.packed_keys = 1, p.page_size = 8; }},
      {"reserved: expected 0", [](lla_problem &p) { p.reserved = 1; }},
      {"kv_dtype: expected 0..4, got 5", [](lla_problem &p) { p.kv_dtype = 5; }},
      {"kv_dtype: expected fp32 with dtype=fp32, got fp8_e4m3", [](lla_problem &p) { p.kv_dtype = LLA_FP8_E4M3; }},
      {"reserved_keys: expected 0, got 3", [](lla_problem &p) { p.reserved_keys = 3; }},
      {"batch: expected 1..", [](lla_problem &p) { p.batch = 0; }},
      {"batch: expected 1..", [](lla_problem &p) { p.batch = huge; }},
      {"query_heads: expected a multiple of kv_heads", [](lla_problem &p) { p.query_heads = 3; }},
      {"kv_heads: expected 1..", [](lla_problem &p) { p.kv_heads = 0; }},
      {"query_length: expected 1..", [](lla_problem &p) { p.query_length = -1; }},
      {"context: expected 1..", [](lla_problem &p) { p.context = 0; }},
      {"head_dim: expected a multiple of 8", [](lla_problem &p) { p.head_dim = 17; }},
      {"head_dim: expected", [](lla_problem &p) { p.head_dim = 0; }},
      {"window: expected", [](lla_problem &p) { p.window = -1; }},
      {"shards: expected none", [](lla_problem &p) { p.shards = 2; }},
      {"page_size: expected", [](lla_problem &p) { p.page_size = 7; }},
      {"scale: expected a finite number", [](lla_problem &p) { p.has_scale = 1, p.scale = NAN; }},
      {"lambda: expected 0", [](lla_problem &p) { p.lambda = 1; }},
      {"kv_heads: expected 4 with mode=merge",
       [](lla_problem &p) { p.mode = LLA_MODE_MERGE, p.context = 0, p.shards = 2; }},
  };
  for (auto [text, spoil] : cases) {
    SCOPED_TRACE(text);
    lla_problem problem = smallProblem();
    spoil(problem);
    lla_plan *plan = nullptr;
    expectFailure(lla_plan_create(hostContext(), &problem, &plan), LLA_ERROR_USAGE, text);
    EXPECT_EQ(plan, nullptr);
  }
  lla_problem problem = smallProblem();
  expectFailure(lla_plan_create(hostContext(), &problem, nullptr), LLA_ERROR_USAGE, "plan: expected an address");
}

TEST(Problem, JsonIsChecked) {
  lla_problem problem = LLA_PROBLEM_INIT;
  expectFailure(lla_problem_parse(nullptr, &problem), LLA_ERROR_USAGE, "json: expected an address, got null");
  for (const char *json : {"", "{", "[]", "{\"head_dim\":\"x\"}", "{\"nonsense\":1}"})
    expectFailure(lla_problem_parse(json, &problem), LLA_ERROR_USAGE, "");
  problem.struct_size = lla::capi::firstSize<lla_problem>; // A caller that knows no packed sequences.
  expectFailure(lla_problem_parse("{\"context\":64,\"head_dim\":32,\"packed_keys\":true}", &problem), LLA_ERROR_USAGE,
                "problem.struct_size: expected");
  EXPECT_EQ(problem.head_dim, 0);
  EXPECT_OK(lla_problem_parse("{\"context\":64,\"head_dim\":32}", &problem));
  problem = LLA_PROBLEM_INIT;
  ASSERT_OK(lla_problem_parse("{\"context\":64,\"head_dim\":32,\"packed_keys\":true}", &problem));
  EXPECT_EQ(problem.packed_keys, 1);
  EXPECT_EQ(problem.packed_queries, 0);
  ASSERT_OK(lla_problem_parse("{\"mode\":\"prefill\",\"context\":64,\"head_dim\":32,\"dtype\":\"fp16\",\"window\":8,"
                              "\"probe\":\"none\",\"layout\":\"bhsd\",\"scale\":0.5,\"output_dtype\":\"fp32\"}",
                              &problem));
  EXPECT_EQ(problem.mode, LLA_MODE_PREFILL);
  EXPECT_EQ(problem.context, 64);
  EXPECT_EQ(problem.query_length, 64);
  EXPECT_EQ(problem.head_dim, 32);
  EXPECT_EQ(problem.dtype, LLA_FP16);
  EXPECT_EQ(problem.window, 8);
  EXPECT_EQ(problem.probe, LLA_PROBE_NONE);
  EXPECT_EQ(problem.layout, LLA_LAYOUT_BHSD);
  EXPECT_EQ(problem.output_dtype, LLA_FP32);
  EXPECT_EQ(problem.has_scale, 1);
  EXPECT_EQ(problem.scale, 0.5);
}

//===--- tensors ------------------------------------------------------------===//

struct Spoilt {
  const char *text;
  std::function<void(HostCall &)> spoil;
};

/// Each of them alone makes a call of `problem` fail, as usage, with its text.
void expectRefused(const lla_problem &problem, const std::vector<Spoilt> &cases) {
  HostPlan plan(problem);
  for (const Spoilt &one : cases) {
    SCOPED_TRACE(one.text);
    HostCall call(problem);
    EXPECT_OK(plan.run(call.tensors));
    std::vector<float> before(call.o.values(), call.o.values() + call.o.memory.size() / sizeof(float));
    one.spoil(call);
    expectFailure(plan.run(call.tensors), LLA_ERROR_USAGE, one.text);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), call.o.values())); // Nothing was launched.
  }
}

TEST(Tensors, PresenceTypesAndPlacesAreChecked) {
  expectRefused(
      smallProblem(),
      {
          {"q: expected a tensor, got null", [](HostCall &c) { c.tensors.q = nullptr; }},
          {"k: expected a tensor, got null", [](HostCall &c) { c.tensors.k = nullptr; }},
          {"v: expected a tensor, got null", [](HostCall &c) { c.tensors.v = nullptr; }},
          {"r: expected a tensor, got null", [](HostCall &c) { c.tensors.r = nullptr; }},
          {"o: expected a tensor, got null", [](HostCall &c) { c.tensors.o = nullptr; }},
          {"lse: expected null", [](HostCall &c) { c.tensors.lse = &c.o.view; }},
          {"tbar: expected null", [](HostCall &c) { c.tensors.tbar = &c.o.view; }},
          {"vbar: expected null", [](HostCall &c) { c.tensors.vbar = &c.o.view; }},
          {"part_o: expected null", [](HostCall &c) { c.tensors.part_o = &c.o.view; }},
          {"part_lse: expected null", [](HostCall &c) { c.tensors.part_lse = &c.o.view; }},
          {"part_tbar: expected null", [](HostCall &c) { c.tensors.part_tbar = &c.o.view; }},
          {"part_vbar: expected null", [](HostCall &c) { c.tensors.part_vbar = &c.o.view; }},
          {"lengths: expected null", [](HostCall &c) { c.tensors.lengths = &c.o.view; }},
          {"starts: expected null", [](HostCall &c) { c.tensors.starts = &c.o.view; }},
          {"page_table: expected null", [](HostCall &c) { c.tensors.page_table = &c.o.view; }},
          {"k_scales: expected null", [](HostCall &c) { c.tensors.k_scales = &c.o.view; }},
          {"v_scales: expected null", [](HostCall &c) { c.tensors.v_scales = &c.o.view; }},
          {"q.dtype: expected fp32, got bf16", [](HostCall &c) { c.q.view.dtype = {LLA_TYPE_BFLOAT, 16, 1}; }},
          {"k.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got int32",
           [](HostCall &c) { c.k.view.dtype = {LLA_TYPE_INT, 32, 1}; }},
          {"v.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got fp64",
           [](HostCall &c) { c.v.view.dtype = {LLA_TYPE_FLOAT, 64, 1}; }},
          {"r.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got fp32 x 2",
           [](HostCall &c) { c.r.view.dtype = {LLA_TYPE_FLOAT, 32, 2}; }},
          {"o.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got DLPack's type code 200 of 8 bits",
           [](HostCall &c) { c.o.view.dtype = {200, 8, 1}; }},
          {"q.device: expected cpu, got cuda:0", [](HostCall &c) { c.q.view.device = {LLA_DEVICE_CUDA, 0}; }},
          {"k.device: expected cpu, got managed memory",
           [](HostCall &c) { c.k.view.device = {LLA_DEVICE_CUDA_MANAGED, 0}; }},
          {"o.device: expected cpu, got DLPack's device type 0", [](HostCall &c) { c.o.view.device = {0, 0}; }},
      });
}

TEST(Tensors, PinnedMemoryIsTheHosts) {
  HostCall call(smallProblem());
  call.k.view.device.type = LLA_DEVICE_CUDA_HOST;
  HostPlan plan(call.problem);
  EXPECT_OK(plan.run(call.tensors));
}

TEST(Tensors, ShapesAreChecked) {
  expectRefused(
      smallProblem(),
      {
          {"q.ndim: expected 4, got 3", [](HostCall &c) { c.q.view.ndim = 3; }},
          {"k.ndim: expected 4, got -1", [](HostCall &c) { c.k.view.ndim = -1; }},
          {"v.ndim: expected 4, got 2147483647", [](HostCall &c) { c.v.view.ndim = 2147483647; }},
          {"o.shape: expected 4 sizes, got null", [](HostCall &c) { c.o.view.shape = nullptr; }},
          {"q.batch: expected at most 2, got 3", [](HostCall &c) { c.q.shape[0] = 3; }},
          {"q.batch: expected 0..2, got -1", [](HostCall &c) { c.q.shape[0] = -1; }},
          {"q.row: expected at most 1, got 2", [](HostCall &c) { c.q.shape[1] = 2; }},
          {"q.head: expected 4, got 2", [](HostCall &c) { c.q.shape[2] = 2; }},
          {"q.dim: expected 16, got 8", [](HostCall &c) { c.q.shape[3] = 8; }},
          {"k.row: expected at most 40, got 41", [](HostCall &c) { c.k.shape[1] = 41; }},
          {"k.row: expected at most 40", [](HostCall &c) { c.k.shape[1] = huge; }},
          {"k.head: expected 2, got 4", [](HostCall &c) { c.k.shape[2] = 4; }},
          {"v.row: expected 40 as in k, got 39", [](HostCall &c) { c.v.shape[1] = 39; }},
          {"o.batch: expected 2 as in q, got 1", [](HostCall &c) { c.o.shape[0] = 1; }},
          {"r.dim: expected 16 as in q", [](HostCall &c) { c.r.shape[3] = std::numeric_limits<int64_t>::min(); }},
      });
}

TEST(Tensors, StridesAndAddressesAreChecked) {
  expectRefused(
      smallProblem(),
      {
          {"q.data: expected an address, got null", [](HostCall &c) { c.q.view.data = nullptr; }},
          {"o.data: expected an address, got null",
           [](HostCall &c) { c.o.view.data = nullptr, c.o.view.byte_offset = 64; }},
          {"k.data: expected an address aligned to 4 bytes", [](HostCall &c) { c.k.view.byte_offset = 2; }},
          {"q.stride(dim): expected 1, got 2", [](HostCall &c) { c.q.giveStrides({64, 64, 16, 2}); }},
          {"k.stride(row): expected >= 0, got -32", [](HostCall &c) { c.k.giveStrides({1280, -32, 16, 1}); }},
          {"k.stride(batch): expected >= 0",
           [](HostCall &c) { c.k.giveStrides({std::numeric_limits<int64_t>::min(), 32, 16, 1}); }},
          {"v.stride: expected offsets below 2^60", [](HostCall &c) { c.v.giveStrides({huge, 32, 16, 1}); }},
          {"v.stride: expected offsets below 2^60", [](HostCall &c) { c.v.giveStrides({1280, huge / 2, 16, 1}); }},
          {"o.stride: expected each element to have an address of its own",
           [](HostCall &c) { c.o.giveStrides({0, 64, 16, 1}); }},
          {"o.stride: expected each element to have an address of its own",
           [](HostCall &c) { c.o.giveStrides({64, 64, 15, 1}); }},
          {"o: expected memory of its own, got an overlap with q", [](HostCall &c) { c.q.view.data = c.o.view.data; }},
          {"o: expected memory of its own, got an overlap with k",
           [](HostCall &c) { c.o.view.data = c.k.memory.data() + 4; }},
      });
}

TEST(Tensors, StatesAreChecked) {
  lla_problem problem = smallProblem();
  problem.state = 1;
  expectRefused(problem, {
                             {"lse: expected a tensor, got null", [](HostCall &c) { c.tensors.lse = nullptr; }},
                             {"tbar: expected a tensor, got null", [](HostCall &c) { c.tensors.tbar = nullptr; }},
                             {"vbar: expected a tensor, got null", [](HostCall &c) { c.tensors.vbar = nullptr; }},
                             {"lse.ndim: expected 3, got 4", [](HostCall &c) { c.tensors.lse = &c.o.view; }},
                             {"lse.dtype: expected fp32, got fp16",
                              [](HostCall &c) { c.lse.view.dtype = {LLA_TYPE_FLOAT, 16, 1}; }},
                             {"tbar.head: expected 4 as in q, got 3", [](HostCall &c) { c.tbar.shape[2] = 3; }},
                             {"lse: expected memory of its own, got an overlap with tbar",
                              [](HostCall &c) { c.tbar.view.data = c.lse.view.data; }},
                         });
}

TEST(Tensors, LengthsAndPagesAreChecked) {
  lla_problem problem = smallProblem();
  problem.ragged = 1;
  problem.page_size = 8;
  expectRefused(
      problem,
      {
          {"lengths.ndim: expected 1, got 0", [](HostCall &c) { c.lengths.view.ndim = 0; }},
          {"lengths.dtype: expected int32, got int64",
           [](HostCall &c) { c.lengths.view.dtype = {LLA_TYPE_INT, 64, 1}; }},
          {"lengths.dtype: expected int32, got fp32", [](HostCall &c) { c.lengths.view.dtype.code = LLA_TYPE_FLOAT; }},
          {"lengths.device: expected cpu", [](HostCall &c) { c.lengths.view.device.type = LLA_DEVICE_CUDA; }},
          {"lengths.data: expected an address, got null", [](HostCall &c) { c.lengths.view.data = nullptr; }},
          {"lengths.data: expected an address aligned", [](HostCall &c) { c.lengths.view.byte_offset = 1; }},
          {"lengths.sequences: expected 2, got 1", [](HostCall &c) { c.lengths.shape[0] = 1; }},
          {"lengths.stride: expected 1, got 2", [](HostCall &c) { c.lengths.giveStrides({2}); }},
          {"starts.sequences: expected 2, got 10",
           [](HostCall &c) {
             c.tensors.starts = &c.lengths.view;
             c.lengths.shape[0] = 10;
             c.tensors.lengths = nullptr;
           }},
          {"page_table.data: expected an address, got null", [](HostCall &c) { c.tensors.page_table = nullptr; }},
          {"page_table.ndim: expected 2, got 1", [](HostCall &c) { c.pageTable.view.ndim = 1; }},
          {"page_table.stride(page): expected 1, got 2", [](HostCall &c) { c.pageTable.giveStrides({10, 2}); }},
          {"page_table.stride: expected", [](HostCall &c) { c.pageTable.giveStrides({huge, 1}); }},
          {"page_table.sequences: expected 2, got 5", [](HostCall &c) { c.pageTable.shape[0] = 5; }},
          {"k.row: expected 8 rows in a page, got 9", [](HostCall &c) { c.k.shape[1] = 9; }},
          {"o: expected memory of its own, got an overlap with page_table",
           [](HostCall &c) { c.pageTable.view.data = c.o.view.data; }},
      });
}

TEST(Tensors, PlacesOfPackedSequencesAreChecked) {
  lla_problem problem = smallProblem();
  problem.mode = LLA_MODE_PREFILL;
  problem.query_length = 5;
  problem.packed_queries = problem.packed_keys = 1;
  expectRefused(problem,
                {
                    {"q.ndim: expected 3, got 4", [](HostCall &c) { c.q.view.ndim = 4; }},
                    {"v.ndim: expected 3, got 2", [](HostCall &c) { c.v.view.ndim = 2; }},
                    {"q.head: expected 4, got 3", [](HostCall &c) { c.q.shape[1] = 3; }},
                    {"o.row: expected 10 as in q, got 9", [](HostCall &c) { c.o.shape[0] = 9; }},
                    {"cu_seqlens_q.sequences: expected 1..3", [](HostCall &c) { c.cuSeqlensQ.shape[0] = 4; }},
                    {"cu_seqlens_k.sequences: expected 3, got 2", [](HostCall &c) { c.cuSeqlensK.shape[0] = 2; }},
                    {"cu_seqlens_k.data: expected an address, got null",
                     [](HostCall &c) { c.tensors.cu_seqlens_k = nullptr; }},
                    {"cu_seqlens_q.dtype: expected int32, got fp32",
                     [](HostCall &c) { c.cuSeqlensQ.view.dtype.code = LLA_TYPE_FLOAT; }},
                    {"page_table: expected null", [](HostCall &c) { c.tensors.page_table = &c.cuSeqlensK.view; }},
                    {"o: expected memory of its own, got an overlap with cu_seqlens_k",
                     [](HostCall &c) { c.cuSeqlensK.view.data = c.o.view.data; }},
                });
  expectRefused(smallProblem(),
                {{"cu_seqlens_q: expected null", [](HostCall &c) { c.tensors.cu_seqlens_q = &c.o.view; }}});
}

//===--- runs ---------------------------------------------------------------===//

TEST(Run, NeedsAPreparedPlan) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem, /*prepare=*/false);
  expectFailure(plan.run(call.tensors), LLA_ERROR_NOT_PREPARED, "expected plan_prepare before plan_run");
  ASSERT_OK(lla_plan_prepare(plan.plan));
  EXPECT_OK(lla_plan_prepare(plan.plan));
  EXPECT_OK(plan.run(call.tensors));
}

TEST(Run, WorkspacesAreChecked) {
  lla_problem problem = splitProblem();
  HostCall call(problem);
  HostPlan plan(problem);
  size_t bytes = plan.workspace->bytes;
  ASSERT_GT(bytes, 0u);
  auto run = [&](void *workspace, size_t given) {
    return lla_plan_run(plan.plan, &call.tensors, workspace, given, nullptr);
  };
  char *good = static_cast<char *>(plan.workspace->data());
  EXPECT_OK(run(good, bytes));
  EXPECT_OK(run(good, ~size_t(0)));
  expectFailure(run(good, bytes - 1), LLA_ERROR_USAGE, "workspace: expected at least");
  expectFailure(run(nullptr, bytes), LLA_ERROR_USAGE, "workspace: expected");
  expectFailure(run(good + 4, bytes), LLA_ERROR_USAGE, "workspace: expected an address aligned to 256");
  auto clear = [&](void *workspace, size_t given) {
    return lla_plan_clear_workspace(plan.plan, workspace, given, nullptr);
  };
  EXPECT_OK(clear(good, ~size_t(0)));
  expectFailure(clear(good, bytes - 1), LLA_ERROR_USAGE, "workspace: expected at least");
  expectFailure(clear(nullptr, 0), LLA_ERROR_USAGE, "workspace: expected at least");
  expectFailure(clear(nullptr, bytes), LLA_ERROR_USAGE, "workspace: expected");
  expectFailure(clear(good + 4, bytes), LLA_ERROR_USAGE, "workspace: expected an address aligned to 256");
  Workspace around(call.k.memory.size());
  call.k.view.data = around.data();
  expectFailure(run(around.data(), bytes), LLA_ERROR_USAGE, "workspace: expected memory of its own");
  expectFailure(lla_plan_workspace_size(plan.plan, nullptr), LLA_ERROR_USAGE, "bytes: expected an address");
}

//===--- errors -------------------------------------------------------------===//

TEST(Errors, EachThreadHasItsOwn) {
  expectFailure(lla_plan_prepare(nullptr), LLA_ERROR_HANDLE, "plan:");
  std::thread([] {
    EXPECT_STREQ(lla_last_error(), "");
    expectFailure(lla_context_create("hast", nullptr), LLA_ERROR_USAGE, "context:");
  }).join();
  EXPECT_NE(std::string(lla_last_error()).find("plan:"), std::string::npos);
}

TEST(Errors, HaveNames) {
  EXPECT_STREQ(lla_status_name(LLA_OK), "ok");
  EXPECT_STREQ(lla_status_name(LLA_ERROR_NOT_PREPARED), "not-prepared");
  EXPECT_STREQ(lla_status_name(LLA_ERROR_INTERNAL), "internal");
  EXPECT_STREQ(lla_status_name(static_cast<lla_status>(15)), "unknown");
  EXPECT_STREQ(lla_status_name(static_cast<lla_status>(-1)), "unknown");
}

TEST(Version, IsTheHeaders) {
  EXPECT_EQ(lla_version(), 10000u * LLA_VERSION_MAJOR + 100u * LLA_VERSION_MINOR + LLA_VERSION_PATCH);
}

TEST(Log, LevelsAreChecked) {
  expectFailure(lla_set_log_callback(static_cast<lla_log_level>(5), nullptr, nullptr), LLA_ERROR_USAGE,
                "level: expected 0..4, got 5");
  expectFailure(lla_set_log_callback(static_cast<lla_log_level>(-1), nullptr, nullptr), LLA_ERROR_USAGE,
                "level: expected 0..4, got -1");
}

} // namespace
