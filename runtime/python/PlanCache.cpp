//===- PlanCache.cpp - plans and workspaces of Python's calls -------------===//

#include "runtime/python/PlanCache.h"
#include "runtime/python/Tensors.h"
#include <cstdlib>
#include <cstring>
#include <vector>

namespace lla::python {

Hooks hooks;

namespace {

/// False: an exception is set.
bool askCapturing(PyObject *like, bool &isCapturing) {
  PyObject *answer = PyObject_CallFunctionObjArgs(hooks.isCapturing, like, nullptr);
  int truth = answer ? PyObject_IsTrue(answer) : -1;
  Py_XDECREF(answer);
  isCapturing = truth > 0;
  return truth >= 0;
}

bool checkNotCapturing(PyObject *like) {
  bool isCapturing = false;
  if (like && !askCapturing(like, isCapturing))
    return false;
  if (isCapturing)
    raise(LLA_ERROR_NOT_PREPARED, "plan: expected a call of this kind before the graph is captured, got none");
  return !isCapturing;
}

/// Zero-filled memory of a plan's, for each stream that it was run on.
class Workspaces {
public:
  explicit Workspaces(size_t bytes) : bytes(bytes) {}

  /// False: an exception is set.
  bool find(void *stream, lla_device device, PyObject *like, void *&address) {
    for (const Workspace &one : made)
      if (one.stream == stream) {
        address = one.address;
        return true;
      }
    Workspace next = {stream, nullptr, nullptr};
    if (placeOf(device).type == LLA_DEVICE_CPU) {
      if (!allocateOnHost(next))
        return false;
    } else if (spare.address) {
      bool isCapturing = false;
      if (!askCapturing(like, isCapturing))
        return false;
      if (isCapturing) {
        address = spare.address;
        return true;
      }
      if (!allocate(like, next))
        return false;
    } else if (!checkNotCapturing(like) || !allocate(like, next) || !allocate(like, spare)) {
      return false;
    }
    made.push_back(next);
    address = next.address;
    return true;
  }

private:
  struct Workspace {
    void *stream, *address;
    PyObject *owner; ///< Null: memory of our own.
  };

  bool allocateOnHost(Workspace &next) const {
    constexpr size_t alignment = 256;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    next.address = std::aligned_alloc(alignment, rounded);
    if (!next.address)
      return PyErr_NoMemory() != nullptr;
    std::memset(next.address, 0, rounded);
    return true;
  }

  bool allocate(PyObject *like, Workspace &next) const {
    PyObject *owner = PyObject_CallFunction(hooks.allocate, "On", like, static_cast<Py_ssize_t>(bytes));
    if (!owner)
      return false;
    Borrowed memory;
    if (!memory.take(owner, "workspace", /*isWritten=*/true, next.stream)) {
      Py_DECREF(owner);
      return false;
    }
    next.address = static_cast<char *>(memory.tensor().data) + memory.tensor().byte_offset;
    next.owner = owner; // Kept for good: graphs may hold the address.
    return true;
  }

  size_t bytes;
  std::vector<Workspace> made;
  Workspace spare = {}; ///< address is null: none yet.
};

} // namespace

PyObject *raise(lla_status status, const char *message) {
  if (status == LLA_ERROR_MEMORY)
    return PyErr_NoMemory();
  PyObject *number = PyLong_FromLong(status), *fallback = PyLong_FromLong(-1);
  PyObject *type = number && hooks.errors ? PyDict_GetItem(hooks.errors, number) : nullptr;
  if (!type && fallback && hooks.errors)
    type = PyDict_GetItem(hooks.errors, fallback);
  PyErr_SetString(type ? type : PyExc_RuntimeError, message);
  Py_XDECREF(number);
  Py_XDECREF(fallback);
  return nullptr;
}

PyObject *raise(lla_status status) { return raise(status, lla_last_error()); }

bool workspaceOf(PreparedPlan &plan, void *stream, lla_device device, PyObject *like, void *&address) {
  address = nullptr;
  if (plan.workspaceBytes == 0)
    return true;
  if (!plan.attached)
    plan.attached = new Workspaces(plan.workspaceBytes);
  return static_cast<Workspaces *>(plan.attached)->find(stream, device, like, address);
}

lla_context *contextOf(lla_device device) {
  lla_context *context = nullptr;
  if (Failure failure = findContext(device, context))
    return raise(failure.status, failure.message.c_str()), nullptr;
  return context;
}

PreparedPlan *planFor(const lla_problem &problem, lla_device device, PyObject *like) {
  if (PreparedPlan *found = findPlan(problem, device))
    return found;
  if (!contextOf(device) || !checkNotCapturing(like))
    return nullptr;
  PreparedPlan *plan = nullptr;
  Failure failure;
  Py_BEGIN_ALLOW_THREADS;
  failure = preparePlan(problem, device, plan);
  Py_END_ALLOW_THREADS;
  if (failure)
    return raise(failure.status, failure.message.c_str()), nullptr;
  return plan;
}

} // namespace lla::python
