//===- DLPack.h - how Python's tensor libraries hand tensors over ---------===//
//
// The part of DLPack's ABI (1.3, and the unversioned one before 1.0) that a consumer
// needs, with lla_tensor for DLTensor, whose layout it has.
//
// Two ways. A type may have `__dlpack_c_exchange_api__`, a table of C functions:
// a tensor is then borrowed for the length of a call, in a few nanoseconds, and the
// library says which stream is current. Else `__dlpack__()` gives a capsule that
// owns the tensor until its deleter is called.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_PYTHON_DLPACK_H
#define LLA_RUNTIME_PYTHON_DLPACK_H

#include <cstddef>
#include <cstdint>
#include <lla.h>

namespace lla::python {

constexpr uint32_t dlpackMajor = 1, dlpackMinor = 3;

struct DLPackVersion {
  uint32_t major, minor;
};

/// Of a capsule "dltensor".
struct DLManagedTensor {
  lla_tensor tensor;
  void *owner;
  void (*deleter)(DLManagedTensor *self);
};

/// Of a capsule "dltensor_versioned". Of another major version only the deleter may be used.
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *owner;
  void (*deleter)(DLManagedTensorVersioned *self);
  uint64_t flags;
  lla_tensor tensor;

  static constexpr uint64_t readOnly = 1;
};
static_assert(offsetof(DLManagedTensorVersioned, tensor) == 32);

/// Of a capsule "dlpack_exchange_api".
struct DLPackExchangeApi {
  DLPackVersion version;
  const DLPackExchangeApi *previous; ///< Of an older major version; may be null.
  void *allocate, *own, *give;       ///< Not used here.
  /// Both return 0, or -1 with a Python exception set. The first may be null.
  int (*borrow)(void *object, lla_tensor *tensor);
  int (*currentStream)(int32_t deviceType, int32_t deviceId, void **stream);
};

} // namespace lla::python
#endif
