//===- Objects.cpp - the objects of an ahead-of-time library --------------===//
//
// Contexts and plans over the kernels of the library, for the functions that it has in
// common with liblla (runtime/capi/Functions.cpp); and the functions that it alone has.
//
//===----------------------------------------------------------------------===//

#include "runtime/aot/Objects.h"
#include "runtime/RuntimeError.h"
#include <charconv>
#include <fmt/format.h>
#include <string_view>

namespace lla::aot {

constinit ContextTable contexts;
constinit PlanTable plans;

llvm::Expected<std::unique_ptr<Context>> Context::open(const char *target) {
  auto context = std::make_unique<Context>();
  DeviceName name;
  llvm::Expected<std::shared_ptr<Device>> device = openDevice(target, name);
  if (!device)
    return device.takeError();
  context->device = std::move(*device);
  context->place = capi::deviceOf(name);
  bool isNumbered = target && std::strpbrk(target, ":/");
  context->name = isNumbered ? target : name.kind == TargetKind::Host ? "host" : "cuda";
  return context;
}

lla_context_info Context::describe() const {
  const Target &target = device->target;
  lla_context_info known = LLA_CONTEXT_INFO_INIT;
  known.target = name.c_str();
  known.arch = target.arch.c_str();
  known.device_name = target.deviceName.c_str();
  known.device = place;
  known.multiprocessors = target.multiprocessors;
  return known;
}

llvm::Expected<std::unique_ptr<PreparedPlan>> Context::plan(const Problem &given) const {
  Problem problem = given;
  if (llvm::Error error = normalize(problem))
    return withKind(FailureKind::Usage, std::move(error));
  llvm::Expected<const TableKernel *> kernel = findKernel(problem, device->capability);
  if (!kernel)
    return kernel.takeError();
  return std::make_unique<PreparedPlan>(problem, **kernel, *this);
}

PreparedPlan::PreparedPlan(const Problem &problem, const TableKernel &kernel, const Context &context)
    : form(problem, context.place), problem(problem), kernel(kernel), device(context.device),
      costs(resources(problem, kernel.schedule, device->target)), problemText(toJson(problem)) {}

llvm::Error PreparedPlan::load() {
  llvm::Expected<std::unique_ptr<LoadedCode>> loaded = device->load(kernel, problem, costs);
  if (!loaded)
    return loaded.takeError();
  code = std::move(*loaded);
  return llvm::Error::success();
}

llvm::Error PreparedPlan::launch(const AttentionTensors &tensors, void *workspace, int64_t workspaceBytes,
                                 CUstream_st *stream) const {
  const Target &target = device->target;
  llvm::Expected<Problem> called =
      checkCall(problem, kernel.schedule, costs, tensors, workspace, workspaceBytes, target.kind);
  if (!called)
    return called.takeError();
  if (called->queryElements() == 0)
    return llvm::Error::success();
  return code->launch(makeLaunchRecord(kernel.schedule, costs, *called, tensors, workspace, target), stream);
}

llvm::Error PreparedPlan::clearWorkspace(void *workspace, int64_t workspaceBytes, CUstream_st *stream) const {
  llvm::Expected<int64_t> bytes = bytesToClear(costs, workspace, workspaceBytes);
  if (!bytes)
    return bytes.takeError();
  return device->clear(workspace, *bytes, stream);
}

lla_plan_info PreparedPlan::describe() const {
  lla_plan_info info = LLA_PLAN_INFO_INIT;
  info.problem = problemText.c_str();
  info.schedule = textAt(kernel.scheduleText);
  info.schedule_source = textAt(kernel.scheduleSource);
  info.schedule_reason = textAt(kernel.scheduleReason);
  info.code_source = "library";
  info.notice = "";
  info.workspace_bytes = costs.workspaceBytes;
  info.is_prepared = ready.load(std::memory_order_acquire);
  return info;
}

llvm::Expected<std::shared_ptr<Device>> openDevice(const char *text, DeviceName &opened) {
  if (!text) {
    opened = {TargetKind::Cuda, 0};
    llvm::Expected<std::shared_ptr<Device>> gpu = openGpu(0);
    if (gpu)
      return gpu;
    llvm::consumeError(gpu.takeError());
    opened = {TargetKind::Host, 0};
    return openHost(0, 0);
  }
  if (std::string_view digits = text; digits.starts_with("host/")) {
    digits.remove_prefix(digits.find('/') + 1);
    int64_t bits = 0;
    auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (fault != std::errc() || end != digits.data() + digits.size() || bits < 1)
      return failure(FailureKind::Usage, fmt::format("target: expected bits of vectors after '/', got \"{}\"", text));
    opened = {TargetKind::Host, 0};
    return openHost(0, bits);
  }
  llvm::Expected<std::optional<DeviceName>> name = parseDeviceName(text);
  if (!name)
    return name.takeError();
  if (!*name)
    return failure(FailureKind::Usage, fmt::format("target: expected {}, got \"{}\"", deviceNameForms, text));
  opened = **name;
  return opened.kind == TargetKind::Host ? openHost(opened.number, 0) : openGpu(opened.number);
}

} // namespace lla::aot

const char *lla_aot_status_name(lla_status status) { return lla_status_name(status); }
const char *lla_aot_last_error(void) { return lla_last_error(); }
const char *lla_aot_manifest(void) { return lla::aot::textAt(lla::aot::header().manifest); }
