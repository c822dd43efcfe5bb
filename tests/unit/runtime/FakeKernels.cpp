//===- FakeKernels.cpp - host kernels that need no compiler ---------------===//

#include "FakeKernels.h"
#include "dialect/Spec/KernelArguments.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Inputs.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include <atomic>
#include <cstdlib>

namespace lla {
namespace {

Problem fakeProblem;

std::vector<double> readAll(void *data, std::array<int64_t, 3> strides, std::array<int64_t, 4> sizes) {
  TensorView view{data, fakeProblem.dtype, sizes, {strides[0], strides[1], strides[2], 1}};
  std::vector<double> values(view.elements());
  for (int64_t row = 0; row < rowCount(view); ++row)
    readRow(view, row, &values[row * sizes[3]]);
  return values;
}

/// An output of `values` a row.
void writeAll(void *data, ElementType dtype, std::array<int64_t, 3> strides, std::array<int64_t, 4> sizes,
              const std::vector<double> &values, int64_t rowsLeftOut) {
  TensorView view{data, dtype, sizes, {strides[0], strides[1], strides[2], 1}};
  for (int64_t row = 0; row < rowCount(view) - rowsLeftOut; ++row)
    writeRow(view, row, &values[row * sizes[3]]);
}

void computeReference(const KernelArguments *a, double offset, int64_t rowsLeftOut, bool withState = true) {
  Problem problem = fakeProblem;
  problem.batch = a->batch;
  problem.queryLength = a->query_length;
  problem.context = a->context;
  std::array<int64_t, 4> query = {problem.batch, problem.queryLength, problem.queryHeads, problem.headDim};
  std::array<int64_t, 4> key = {problem.batch, problem.context, problem.kvHeads, problem.headDim};
  auto q = readAll(a->q, {a->q_batch_stride, a->q_row_stride, a->q_head_stride}, query);
  auto k = readAll(a->k, {a->k_batch_stride, a->k_row_stride, a->k_head_stride}, key);
  auto v = readAll(a->v, {a->v_batch_stride, a->v_row_stride, a->v_head_stride}, key);
  std::vector<double> r;
  if (problem.hasProbe())
    r = readAll(a->r, {a->r_batch_stride, a->r_row_stride, a->r_head_stride}, query);
  std::vector<double> o = referenceForward(problem, q, r, k, v);
  for (double &value : o)
    value += offset;
  writeAll(a->o, problem.outputType(), {a->o_batch_stride, a->o_row_stride, a->o_head_stride}, query, o, rowsLeftOut);
  if (!problem.state || !withState)
    return;
  States states = referenceStates(problem, q, r, k, v);
  std::array<int64_t, 4> rows = {query[0], query[1], query[2], 1};
  ElementType single = ElementType::F32;
  writeAll(a->lse, single, {a->lse_batch_stride, a->lse_row_stride, a->lse_head_stride}, rows, states.lse, rowsLeftOut);
  writeAll(a->tbar, single, {a->tbar_batch_stride, a->tbar_row_stride, a->tbar_head_stride}, rows, states.tbar,
           rowsLeftOut);
  writeAll(a->vbar, single, {a->vbar_batch_stride, a->vbar_row_stride, a->vbar_head_stride}, query, states.vbar,
           rowsLeftOut);
}

bool isFirst(int32_t x, int32_t y) { return x == 0 && y == 0; }

void right(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (isFirst(x, y))
    computeReference(a, 0, 0);
}
void wrong(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (isFirst(x, y))
    computeReference(a, 1, 0);
}
void partial(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (isFirst(x, y))
    computeReference(a, 0, 1);
}
void mute(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (isFirst(x, y))
    computeReference(a, 0, 0, /*withState=*/false);
}
void outside(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (!isFirst(x, y))
    return;
  computeReference(a, 0, 0);
  static_cast<char *>(a->o)[-1] = 0;
}
void stale(const KernelArguments *a, int32_t x, int32_t y, void *) {
  if (!isFirst(x, y))
    return;
  int32_t *counter = static_cast<int32_t *>(a->workspace);
  computeReference(a, counter && *counter ? 1 : 0, 0);
  if (counter)
    *counter = 1;
}
void count(const KernelArguments *a, int32_t x, int32_t y, void *scratch) {
  std::atomic_ref<int>(static_cast<int *>(a->o)[y * a->row_tiles + x]).fetch_add(1);
  *static_cast<volatile int *>(scratch) = x; // The arena is there and is this thread's alone.
  if (*static_cast<volatile int *>(scratch) != x)
    std::abort();
}
void nothing(const KernelArguments *, int32_t, int32_t, void *) {}

struct FakeModule : HostModule {
  explicit FakeModule(HostKernel kernel) { entry = kernel; }
};

} // namespace

std::string textOf(llvm::Error error) { return llvm::toString(std::move(error)); }

llvm::Expected<std::unique_ptr<HostModule>> loadFake(const Artifact &artifact) {
  static const llvm::StringMap<HostKernel> kernels = {{"right", right}, {"wrong", wrong},     {"partial", partial},
                                                      {"mute", mute},   {"outside", outside}, {"stale", stale},
                                                      {"count", count}, {"nothing", nothing}};
  HostKernel kernel = kernels.lookup(artifact.kernelName);
  if (!kernel)
    return llvm::createStringError("no kernel " + artifact.kernelName);
  return std::make_unique<FakeModule>(kernel);
}

Artifact fakeArtifact(const std::string &kernel) {
  Artifact artifact;
  artifact.kernelName = kernel;
  artifact.bytes = "code of " + kernel;
  artifact.report.registers = 7;
  return artifact;
}

void setFakeProblem(const Problem &problem) { fakeProblem = problem; }

std::shared_ptr<HostExecutor> fakeExecutor(unsigned threads) {
  return std::make_shared<HostExecutor>(hostTarget(threads), loadFake);
}

Problem smallProblem(Mode mode) {
  Problem problem;
  problem.mode = mode;
  problem.batch = 2;
  problem.queryHeads = 4;
  problem.kvHeads = 2;
  problem.context = 24;
  problem.headDim = 16;
  problem.dtype = ElementType::F32;
  problem.causal = mode == Mode::Prefill;
  EXPECT_EQ(textOf(normalize(problem)), "");
  return problem;
}

TestFolder::TestFolder() : path(testing::TempDir() + "lla-runtime-XXXXXX") {
  if (!mkdtemp(path.data()))
    std::abort();
}

TestFolder::~TestFolder() { llvm::sys::fs::remove_directories(path); }

} // namespace lla
