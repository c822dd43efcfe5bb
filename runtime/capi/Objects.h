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

struct Context {
  Knobs knobs;
  std::shared_ptr<Jit> jit;
  lla_device device = {}; ///< That tensors have to be on.
};

struct PlanTexts {
  std::string problem, schedule, reason, notice;
};

struct PreparedPlan {
  PreparedPlan(Plan plan, lla_device device);

  Plan plan;
  const CallForm form;
  PlanTexts texts;
  std::mutex preparing;
  std::atomic<bool> ready = false; ///< Set after all that `prepare` writes: a run reads it first.
};

using ContextTable = HandleTable<lla_context, Context, 1>;
using PlanTable = HandleTable<lla_plan, PreparedPlan, 2>;
extern ContextTable contexts;
extern PlanTable plans;

} // namespace lla::capi
#endif
