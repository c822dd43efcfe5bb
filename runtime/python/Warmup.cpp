//===- Warmup.cpp - many kernels at once, while Python listens ------------===//
//
// Handlers of signals run on Python's main thread only, and only while it runs Python.
// So a thread of its own does the work, and the one that asked waits for it: for what
// there is to tell, and now and then for a signal.
//
//===----------------------------------------------------------------------===//

#include "runtime/python/Warmup.h"
#include "runtime/python/PlanCache.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace lla::python {
namespace {

class ObservedWarmup {
public:
  explicit ObservedWarmup(PyObject *progress) : progress(progress) {}

  /// The caller has Python's lock, which is free in between.
  bool run(lla_context *context, const std::vector<lla_problem> &problems, int64_t jobs) {
    lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
    options.jobs = jobs;
    options.progress = tell;
    options.user = this;
    lla_status status = LLA_OK;
    std::string message;
    std::thread worker;
    try {
      worker = std::thread([&] {
        status = lla_warmup(context, problems.data(), problems.size(), &options);
        if (status)
          message = lla_last_error();
        std::lock_guard<std::mutex> lock(mutex);
        isDone = true;
        changed.notify_all();
      });
    } catch (const std::system_error &error) {
      return raise(LLA_ERROR_INTERNAL, (std::string("warm-up: expected a thread, got: ") + error.what()).c_str());
    }
    while (awaitEvent())
      answer();
    worker.join();
    if (type) {
      PyErr_Restore(type, value, trace);
      return false;
    }
    return status == LLA_OK || raise(status, message.c_str());
  }

private:
  /// lla_warmup's callback, on whatever thread: what it tells is asked of the one that waits.
  static int tell(void *user, size_t done, size_t count, size_t index, lla_status status, const char *message) {
    auto &self = *static_cast<ObservedWarmup *>(user);
    std::unique_lock<std::mutex> lock(self.mutex);
    self.event = {done, count, index, status, message};
    self.isToldOf = false;
    self.changed.notify_all();
    self.changed.wait(lock, [&] { return self.isToldOf; });
    return self.isCancelled;
  }

  /// Waits for something to do; false: all is done.
  bool awaitEvent() {
    constexpr std::chrono::milliseconds interval(50); // How late a signal is seen at most.
    bool isOver;
    Py_BEGIN_ALLOW_THREADS;
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait_for(lock, interval, [this] { return isDone || !isToldOf; });
      isOver = isDone;
    }
    Py_END_ALLOW_THREADS;
    return !isOver;
  }

  void answer() {
    bool isStopped = PyErr_CheckSignals() != 0;
    bool isTold;
    Event told;
    {
      std::lock_guard<std::mutex> lock(mutex);
      isTold = !isToldOf, told = event;
    }
    if (isTold && !isStopped && !isCancelled && progress != Py_None) {
      PyObject *result = PyObject_CallFunction(progress, "nnniz", static_cast<Py_ssize_t>(told.done),
                                               static_cast<Py_ssize_t>(told.count), static_cast<Py_ssize_t>(told.index),
                                               static_cast<int>(told.status), told.message);
      isStopped = !result || PyObject_IsTrue(result) != 0;
      Py_XDECREF(result);
    }
    if (PyErr_Occurred() && !type)
      PyErr_Fetch(&type, &value, &trace);
    PyErr_Clear();
    std::lock_guard<std::mutex> lock(mutex);
    isCancelled = isCancelled || isStopped;
    if (!isTold)
      return;
    isToldOf = true;
    changed.notify_all();
  }

  struct Event {
    size_t done, count, index;
    lla_status status;
    const char *message; ///< The library's, which waits for the answer.
  };

  PyObject *progress;
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr; ///< The first exception.
  std::mutex mutex; ///< Of all below; nobody waits for Python's lock who holds it.
  std::condition_variable changed;
  Event event = {};
  bool isToldOf = true, isCancelled = false, isDone = false;
};

} // namespace

bool warmUp(lla_context *context, const std::vector<lla_problem> &problems, int64_t jobs, PyObject *progress) {
  return ObservedWarmup(progress).run(context, problems, jobs);
}

} // namespace lla::python
