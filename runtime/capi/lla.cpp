//===- lla.cpp - the functions of the C API -------------------------------===//
//
// Each finds its handle, translates its structs and calls the runtime; nothing is
// decided here. Warmup.cpp and Status.cpp have the rest.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/lla.h"
#include "runtime/DeviceName.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/capi/Objects.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>
#include <limits>

namespace lla::capi {

constinit ContextTable contexts;
constinit PlanTable plans;

static_assert(LLA_PROJECT_VERSION == 10000 * LLA_VERSION_MAJOR + 100 * LLA_VERSION_MINOR + LLA_VERSION_PATCH,
              "lla.h and CMakeLists.txt");

PreparedPlan::PreparedPlan(Plan given, lla_device device) : plan(std::move(given)), form(plan.problem(), device) {
  texts.problem = toJson(plan.problem());
  texts.schedule = toText(plan.schedule().schedule);
  texts.reason = plan.schedule().why;
}

namespace {

llvm::Expected<std::unique_ptr<Context>> openContext(const char *target) {
  llvm::Expected<Knobs> knobs = Knobs::fromEnvironment();
  if (!knobs)
    return withKind(FailureKind::Usage, knobs.takeError());
  std::string spelling = target ? target : bestTarget(*knobs);
  llvm::Expected<std::unique_ptr<Executor>> opened = openExecutor(spelling, *knobs);
  if (!opened)
    return opened.takeError();
  std::shared_ptr<Executor> executor = std::move(*opened);
  auto context = std::make_unique<Context>();
  context->knobs = *knobs;
  if (llvm::Expected<std::optional<DeviceName>> name = parseDeviceName(spelling); name && *name)
    context->device = deviceOf(**name);
  context->jit = std::make_shared<Jit>(executor, jitOptions(*knobs, executor));
  return context;
}

llvm::Error prepare(PreparedPlan &plan) {
  std::lock_guard<std::mutex> lock(plan.preparing);
  if (plan.ready.load(std::memory_order_relaxed))
    return llvm::Error::success();
  if (llvm::Error error = plan.plan.prepare())
    return error;
  plan.texts.notice = plan.plan.answer().notice;
  plan.ready.store(true, std::memory_order_release);
  return llvm::Error::success();
}

llvm::Error run(const PreparedPlan &plan, const lla_tensors *given, void *workspace, size_t workspaceBytes,
                CUstream_st *stream) {
  if (!plan.ready.load(std::memory_order_acquire))
    return failure(FailureKind::NotPrepared, "plan: expected lla_plan_prepare before lla_plan_run, got none");
  AttentionTensors tensors;
  if (llvm::Error error = readTensors(plan.form, given, tensors))
    return error;
  constexpr size_t most = std::numeric_limits<int64_t>::max();
  return plan.plan.run(tensors, workspace, static_cast<int64_t>(std::min(workspaceBytes, most)), stream);
}

lla_statistics fromStatistics(const JitStatistics &sum) {
  lla_statistics known = LLA_STATISTICS_INIT;
  known.memory_hits = sum.memoryHits;
  known.cache_hits = sum.artifactHits;
  known.cache_milliseconds = sum.artifactMilliseconds;
  known.cache_load_milliseconds = sum.artifactLoadMilliseconds;
  known.misses = sum.misses;
  known.compiles = sum.compiles;
  known.compile_failures = sum.compileFailures;
  known.compile_milliseconds = sum.compileMilliseconds;
  known.compile_load_milliseconds = sum.compiledLoadMilliseconds;
  known.load_failures = sum.loadFailures;
  known.schedules_from_records = sum.exactSchedules;
  known.schedules_from_dispatch = sum.dispatchedSchedules;
  known.schedules_by_default = sum.defaultSchedules;
  known.schedules_searched = sum.tunes;
  known.search_milliseconds = sum.tuneMilliseconds;
  return known;
}

/// `plan` may be being prepared by another thread.
lla_plan_info fromPlan(const PreparedPlan &plan) {
  lla_plan_info known = LLA_PLAN_INFO_INIT;
  known.problem = plan.texts.problem.c_str();
  known.schedule = plan.texts.schedule.c_str();
  known.schedule_source = name(plan.plan.schedule().source).data();
  known.schedule_reason = plan.texts.reason.c_str();
  known.code_source = known.notice = "";
  known.workspace_bytes = plan.plan.workspaceBytes();
  if (plan.ready.load(std::memory_order_acquire)) {
    const JitAnswer &answer = plan.plan.answer();
    known.is_prepared = 1;
    known.code_source = name(answer.code).data();
    known.notice = plan.texts.notice.c_str();
    known.compile_milliseconds = answer.compileMilliseconds;
    known.load_milliseconds = answer.loadMilliseconds;
  }
  return known;
}

} // namespace
} // namespace lla::capi

using namespace lla;
using namespace lla::capi;

uint32_t lla_version(void) { return LLA_PROJECT_VERSION; }

lla_status lla_set_log_callback(lla_log_level level, lla_log_callback callback, void *user) {
  return guarded([&] {
    int number = numberOf(level);
    if (number < LLA_LOG_OFF || number > LLA_LOG_DEBUG)
      return fail(LLA_ERROR_USAGE,
                  fmt::format("level: expected {}..{}, got {}", int(LLA_LOG_OFF), int(LLA_LOG_DEBUG), number));
    static_assert(int(LogLevel::Off) == LLA_LOG_OFF && int(LogLevel::Debug) == LLA_LOG_DEBUG);
    if (callback)
      setNoticeSink(static_cast<LogLevel>(number), [=](LogLevel of, const std::string &text) {
        callback(user, static_cast<lla_log_level>(of), text.c_str());
      });
    else
      setNoticeSink(LogLevel::Off, nullptr);
    return LLA_OK;
  });
}

lla_status lla_problem_parse(const char *json, lla_problem *problem) {
  return guarded([&] {
    if (llvm::Error error = checkPointer("json", json))
      return toStatus(std::move(error));
    llvm::Expected<Problem> parsed = parseProblem(json);
    if (!parsed)
      return toStatus(withKind(FailureKind::Usage, parsed.takeError()));
    if (llvm::Error error = checkMembers(*parsed))
      return toStatus(std::move(error));
    return toStatus(writeStruct("problem", fromProblem(*parsed), problem));
  });
}

lla_status lla_context_create(const char *target, lla_context **context) {
  return guarded([&] {
    if (llvm::Error error = checkPointer("context", context))
      return toStatus(std::move(error));
    llvm::Expected<std::unique_ptr<Context>> opened = openContext(target);
    if (!opened)
      return toStatus(opened.takeError());
    lla_context *handle = contexts.insert(std::move(*opened));
    if (!handle)
      return tooMany("context");
    *context = handle;
    return LLA_OK;
  });
}

lla_status lla_context_destroy(lla_context *context) {
  return guarded([&] { return !context || contexts.remove(context) ? LLA_OK : badHandle("context", context); });
}

lla_status lla_context_describe(const lla_context *handle, lla_context_info *info) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    const Executor &executor = context->jit->executor();
    lla_context_info known = LLA_CONTEXT_INFO_INIT;
    known.target = executor.name().c_str();
    known.arch = executor.target().arch.c_str();
    known.device_name = executor.target().deviceName.c_str();
    known.device = context->device;
    known.multiprocessors = executor.target().multiprocessors;
    return toStatus(writeStruct("info", known, info));
  });
}

lla_status lla_context_statistics(const lla_context *handle, lla_statistics *statistics) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    return toStatus(writeStruct("statistics", fromStatistics(context->jit->statistics()), statistics));
  });
}

lla_status lla_plan_create(const lla_context *handle, const lla_problem *given, lla_plan **plan) {
  return guarded([&] {
    const Context *context = contexts.find(handle);
    if (!context)
      return badHandle("context", handle);
    if (llvm::Error error = checkPointer("plan", plan))
      return toStatus(std::move(error));
    llvm::Expected<Problem> problem = toProblem(given);
    if (!problem)
      return toStatus(problem.takeError());
    llvm::Expected<Plan> created = Plan::create(*problem, context->jit);
    if (!created)
      return toStatus(created.takeError());
    lla_plan *inserted = plans.insert(std::make_unique<PreparedPlan>(std::move(*created), context->device));
    if (!inserted)
      return tooMany("plan");
    *plan = inserted;
    return LLA_OK;
  });
}

lla_status lla_plan_destroy(lla_plan *plan) {
  return guarded([&] { return !plan || plans.remove(plan) ? LLA_OK : badHandle("plan", plan); });
}

lla_status lla_plan_workspace_size(const lla_plan *handle, size_t *bytes) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    if (!plan)
      return badHandle("plan", handle);
    if (llvm::Error error = checkPointer("bytes", bytes))
      return toStatus(std::move(error));
    *bytes = plan->plan.workspaceBytes();
    return LLA_OK;
  });
}

lla_status lla_plan_prepare(lla_plan *handle) {
  return guarded([&] {
    PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(prepare(*plan)) : badHandle("plan", handle);
  });
}

lla_status lla_plan_run(const lla_plan *handle, const lla_tensors *tensors, void *workspace, size_t workspaceBytes,
                        CUstream_st *stream) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(run(*plan, tensors, workspace, workspaceBytes, stream)) : badHandle("plan", handle);
  });
}

lla_status lla_plan_describe(const lla_plan *handle, lla_plan_info *info) {
  return guarded([&] {
    const PreparedPlan *plan = plans.find(handle);
    return plan ? toStatus(writeStruct("info", fromPlan(*plan), info)) : badHandle("plan", handle);
  });
}
