//===- Plan.h - plan, prepare, run ----------------------------------------===//
//
// A plan is made for a maximum batch, query length and context and runs
// anything up to it. All that can block is in `create` and `prepare`; `run` is
// what a serving loop or a graph capture calls.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_PLAN_H
#define LLA_RUNTIME_PLAN_H

#include "runtime/Jit.h"

namespace lla {

class Plan {
public:
  /// Decides the schedule (with LLA_TUNE=tune this may search). Fails on a bad problem, or with Miss in strict mode.
  static llvm::Expected<Plan> create(const Problem &problem, std::shared_ptr<Jit> jit);
  /// With a schedule of the caller's; fails if it is infeasible.
  static llvm::Expected<Plan> create(const Problem &problem, const Schedule &schedule, std::shared_ptr<Jit> jit);

  /// Device memory that `run` needs, zero-filled once by the caller before the first run, or cleared by
  /// `clearWorkspace`; each concurrent run needs its own. 0: none (pass null).
  int64_t workspaceBytes() const { return costs.workspaceBytes; }

  /// Compiles or finds the kernel, loads it and sets its attributes. Once is enough; again is free.
  llvm::Error prepare();

  /// Enqueues the kernel. Never compiles, loads, allocates or synchronises. Fails with NotPrepared, or Usage for
  /// tensors or a workspace that do not fit; nothing has been enqueued then. Thread-safe after `prepare`.
  llvm::Error run(const AttentionTensors &tensors, void *workspace, int64_t workspaceBytes, Stream stream) const;

  /// Enqueues the zeros that a workspace of any content needs before the first run. Never allocates or synchronises;
  /// legal before `prepare`. Fails with Usage for a workspace that `run` would refuse. Thread-safe.
  llvm::Error clearWorkspace(void *workspace, int64_t workspaceBytes, Stream stream) const;

  const Problem &problem() const { return planned; }
  const ScheduleAnswer &schedule() const { return decision; }
  const Resources &resources() const { return costs; }
  /// What `prepare` found; kernel is null before.
  const JitAnswer &answer() const { return prepared; }

private:
  Plan(const Problem &problem, ScheduleAnswer schedule, std::shared_ptr<Jit> jit);

  Problem planned;
  ScheduleAnswer decision;
  Resources costs;
  std::shared_ptr<Jit> jit;
  JitAnswer prepared;
};

} // namespace lla
#endif
