//===- Warmup.h - many kernels at once, while Python listens --------------===//
#ifndef LLA_RUNTIME_PYTHON_WARMUP_H
#define LLA_RUNTIME_PYTHON_WARMUP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <lla.h>
#include <vector>

namespace lla::python {

/// lla_warmup of these problems. `progress`, unless None, is called on this thread; Python's lock is free between. What
/// it raises, or a handler of a signal (Ctrl-C), ends the warm-up and is the exception. False: an exception is set.
bool warmUp(lla_context *context, const std::vector<lla_problem> &problems, int64_t jobs, PyObject *progress);

} // namespace lla::python
#endif
