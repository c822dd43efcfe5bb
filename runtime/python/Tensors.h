//===- Tensors.h - Python's tensors, borrowed for a call ------------------===//
#ifndef LLA_RUNTIME_PYTHON_TENSORS_H
#define LLA_RUNTIME_PYTHON_TENSORS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "runtime/python/DLPack.h"

namespace lla::python {

/// Whatever a tensor was borrowed by is given back at the end.
class Borrowed {
public:
  Borrowed() = default;
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  ~Borrowed();

  /// Any object with an exchange API, a buffer, an array interface or `__dlpack__`. False: a Python exception is set.
  /// `stream` is what the producer of a capsule has to order its work before; null: its default.
  bool take(PyObject *object, const char *name, bool isWritten, void *stream);

  const lla_tensor &tensor() const { return view; }
  /// The stream that is current in the library that the tensor came from, for the tensor's device, as far as it can be
  /// asked; else null. False: a Python exception is set.
  bool currentStream(void *&stream) const;

private:
  bool takeBuffer(PyObject *object, const char *name, bool isWritten);
  bool takeArrayInterface(PyObject *object, const char *name, bool isWritten, lla_data_type type);
  bool takeCapsule(PyObject *object, const char *name, bool isWritten, void *stream);
  bool setStrides(const Py_ssize_t *bytes, int itemBytes, const char *name);

  static constexpr int mostDimensions = 8;
  lla_tensor view = {};
  int64_t shape[mostDimensions], strides[mostDimensions]; ///< Where the owner's are not in this form.
  const DLPackExchangeApi *api = nullptr;
  Py_buffer buffer = {}; ///< obj is null: none.
  DLManagedTensor *managed = nullptr;
  DLManagedTensorVersioned *versioned = nullptr;
};

} // namespace lla::python
#endif
