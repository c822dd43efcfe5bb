//===- Launch.cpp - what one launch is given ------------------------------===//

#include "runtime/Launch.h"
#include "dialect/Spec/Shape.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>
#include <numbers>

namespace lla {

namespace {

/// The code of a schedule with static sizes knows no others.
llvm::Error checkStaticSizes(const Problem &planned, const Problem &called) {
  for (const ShapeField &field : shapeFields())
    if (planned.*field.size != called.*field.size)
      return failure(FailureKind::Usage, fmt::format("{}: expected {}, as planned (static_sizes=true), got {}",
                                                     field.name, planned.*field.size, called.*field.size));
  return llvm::Error::success();
}

llvm::Error checkWorkspaceBytes(const Resources &costs, int64_t given) {
  if (given < costs.workspaceBytes)
    return failure(FailureKind::Usage,
                   fmt::format("workspace: expected at least {} bytes, got {}", costs.workspaceBytes, given));
  return llvm::Error::success();
}

} // namespace

llvm::Expected<Problem> checkCall(const Problem &planned, const Schedule &schedule, const Resources &costs,
                                  const AttentionTensors &tensors, const void *workspace, int64_t workspaceBytes,
                                  TargetKind target) {
  llvm::Expected<Problem> problem = problemOf(planned, tensors);
  if (!problem)
    return problem;
  if (schedule.staticSizes)
    if (llvm::Error error = checkStaticSizes(planned, *problem))
      return std::move(error);
  if (llvm::Error error = checkWorkspaceBytes(costs, workspaceBytes))
    return std::move(error);
  if (llvm::Error error = checkAddresses(*problem, tensors, workspace, costs.workspaceBytes, target))
    return error;
  return problem;
}

llvm::Expected<int64_t> bytesToClear(const Resources &costs, const void *workspace, int64_t workspaceBytes) {
  if (llvm::Error error = checkWorkspaceBytes(costs, workspaceBytes))
    return std::move(error);
  if (llvm::Error error = checkWorkspaceAddress(workspace, costs.workspaceBytes))
    return std::move(error);
  return costs.workspaceBytes ? counterBytes(costs) : 0;
}

LaunchRecord makeLaunchRecord(const Schedule &schedule, const Resources &planned, const Problem &problem,
                              const AttentionTensors &tensors, void *workspace, const Target &target) {
  Resources costs = resources(problem, schedule, target);
  LaunchRecord launch;
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
#define LLA_SET_SCALES(field, tensor)                                                                                  \
  arguments.field = tensors.tensor.empty() ? nullptr : tensors.tensor.data;                                            \
  arguments.field##_head_stride = tensors.tensor.sizes[2] > 1 ? tensors.tensor.strides[2] : 0;
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
    if (problem.hasKeyScales()) {
      LLA_SET_SCALES(k_scales, kScales)
      LLA_SET_SCALES(v_scales, vScales)
    }
  }
#undef LLA_SET_SCALES
#undef LLA_SET_PART
#undef LLA_SET_TENSOR
  // The launch record has one kind of pointer; kernels only read these.
  arguments.lengths = const_cast<int32_t *>(tensors.lengths.data);
  arguments.starts = const_cast<int32_t *>(tensors.starts.data);
  arguments.page_table = const_cast<int32_t *>(tensors.pageTable.data);
  arguments.page_table_stride = tensors.pageTable.stride;
  arguments.cu_seqlens_q = const_cast<int32_t *>(tensors.cuSeqlensQ.data);
  arguments.cu_seqlens_k = const_cast<int32_t *>(tensors.cuSeqlensK.data);
  arguments.workspace = costs.workspaceBytes ? workspace : nullptr;
  // The plan's offset, not this call's: else one call's partials would lie on another's counters.
  arguments.partials_offset = counterBytes(planned);
  LaunchSizes sizes = launchSizes(problem, schedule, costs);
#define LLA_SIZE(name, what) arguments.name = static_cast<int32_t>(sizes.name);
#include "dialect/Spec/KernelArguments.def"
  arguments.pages = static_cast<int32_t>(problem.pageSize ? tensors.k.sizes[0] : 0);
  arguments.query_rows = static_cast<int32_t>(problem.packedQueries ? tensors.q.sizes[1] : 0);
  arguments.key_rows = static_cast<int32_t>(problem.packedKeys ? tensors.k.sizes[1] : 0);
  arguments.scale_log2 = static_cast<float>(problem.effectiveScale() * std::numbers::log2e);
  return launch;
}

} // namespace lla
