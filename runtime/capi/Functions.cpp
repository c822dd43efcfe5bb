//===- Functions.cpp - contexts and plans, as C calls them ----------------===//
//
// The functions that liblla and ahead-of-time libraries both have, each under its own
// prefix (Api.h). Each finds its handle, translates its structs and asks the object
// (Objects.h, of either kind); nothing is decided here.
//
//===----------------------------------------------------------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/capi/Api.h"
#include <limits>
#ifdef LLA_AOT_LIBRARY
#include "runtime/aot/Objects.h"
#else
#include "runtime/capi/Objects.h"
#endif

using namespace lla;
using namespace lla::capi;
#ifdef LLA_AOT_LIBRARY
using namespace lla::aot;
#endif

namespace {

using ContextHandle = LLA_API_NAME(context);
using PlanHandle = LLA_API_NAME(plan);

/// The handle of a new object, or what made it fail.
template <class Table, class Handle, class Object>
lla_status give(Table &table, const char *kind, llvm::Expected<std::unique_ptr<Object>> made, Handle *&handle) {
  if (!made)
    return toStatus(made.takeError());
  Handle *inserted = table.insert(std::move(*made));
  if (!inserted)
    return tooMany(kind);
  handle = inserted;
  return LLA_OK;
}

llvm::Expected<std::unique_ptr<PreparedPlan>> makePlan(const Context &context, const lla_problem *given) {
  llvm::Expected<Problem> problem = toProblem(given);
  if (!problem)
    return problem.takeError();
  return context.plan(*problem);
}

llvm::Error prepare(PreparedPlan &plan) {
  std::lock_guard<std::mutex> lock(plan.preparing);
  if (plan.ready.load(std::memory_order_relaxed))
    return llvm::Error::success();
  if (llvm::Error error = plan.load())
    return error;
  plan.ready.store(true, std::memory_order_release);
  return llvm::Error::success();
}

int64_t saturated(size_t bytes) {
  constexpr size_t most = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(bytes, most));
}

llvm::Error run(const PreparedPlan &plan, const lla_tensors *given, void *workspace, size_t workspaceBytes,
                CUstream_st *stream) {
  if (!plan.ready.load(std::memory_order_acquire))
    return failure(FailureKind::NotPrepared, "plan: expected plan_prepare before plan_run, got none");
  AttentionTensors tensors;
  if (llvm::Error error = readTensors(plan.form, given, tensors))
    return error;
  return plan.launch(tensors, workspace, saturated(workspaceBytes), stream);
}

} // namespace

uint32_t LLA_API_NAME(version)(void) { return LLA_PROJECT_VERSION; }

lla_status LLA_API_NAME(context_create)(const char *target, ContextHandle **context) {
  return guarded([&] {
    if (llvm::Error error = checkPointer("context", context))
      return toStatus(std::move(error));
    return give(contexts, "context", Context::open(target), *context);
  });
}

lla_status LLA_API_NAME(context_destroy)(ContextHandle *context) {
  return guarded([&] { return !context || contexts.remove(context) ? LLA_OK : badHandle("context", context); });
}

lla_status LLA_API_NAME(context_describe)(const ContextHandle *handle, lla_context_info *info) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    return context ? toStatus(writeStruct("info", context->describe(), info)) : badHandle("context", handle);
  });
}

lla_status LLA_API_NAME(plan_create)(const ContextHandle *handle, const lla_problem *problem, PlanHandle **plan) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    if (llvm::Error error = checkPointer("plan", plan))
      return toStatus(std::move(error));
    return give(plans, "plan", makePlan(*context, problem), *plan);
  });
}

lla_status LLA_API_NAME(plan_destroy)(PlanHandle *plan) {
  return guarded([&] { return !plan || plans.remove(plan) ? LLA_OK : badHandle("plan", plan); });
}

lla_status LLA_API_NAME(plan_workspace_size)(const PlanHandle *handle, size_t *bytes) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    if (!plan)
      return badHandle("plan", handle);
    if (llvm::Error error = checkPointer("bytes", bytes))
      return toStatus(std::move(error));
    *bytes = plan->workspaceBytes();
    return LLA_OK;
  });
}

lla_status LLA_API_NAME(plan_prepare)(PlanHandle *handle) {
  return guarded([&] {
    PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(prepare(*plan)) : badHandle("plan", handle);
  });
}

lla_status LLA_API_NAME(plan_run)(const PlanHandle *handle, const lla_tensors *tensors, void *workspace,
                                  size_t workspaceBytes, CUstream_st *stream) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(run(*plan, tensors, workspace, workspaceBytes, stream)) : badHandle("plan", handle);
  });
}

lla_status LLA_API_NAME(plan_clear_workspace)(const PlanHandle *handle, void *workspace, size_t workspaceBytes,
                                              CUstream_st *stream) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(plan->clearWorkspace(workspace, saturated(workspaceBytes), stream))
                : badHandle("plan", handle);
  });
}

lla_status LLA_API_NAME(plan_describe)(const PlanHandle *handle, lla_plan_info *info) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(writeStruct("info", plan->describe(), info)) : badHandle("plan", handle);
  });
}
