//===- Module.cpp - lla._core, the C API as Python calls it ---------------===//
//
// Functions take their arguments by position: the package lla names, documents and
// checks them. A call finds its plan by the shapes and types of its tensors.
//
//===----------------------------------------------------------------------===//

#include "runtime/frameworks/CallProblem.h"
#include "runtime/python/PlanCache.h"
#include "runtime/python/Tensors.h"
#include "runtime/python/Warmup.h"
#include "runtime/python/XlaHandler.h"
#include <iterator>
#include <utility>
#include <vector>

namespace lla::python {
namespace {

/// The tensors of one call, and the stream that it goes to.
template <size_t N> class Arguments {
public:
  /// Of `objects`, None is no tensor; `streamArgument` is an int, or None: the current one of the first tensor's
  /// library, on which the others are made ready. False: an exception is set.
  bool take(const Argument (&table)[N], PyObject *const *objects, PyObject *streamArgument) {
    bool isGiven = streamArgument != Py_None;
    stream = isGiven ? PyLong_AsVoidPtr(streamArgument) : nullptr;
    if (PyErr_Occurred())
      return false;
    for (size_t i = 0; i < N; ++i) {
      if (objects[i] == Py_None && table[i].isRequired)
        return PyErr_Format(PyExc_TypeError, "%s: expected a tensor, got None", table[i].name) != nullptr;
      if (objects[i] == Py_None)
        continue;
      if (!borrowed[i].take(objects[i], table[i].name, table[i].isWritten, stream))
        return false;
      if (i == 0 && !isGiven && !borrowed[0].currentStream(stream))
        return false;
      tensors.*table[i].member = &borrowed[i].tensor();
    }
    return true;
  }
  Borrowed borrowed[N];
  lla_tensors tensors = LLA_TENSORS_INIT;
  void *stream = nullptr;
};

/// Whether so many arguments came; else an exception is set.
bool hasCount(const char *function, size_t expected, Py_ssize_t count) {
  return count == static_cast<Py_ssize_t>(expected) ||
         PyErr_Format(PyExc_TypeError, "%s: expected %zu arguments, got %zd", function, expected, count);
}

/// Whether there is none; else an exception is set.
bool accept(const std::string &fault) { return fault.empty() || raise(LLA_ERROR_USAGE, fault.c_str()) != nullptr; }

/// Runs a plan for the problem of these tensors, the first of which is `like`. The host computes meanwhile: other
/// threads may go on.
template <size_t N> PyObject *run(const lla_problem &problem, const Arguments<N> &arguments, PyObject *like) {
  lla_device device = arguments.borrowed[0].tensor().device;
  void *workspace = nullptr;
  PreparedPlan *plan = planFor(rounded(problem), device, like);
  if (!plan || !workspaceOf(*plan, arguments.stream, device, like, workspace))
    return nullptr;
  auto *on = static_cast<CUstream_st *>(arguments.stream);
  lla_status status;
  if (device.type == LLA_DEVICE_CUDA) {
    status = lla_plan_run(plan->plan, &arguments.tensors, workspace, plan->workspaceBytes, on);
  } else {
    Py_BEGIN_ALLOW_THREADS;
    status = lla_plan_run(plan->plan, &arguments.tensors, workspace, plan->workspaceBytes, on);
    Py_END_ALLOW_THREADS;
  }
  if (status)
    return raise(status);
  Py_RETURN_NONE;
}

//===--- attention ----------------------------------------------------------===//

/// attention(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k, k_scales,
/// v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, stream)
PyObject *attention(PyObject *, PyObject *const *objects, Py_ssize_t count) {
  constexpr size_t tensorCount = std::size(attentionArguments);
  if (!hasCount("attention", tensorCount + 7, count))
    return nullptr;
  PyObject *const *options = objects + tensorCount;
  Arguments<tensorCount> arguments;
  if (!arguments.take(attentionArguments, objects, options[6]))
    return nullptr;
  lla_problem problem = LLA_PROBLEM_INIT;
  int causal = PyObject_IsTrue(options[0]), isBhsd = PyObject_IsTrue(options[3]);
  Longest longest = {PyLong_AsLongLong(options[4]), PyLong_AsLongLong(options[5])};
  if (PyErr_Occurred() || causal < 0 || isBhsd < 0 ||
      !accept(attentionProblem(arguments.tensors, isBhsd, longest, problem)))
    return nullptr;
  problem.causal = causal;
  problem.window = PyLong_AsLongLong(options[1]);
  if (options[2] != Py_None) {
    problem.has_scale = 1;
    problem.scale = PyFloat_AsDouble(options[2]);
  }
  if (PyErr_Occurred())
    return nullptr;
  return run(problem, arguments, objects[0]);
}

//===--- merge --------------------------------------------------------------===//

/// merge(part_o, part_lse, part_tbar, part_vbar, out, lse, tbar, vbar, bhsd, stream)
PyObject *merge(PyObject *, PyObject *const *objects, Py_ssize_t count) {
  constexpr size_t tensorCount = std::size(mergeArguments);
  if (!hasCount("merge", tensorCount + 2, count))
    return nullptr;
  PyObject *const *options = objects + tensorCount;
  Arguments<tensorCount> arguments;
  if (!arguments.take(mergeArguments, objects, options[1]))
    return nullptr;
  lla_problem problem = LLA_PROBLEM_INIT;
  int isBhsd = PyObject_IsTrue(options[0]);
  if (isBhsd < 0 || !accept(mergeProblem(arguments.tensors, isBhsd, problem)))
    return nullptr;
  return run(problem, arguments, objects[0]);
}

//===--- warm-up and what else is asked -------------------------------------===//

/// Of a target's spelling, as contexts are kept.
bool deviceOf(const char *target, lla_device &device) {
  lla_context *context = nullptr;
  lla_context_info info = LLA_CONTEXT_INFO_INIT;
  lla_status status = lla_context_create(target, &context);
  if (!status)
    status = lla_context_describe(context, &info);
  if (status)
    return raise(status) != nullptr;
  device = info.device;
  lla_context_destroy(context);
  return true;
}

bool readProblems(PyObject *list, std::vector<lla_problem> &problems) {
  for (Py_ssize_t i = 0; i < PyList_Size(list); ++i) {
    const char *json = PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), nullptr);
    if (!json)
      return false;
    lla_problem problem = LLA_PROBLEM_INIT;
    if (lla_status status = lla_problem_parse(json, &problem))
      return raise(status, ("problems[" + std::to_string(i) + "]: " + lla_last_error()).c_str()) != nullptr;
    // As calls have it: no default, and the type of the output said.
    problem.mode = problem.mode == LLA_MODE_MERGE ? LLA_MODE_MERGE : attentionMode(problem.query_length);
    if (problem.output_dtype == LLA_DTYPE_DEFAULT)
      problem.output_dtype = problem.dtype;
    problems.push_back(problem);
  }
  return true;
}

/// warmup(list of JSON texts, target or None, jobs, progress or None): number of kernels
PyObject *warmup(PyObject *, PyObject *const *objects, Py_ssize_t count) {
  if (count != 4 || !PyList_Check(objects[0]))
    return PyErr_Format(PyExc_TypeError, "warmup: expected (list, target, jobs, progress)");
  const char *target = objects[1] == Py_None ? nullptr : PyUnicode_AsUTF8AndSize(objects[1], nullptr);
  int64_t jobs = PyLong_AsLongLong(objects[2]);
  std::vector<lla_problem> problems;
  lla_device device;
  if (PyErr_Occurred() || !readProblems(objects[0], problems) || !deviceOf(target, device))
    return nullptr;
  lla_context *context = contextOf(device);
  if (!context)
    return nullptr;
  for (lla_problem &problem : problems)
    problem = rounded(problem);
  if (!warmUp(context, problems, jobs, objects[3]))
    return nullptr;
  for (const lla_problem &problem : problems)
    if (!planFor(problem, device, nullptr))
      return nullptr;
  return PyLong_FromSize_t(problems.size());
}

/// statistics(target or None): dict
PyObject *statistics(PyObject *, PyObject *argument) {
  const char *target = argument == Py_None ? nullptr : PyUnicode_AsUTF8AndSize(argument, nullptr);
  lla_device device;
  if (PyErr_Occurred() || !deviceOf(target, device))
    return nullptr;
  lla_context *context = contextOf(device);
  lla_statistics sum = LLA_STATISTICS_INIT;
  if (!context)
    return nullptr;
  if (lla_status status = lla_context_statistics(context, &sum))
    return raise(status);
  return Py_BuildValue("{sLsLsdsdsLsLsLsdsdsLsLsLsLsLsd}", "memory_hits", sum.memory_hits, "cache_hits", sum.cache_hits,
                       "cache_milliseconds", sum.cache_milliseconds, "cache_load_milliseconds",
                       sum.cache_load_milliseconds, "misses", sum.misses, "compiles", sum.compiles, "compile_failures",
                       sum.compile_failures, "compile_milliseconds", sum.compile_milliseconds,
                       "compile_load_milliseconds", sum.compile_load_milliseconds, "load_failures", sum.load_failures,
                       "schedules_from_records", sum.schedules_from_records, "schedules_from_dispatch",
                       sum.schedules_from_dispatch, "schedules_by_default", sum.schedules_by_default,
                       "schedules_searched", sum.schedules_searched, "search_milliseconds", sum.search_milliseconds);
}

//===--- XLA ----------------------------------------------------------------===//

/// Of a tuple (code, bits, sizes ...), a tensor that is nowhere. False: an exception is set.
bool readShape(PyObject *object, lla_tensor &tensor, std::vector<int64_t> &shape) {
  int64_t numbers[2] = {};
  Py_ssize_t count = PyTuple_Size(object);
  for (Py_ssize_t i = 0; i < count && !PyErr_Occurred(); ++i) {
    int64_t number = PyLong_AsLongLong(PyTuple_GetItem(object, i));
    i < 2 ? void(numbers[i] = number) : shape.push_back(number);
  }
  tensor.dtype = {static_cast<uint8_t>(numbers[0]), static_cast<uint8_t>(numbers[1]), 1};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.shape = shape.data();
  return !PyErr_Occurred();
}

/// prepare(tuple of shapes, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, target): bytes of workspace
PyObject *prepare(PyObject *, PyObject *arguments) {
  constexpr size_t tensorCount = argumentCount;
  PyObject *shapes;
  int causal, isBhsd;
  long long window, mostQueries, mostKeys;
  const char *target;
  lla_problem problem = LLA_PROBLEM_INIT;
  if (!PyArg_ParseTuple(arguments, "O!pLdpLLs", &PyTuple_Type, &shapes, &causal, &window, &problem.scale, &isBhsd,
                        &mostQueries, &mostKeys, &target))
    return nullptr;
  if (PyTuple_Size(shapes) != static_cast<Py_ssize_t>(tensorCount))
    return PyErr_Format(PyExc_TypeError, "prepare: expected %zu shapes, got %zd", tensorCount, PyTuple_Size(shapes));
  lla_tensors tensors = LLA_TENSORS_INIT;
  lla_tensor given[tensorCount] = {};
  std::vector<int64_t> sizes[tensorCount];
  for (size_t i = 0; i < tensorCount; ++i) {
    PyObject *shape = PyTuple_GetItem(shapes, static_cast<Py_ssize_t>(i));
    if (shape == Py_None)
      continue;
    if (!readShape(shape, given[i], sizes[i]))
      return nullptr;
    tensors.*argumentAt(i).member = &given[i];
  }
  lla_device device;
  if (!accept(callProblem(tensors, isBhsd, {mostQueries, mostKeys}, problem)) || !deviceOf(target, device))
    return nullptr;
  problem.causal = causal;
  problem.window = window;
  problem.has_scale = 1;
  PreparedPlan *plan = planFor(rounded(problem), device, nullptr);
  return plan ? PyLong_FromSize_t(plan->workspaceBytes) : nullptr;
}

/// xla_handler(): capsule of the handler of all stages
PyObject *xlaHandler(PyObject *, PyObject *) {
  return PyCapsule_New(reinterpret_cast<void *>(handleXlaCall), nullptr, nullptr);
}

/// set_hooks(errors, allocate, is_capturing)
PyObject *setHooks(PyObject *, PyObject *arguments) {
  PyObject *errors, *allocate, *isCapturing;
  if (!PyArg_ParseTuple(arguments, "O!OO", &PyDict_Type, &errors, &allocate, &isCapturing))
    return nullptr;
  Hooks old = std::exchange(hooks, {Py_NewRef(errors), Py_NewRef(allocate), Py_NewRef(isCapturing)});
  for (PyObject *object : {old.errors, old.allocate, old.isCapturing})
    Py_XDECREF(object);
  Py_RETURN_NONE;
}

template <class Function> PyCFunction asMethod(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"attention", asMethod(attention), METH_FASTCALL, nullptr},
    {"merge", asMethod(merge), METH_FASTCALL, nullptr},
    {"warmup", asMethod(warmup), METH_FASTCALL, nullptr},
    {"statistics", asMethod(statistics), METH_O, nullptr},
    {"prepare", asMethod(prepare), METH_VARARGS, nullptr},
    {"xla_handler", asMethod(xlaHandler), METH_NOARGS, nullptr},
    {"set_hooks", asMethod(setHooks), METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "lla._core", "The C API of lla.", -1, methods, nullptr, nullptr, nullptr, nullptr};

} // namespace
} // namespace lla::python

PyMODINIT_FUNC PyInit__core(void) {
  PyObject *module = PyModule_Create(&lla::python::definition);
  if (module && PyModule_AddIntConstant(module, "version", lla_version()) != 0)
    Py_CLEAR(module);
  return module;
}
