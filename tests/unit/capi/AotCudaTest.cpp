//===- AotCudaTest.cpp - an ahead-of-time library on GPUs that are not there =//
//
// The library has cubins for sm_90a and sm_80, and portable PTX. Which code a GPU
// gets, what a launch asks of the driver, and what the library has not.
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include <gpu.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

namespace {

#define ASSERT_OK(call) ASSERT_EQ(call, LLA_OK) << gpu_last_error()
#define EXPECT_OK(call) EXPECT_EQ(call, LLA_OK) << gpu_last_error()

void expectFailure(lla_status got, lla_status expected, const std::string &text) {
  EXPECT_STREQ(gpu_status_name(got), gpu_status_name(expected)) << gpu_last_error();
  EXPECT_NE(std::string(gpu_last_error()).find(text), std::string::npos) << gpu_last_error();
}

lla_problem decode(int64_t context) {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.batch = 4;
  problem.query_heads = 8;
  problem.kv_heads = 2;
  problem.context = context;
  problem.head_dim = 128;
  return problem;
}

/// Few rows, so many splits that they merge over the grid: in a workspace.
lla_problem splitDecode() {
  lla_problem problem = decode(32768);
  problem.batch = 1;
  problem.head_dim = 64;
  return problem;
}

lla_problem prefill() {
  lla_problem problem = decode(1024);
  problem.mode = LLA_MODE_PREFILL;
  problem.causal = 1;
  problem.kv_heads = 8;
  problem.query_length = 1024;
  return problem;
}

/// A prepared plan on GPU 1 of some compute capability, with tensors at addresses that nobody reads.
struct Call {
  Call(const lla_problem &problem, int major, int minor) {
    fakeCudaSetCapability(major, minor);
    EXPECT_OK(gpu_context_create("cuda:1", &context));
    EXPECT_OK(gpu_plan_create(context, &problem, &plan));
    EXPECT_OK(gpu_plan_workspace_size(plan, &bytes));
    EXPECT_OK(gpu_plan_prepare(plan));
    EXPECT_OK(gpu_plan_describe(plan, &info));
    image.assign(fakeCudaLastImage(), 64);
    int64_t rows = problem.query_length ? problem.query_length : 1;
    const int64_t queries[] = {problem.batch, rows, problem.query_heads, problem.head_dim};
    const int64_t keys[] = {problem.batch, problem.context, problem.kv_heads, problem.head_dim};
    std::copy_n(queries, 4, queryShape);
    std::copy_n(keys, 4, keyShape);
    uintptr_t address = uintptr_t(1) << 40;
    for (lla_tensor *tensor : {&q, &k, &v, &r, &o}) {
      const int64_t *shape = tensor == &k || tensor == &v ? keyShape : queryShape;
      *tensor = {nullptr, {LLA_DEVICE_CUDA, 1}, 4, {LLA_TYPE_BFLOAT, 16, 1}, shape, nullptr, 0};
      tensor->data = reinterpret_cast<void *>(address);
      address += uintptr_t(1) << 36;
    }
    workspace = reinterpret_cast<void *>(address);
    tensors.q = &q;
    tensors.k = &k;
    tensors.v = &v;
    tensors.r = &r;
    tensors.o = &o;
    fakeCudaTakeCalls();
  }
  ~Call() {
    EXPECT_OK(gpu_plan_destroy(plan));
    EXPECT_OK(gpu_context_destroy(context));
    fakeCudaSetCapability(9, 0);
  }
  lla_status run(CUstream_st *stream = nullptr) const { return gpu_plan_run(plan, &tensors, workspace, bytes, stream); }
  bool isCubin() const { return image.substr(1, 3) == "ELF"; }

  gpu_context *context = nullptr;
  gpu_plan *plan = nullptr;
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  std::string image;
  size_t bytes = 0;
  void *workspace = nullptr;
  int64_t queryShape[4], keyShape[4];
  lla_tensor q, k, v, r, o;
  lla_tensors tensors = LLA_TENSORS_INIT;
};

auto *stream = reinterpret_cast<CUstream_st *>(0x5000);

TEST(AotCuda, ARunIsALaunchAndNothingElse) {
  Call call(decode(4096), 9, 0);
  EXPECT_TRUE(call.isCubin());
  EXPECT_STREQ(call.info.code_source, "library");
  int before = fakeCudaLaunches();
  ASSERT_OK(call.run(stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "cuCtxGetCurrent cuCtxPushCurrent cuLaunchKernelEx cuCtxPopCurrent ");
  EXPECT_EQ(fakeCudaLaunches(), before + 1);
  FakeLaunch launch = fakeCudaLastLaunch();
  EXPECT_EQ(launch.stream, stream);
  EXPECT_EQ(launch.device, 1);
  EXPECT_EQ(fakeCudaCurrentDevice(), -1); // As it was.
}

TEST(AotCuda, AClearIsAFillOfTheCountersAndNothingElse) {
  Call call(splitDecode(), 9, 0);
  ASSERT_GT(call.bytes, 4096u);
  ASSERT_OK(gpu_plan_clear_workspace(call.plan, call.workspace, call.bytes, stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "cuCtxGetCurrent cuCtxPushCurrent cuMemsetD8Async cuCtxPopCurrent ");
  FakeFill fill = fakeCudaLastFill();
  EXPECT_EQ(fill.address, call.workspace);
  EXPECT_EQ(fill.value, 0);
  EXPECT_GT(fill.bytes, 0u);
  EXPECT_LE(fill.bytes, 4096u); // States are left.
  EXPECT_EQ(fill.stream, stream);
  expectFailure(gpu_plan_clear_workspace(call.plan, nullptr, call.bytes, stream), LLA_ERROR_USAGE,
                "workspace: expected");
}

TEST(AotCuda, TensorMapsAreMadeInTheCall) {
  Call call(prefill(), 9, 0);
  EXPECT_NE(std::string(call.info.schedule).find("load=ring"), std::string::npos) << call.info.schedule;
  ASSERT_OK(call.run(stream));
  EXPECT_STREQ(fakeCudaTakeCalls(),
               "cuCtxGetCurrent cuCtxPushCurrent cuTensorMapEncodeTiled cuTensorMapEncodeTiled "
               "cuTensorMapEncodeTiled cuTensorMapEncodeTiled cuLaunchKernelEx cuCtxPopCurrent ");
}

TEST(AotCuda, EachGpuGetsTheCodeMadeMostCloselyForIt) {
  std::string hopper = Call(decode(4096), 9, 0).image;
  Call ampere(decode(4096), 8, 0), later(decode(4096), 8, 9);
  Call blackwell(decode(4096), 10, 0), future(decode(4096), 13, 1);
  EXPECT_TRUE(ampere.isCubin());
  EXPECT_NE(ampere.image, hopper);
  EXPECT_EQ(later.image, ampere.image); // A cubin runs on later minor numbers.
  for (const Call *call : {&blackwell, &future}) {
    EXPECT_FALSE(call->isCubin());
    EXPECT_EQ(call->image.substr(0, 2), "//"); // PTX begins with a comment.
    EXPECT_OK(call->run());
  }
  fakeCudaSetCapability(7, 5);
  gpu_context *context = nullptr;
  expectFailure(gpu_context_create("cuda", &context), LLA_ERROR_NO_DEVICE, "got GPUs of compute capability 7.5");
  fakeCudaSetCapability(9, 0);
}

TEST(AotCuda, TheNearestShapeGivesTheSchedule) {
  auto scheduleOf = [](int64_t context) { return std::string(Call(decode(context), 9, 0).info.schedule); };
  std::string shortest = scheduleOf(512), longest = scheduleOf(4096);
  EXPECT_NE(shortest, longest);
  EXPECT_EQ(scheduleOf(300), shortest);
  EXPECT_EQ(scheduleOf(3000), longest);
  EXPECT_EQ(scheduleOf(100000), longest);
}

TEST(AotCuda, CallsAreChecked) {
  Call call(decode(4096), 9, 0);
  int before = fakeCudaLaunches();
  call.keyShape[1] = 5000;
  expectFailure(call.run(), LLA_ERROR_USAGE, "k.row: expected at most 4096, got 5000");
  call.keyShape[1] = 4096;
  call.q.device.id = 0;
  expectFailure(call.run(), LLA_ERROR_USAGE, "q.device: expected cuda:1, got cuda:0");
  call.q.device.id = 1;
  fakeCudaSetLaunchResult(700); // An illegal address.
  EXPECT_EQ(fakeCudaLaunches(), before);
  expectFailure(call.run(), LLA_ERROR_EXECUTION, "cuLaunchKernelEx");
  fakeCudaSetLaunchResult(0);
  EXPECT_OK(call.run());
}

TEST(AotCuda, WhatItDoesNotHoldNamesTheCommand) {
  Call call(decode(4096), 9, 0);
  lla_problem other = decode(4096);
  other.window = 256;
  gpu_plan *plan = nullptr;
  expectFailure(gpu_plan_create(call.context, &other, &plan), LLA_ERROR_MISS,
                ">> problems.jsonl && lla aot --problems problems.jsonl --target sm_90a --target sm_80 --name gpu "
                "--output-dir gpu-new");
  gpu_context *context = nullptr;
  expectFailure(gpu_context_create("host", &context), LLA_ERROR_NO_DEVICE, "--target host");
}

TEST(AotCuda, TheManifestTellsWhatIsInside) {
  auto manifest = nlohmann::json::parse(gpu_manifest());
  EXPECT_EQ(manifest["name"], "gpu");
  ASSERT_EQ(manifest["kernels"].size(), 12u); // Four problems: two architectures and the floor.
  for (const auto &kernel : manifest["kernels"]) {
    EXPECT_EQ(kernel["sha256"].get<std::string>().size(), 64u);
    if (kernel["kind"] == "cubin") {
      EXPECT_GT(kernel["registers"], 0);
      EXPECT_EQ(kernel["spill_bytes"], 0);
    } else {
      EXPECT_EQ(kernel["kind"], "ptx");
    }
  }
}

} // namespace
