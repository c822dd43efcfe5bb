//===- lla.cpp - the objects of liblla, and what liblla alone has ---------===//
//
// Contexts and plans over the JIT, for Functions.cpp, which has the functions that
// ahead-of-time libraries have too; and the functions that only a JIT can have.
// Warmup.cpp and Status.cpp have the rest.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/lla.h"
#include "runtime/DeviceName.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/capi/Objects.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>

namespace lla::capi {

constinit ContextTable contexts;
constinit PlanTable plans;

static_assert(LLA_PROJECT_VERSION == 10000 * LLA_VERSION_MAJOR + 100 * LLA_VERSION_MINOR + LLA_VERSION_PATCH,
              "lla.h and CMakeLists.txt");

PreparedPlan::PreparedPlan(Plan given, lla_device device)
    : form(given.problem(), device), plan(std::move(given)), problem(toJson(plan.problem())),
      schedule(toText(plan.schedule().schedule)), reason(plan.schedule().why) {}

llvm::Error PreparedPlan::load() {
  if (llvm::Error error = plan.prepare())
    return error;
  notice = plan.answer().notice;
  return llvm::Error::success();
}

lla_plan_info PreparedPlan::describe() const {
  lla_plan_info known = LLA_PLAN_INFO_INIT;
  known.problem = problem.c_str();
  known.schedule = schedule.c_str();
  known.schedule_source = name(plan.schedule().source).data();
  known.schedule_reason = reason.c_str();
  known.code_source = known.notice = "";
  known.workspace_bytes = plan.workspaceBytes();
  if (ready.load(std::memory_order_acquire)) {
    const JitAnswer &answer = plan.answer();
    known.is_prepared = 1;
    known.code_source = name(answer.code).data();
    known.notice = notice.c_str();
    known.compile_milliseconds = answer.compileMilliseconds;
    known.load_milliseconds = answer.loadMilliseconds;
  }
  return known;
}

llvm::Expected<std::unique_ptr<Context>> Context::open(const char *target) {
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

lla_context_info Context::describe() const {
  const Executor &executor = jit->executor();
  lla_context_info known = LLA_CONTEXT_INFO_INIT;
  known.target = executor.name().c_str();
  known.arch = executor.target().arch.c_str();
  known.device_name = executor.target().deviceName.c_str();
  known.device = device;
  known.multiprocessors = executor.target().multiprocessors;
  return known;
}

llvm::Expected<std::unique_ptr<PreparedPlan>> Context::plan(const Problem &problem) const {
  llvm::Expected<Plan> created = Plan::create(problem, jit);
  if (!created)
    return created.takeError();
  return std::make_unique<PreparedPlan>(std::move(*created), device);
}

namespace {

/// A caller that was built before a member was added gets only problems that do not use it.
llvm::Error writeProblem(const lla_problem &known, lla_problem *given) {
  if (llvm::Error error = checkStruct("problem", given, firstSize<lla_problem>, sizeof(known)))
    return error;
  const char *bytes = reinterpret_cast<const char *>(&known);
  if (std::any_of(bytes + std::min(given->struct_size, sizeof(known)), bytes + sizeof(known),
                  [](char byte) { return byte != 0; }))
    return failure(FailureKind::Usage,
                   fmt::format("problem.struct_size: expected {}, for a problem that uses all members, got {}",
                               sizeof(known), given->struct_size));
  return writeStruct("problem", known, given);
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

} // namespace
} // namespace lla::capi

using namespace lla;
using namespace lla::capi;

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
    return toStatus(writeProblem(fromProblem(*parsed), problem));
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
