//===- Functions.cpp - what an ahead-of-time library exports --------------===//
//
// lla.h's functions under the library's name: of what they share with the JIT's
// (runtime/capi/lla.cpp) the structs, statuses, handles and all checks of a call are
// the same sources.
//
//===----------------------------------------------------------------------===//

#include "runtime/aot/library.h"
#include "runtime/RuntimeError.h"
#include "runtime/aot/Device.h"
#include "runtime/capi/HandleTable.h"
#include "runtime/capi/Status.h"
#include "runtime/capi/Structs.h"
#include <atomic>
#include <fmt/format.h>
#include <limits>

namespace lla::aot {
namespace {

using namespace lla::capi;

struct Context {
  std::string name;
  std::shared_ptr<Device> device;
  lla_device place = {}; ///< That tensors have to be on.
};

struct Plan {
  Plan(const Problem &problem, lla_device place) : problem(problem), form(problem, place) {}

  const Problem problem;
  const CallForm form;
  const TableKernel *kernel = nullptr;
  Resources costs;
  std::shared_ptr<Device> device;
  std::string problemText;
  std::mutex preparing;
  std::unique_ptr<LoadedCode> code;
  std::atomic<bool> ready = false; ///< Set after `code`: a run reads it first.
};

constinit HandleTable<lla_aot_context, Context, 1> contexts;
constinit HandleTable<lla_aot_plan, Plan, 2> plans;

llvm::Expected<std::unique_ptr<Context>> openContext(const char *target) {
  auto context = std::make_unique<Context>();
  DeviceName name;
  llvm::Expected<std::shared_ptr<Device>> device = openDevice(target, name);
  if (!device)
    return device.takeError();
  context->device = std::move(*device);
  context->place = deviceOf(name);
  bool isNumbered = target && std::strchr(target, ':');
  context->name = isNumbered ? target : name.kind == TargetKind::Host ? "host" : "cuda";
  return context;
}

llvm::Expected<std::unique_ptr<Plan>> makePlan(const Context &context, const lla_problem *given) {
  llvm::Expected<Problem> problem = toProblem(given);
  if (!problem)
    return problem.takeError();
  if (llvm::Error error = normalize(*problem))
    return withKind(FailureKind::Usage, std::move(error));
  llvm::Expected<const TableKernel *> kernel = findKernel(*problem, context.device->capability);
  if (!kernel)
    return kernel.takeError();
  auto plan = std::make_unique<Plan>(*problem, context.place);
  plan->kernel = *kernel;
  plan->device = context.device;
  plan->costs = resources(*problem, plan->kernel->schedule, plan->device->target);
  plan->problemText = toJson(*problem);
  return plan;
}

llvm::Error prepare(Plan &plan) {
  std::lock_guard<std::mutex> lock(plan.preparing);
  if (plan.ready.load(std::memory_order_relaxed))
    return llvm::Error::success();
  llvm::Expected<std::unique_ptr<LoadedCode>> code = plan.device->load(*plan.kernel, plan.problem, plan.costs);
  if (!code)
    return code.takeError();
  plan.code = std::move(*code);
  plan.ready.store(true, std::memory_order_release);
  return llvm::Error::success();
}

llvm::Error run(const Plan &plan, const lla_tensors *given, void *workspace, size_t workspaceBytes,
                CUstream_st *stream) {
  if (!plan.ready.load(std::memory_order_acquire))
    return failure(FailureKind::NotPrepared, "plan: expected it to be prepared before it is run, got a new one");
  AttentionTensors tensors;
  if (llvm::Error error = readTensors(plan.form, given, tensors))
    return error;
  const Target &target = plan.device->target;
  constexpr size_t most = std::numeric_limits<int64_t>::max();
  llvm::Expected<Problem> problem =
      checkCall(plan.problem, plan.costs, tensors, workspace, std::min(workspaceBytes, most), target.kind);
  if (!problem)
    return problem.takeError();
  if (problem->queryElements() == 0)
    return llvm::Error::success();
  return plan.code->launch(
      makeLaunchRecord(plan.kernel->schedule, plan.costs, *problem, tensors, workspace, target), stream);
}

lla_plan_info describe(const Plan &plan) {
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  info.problem = plan.problemText.c_str();
  info.schedule = textAt(plan.kernel->scheduleText);
  info.schedule_source = textAt(plan.kernel->scheduleSource);
  info.schedule_reason = textAt(plan.kernel->scheduleReason);
  info.code_source = "library";
  info.notice = "";
  info.workspace_bytes = plan.costs.workspaceBytes;
  info.is_prepared = plan.ready.load(std::memory_order_acquire);
  return info;
}

} // namespace

llvm::Expected<std::shared_ptr<Device>> openDevice(const char *text, DeviceName &opened) {
  if (!text) {
    opened = {TargetKind::Cuda, 0};
    llvm::Expected<std::shared_ptr<Device>> gpu = openGpu(0);
    if (gpu)
      return gpu;
    llvm::consumeError(gpu.takeError());
    opened = {TargetKind::Host, 0};
    return openHost(0);
  }
  llvm::Expected<std::optional<DeviceName>> name = parseDeviceName(text);
  if (!name)
    return name.takeError();
  if (!*name)
    return failure(FailureKind::Usage, fmt::format("target: expected {}, got \"{}\"", deviceNameForms, text));
  opened = **name;
  return opened.kind == TargetKind::Host ? openHost(opened.number) : openGpu(opened.number);
}

} // namespace lla::aot

using namespace lla;
using namespace lla::aot;

const char *lla_aot_status_name(lla_status status) { return lla_status_name(status); }
const char *lla_aot_last_error(void) { return lla_last_error(); }
uint32_t lla_aot_version(void) { return LLA_PROJECT_VERSION; }
const char *lla_aot_manifest(void) { return textAt(header().manifest); }

lla_status lla_aot_context_create(const char *target, lla_aot_context **context) {
  return guarded([&] {
    if (llvm::Error error = checkPointer("context", context))
      return toStatus(std::move(error));
    llvm::Expected<std::unique_ptr<Context>> opened = openContext(target);
    if (!opened)
      return toStatus(opened.takeError());
    lla_aot_context *handle = contexts.insert(std::move(*opened));
    if (!handle)
      return tooMany("context");
    *context = handle;
    return LLA_OK;
  });
}

lla_status lla_aot_context_destroy(lla_aot_context *context) {
  return guarded([&] { return !context || contexts.remove(context) ? LLA_OK : badHandle("context", context); });
}

lla_status lla_aot_context_describe(const lla_aot_context *handle, lla_context_info *info) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    const Target &target = context->device->target;
    lla_context_info known = LLA_CONTEXT_INFO_INIT;
    known.target = context->name.c_str();
    known.arch = target.arch.c_str();
    known.device_name = target.deviceName.c_str();
    known.device = context->place;
    known.multiprocessors = target.multiprocessors;
    return toStatus(writeStruct("info", known, info));
  });
}

lla_status lla_aot_plan_create(const lla_aot_context *handle, const lla_problem *problem, lla_aot_plan **plan) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    if (llvm::Error error = checkPointer("plan", plan))
      return toStatus(std::move(error));
    llvm::Expected<std::unique_ptr<Plan>> made = makePlan(*context, problem);
    if (!made)
      return toStatus(made.takeError());
    lla_aot_plan *inserted = plans.insert(std::move(*made));
    if (!inserted)
      return tooMany("plan");
    *plan = inserted;
    return LLA_OK;
  });
}

lla_status lla_aot_plan_destroy(lla_aot_plan *plan) {
  return guarded([&] { return !plan || plans.remove(plan) ? LLA_OK : badHandle("plan", plan); });
}

lla_status lla_aot_plan_workspace_size(const lla_aot_plan *handle, size_t *bytes) {
  return guarded([&] {
    const Plan *plan = plans.find(handle);
    if (!plan)
      return badHandle("plan", handle);
    if (llvm::Error error = checkPointer("bytes", bytes))
      return toStatus(std::move(error));
    *bytes = plan->costs.workspaceBytes;
    return LLA_OK;
  });
}

lla_status lla_aot_plan_prepare(lla_aot_plan *handle) {
  return guarded([&] {
    Plan *plan = plans.find(handle);
    return plan ? toStatus(prepare(*plan)) : badHandle("plan", handle);
  });
}

lla_status lla_aot_plan_run(const lla_aot_plan *handle, const lla_tensors *tensors, void *workspace,
                            size_t workspaceBytes, CUstream_st *stream) {
  return guarded([&] {
    const Plan *plan = plans.find(handle);
    return plan ? toStatus(run(*plan, tensors, workspace, workspaceBytes, stream)) : badHandle("plan", handle);
  });
}

lla_status lla_aot_plan_describe(const lla_aot_plan *handle, lla_plan_info *info) {
  return guarded([&] {
    const Plan *plan = plans.find(handle);
    return plan ? toStatus(writeStruct("info", describe(*plan), info)) : badHandle("plan", handle);
  });
}
