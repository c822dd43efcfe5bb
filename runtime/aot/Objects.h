//===- Objects.h - what the handles of an ahead-of-time library stand for -===//
#ifndef LLA_RUNTIME_AOT_OBJECTS_H
#define LLA_RUNTIME_AOT_OBJECTS_H

#include "runtime/aot/Device.h"
#include "runtime/aot/library.h"
#include "runtime/capi/HandleTable.h"
#include "runtime/capi/Status.h"
#include "runtime/capi/Structs.h"
#include <atomic>

namespace lla::aot {

class PreparedPlan;

struct Context {
  /// As lla_aot_context_create takes it.
  static llvm::Expected<std::unique_ptr<Context>> open(const char *target);
  lla_context_info describe() const;
  /// Of a problem that is not normalised.
  llvm::Expected<std::unique_ptr<PreparedPlan>> plan(const Problem &problem) const;

  std::string name;
  std::shared_ptr<Device> device;
  lla_device place = {}; ///< That tensors have to be on.
};

class PreparedPlan {
public:
  /// `problem` is normalised.
  PreparedPlan(const Problem &problem, const TableKernel &kernel, const Context &context);

  int64_t workspaceBytes() const { return costs.workspaceBytes; }
  /// `preparing` is held.
  llvm::Error load();
  llvm::Error launch(const AttentionTensors &tensors, void *workspace, int64_t workspaceBytes,
                     CUstream_st *stream) const;
  llvm::Error clearWorkspace(void *workspace, int64_t workspaceBytes, CUstream_st *stream) const;
  lla_plan_info describe() const;

  const capi::CallForm form;
  std::mutex preparing;
  std::atomic<bool> ready = false; ///< Set after `code`: a run reads it first.

private:
  const Problem problem;
  const TableKernel &kernel;
  const std::shared_ptr<Device> device;
  const Resources costs;
  const std::string problemText;
  std::unique_ptr<LoadedCode> code;
};

using ContextTable = capi::HandleTable<lla_aot_context, Context, 1>;
using PlanTable = capi::HandleTable<lla_aot_plan, PreparedPlan, 2>;
extern ContextTable contexts;
extern PlanTable plans;

} // namespace lla::aot
#endif
