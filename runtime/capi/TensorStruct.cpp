//===- TensorStruct.cpp - lla_tensors and the runtime's views -------------===//
//
// Part of a launch: nothing here allocates unless it fails.
//
//===----------------------------------------------------------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>

namespace lla::capi {
namespace {

// DLPack's struct of the same name, member by member: its layout has never changed.
static_assert(sizeof(lla_tensor) == 48 && offsetof(lla_tensor, device) == 8 && offsetof(lla_tensor, ndim) == 16 &&
              offsetof(lla_tensor, dtype) == 20 && offsetof(lla_tensor, shape) == 24 &&
              offsetof(lla_tensor, strides) == 32 && offsetof(lla_tensor, byte_offset) == 40);

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

using GivenTensor = const lla_tensor *lla_tensors::*;

/// What a tensor is of a problem.
enum class Shape { Vectors, Rows }; ///< With `dim` (o, q ...), and without (lse, tbar).

struct TensorMember {
  const char *name;
  GivenTensor given;
  TensorView AttentionTensors::*view;
  Shape shape;
  bool hasShards;
};
constexpr TensorMember tensorMembers[] = {
    {"q", &lla_tensors::q, &AttentionTensors::q, Shape::Vectors, false},
    {"k", &lla_tensors::k, &AttentionTensors::k, Shape::Vectors, false},
    {"v", &lla_tensors::v, &AttentionTensors::v, Shape::Vectors, false},
    {"r", &lla_tensors::r, &AttentionTensors::r, Shape::Vectors, false},
    {"o", &lla_tensors::o, &AttentionTensors::o, Shape::Vectors, false},
    {"lse", &lla_tensors::lse, &AttentionTensors::lse, Shape::Rows, false},
    {"tbar", &lla_tensors::tbar, &AttentionTensors::tbar, Shape::Rows, false},
    {"vbar", &lla_tensors::vbar, &AttentionTensors::vbar, Shape::Vectors, false},
    {"part_o", &lla_tensors::part_o, &AttentionTensors::partO, Shape::Vectors, true},
    {"part_lse", &lla_tensors::part_lse, &AttentionTensors::partLse, Shape::Rows, true},
    {"part_tbar", &lla_tensors::part_tbar, &AttentionTensors::partTbar, Shape::Rows, true},
    {"part_vbar", &lla_tensors::part_vbar, &AttentionTensors::partVbar, Shape::Vectors, true},
};

struct IndexMember {
  const char *name;
  GivenTensor given;
  IndexView AttentionTensors::*view;
  int32_t rank;
};
constexpr IndexMember indexMembers[] = {
    {"lengths", &lla_tensors::lengths, &AttentionTensors::lengths, 1},
    {"starts", &lla_tensors::starts, &AttentionTensors::starts, 1},
    {"page_table", &lla_tensors::page_table, &AttentionTensors::pageTable, 2},
};

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

llvm::Error readTensor(const TensorMember &member, const lla_tensor &given, const CallForm &form, TensorView &view) {
  int32_t first = member.hasShards ? 1 : 0; // Of (batch, row, head).
  bool hasDim = member.shape == Shape::Vectors;
  if (llvm::Error error = checkPlace(member.name, given, form.device, first + 3 + hasDim))
    return error;
  std::optional<ElementType> dtype = elementTypeOf(given.dtype);
  if (!dtype)
    return usage(fmt::format("{}.dtype: expected fp32, bf16 or fp16, got {}", member.name, textOf(given.dtype)));
  int64_t strides[mostDimensions];
  readStrides(given, strides);
  int32_t row = form.layout == Layout::BSHD ? 1 : 2, head = 3 - row;
  const int64_t *sizes = given.shape + first, *steps = strides + first;
  view.data = addressOf(given);
  view.dtype = *dtype;
  view.sizes = {sizes[0], sizes[row], sizes[head], hasDim ? sizes[3] : 1};
  view.strides = {steps[0], steps[row], steps[head], hasDim ? steps[3] : 1};
  if (member.hasShards) {
    view.shards = given.shape[0];
    view.shardStride = strides[0];
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
      for (size_t i = 0; i < std::size(tensorMembers); ++i)
        tensors |= uint32_t(tensorMembers[i].view == one.member) << i;
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
    if (isNeeded && !tensor)
      return usage(fmt::format("{}: expected a tensor, got null", member.name));
    if (isNeeded)
      if (llvm::Error error = readTensor(member, *tensor, form, tensors.*member.view))
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
