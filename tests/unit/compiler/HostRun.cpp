//===- HostRun.cpp - compile a problem for the host and run it ------------===//

#include "HostRun.h"
#include "dialect/Spec/Reference.h"
#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace lla;
using namespace lla::test;

GuardedMemory::GuardedMemory(size_t bytes) {
  size_t page = sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
  mappingBytes = used + page;
  mapping =
      static_cast<char *>(mmap(nullptr, mappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(mapping + used, page, PROT_NONE);
  begin = mapping + used - bytes;
}

GuardedMemory::~GuardedMemory() { munmap(mapping, mappingBytes); }

HostTensor::HostTensor(const Problem &problem, int64_t rows, int64_t heads)
    : HostTensor(problem, rows, heads, problem.headDim, problem.dtype) {}

HostTensor::HostTensor(const Problem &problem, int64_t rows, int64_t heads, int64_t dim, ElementType type)
    : batch(problem.batch), rows(rows), heads(heads), dim(dim), type(type) {
  bool rowsFirst = problem.layout == Layout::BSHD;
  headStride = rowsFirst ? dim : rows * dim;
  rowStride = rowsFirst ? heads * dim : dim;
  batchStride = rows * heads * dim;
  memory = std::make_unique<GuardedMemory>(batch * batchStride * elementBytes(type));
}

char *HostTensor::element(int64_t b, int64_t row, int64_t head, int64_t d) const {
  return memory->data() + (b * batchStride + row * rowStride + head * headStride + d) * elementBytes(type);
}

double HostTensor::get(int64_t b, int64_t row, int64_t head, int64_t d) const {
  if (type == ElementType::F32) {
    float value;
    std::memcpy(&value, element(b, row, head, d), sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, element(b, row, head, d), sizeof(bits));
  return fromBits16(type, bits);
}

void HostTensor::set(int64_t b, int64_t row, int64_t head, int64_t d, double value) {
  float single = static_cast<float>(value);
  uint16_t bits = type == ElementType::F32 ? 0 : toBits16(type, value);
  const void *source = type == ElementType::F32 ? static_cast<const void *>(&single) : &bits;
  std::memcpy(element(b, row, head, d), source, elementBytes(type));
}

std::vector<double> HostTensor::values() const {
  std::vector<double> all;
  all.reserve(batch * batchStride);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t d = 0; d < dim; ++d)
          all.push_back(get(b, row, head, d));
  return all;
}

HostTensors::HostTensors(const Problem &problem, unsigned seed)
    : q(problem, problem.queryLength, problem.queryHeads), r(problem, problem.queryLength, problem.queryHeads),
      k(problem, problem.context, problem.kvHeads), v(problem, problem.context, problem.kvHeads),
      o(problem, problem.queryLength, problem.queryHeads, problem.headDim, problem.outputType()),
      lse(problem, problem.queryLength, problem.queryHeads, 1, ElementType::F32),
      tbar(problem, problem.queryLength, problem.queryHeads, 1, ElementType::F32),
      vbar(problem, problem.queryLength, problem.queryHeads, problem.headDim, ElementType::F32) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  auto fill = [&](HostTensor &tensor, double deviation) {
    for (int64_t b = 0; b < tensor.batch; ++b)
      for (int64_t row = 0; row < tensor.rows; ++row)
        for (int64_t head = 0; head < tensor.heads; ++head)
          for (int64_t d = 0; d < tensor.dim; ++d)
            tensor.set(b, row, head, d, deviation * normal(generator));
  };
  fill(q, 1);
  fill(r, 1 / std::sqrt(static_cast<double>(problem.headDim))); // t of the order of 1
  fill(k, 1);
  fill(v, 1);
}

static KernelArguments makeRecord(const Problem &problem, const Schedule &schedule, const Resources &costs,
                                  const HostTensors &tensors, void *workspace) {
  KernelArguments record;
  auto put = [](const HostTensor &tensor, void *&pointer, int64_t &batch, int64_t &row, int64_t &head) {
    pointer = tensor.memory->data();
    batch = tensor.batchStride;
    row = tensor.rowStride;
    head = tensor.headStride;
  };
#define PUT(name)                                                                                                      \
  put(tensors.name, record.name, record.name##_batch_stride, record.name##_row_stride, record.name##_head_stride)
  PUT(q);
  if (problem.hasProbe())
    PUT(r);
  PUT(k);
  PUT(v);
  PUT(o);
  if (problem.state) {
    PUT(lse);
    PUT(tbar);
    PUT(vbar);
  }
#undef PUT
  record.workspace = workspace;
  record.partials_offset = counterBytes(costs);
  LaunchSizes sizes = launchSizes(problem, schedule, costs);
#define LLA_SIZE(name, what) record.name = static_cast<int32_t>(sizes.name);
#include "dialect/Spec/KernelArguments.def"
  record.scale_log2 = problem.effectiveScale() * 1.4426950408889634;
  return record;
}

/// Runs every task of the grid, each thread with a scratch of its own that it must not overrun.
static std::string runTasks(HostKernel kernel, const KernelArguments &record, const Resources &costs, TaskOrder order) {
  int64_t tasks = costs.grid.x * costs.grid.y;
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    size_t bytes = (costs.sharedBytes + 63) / 64 * 64;
    GuardedMemory scratch(bytes);
    for (int64_t i; (i = next++) < tasks;) {
      int64_t task = order == TaskOrder::Backward ? tasks - 1 - i : i;
      kernel(&record, task % costs.grid.x, task / costs.grid.x, scratch.data());
    }
  };
  if (order == TaskOrder::TwoThreads) {
    std::thread first(work), second(work);
    first.join();
    second.join();
  } else {
    work();
  }
  for (int64_t x = 0; x < costs.grid.x && record.workspace; ++x)
    if (static_cast<const int32_t *>(record.workspace)[x] != 0)
      return "an arrival counter did not wrap to 0";
  return "";
}

std::string lla::test::runOnHost(const Problem &problem, const Schedule &schedule, unsigned vectorBits,
                                 HostTensors &tensors, TaskOrder order, int runs) {
  Target target = hostTarget(1);
  target.vectorBits = vectorBits;
  auto artifact = compile(problem, target, schedule);
  if (!artifact)
    return llvm::toString(artifact.takeError());
  auto module = HostModule::load(*artifact);
  if (!module)
    return llvm::toString(module.takeError());
  Resources costs = resources(problem, schedule, target);
  std::unique_ptr<GuardedMemory> workspace;
  if (costs.workspaceBytes)
    workspace = std::make_unique<GuardedMemory>(costs.workspaceBytes);
  KernelArguments record = makeRecord(problem, schedule, costs, tensors, workspace ? workspace->data() : nullptr);
  for (int run = 0; run < runs; ++run)
    if (std::string error = runTasks((*module)->kernel(), record, costs, order); !error.empty())
      return error;
  return "";
}
