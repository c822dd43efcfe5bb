//===- PlanCache.h - prepared plans and their workspaces, for Python ------===//
//
// Under Python's global lock, which is released while a plan is prepared.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_PYTHON_PLANCACHE_H
#define LLA_RUNTIME_PYTHON_PLANCACHE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "runtime/frameworks/PlanTable.h"

namespace lla::python {

using namespace lla::frameworks;

/// What the package gives the module: its own exceptions, and what needs a framework.
struct Hooks {
  PyObject *errors = nullptr;      ///< dict: status -> exception type; -1: the one of all others.
  PyObject *allocate = nullptr;    ///< (like, bytes) -> zeros on the device of `like`, which are there on return.
  PyObject *isCapturing = nullptr; ///< (like) -> whether its framework captures a CUDA graph on this thread.
};
extern Hooks hooks;

/// Raises what a status means, with the library's message; null, for returning it.
PyObject *raise(lla_status status);
PyObject *raise(lla_status status, const char *message);

/// Null: an exception is set.
lla_context *contextOf(lla_device device);

/// The prepared plan for a problem, which is rounded; null: an exception is set. `like` is a tensor on the device;
/// null: nobody captures a graph.
PreparedPlan *planFor(const lla_problem &problem, lla_device device, PyObject *like);

/// Zero-filled, for runs on `stream`: they follow each other, and share it. While a graph is captured nothing can be
/// zero-filled: calls on a stream that is new get the spare one, which the first call has made; all such graphs share
/// it. False: an exception is set.
bool workspaceOf(PreparedPlan &plan, void *stream, lla_device device, PyObject *like, void *&address);

} // namespace lla::python
#endif
