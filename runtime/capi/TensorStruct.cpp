//===- TensorStruct.cpp - lla_tensors and the runtime's views -------------===//
//
// Part of a launch: nothing here allocates unless it fails.
//
//===----------------------------------------------------------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/capi/Structs.h"
#include "runtime/capi/TensorMembers.h"
#include <fmt/format.h>

namespace lla::capi {
namespace {

// DLPack's struct of the same name, member by member: its layout has never changed.
static_assert(sizeof(lla_tensor) == 48 && offsetof(lla_tensor, device) == 8 && offsetof(lla_tensor, ndim) == 16 &&
              offsetof(lla_tensor, dtype) == 20 && offsetof(lla_tensor, shape) == 24 &&
              offsetof(lla_tensor, strides) == 32 && offsetof(lla_tensor, byte_offset) == 40);

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

std::string textOf(lla_device device) {
  switch (device.type) {
  case LLA_DEVICE_CPU:
    return "cpu";
  case LLA_DEVICE_CUDA:
    return fmt::format("cuda:{}", device.id);
  case LLA_DEVICE_CUDA_HOST:
    return "pinned memory";
  case LLA_DEVICE_CUDA_MANAGED:
    return "managed memory";
  default:
    return fmt::format("DLPack's device type {}", device.type);
  }
}

std::string textOf(lla_data_type type) {
  const char *kind = type.code == LLA_TYPE_BFLOAT ? "bf" : type.code == LLA_TYPE_FLOAT ? "fp" : nullptr;
  std::string lanes = type.lanes == 1 ? "" : fmt::format(" x {}", type.lanes);
  if (kind)
    return fmt::format("{}{}{}", kind, type.bits, lanes);
  if (type.code == LLA_TYPE_FLOAT8_E4M3FN)
    return "fp8_e4m3" + lanes;
  if (type.code == LLA_TYPE_INT)
    return fmt::format("int{}{}", type.bits, lanes);
  return fmt::format("DLPack's type code {} of {} bits{}", type.code, type.bits, lanes);
}

bool isOn(lla_device tensor, lla_device device) {
  if (device.type == LLA_DEVICE_CPU)
    return tensor.type == LLA_DEVICE_CPU || tensor.type == LLA_DEVICE_CUDA_HOST;
  return (tensor.type == LLA_DEVICE_CUDA && tensor.id == device.id) || tensor.type == LLA_DEVICE_CUDA_MANAGED;
}

std::optional<ElementType> elementTypeOf(lla_data_type type) {
  if (type.lanes != 1)
    return std::nullopt;
  if (type.code == LLA_TYPE_BFLOAT && type.bits == 16)
    return ElementType::BF16;
  if (type.code == LLA_TYPE_FLOAT && type.bits == 16)
    return ElementType::F16;
  if (type.code == LLA_TYPE_FLOAT && type.bits == 32)
    return ElementType::F32;
  if (type.code == LLA_TYPE_FLOAT8_E4M3FN && type.bits == 8)
    return ElementType::F8E4M3;
  return std::nullopt;
}

llvm::Error checkPlace(const char *name, const lla_tensor &tensor, lla_device device, int32_t rank) {
  if (tensor.ndim != rank)
    return usage(fmt::format("{}.ndim: expected {}, got {}", name, rank, tensor.ndim));
  if (!tensor.shape)
    return usage(fmt::format("{}.shape: expected {} sizes, got null", name, rank));
  if (!isOn(tensor.device, device))
    return usage(fmt::format("{}.device: expected {}, got {}", name, textOf(device), textOf(tensor.device)));
  return llvm::Error::success();
}

void *addressOf(const lla_tensor &tensor) {
  return tensor.data ? reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset)
                     : nullptr;
}

constexpr int32_t mostDimensions = 5;

/// The strides of a tensor; where none are given, those of row-major order. They may wrap around where the sizes are
/// not those of the plan, which is refused before anybody looks at them.
void readStrides(const lla_tensor &tensor, int64_t (&strides)[mostDimensions]) {
  uint64_t next = 1;
  for (int32_t i = tensor.ndim - 1; i >= 0; --i) {
    strides[i] = tensor.strides ? tensor.strides[i] : static_cast<int64_t>(next);
    next *= static_cast<uint64_t>(tensor.shape[i]);
  }
}

llvm::Error readTensor(const TensorMember &member, const lla_tensor &given, const CallForm &form, bool isPacked,
                       TensorView &view) {
  DimensionPlaces places(member, form.layout, isPacked);
  if (llvm::Error error = checkPlace(member.name, given, form.device, places.rank))
    return error;
  std::optional<ElementType> dtype = elementTypeOf(given.dtype);
  if (!dtype)
    return usage(
        fmt::format("{}.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got {}", member.name, textOf(given.dtype)));
  int64_t strides[mostDimensions];
  readStrides(given, strides);
  view.data = addressOf(given);
  view.dtype = *dtype;
  int32_t order[] = {places.batch, places.row, places.head, places.dim};
  for (size_t i = 0; i < std::size(order); ++i) { // What a tensor has not is one element, which is never stepped over.
    view.sizes[i] = order[i] < 0 ? 1 : given.shape[order[i]];
    view.strides[i] = order[i] < 0 ? 1 : strides[order[i]];
  }
  if (places.shard >= 0) {
    view.shards = given.shape[places.shard];
    view.shardStride = strides[places.shard];
  }
  return llvm::Error::success();
}

llvm::Error readIndices(const IndexMember &member, const lla_tensor &given, lla_device device, IndexView &view) {
  if (llvm::Error error = checkPlace(member.name, given, device, member.rank))
    return error;
  if (given.dtype.code != LLA_TYPE_INT || given.dtype.bits != 32 || given.dtype.lanes != 1)
    return usage(fmt::format("{}.dtype: expected int32, got {}", member.name, textOf(given.dtype)));
  int64_t strides[mostDimensions];
  readStrides(given, strides);
  view.data = static_cast<const int32_t *>(addressOf(given));
  view.sequences = given.shape[0];
  view.stride = strides[0];
  view.each = member.rank == 2 ? given.shape[1] : 1;
  if (member.rank == 2 && view.each > 1 && strides[1] != 1)
    return usage(fmt::format("{}.stride(page): expected 1, got {}", member.name, strides[1]));
  bool isEmpty = view.sequences == 0 || view.each == 0;
  if (!view.data && !isEmpty)
    return usage(fmt::format("{}.data: expected an address, got null", member.name));
  return llvm::Error::success();
}

llvm::Error notNull(const char *name) {
  return usage(fmt::format("{}: expected null, which the problem does not have, got a tensor", name));
}

} // namespace

lla_device deviceOf(DeviceName name) {
  if (name.kind == TargetKind::Host)
    return {LLA_DEVICE_CPU, 0};
  return {LLA_DEVICE_CUDA, static_cast<int32_t>(name.number)};
}

CallForm::CallForm(const Problem &problem, lla_device device) : device(device), layout(problem.layout) {
  for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
    for (const NamedTensor &one : names)
      for (size_t i = 0; i < std::size(tensorMembers); ++i) {
        bool isOne = tensorMembers[i].view == one.member;
        tensors |= uint32_t(isOne) << i;
        packed |= uint32_t(isOne && tensorMembers[i].isPacked(problem)) << i;
      }
  for (const NamedIndices &one : indicesOf(problem))
    for (size_t i = 0; i < std::size(indexMembers); ++i)
      indices |= uint32_t(indexMembers[i].view == one.member) << i;
}

llvm::Error readTensors(const CallForm &form, const lla_tensors *given, AttentionTensors &tensors) {
  lla_tensors read;
  if (llvm::Error error = readStruct("tensors", given, read))
    return error;
  for (size_t i = 0; i < std::size(tensorMembers); ++i) {
    const TensorMember &member = tensorMembers[i];
    const lla_tensor *tensor = read.*member.given;
    bool isNeeded = form.tensors >> i & 1;
    if (!isNeeded && tensor)
      return notNull(member.name);
    if (isNeeded && !tensor && member.side == Side::Scales) {
      tensors.*member.view = {}; // 1.
      continue;
    }
    if (isNeeded && !tensor)
      return usage(fmt::format("{}: expected a tensor, got null", member.name));
    if (isNeeded)
      if (llvm::Error error = readTensor(member, *tensor, form, form.packed >> i & 1, tensors.*member.view))
        return error;
  }
  for (size_t i = 0; i < std::size(indexMembers); ++i) {
    const IndexMember &member = indexMembers[i];
    const lla_tensor *tensor = read.*member.given;
    if (!tensor)
      continue;
    if (!(form.indices >> i & 1))
      return notNull(member.name);
    if (llvm::Error error = readIndices(member, *tensor, form.device, tensors.*member.view))
      return error;
  }
  return llvm::Error::success();
}

} // namespace lla::capi
