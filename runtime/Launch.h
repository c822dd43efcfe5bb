//===- Launch.h - what one launch is given --------------------------------===//
//
// From a call to the record that a kernel takes, on any device and whoever made the
// kernel: a JIT or an ahead-of-time library. Nothing here allocates on success.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_LAUNCH_H
#define LLA_RUNTIME_LAUNCH_H

#include "dialect/Spec/KernelArguments.h"
#include "dialect/Spec/Resources.h"
#include "runtime/TensorView.h"

namespace lla {

/// One launch but for its code.
struct LaunchRecord {
  KernelArguments arguments;
  Grid grid;
};

/// The problem that a call on `tensors` solves (problemOf), all else about the call being right too. `planned` with
/// `schedule` costs `costs`. Fails with Usage, naming the argument.
llvm::Expected<Problem> checkCall(const Problem &planned, const Schedule &schedule, const Resources &costs,
                                  const AttentionTensors &tensors, const void *workspace, int64_t workspaceBytes,
                                  TargetKind target);

/// Bytes at the start of a workspace that have to be zero before the first run in it: the counters. The workspace is
/// checked as `checkCall` does. Fails with Usage.
llvm::Expected<int64_t> bytesToClear(const Resources &costs, const void *workspace, int64_t workspaceBytes);

/// What a launch on `tensors` is given. `problem` is that of the call, whose sizes the grid follows; the plan that the
/// workspace was sized for costs `planned`.
LaunchRecord makeLaunchRecord(const Schedule &schedule, const Resources &planned, const Problem &problem,
                              const AttentionTensors &tensors, void *workspace, const Target &target);

} // namespace lla
#endif
