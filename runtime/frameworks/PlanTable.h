//===- PlanTable.h - a prepared plan for each kind of call ----------------===//
//
// Calls come in many sizes, plans are for maxima: sizes are rounded up to powers of
// two, so that a growing context meets a handful of plans. Any thread may ask.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_FRAMEWORKS_PLANTABLE_H
#define LLA_RUNTIME_FRAMEWORKS_PLANTABLE_H

#include "runtime/capi/Api.h"
#include <string>

namespace lla::frameworks {

struct PreparedPlan {
  LLA_API_NAME(plan) *plan = nullptr;
  size_t workspaceBytes = 0;
  void *attached = nullptr; ///< Of the framework's, under a lock of its own.
};

/// Why something is not there; LLA_OK: it is.
struct Failure {
  lla_status status = LLA_OK;
  std::string message;

  explicit operator bool() const { return status != LLA_OK; }
};

/// The device as a context has it: what the host can read is the host's.
lla_device placeOf(lla_device device);

/// The problem with its maxima rounded up and its defaults resolved: equal calls have equal bytes.
lla_problem rounded(const lla_problem &problem);

/// The context of a device, made at its first use.
Failure findContext(lla_device device, LLA_API_NAME(context) * &context);

/// The prepared plan for a problem, which is rounded; null: none yet. Neither blocks nor allocates.
PreparedPlan *findPlan(const lla_problem &problem, lla_device device);

/// The same, and makes one: not legal while a stream of the device is being captured.
Failure preparePlan(const lla_problem &problem, lla_device device, PreparedPlan *&plan);

} // namespace lla::frameworks
#endif
