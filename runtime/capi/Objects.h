//===- Objects.h - what the handles of the C API stand for ----------------===//
#ifndef LLA_RUNTIME_CAPI_OBJECTS_H
#define LLA_RUNTIME_CAPI_OBJECTS_H

#include "runtime/Plan.h"
#include "runtime/capi/HandleTable.h"
#include "runtime/capi/Status.h"
#include "runtime/capi/Structs.h"
#include <atomic>
#include <mutex>

namespace lla::capi {

class PreparedPlan;

struct Context {
  /// As lla_context_create takes it.
  static llvm::Expected<std::unique_ptr<Context>> open(const char *target);
  lla_context_info describe() const;
  /// Of a problem that is not normalised.
  llvm::Expected<std::unique_ptr<PreparedPlan>> plan(const Problem &problem) const;

  Knobs knobs;
  std::shared_ptr<Jit> jit;
  lla_device device = {}; ///< That tensors have to be on.
};

class PreparedPlan {
public:
  PreparedPlan(Plan plan, lla_device device);

  int64_t workspaceBytes() const { return plan.workspaceBytes(); }
  /// `preparing` is held.
  llvm::Error load();
  llvm::Error launch(const AttentionTensors &tensors, void *workspace, int64_t workspaceBytes,
                     CUstream_st *stream) const {
    return plan.run(tensors, workspace, workspaceBytes, stream);
  }
  llvm::Error clearWorkspace(void *workspace, int64_t workspaceBytes, CUstream_st *stream) const {
    return plan.clearWorkspace(workspace, workspaceBytes, stream);
  }
  /// Another thread may be preparing it.
  lla_plan_info describe() const;

  const CallForm form;
  std::mutex preparing;
  std::atomic<bool> ready = false; ///< Set after all that `load` writes: a run reads it first.

private:
  Plan plan;
  std::string problem, schedule, reason, notice; ///< What `describe` points to.
};

using ContextTable = HandleTable<lla_context, Context, 1>;
using PlanTable = HandleTable<lla_plan, PreparedPlan, 2>;
extern ContextTable contexts;
extern PlanTable plans;

} // namespace lla::capi
#endif
