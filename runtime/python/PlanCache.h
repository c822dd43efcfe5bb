//===- PlanCache.h - a prepared plan for each kind of call ----------------===//
//
// Calls come in many sizes, plans are for maxima: sizes are rounded up to powers of
// two, so that a growing context meets a handful of plans. Plans may be asked for by
// threads that know nothing of Python; workspaces are under its global lock, which is
// released while a plan is prepared.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_PYTHON_PLANCACHE_H
#define LLA_RUNTIME_PYTHON_PLANCACHE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <lla.h>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace lla::python {

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

struct CachedPlan {
  lla_plan *plan = nullptr;
  size_t workspaceBytes = 0;

  /// Zero-filled, for runs on `stream`: they follow each other, and share it. `like` is a tensor on the device. While a
  /// graph is captured nothing can be zero-filled: calls on a stream that is new get the spare one, which the first
  /// call has made; all such graphs share it. False: an exception is set.
  bool workspace(void *stream, lla_device device, PyObject *like, void *&address);

private:
  struct Workspace {
    void *stream, *address;
    PyObject *owner; ///< Null: memory of our own.
  };
  bool workspaceOnHost(void *&address) const;
  bool allocate(PyObject *like, Workspace &made) const;

  std::vector<Workspace> workspaces;
  Workspace spare = {}; ///< address is null: none yet.
};

/// The problem with its maxima rounded up and its defaults resolved: equal calls have equal bytes.
lla_problem rounded(const lla_problem &problem);

/// Why something is not there; LLA_OK: it is.
struct Failure {
  lla_status status = LLA_OK;
  std::string message;

  explicit operator bool() const { return status != LLA_OK; }
};

// Without Python, from any thread.

/// The context of a device, made at its first use.
Failure findContext(lla_device device, lla_context *&context);

/// The prepared plan for a problem, which is rounded; null: none yet. Neither blocks nor allocates.
CachedPlan *findPlan(const lla_problem &problem, lla_device device);

/// The same, and makes one: not legal while a stream of the device is being captured.
Failure preparePlan(const lla_problem &problem, lla_device device, CachedPlan *&plan);

// For Python: null means that an exception is set.

lla_context *contextOf(lla_device device);

/// `like` as above; null: nobody captures.
CachedPlan *planFor(const lla_problem &problem, lla_device device, PyObject *like);

} // namespace lla::python
#endif
