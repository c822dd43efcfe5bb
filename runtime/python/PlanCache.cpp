//===- PlanCache.cpp - a prepared plan for each kind of call --------------===//

#include "runtime/python/PlanCache.h"
#include "runtime/python/Tensors.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <shared_mutex>

namespace lla::python {

Hooks hooks;

namespace {

/// A problem on a device. Compared and hashed as bytes: neither struct has gaps.
struct Key {
  lla_problem problem;
  lla_device device;

  bool operator==(const Key &other) const { return std::memcmp(this, &other, sizeof(Key)) == 0; }
};
static_assert(sizeof(lla_problem) == 8 + 10 * 4 + 9 * 8 + 2 * 8 && sizeof(Key) == sizeof(lla_problem) + 8);

struct KeyHash {
  size_t operator()(const Key &key) const {
    uint64_t words[sizeof(Key) / 8], hash = 0;
    std::memcpy(words, &key, sizeof(Key));
    for (uint64_t word : words)
      hash = (std::rotl(hash, 5) ^ word) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
  }
};

std::shared_mutex plansMutex;
std::mutex contextsMutex; // Held while one is made: nobody who holds it waits for Python.
// Never destroyed: the interpreter may be gone by then.
std::unordered_map<Key, CachedPlan, KeyHash> &plans = *new std::unordered_map<Key, CachedPlan, KeyHash>;
std::vector<std::pair<lla_device, lla_context *>> &contexts = *new std::vector<std::pair<lla_device, lla_context *>>;

/// The device as a context has it: what the host can read is the host's.
lla_device placeOf(lla_device device) {
  if (device.type == LLA_DEVICE_CUDA_MANAGED)
    return {LLA_DEVICE_CUDA, device.id};
  if (device.type == LLA_DEVICE_CPU || device.type == LLA_DEVICE_CUDA_HOST)
    return {LLA_DEVICE_CPU, 0};
  return device;
}

int64_t roundUp(int64_t count) {
  constexpr int64_t most = int64_t(1) << 30;
  return count <= 1 || count > most ? std::max<int64_t>(count, 1)
                                    : static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(count)));
}

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

bool CachedPlan::workspaceOnHost(void *&address) const {
  constexpr size_t alignment = 256;
  size_t bytes = (workspaceBytes + alignment - 1) / alignment * alignment;
  address = std::aligned_alloc(alignment, bytes);
  if (!address)
    return PyErr_NoMemory() != nullptr;
  std::memset(address, 0, bytes);
  return true;
}

bool CachedPlan::allocate(PyObject *like, Workspace &made) const {
  PyObject *owner = PyObject_CallFunction(hooks.allocate, "On", like, static_cast<Py_ssize_t>(workspaceBytes));
  if (!owner)
    return false;
  Borrowed memory;
  if (!memory.take(owner, "workspace", /*isWritten=*/true, made.stream)) {
    Py_DECREF(owner);
    return false;
  }
  made.address = static_cast<char *>(memory.tensor().data) + memory.tensor().byte_offset;
  made.owner = owner; // Kept for good: graphs may hold the address.
  return true;
}

bool CachedPlan::workspace(void *stream, lla_device device, PyObject *like, void *&address) {
  address = nullptr;
  if (workspaceBytes == 0)
    return true;
  for (const Workspace &one : workspaces)
    if (one.stream == stream) {
      address = one.address;
      return true;
    }
  Workspace made = {stream, nullptr, nullptr};
  if (placeOf(device).type == LLA_DEVICE_CPU) {
    if (!workspaceOnHost(made.address))
      return false;
  } else if (spare.address) {
    bool isCapturing = false;
    if (!askCapturing(like, isCapturing))
      return false;
    if (isCapturing) {
      address = spare.address;
      return true;
    }
    if (!allocate(like, made))
      return false;
  } else if (!checkNotCapturing(like) || !allocate(like, made) || !allocate(like, spare)) {
    return false;
  }
  workspaces.push_back(made);
  address = made.address;
  return true;
}

lla_problem rounded(const lla_problem &problem) {
  lla_problem result = problem;
  result.batch = roundUp(problem.batch);
  if (problem.query_length > 1)
    result.query_length = roundUp(problem.query_length);
  if (problem.mode == LLA_MODE_MERGE)
    result.shards = roundUp(problem.shards);
  else
    result.context = roundUp(problem.context);
  // As the library itself resolves them.
  result.causal = problem.window != 0 || (problem.causal && problem.query_length > 1);
  if (!problem.has_scale)
    result.scale = 1 / std::sqrt(static_cast<double>(problem.head_dim));
  result.has_scale = 1;
  return result;
}

Failure findContext(lla_device given, lla_context *&context) {
  lla_device device = placeOf(given);
  std::lock_guard<std::mutex> lock(contextsMutex);
  for (const auto &[place, made] : contexts)
    if (place.type == device.type && place.id == device.id) {
      context = made;
      return {};
    }
  std::string target = "host";
  if (device.type == LLA_DEVICE_CUDA)
    target = "cuda:" + std::to_string(device.id);
  else if (device.type != LLA_DEVICE_CPU)
    return {LLA_ERROR_USAGE,
            "device: expected the host or a CUDA GPU, got DLPack's device type " + std::to_string(device.type)};
  if (lla_status status = lla_context_create(target.c_str(), &context))
    return {status, lla_last_error()};
  contexts.emplace_back(device, context);
  return {};
}

CachedPlan *findPlan(const lla_problem &problem, lla_device device) {
  std::shared_lock<std::shared_mutex> lock(plansMutex);
  auto found = plans.find(Key{problem, placeOf(device)});
  return found == plans.end() ? nullptr : &found->second;
}

Failure preparePlan(const lla_problem &problem, lla_device device, CachedPlan *&plan) {
  if ((plan = findPlan(problem, device)))
    return {};
  lla_context *context = nullptr;
  if (Failure failure = findContext(device, context))
    return failure;
  CachedPlan made;
  lla_status status = lla_plan_create(context, &problem, &made.plan);
  if (!status)
    status = lla_plan_prepare(made.plan);
  if (!status)
    status = lla_plan_workspace_size(made.plan, &made.workspaceBytes);
  if (status) {
    Failure failure = {status, lla_last_error()};
    lla_plan_destroy(made.plan);
    return failure;
  }
  std::unique_lock<std::shared_mutex> lock(plansMutex);
  auto [place, isNew] = plans.emplace(Key{problem, placeOf(device)}, made);
  if (!isNew) // Another thread was first.
    lla_plan_destroy(made.plan);
  plan = &place->second;
  return {};
}

lla_context *contextOf(lla_device device) {
  lla_context *context = nullptr;
  if (Failure failure = findContext(device, context))
    return raise(failure.status, failure.message.c_str()), nullptr;
  return context;
}

CachedPlan *planFor(const lla_problem &problem, lla_device device, PyObject *like) {
  if (CachedPlan *found = findPlan(problem, device))
    return found;
  if (!contextOf(device) || !checkNotCapturing(like))
    return nullptr;
  CachedPlan *plan = nullptr;
  Failure failure;
  Py_BEGIN_ALLOW_THREADS;
  failure = preparePlan(problem, device, plan);
  Py_END_ALLOW_THREADS;
  if (failure)
    return raise(failure.status, failure.message.c_str()), nullptr;
  return plan;
}

} // namespace lla::python
