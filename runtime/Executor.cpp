//===- Executor.cpp - what all devices have in common ---------------------===//

#include "runtime/Executor.h"
#include "runtime/DeviceName.h"
#include "runtime/Knobs.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/host/HostExecutor.h"
#include <fmt/format.h>
#include <list>

namespace lla {
namespace {

/// A host tensor of the same strides, over `memory`, which it sizes.
TensorView mirror(const TensorView &view, std::vector<char> &memory) {
  memory.resize(view.spanBytes());
  TensorView copy = view;
  copy.data = memory.data();
  return copy;
}

llvm::Expected<std::unique_ptr<Executor>> openDevice(llvm::StringRef target, const Knobs &knobs) {
  llvm::Expected<std::optional<DeviceName>> device = parseDeviceName(target);
  if (!device)
    return device.takeError();
  if (*device && (*device)->kind == TargetKind::Host)
    return std::make_unique<HostExecutor>(hostTarget(static_cast<unsigned>((*device)->number)));
  if (*device)
    return openCudaExecutor(static_cast<int>((*device)->number), knobs);
  llvm::Expected<Target> named = namedTarget(target);
  if (named)
    return failure(FailureKind::NoDevice,
                   fmt::format("target: expected {}, got the architecture {}", deviceNameForms, target.str()));
  llvm::consumeError(named.takeError());
  return failure(FailureKind::Usage, fmt::format("target: expected {}, got \"{}\"", deviceNameForms, target.str()));
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
                            {&tensors.pageTable, &numbers.pages},
                            {&tensors.cuSeqlensQ, &numbers.cuSeqlensQ},
                            {&tensors.cuSeqlensK, &numbers.cuSeqlensK}})
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
  return compareWithReference(problem, copies, sampleRows(problem, rows, seed, sequencesOf(copies)));
}

Launch makeLaunch(const LoadedKernel &kernel, const Problem &problem, const AttentionTensors &tensors, void *workspace,
                  const Target &target) {
  return {makeLaunchRecord(kernel.schedule, kernel.costs, problem, tensors, workspace, target), &kernel};
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
