//===- Tensors.cpp - Python's tensors, borrowed for a call ----------------===//

#include "runtime/python/Tensors.h"
#include "runtime/python/PlanCache.h"
#include <cstring>
#include <string>

namespace lla::python {
namespace {

/// What the types that were met so far offer; they are kept alive.
struct KnownType {
  PyTypeObject *type;
  const DLPackExchangeApi *api; ///< Null: none.
};
constexpr int mostKnown = 16;
KnownType known[mostKnown];
int knownCount = 0;

/// Null without an exception: none of our version.
const DLPackExchangeApi *findApi(PyTypeObject *type) {
  PyObject *capsule = PyObject_GetAttrString(reinterpret_cast<PyObject *>(type), "__dlpack_c_exchange_api__");
  if (!capsule) {
    PyErr_Clear();
    return nullptr;
  }
  auto *api = static_cast<const DLPackExchangeApi *>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
  Py_DECREF(capsule); // The table stays, by DLPack's rules.
  if (!api)
    PyErr_Clear();
  while (api && api->version.major > dlpackMajor)
    api = api->previous;
  return api && api->version.major == dlpackMajor && api->borrow ? api : nullptr;
}

const DLPackExchangeApi *apiOf(PyTypeObject *type) {
  for (int i = 0; i < knownCount; ++i)
    if (known[i].type == type)
      return known[i].api;
  const DLPackExchangeApi *api = findApi(type);
  if (knownCount < mostKnown) {
    Py_INCREF(reinterpret_cast<PyObject *>(type));
    known[knownCount++] = {type, api};
  }
  return api;
}

/// Of a buffer's format. False: none that DLPack has.
bool readType(const char *format, Py_ssize_t bytes, lla_data_type &type) {
  struct Kind {
    const char *letters;
    uint8_t code; ///< DLPack's.
  };
  constexpr Kind kinds[] = {{"efdg", LLA_TYPE_FLOAT}, {"bhilqn", LLA_TYPE_INT}, {"BHILQN", 1}, {"?", 6}};
  constexpr uint8_t complex = 5;
  type = {complex, static_cast<uint8_t>(8 * bytes), 1};
  if (format[0] == 'Z' && format[1] && !format[2])
    return true;
  if (!format[0] || format[1])
    return false;
  for (const Kind &kind : kinds)
    if (std::strchr(kind.letters, format[0])) {
      type.code = kind.code;
      return true;
    }
  return false;
}

/// What an object's dtype is called, of those that others have added to NumPy's (ml_dtypes); empty: it has none such.
/// Leaves no exception.
std::string addedType(PyObject *object) {
  constexpr long addedByOthers = 2;
  PyObject *dtype = PyObject_GetAttrString(object, "dtype");
  PyObject *kind = dtype ? PyObject_GetAttrString(dtype, "isbuiltin") : nullptr;
  PyObject *text = dtype ? PyObject_Str(dtype) : nullptr;
  const char *name = text ? PyUnicode_AsUTF8AndSize(text, nullptr) : nullptr;
  std::string found = name && kind && PyLong_Check(kind) && PyLong_AsLong(kind) == addedByOthers ? name : "";
  for (PyObject *one : {dtype, kind, text})
    Py_XDECREF(one);
  PyErr_Clear();
  return found;
}

/// By the name alone: bytes of anything else are not taken for it.
bool readAddedType(const std::string &name, lla_data_type &type) {
  if (name == "bfloat16")
    type = {LLA_TYPE_BFLOAT, 16, 1};
  else if (name == "float8_e4m3fn")
    type = {LLA_TYPE_FLOAT8_E4M3FN, 8, 1};
  else
    return false;
  return true;
}

/// In the place of the exception that is set, one with the name and the first line of its message; for returning it.
bool refuse(const char *name) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyObject *text = value ? PyObject_Str(value) : nullptr;
  const char *line = text ? PyUnicode_AsUTF8AndSize(text, nullptr) : nullptr;
  std::string message = std::string(name) + ": expected a tensor that DLPack can describe, got the error: ";
  message += line ? std::string(line, std::strcspn(line, "\n")) : std::string("one without a text");
  PyErr_Clear();
  for (PyObject *object : {type, value, trace, text})
    Py_XDECREF(object);
  raise(LLA_ERROR_USAGE, message.c_str());
  return false;
}

} // namespace

Borrowed::~Borrowed() {
  if (buffer.obj)
    PyBuffer_Release(&buffer);
  if (managed && managed->deleter)
    managed->deleter(managed);
  if (versioned && versioned->deleter)
    versioned->deleter(versioned);
}

bool Borrowed::take(PyObject *object, const char *name, bool isWritten, void *stream) {
  if ((api = apiOf(Py_TYPE(object))))
    return api->borrow(object, &view) == 0 || refuse(name);
  if (PyObject_CheckBuffer(object)) {
    if (takeBuffer(object, name, isWritten))
      return true;
    // Types that buffers have no letter for, bfloat16 above all, have an array interface, or else (arrays of JAX, which
    // are never written) a capsule.
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    std::string added = addedType(object);
    bool hasInterface = PyObject_HasAttrString(object, "__array_interface__");
    bool hasCapsule = !isWritten && PyObject_HasAttrString(object, "__dlpack__");
    if (added.empty() || !(hasInterface || hasCapsule)) {
      PyErr_Restore(type, value, trace);
      return false;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    lla_data_type dtype;
    bool isKnown = readAddedType(added, dtype);
    if (isKnown && hasInterface)
      return takeArrayInterface(object, name, isWritten, dtype);
    if (isKnown)
      return takeCapsule(object, name, isWritten, stream);
    PyErr_Format(PyExc_TypeError, "%s.dtype: expected fp32, bf16, fp16, fp8_e4m3 or int32, got %s", name,
                 added.c_str());
    return false;
  }
  if (PyObject_HasAttrString(object, "__dlpack__"))
    return takeCapsule(object, name, isWritten, stream);
  PyObject *type = PyType_GetName(Py_TYPE(object));
  if (type)
    PyErr_Format(PyExc_TypeError, "%s: expected a tensor (DLPack or the buffer protocol), got %U", name, type);
  Py_XDECREF(type);
  return false;
}

bool Borrowed::setStrides(const Py_ssize_t *bytes, int itemBytes, const char *name) {
  for (int i = 0; i < view.ndim; ++i) {
    if (bytes[i] % itemBytes && shape[i] > 1) {
      PyErr_Format(PyExc_ValueError, "%s.stride(%d): expected a multiple of %d bytes, got %zd", name, i, itemBytes,
                   bytes[i]);
      return false;
    }
    strides[i] = bytes[i] / itemBytes;
  }
  view.strides = strides;
  return true;
}

bool Borrowed::takeBuffer(PyObject *object, const char *name, bool isWritten) {
  if (PyObject_GetBuffer(object, &buffer, PyBUF_STRIDES | PyBUF_FORMAT | (isWritten ? PyBUF_WRITABLE : 0)) != 0)
    return false;
  const char *format = buffer.format ? buffer.format : "B";
  while (*format == '<' || *format == '@' || *format == '=') // This machine's order.
    ++format;
  if (buffer.ndim > mostDimensions) {
    PyErr_Format(PyExc_ValueError, "%s.ndim: expected at most %d, got %d", name, mostDimensions, buffer.ndim);
    return false;
  }
  if (!readType(format, buffer.itemsize, view.dtype)) {
    PyErr_Format(PyExc_TypeError, "%s.dtype: expected fp32, bf16, fp16, fp8_e4m3 or int32, got the buffer's format %s",
                 name, buffer.format);
    return false;
  }
  view.data = buffer.buf;
  view.device = {LLA_DEVICE_CPU, 0};
  view.ndim = buffer.ndim;
  for (int i = 0; i < buffer.ndim; ++i)
    shape[i] = buffer.shape[i];
  view.shape = shape;
  return setStrides(buffer.strides, static_cast<int>(buffer.itemsize), name);
}

bool Borrowed::takeArrayInterface(PyObject *object, const char *name, bool isWritten, lla_data_type type) {
  PyObject *interface = PyObject_GetAttrString(object, "__array_interface__");
  if (!interface)
    return false;
  PyObject *data = PyDict_GetItemString(interface, "data"), *sizes = PyDict_GetItemString(interface, "shape");
  PyObject *steps = PyDict_GetItemString(interface, "strides");
  unsigned long long address = 0;
  int isReadOnly = 0;
  int itemBytes = type.bits / 8;
  bool isRead = data && sizes && PyTuple_Check(sizes) && PyArg_ParseTuple(data, "Kp", &address, &isReadOnly) &&
                PyTuple_Size(sizes) <= mostDimensions;
  Py_ssize_t bytes[mostDimensions] = {};
  if (isRead) {
    view.ndim = static_cast<int32_t>(PyTuple_Size(sizes));
    for (int i = view.ndim - 1; i >= 0; --i)
      shape[i] = PyLong_AsLongLong(PyTuple_GetItem(sizes, i));
    Py_ssize_t dense = itemBytes;
    for (int i = view.ndim - 1; i >= 0; dense *= shape[i--])
      bytes[i] = steps && PyTuple_Check(steps) ? PyLong_AsSsize_t(PyTuple_GetItem(steps, i)) : dense;
  }
  Py_DECREF(interface);
  if (!isRead || PyErr_Occurred()) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "%s: expected an array interface of at most %d dimensions, got another", name,
                   mostDimensions);
    return false;
  }
  if (isWritten && isReadOnly) {
    PyErr_Format(PyExc_ValueError, "%s: expected an array that can be written, got a read-only one", name);
    return false;
  }
  view.data = reinterpret_cast<void *>(static_cast<uintptr_t>(address));
  view.device = {LLA_DEVICE_CPU, 0};
  view.dtype = type;
  view.shape = shape;
  return setStrides(bytes, itemBytes, name);
}

bool Borrowed::takeCapsule(PyObject *object, const char *name, bool isWritten, void *stream) {
  PyObject *device = PyObject_CallMethod(object, "__dlpack_device__", nullptr);
  if (!device)
    return false;
  int type = 0, id = 0;
  bool isParsed = PyArg_ParseTuple(device, "ii", &type, &id);
  Py_DECREF(device);
  if (!isParsed)
    return false;
  PyObject *method = PyObject_GetAttrString(object, "__dlpack__");
  if (!method)
    return false;
  // 1 is CUDA's legacy default stream, which is what null means in a launch.
  uintptr_t number = stream ? reinterpret_cast<uintptr_t>(stream) : 1;
  PyObject *options = type == LLA_DEVICE_CUDA ? Py_BuildValue("{s(II)sK}", "max_version", dlpackMajor, dlpackMinor,
                                                              "stream", static_cast<unsigned long long>(number))
                                              : Py_BuildValue("{s(II)}", "max_version", dlpackMajor, dlpackMinor);
  PyObject *nothing = PyTuple_New(0);
  PyObject *capsule = options && nothing ? PyObject_Call(method, nothing, options) : nullptr;
  if (!capsule && options && PyErr_ExceptionMatches(PyExc_TypeError)) { // Before 1.0 there was no max_version.
    PyErr_Clear();
    PyDict_DelItemString(options, "max_version");
    capsule = PyObject_Call(method, nothing, options);
  }
  Py_XDECREF(nothing);
  Py_XDECREF(options);
  Py_DECREF(method);
  if (!capsule) // A type that the library cannot export, fp8 of an older one say.
    return (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_RuntimeError)) && refuse(name);
  bool isTaken = false;
  if (PyCapsule_IsValid(capsule, "dltensor_versioned")) {
    versioned = static_cast<DLManagedTensorVersioned *>(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
    PyCapsule_SetName(capsule, "used_dltensor_versioned");
    isTaken = versioned->version.major == dlpackMajor;
    if (!isTaken)
      PyErr_Format(PyExc_BufferError, "%s: expected DLPack %u, got %u", name, dlpackMajor, versioned->version.major);
    else if (isWritten && versioned->flags & DLManagedTensorVersioned::readOnly)
      isTaken = (PyErr_Format(PyExc_ValueError, "%s: expected a tensor that can be written, got a read-only one", name),
                 false);
    else
      view = versioned->tensor;
  } else if (PyCapsule_IsValid(capsule, "dltensor")) {
    managed = static_cast<DLManagedTensor *>(PyCapsule_GetPointer(capsule, "dltensor"));
    PyCapsule_SetName(capsule, "used_dltensor");
    view = managed->tensor;
    isTaken = true;
  } else {
    PyErr_Format(PyExc_BufferError, "%s: expected a DLPack capsule, got another", name);
  }
  Py_DECREF(capsule);
  return isTaken;
}

bool Borrowed::currentStream(void *&stream) const {
  stream = nullptr;
  if (!api || view.device.type != LLA_DEVICE_CUDA || !api->currentStream)
    return true;
  return api->currentStream(view.device.type, view.device.id, &stream) == 0;
}

} // namespace lla::python
