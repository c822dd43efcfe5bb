//===- DeviceTensors.cpp - a problem's tensors on a device ----------------===//

#include "tools/lla/DeviceTensors.h"

namespace lla {

llvm::Expected<DeviceTensors> DeviceTensors::allocate(Executor &executor, const Problem &problem,
                                                      int64_t workspaceBytes) {
  return allocate(executor, problem, workspaceBytes, denseTensors(problem));
}

llvm::Expected<DeviceTensors> DeviceTensors::allocate(Executor &executor, const Problem &problem,
                                                      int64_t workspaceBytes, const AttentionTensors &shapes) {
  DeviceTensors memory;
  memory.tensors = shapes;
  for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
    for (const NamedTensor &one : names) {
      TensorView &view = memory.tensors.*one.member;
      llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(view.spanBytes());
      if (!buffer)
        return buffer.takeError();
      view.data = (*buffer)->data();
      memory.buffers.push_back(std::move(*buffer));
    }
  for (const NamedIndices &indices : indicesOf(problem)) {
    IndexView &view = memory.tensors.*indices.member;
    llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(view.spanBytes());
    if (!buffer)
      return buffer.takeError();
    view.data = static_cast<const int32_t *>((*buffer)->data());
    memory.buffers.push_back(std::move(*buffer));
  }
  if (workspaceBytes == 0)
    return memory;
  llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(workspaceBytes);
  if (!buffer)
    return buffer.takeError();
  memory.scratch = std::move(*buffer);
  if (llvm::Error error = executor.fill(memory.scratch->data(), 0, workspaceBytes, nullptr))
    return std::move(error);
  return memory;
}

llvm::Error DeviceTensors::fillRandom(Executor &executor, const Problem &problem, uint64_t seed) const {
  if (llvm::Error error = executor.fillInputs(problem, tensors, seed))
    return error;
  return executor.fillSequences(problem, tensors, SequenceKind::Any, seed);
}

llvm::Error DeviceTensors::run(const Plan &plan, Executor &executor) const {
  if (llvm::Error error = plan.run(tensors, workspace(), workspaceBytes(), nullptr))
    return error;
  return executor.synchronize(nullptr);
}

llvm::Expected<std::vector<std::string>> DeviceTensors::outputs(Executor &executor, const Problem &problem) const {
  std::vector<std::string> all;
  for (const NamedTensor &output : outputsOf(problem)) {
    const TensorView &view = tensors.*output.member;
    std::string &bytes = all.emplace_back(view.spanBytes(), '\0');
    if (llvm::Error error = executor.copyOut(bytes.data(), view.data, view.spanBytes(), nullptr))
      return std::move(error);
  }
  return all;
}

} // namespace lla
