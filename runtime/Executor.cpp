//===- Executor.cpp - what all devices have in common ---------------------===//

#include "runtime/Executor.h"
#include "runtime/Knobs.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/host/HostExecutor.h"
#include <fmt/format.h>
#include <list>
#include <numbers>

namespace lla {
namespace {

/// A host tensor of the same strides, over `memory`, which it sizes.
TensorView mirror(const TensorView &view, std::vector<char> &memory) {
  memory.resize(view.spanBytes());
  TensorView copy = view;
  copy.data = memory.data();
  return copy;
}

llvm::Expected<int64_t> readIndex(llvm::StringRef target, llvm::StringRef digits, int64_t least) {
  int64_t index = 0;
  if (digits.getAsInteger(10, index) || index < least || index > 4096)
    return failure(FailureKind::Usage,
                   fmt::format("target: expected a number from {} to 4096 after ':', got \"{}\"", least, target.str()));
  return index;
}

llvm::Expected<std::unique_ptr<Executor>> openDevice(llvm::StringRef target, const Knobs &knobs) {
  auto [kind, digits] = target.split(':');
  bool isIndexed = target.contains(':');
  if (kind == "host") {
    llvm::Expected<int64_t> threads = isIndexed ? readIndex(target, digits, 1) : llvm::Expected<int64_t>(0);
    if (!threads)
      return threads.takeError();
    return std::make_unique<HostExecutor>(hostTarget(*threads));
  }
  if (kind == "cuda") {
    llvm::Expected<int64_t> device = isIndexed ? readIndex(target, digits, 0) : llvm::Expected<int64_t>(0);
    if (!device)
      return device.takeError();
    return openCudaExecutor(static_cast<int>(*device), knobs);
  }
  constexpr const char *devices = "a device (host, host:THREADS, cuda, cuda:N)";
  llvm::Expected<Target> named = namedTarget(target);
  if (named)
    return failure(FailureKind::NoDevice,
                   fmt::format("target: expected {}, got the architecture {}", devices, target.str()));
  llvm::consumeError(named.takeError());
  return failure(FailureKind::Usage, fmt::format("target: expected {}, got \"{}\"", devices, target.str()));
}

} // namespace

llvm::Error Executor::fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) {
  for (const InputFill &fill : inputFills(problem, tensors, seed)) {
    const TensorView &view = *fill.view;
    std::vector<char> memory;
    TensorView copy = mirror(view, memory);
    // Whatever lies between the rows is the caller's and stays.
    bool hasGaps = view.spanBytes() > view.elements() * elementBytes(view.dtype);
    if (hasGaps)
      if (llvm::Error error = copyOut(memory.data(), view.data, view.spanBytes(), nullptr))
        return error;
    for (int64_t row = 0, rows = rowCount(copy); row < rows; ++row)
      fillInputRow(copy, fill.which, fill.seed, row);
    if (llvm::Error error = copyIn(view.data, memory.data(), view.spanBytes(), nullptr))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Executor::fillSequences(const Problem &problem, const AttentionTensors &tensors, SequenceKind kind,
                                    uint64_t seed) {
  SequenceNumbers numbers = makeSequences(problem, kind, seed);
  for (auto [view, from] : {std::pair{&tensors.lengths, &numbers.lengths},
                            {&tensors.starts, &numbers.starts},
                            {&tensors.pageTable, &numbers.pages}})
    if (view->data)
      if (llvm::Error error = copyIn(const_cast<int32_t *>(view->data), from->data(), view->spanBytes(), nullptr))
        return error;
  return llvm::Error::success();
}

llvm::Expected<ErrorFigures> Executor::compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                               uint64_t seed) {
  AttentionTensors copies = tensors;
  std::list<std::vector<char>> memory;
  for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
    for (const NamedTensor &one : names) {
      const TensorView &view = tensors.*one.member;
      std::vector<char> &bytes = memory.emplace_back();
      copies.*one.member = mirror(view, bytes);
      if (llvm::Error error = copyOut(bytes.data(), view.data, view.spanBytes(), nullptr))
        return error;
    }
  std::list<std::vector<int32_t>> numbers;
  for (const NamedIndices &indices : indicesOf(problem)) {
    IndexView &view = copies.*indices.member;
    if (!view.data)
      continue;
    std::vector<int32_t> &copy = numbers.emplace_back(view.spanBytes() / sizeof(int32_t));
    if (llvm::Error error = copyOut(copy.data(), view.data, view.spanBytes(), nullptr))
      return error;
    view.data = copy.data();
  }
  return compareWithReference(problem, copies, sampleRows(problem, rows, seed));
}

Launch makeLaunch(const LoadedKernel &kernel, const Problem &problem, const AttentionTensors &tensors, void *workspace,
                  const Target &target) {
  Resources costs = resources(problem, kernel.schedule, target);
  Launch launch;
  launch.kernel = &kernel;
  launch.grid = costs.grid;
  KernelArguments &arguments = launch.arguments;
#define LLA_SET_TENSOR(field, tensor)                                                                                  \
  arguments.field = tensors.tensor.data;                                                                               \
  arguments.field##_batch_stride = tensors.tensor.strides[0];                                                          \
  arguments.field##_row_stride = tensors.tensor.strides[1];                                                            \
  arguments.field##_head_stride = tensors.tensor.strides[2];
#define LLA_SET_PART(field, tensor)                                                                                    \
  LLA_SET_TENSOR(field, tensor)                                                                                        \
  arguments.field##_shard_stride = tensors.tensor.shardStride;
  LLA_SET_TENSOR(o, o)
  if (problem.state) {
    LLA_SET_TENSOR(lse, lse)
    LLA_SET_TENSOR(tbar, tbar)
    LLA_SET_TENSOR(vbar, vbar)
  }
  if (problem.isMerge()) {
    LLA_SET_PART(part_o, partO)
    LLA_SET_PART(part_lse, partLse)
    LLA_SET_PART(part_tbar, partTbar)
    LLA_SET_PART(part_vbar, partVbar)
  } else {
    LLA_SET_TENSOR(q, q)
    LLA_SET_TENSOR(k, k)
    LLA_SET_TENSOR(v, v)
    if (problem.hasProbe()) {
      LLA_SET_TENSOR(r, r)
    }
  }
#undef LLA_SET_PART
#undef LLA_SET_TENSOR
  // The launch record has one kind of pointer; kernels only read these.
  arguments.lengths = const_cast<int32_t *>(tensors.lengths.data);
  arguments.starts = const_cast<int32_t *>(tensors.starts.data);
  arguments.page_table = const_cast<int32_t *>(tensors.pageTable.data);
  arguments.page_table_stride = tensors.pageTable.stride;
  arguments.workspace = costs.workspaceBytes ? workspace : nullptr;
  // The plan's offset, not this call's: else one call's partials would lie on another's counters.
  arguments.partials_offset = counterBytes(kernel.costs);
  arguments.batch = static_cast<int32_t>(problem.batch);
  arguments.query_length = static_cast<int32_t>(problem.queryLength);
  arguments.context = static_cast<int32_t>(problem.context);
  arguments.shards = static_cast<int32_t>(problem.shards);
  arguments.kv_heads = static_cast<int32_t>(problem.kvHeads);
  arguments.row_tiles = static_cast<int32_t>(costs.rowTiles);
  arguments.splits = static_cast<int32_t>(costs.grid.y);
  arguments.split_tiles = static_cast<int32_t>(kernel.schedule.splitTiles * costs.keyWarps);
  arguments.pages = static_cast<int32_t>(problem.pageSize ? tensors.k.sizes[0] : 0);
  arguments.scale_log2 = static_cast<float>(problem.effectiveScale() * std::numbers::log2e);
  return launch;
}

llvm::Expected<std::unique_ptr<Executor>> openExecutor(llvm::StringRef target, const Knobs &knobs) {
  llvm::Expected<std::unique_ptr<Executor>> executor = openDevice(target, knobs);
  if (executor)
    (*executor)->spelling = target.str();
  return executor;
}

std::string bestTarget(const Knobs &knobs) {
  llvm::Expected<std::unique_ptr<Executor>> cuda = openCudaExecutor(0, knobs);
  if (cuda)
    return "cuda";
  llvm::consumeError(cuda.takeError());
  return "host";
}

} // namespace lla
