//===- CudaCallTest.cpp - the C API on GPUs that are not there ------------===//
//
// Kernels are compiled as for a real GPU, and launched on a driver that takes them
// and runs none: what a call checks, and what it asks of the driver.
//
//===----------------------------------------------------------------------===//

#include "AllocationCount.h"
#include "FakeCuda.h"
#include "runtime/capi/lla.h"
#include <atomic>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" int cuCtxSetCurrent(void *context); // The fake driver's.

namespace {

#define ASSERT_OK(call) ASSERT_EQ(call, LLA_OK) << lla_last_error()
#define EXPECT_OK(call) EXPECT_EQ(call, LLA_OK) << lla_last_error()

void expectFailure(lla_status got, lla_status expected, const std::string &text) {
  EXPECT_STREQ(lla_status_name(got), lla_status_name(expected)) << lla_last_error();
  EXPECT_NE(std::string(lla_last_error()).find(text), std::string::npos) << lla_last_error();
}

lla_problem decode() {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.batch = 4;
  problem.query_heads = 8;
  problem.kv_heads = 2;
  problem.context = 4096;
  problem.head_dim = 128;
  return problem;
}

/// Few rows, so many splits that they merge over the grid: in a workspace.
lla_problem splitDecode() {
  lla_problem problem = decode();
  problem.batch = 1;
  problem.context = 32768;
  return problem;
}

lla_problem prefill() {
  lla_problem problem = decode();
  problem.mode = LLA_MODE_PREFILL;
  problem.causal = 1;
  problem.context = problem.query_length = 1024;
  return problem;
}

/// A prepared plan on one device, with tensors at addresses that nobody reads.
struct CudaCall {
  CudaCall(const lla_problem &problem, int device) {
    std::string target = "cuda:" + std::to_string(device);
    EXPECT_OK(lla_context_create(target.c_str(), &context));
    EXPECT_OK(lla_plan_create(context, &problem, &plan));
    EXPECT_OK(lla_plan_prepare(plan));
    EXPECT_OK(lla_plan_workspace_size(plan, &bytes));
    int64_t rows = problem.query_length ? problem.query_length : 1;
    queryShape[0] = keyShape[0] = problem.batch;
    queryShape[1] = rows;
    queryShape[2] = problem.query_heads;
    keyShape[1] = problem.context;
    keyShape[2] = problem.kv_heads;
    queryShape[3] = keyShape[3] = problem.head_dim;
    uintptr_t address = uintptr_t(1) << 40;
    for (lla_tensor *tensor : {&q, &k, &v, &r, &o}) {
      bool isKey = tensor == &k || tensor == &v;
      *tensor = {reinterpret_cast<void *>(address),
                 {LLA_DEVICE_CUDA, device},
                 4,
                 {LLA_TYPE_BFLOAT, 16, 1},
                 isKey ? keyShape : queryShape,
                 nullptr,
                 0};
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
  ~CudaCall() {
    EXPECT_OK(lla_plan_destroy(plan));
    EXPECT_OK(lla_context_destroy(context));
  }
  lla_status run(CUstream_st *stream = nullptr) const { return lla_plan_run(plan, &tensors, workspace, bytes, stream); }

  lla_context *context = nullptr;
  lla_plan *plan = nullptr;
  size_t bytes = 0;
  void *workspace = nullptr;
  int64_t queryShape[4], keyShape[4];
  lla_tensor q, k, v, r, o;
  lla_tensors tensors = LLA_TENSORS_INIT;
};

auto *stream = reinterpret_cast<CUstream_st *>(0x5000);

TEST(Cuda, ContextsAreOfTheirDevice) {
  lla_context *context = nullptr;
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  ASSERT_OK(lla_context_create("cuda:1", &context));
  ASSERT_OK(lla_context_describe(context, &info));
  EXPECT_STREQ(info.target, "cuda:1");
  EXPECT_STREQ(info.arch, "sm_90a");
  EXPECT_STREQ(info.device_name, "Fake");
  EXPECT_EQ(info.device.type, LLA_DEVICE_CUDA);
  EXPECT_EQ(info.device.id, 1);
  EXPECT_EQ(info.multiprocessors, 132);
  EXPECT_OK(lla_context_destroy(context));
  expectFailure(lla_context_create("cuda:2", &context), LLA_ERROR_NO_DEVICE, "below 2, got cuda:2");
}

TEST(Cuda, IsNothingThatAForkedChildMayUse) {
  CudaCall call(splitDecode(), 0);
  pid_t child = fork();
  if (child == 0) {
    alarm(60); // A hang is a failure.
    lla_context *context = nullptr;
    expectFailure(call.run(stream), LLA_ERROR_NO_DEVICE, "process: expected the one that opened the GPU, got a fork");
    expectFailure(lla_plan_clear_workspace(call.plan, call.workspace, call.bytes, stream), LLA_ERROR_NO_DEVICE,
                  "process: expected");
    expectFailure(lla_context_create("cuda:0", &context), LLA_ERROR_NO_DEVICE, "process: expected");
    EXPECT_OK(lla_context_create(nullptr, &context));
    lla_context_info info = LLA_CONTEXT_INFO_INIT;
    EXPECT_OK(lla_context_describe(context, &info));
    EXPECT_STREQ(info.target, "host");
    EXPECT_OK(lla_plan_destroy(call.plan));
    EXPECT_OK(lla_context_destroy(call.context));
    EXPECT_STREQ(fakeCudaTakeCalls(), ""); // Nothing was asked of the driver.
    _exit(testing::Test::HasFailure());
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_OK(call.run(stream));
}

TEST(Cuda, ARunIsALaunchAndNothingElse) {
  CudaCall call(decode(), 1);
  int before = fakeCudaLaunches();
  ASSERT_OK(call.run(stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "cuCtxGetCurrent cuCtxPushCurrent cuLaunchKernelEx cuCtxPopCurrent ");
  EXPECT_EQ(fakeCudaLaunches(), before + 1);
  FakeLaunch launch = fakeCudaLastLaunch();
  EXPECT_EQ(launch.stream, stream);
  EXPECT_EQ(launch.device, 1);
  EXPECT_GT(launch.gridX * launch.gridY * launch.threads, 0u);
  EXPECT_EQ(fakeCudaCurrentDevice(), -1); // As it was.
}

TEST(Cuda, AClearIsAFillOfTheCountersAndNothingElse) {
  CudaCall call(splitDecode(), 1);
  ASSERT_GT(call.bytes, 4096u);
  ASSERT_OK(lla_plan_clear_workspace(call.plan, call.workspace, call.bytes, stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "cuCtxGetCurrent cuCtxPushCurrent cuMemsetD8Async cuCtxPopCurrent ");
  FakeFill fill = fakeCudaLastFill();
  EXPECT_EQ(fill.address, call.workspace);
  EXPECT_EQ(fill.value, 0);
  EXPECT_GT(fill.bytes, 0u);
  EXPECT_LE(fill.bytes, 4096u); // States are left.
  EXPECT_EQ(fill.stream, stream);
  EXPECT_EQ(fill.device, 1);
  expectFailure(lla_plan_clear_workspace(call.plan, call.workspace, call.bytes - 1, stream), LLA_ERROR_USAGE,
                "workspace: expected at least");
  expectFailure(lla_plan_clear_workspace(call.plan, nullptr, call.bytes, stream), LLA_ERROR_USAGE,
                "workspace: expected");
  CudaCall whole(prefill(), 0); // Has no splits.
  ASSERT_EQ(whole.bytes, 0u);
  EXPECT_OK(lla_plan_clear_workspace(whole.plan, nullptr, 0, stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "");
}

TEST(Cuda, TensorMapsAreMadeInTheCall) {
  CudaCall call(prefill(), 0);
  ASSERT_OK(call.run(stream));
  EXPECT_STREQ(fakeCudaTakeCalls(),
               "cuCtxGetCurrent cuCtxPushCurrent cuTensorMapEncodeTiled cuTensorMapEncodeTiled "
               "cuTensorMapEncodeTiled cuTensorMapEncodeTiled cuLaunchKernelEx cuCtxPopCurrent ");
}

TEST(Cuda, MapsOfTensorsThatComeAgainAreKept) {
  CudaCall call(prefill(), 0);
  fakeCudaReadMaps(4);
  ASSERT_OK(call.run(stream));
  fakeCudaTakeCalls();
  auto expectMaps = [&](const char *calls) {
    ASSERT_OK(call.run(stream));
    EXPECT_STREQ(fakeCudaTakeCalls(), calls);
    const lla_tensor *inOrder[] = {&call.q, &call.r, &call.k, &call.v};
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(fakeCudaLastLaunch().bases[i], static_cast<char *>(inOrder[i]->data) + inOrder[i]->byte_offset) << i;
  };
  const char *none = "cuCtxGetCurrent cuCtxPushCurrent cuLaunchKernelEx cuCtxPopCurrent ";
  const char *one =
      "cuCtxGetCurrent cuCtxPushCurrent cuTensorMapEncodeTiled cuLaunchKernelEx cuCtxPopCurrent ";
  expectMaps(none);
  call.k.byte_offset = 4096; // Another layer's.
  expectMaps(one);
  expectMaps(none);
  call.k.byte_offset = 0;
  expectMaps(none);
  const int64_t padded[] = {1024 * 272, 272, 136, 1};
  call.v.strides = padded;
  expectMaps(one);
  call.queryShape[0] = call.keyShape[0] = 2; // Fewer sequences than before: all four are others.
  expectMaps("cuCtxGetCurrent cuCtxPushCurrent cuTensorMapEncodeTiled cuTensorMapEncodeTiled "
             "cuTensorMapEncodeTiled cuTensorMapEncodeTiled cuLaunchKernelEx cuCtxPopCurrent ");
  for (uint64_t layer = 0; layer < 1000; ++layer) { // More than are kept.
    call.k.byte_offset = layer * 256;
    ASSERT_OK(call.run(stream));
    EXPECT_EQ(fakeCudaLastLaunch().bases[2], static_cast<char *>(call.k.data) + layer * 256);
  }
  fakeCudaReadMaps(0);
}

TEST(Cuda, AContextThatIsCurrentIsLeftAlone) {
  CudaCall call(decode(), 1);
  ASSERT_EQ(cuCtxSetCurrent(reinterpret_cast<void *>(2)), 0); // Of device 1.
  ASSERT_OK(call.run(stream));
  EXPECT_STREQ(fakeCudaTakeCalls(), "cuCtxGetCurrent cuLaunchKernelEx ");
  EXPECT_EQ(fakeCudaCurrentDevice(), 1);
  CudaCall other(decode(), 0);
  ASSERT_OK(other.run(stream));
  EXPECT_EQ(fakeCudaLastLaunch().device, 0);
  EXPECT_EQ(fakeCudaCurrentDevice(), 1);
  ASSERT_EQ(cuCtxSetCurrent(nullptr), 0);
}

TEST(Cuda, SmallerCallsHaveSmallerGrids) {
  CudaCall call(decode(), 0);
  ASSERT_OK(call.run());
  FakeLaunch whole = fakeCudaLastLaunch();
  call.queryShape[0] = call.keyShape[0] = 1;
  ASSERT_OK(call.run());
  EXPECT_EQ(fakeCudaLastLaunch().gridX * 4, whole.gridX);
  int before = fakeCudaLaunches();
  call.queryShape[0] = call.keyShape[0] = 0;
  ASSERT_OK(call.run());
  EXPECT_EQ(fakeCudaLaunches(), before);
}

TEST(Cuda, PlacesAreChecked) {
  CudaCall call(decode(), 1);
  fakeCudaTakeCalls();
  call.k.device.id = 0;
  expectFailure(call.run(), LLA_ERROR_USAGE, "k.device: expected cuda:1, got cuda:0");
  call.k.device = {LLA_DEVICE_CPU, 0};
  expectFailure(call.run(), LLA_ERROR_USAGE, "k.device: expected cuda:1, got cpu");
  call.k.device = {LLA_DEVICE_CUDA_HOST, 1};
  expectFailure(call.run(), LLA_ERROR_USAGE, "k.device: expected cuda:1, got pinned memory");
  EXPECT_STREQ(fakeCudaTakeCalls(), "");
  call.k.device = {LLA_DEVICE_CUDA_MANAGED, 0};
  EXPECT_OK(call.run());
}

TEST(Cuda, AlignmentIsChecked) {
  CudaCall call(decode(), 0);
  call.v.byte_offset = 8;
  expectFailure(call.run(), LLA_ERROR_USAGE, "v.data: expected an address aligned to 16 bytes");
  call.v.byte_offset = 0;
  const int64_t strides[] = {4096 * 260, 260, 128, 1};
  call.k.strides = strides;
  expectFailure(call.run(), LLA_ERROR_USAGE, "k.stride(row): expected a multiple of 16 bytes, got 260 elements");
  const int64_t padded[] = {4096 * 264, 264, 128, 1};
  call.k.strides = padded;
  EXPECT_OK(call.run());
}

TEST(Cuda, AFaultOfTheDriverIsAnError) {
  CudaCall call(decode(), 0);
  fakeCudaSetLaunchResult(700);
  lla_status status = call.run();
  fakeCudaSetLaunchResult(0);
  expectFailure(status, LLA_ERROR_EXECUTION, "cuLaunchKernelEx: CUDA_ERROR_FAKE (as it was told)");
  EXPECT_EQ(fakeCudaCurrentDevice(), -1);
  EXPECT_OK(call.run());
}

TEST(Cuda, AnotherLengthsPlanIsNotPreparedByAccident) {
  lla_context *context = nullptr;
  lla_plan *plan = nullptr;
  lla_problem problem = decode();
  CudaCall other(problem, 0);
  ASSERT_OK(lla_context_create("cuda", &context));
  ASSERT_OK(lla_plan_create(context, &problem, &plan));
  fakeCudaTakeCalls();
  expectFailure(lla_plan_run(plan, &other.tensors, other.workspace, other.bytes, stream), LLA_ERROR_NOT_PREPARED,
                "plan_prepare before plan_run");
  EXPECT_STREQ(fakeCudaTakeCalls(), ""); // A capture that is under way is not disturbed.
  EXPECT_OK(lla_plan_destroy(plan));
  EXPECT_OK(lla_context_destroy(context));
}

TEST(Cuda, EightThreadsShareAPlan) {
  CudaCall call(decode(), 0);
  int before = fakeCudaLaunches();
  std::atomic<int> failures = 0;
  std::vector<std::thread> team;
  for (int i = 0; i < 8; ++i)
    team.emplace_back([&] {
      for (int j = 0; j < 100; ++j)
        failures += call.run() != LLA_OK;
    });
  for (std::thread &thread : team)
    thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(fakeCudaLaunches(), before + 800);
}

#ifndef LLA_SANITIZED
TEST(Cuda, ARunAllocatesNothing) {
  for (const lla_problem &problem : {decode(), prefill()}) {
    CudaCall call(problem, 0);
    ASSERT_OK(call.run(stream));
    int64_t before = allocationsSoFar();
    lla_status status = LLA_OK;
    for (int i = 0; i < 10; ++i)
      status = static_cast<lla_status>(status | call.run(stream));
    EXPECT_EQ(allocationsSoFar() - before, 0);
    EXPECT_OK(status);
    lla_plan_run(nullptr, nullptr, nullptr, 0, nullptr); // Has to write its message.
    EXPECT_GT(allocationsSoFar(), before);               // The counter counts the library's too.
  }
}
#endif

} // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  char folder[] = "/tmp/lla-capi-cuda-test-XXXXXX";
  if (!mkdtemp(folder))
    return 1;
  setenv("LLA_CACHE_DIR", folder, 1);
  for (const char *variable : {"LLA_TUNE", "LLA_LOG", "LLA_WORKER", "LLA_DISABLE_JIT", "LLA_ASSERT_CACHE_HIT"})
    unsetenv(variable);
  int status = RUN_ALL_TESTS();
  (void)!std::system((std::string("rm -rf ") + folder).c_str());
  return status;
}
