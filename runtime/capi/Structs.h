//===- Structs.h - the structs of the C API, checked and translated -------===//
//
// Each begins with the size that the caller knows. What is shorter than ours is
// completed by zeros; what is longer may only hold zeros beyond it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CAPI_STRUCTS_H
#define LLA_RUNTIME_CAPI_STRUCTS_H

#include "dialect/Spec/Problem.h"
#include "runtime/DeviceName.h"
#include "runtime/TensorView.h"
#include "runtime/capi/lla.h"
#include <cstddef>
#include <cstring>

namespace lla::capi {

/// Success if `size` bytes at `given` can be read as a struct of `known` bytes, the first version of which had `least`.
/// Never allocates on success.
llvm::Error checkStruct(const char *name, const void *given, size_t least, size_t known);

/// Bytes of a struct's first version: callers that were built with it pass no more. They end with the member that was
/// its last, whatever has been added behind it since.
template <class Struct> constexpr size_t firstSize = 0;
template <> inline constexpr size_t firstSize<lla_problem> = offsetof(lla_problem, lambda) + sizeof(double);
template <> inline constexpr size_t firstSize<lla_tensors> = offsetof(lla_tensors, page_table) + sizeof(void *);
template <> inline constexpr size_t firstSize<lla_plan_info> = offsetof(lla_plan_info, reserved) + sizeof(int32_t);
template <> inline constexpr size_t firstSize<lla_context_info> =
    offsetof(lla_context_info, multiprocessors) + sizeof(int64_t);
template <> inline constexpr size_t firstSize<lla_statistics> =
    offsetof(lla_statistics, search_milliseconds) + sizeof(double);
template <> inline constexpr size_t firstSize<lla_warmup_options> =
    offsetof(lla_warmup_options, statuses) + sizeof(void *);

/// A struct of the caller's, as this library knows it.
template <class Struct> llvm::Error readStruct(const char *name, const Struct *given, Struct &known) {
  static_assert(firstSize<Struct> > sizeof(size_t) && firstSize<Struct> <= sizeof(Struct));
  if (llvm::Error error = checkStruct(name, given, firstSize<Struct>, sizeof(Struct)))
    return error;
  known = {};
  std::memcpy(&known, given, std::min(given->struct_size, sizeof(Struct)));
  return llvm::Error::success();
}

/// The caller's struct gets what it has room for; its struct_size stays.
template <class Struct> llvm::Error writeStruct(const char *name, Struct known, Struct *given) {
  static_assert(firstSize<Struct> > sizeof(size_t) && firstSize<Struct> <= sizeof(Struct));
  if (llvm::Error error = checkStruct(name, given, firstSize<Struct>, sizeof(Struct)))
    return error;
  known.struct_size = given->struct_size;
  std::memcpy(given, &known, std::min(given->struct_size, sizeof(Struct)));
  return llvm::Error::success();
}

/// Where tensors of a call on a device have to be.
lla_device deviceOf(DeviceName name);

/// The problem, not normalised. Fails with Usage, naming the field.
llvm::Expected<Problem> toProblem(const lla_problem *given);
lla_problem fromProblem(const Problem &problem);

/// What the calls of a plan are given: decided once, not at each launch.
struct CallForm {
  /// `problem` is normalised.
  CallForm(const Problem &problem, lla_device device);

  lla_device device; ///< That tensors have to be on.
  Layout layout;
  uint32_t tensors = 0, indices = 0; ///< A bit for each that the problem has, in TensorMembers' order.
  uint32_t packed = 0;               ///< Of the tensors, those without a batch.
};

/// The tensors of a call: what the problem has is given (an index view may be null) and what it has not is null; rank,
/// type and device are right. Sizes and addresses are for checkCall. Never allocates on success.
llvm::Error readTensors(const CallForm &form, const lla_tensors *given, AttentionTensors &tensors);

} // namespace lla::capi
#endif
