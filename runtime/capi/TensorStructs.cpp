//===- TensorStructs.cpp - the runtime's views as lla_tensors -------------===//

#include "runtime/capi/TensorStructs.h"

namespace lla::capi {

TensorStructs::TensorStructs(const Problem &problem, const AttentionTensors &views, lla_device device)
    : device(device) {
  for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
    for (const NamedTensor &one : names)
      for (const TensorMember &member : tensorMembers)
        if (member.view == one.member)
          all.*member.given = add(member, problem, views.*one.member);
  for (const NamedIndices &one : indicesOf(problem))
    for (const IndexMember &member : indexMembers)
      if (member.view == one.member)
        all.*member.given = add(member, views.*one.member);
}

const lla_tensor *TensorStructs::add(const TensorMember &member, const Problem &problem, const TensorView &view) {
  DimensionPlaces places(member, problem.layout, member.isPacked(problem));
  std::vector<int64_t> shape(places.rank), strides(places.rank);
  auto put = [&](int32_t place, int64_t size, int64_t stride) {
    if (place < 0)
      return;
    shape[place] = size;
    strides[place] = stride;
  };
  put(places.shard, view.shards, view.shardStride);
  put(places.batch, view.sizes[0], view.strides[0]);
  put(places.row, view.sizes[1], view.strides[1]);
  put(places.head, view.sizes[2], view.strides[2]);
  put(places.dim, view.sizes[3], view.strides[3]);
  lla_type_code code = view.dtype == ElementType::BF16     ? LLA_TYPE_BFLOAT
                       : view.dtype == ElementType::F8E4M3 ? LLA_TYPE_FLOAT8_E4M3FN
                                                           : LLA_TYPE_FLOAT;
  lla_data_type type = {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * elementBytes(view.dtype)), 1};
  return add(view.data, type, std::move(shape), std::move(strides));
}

const lla_tensor *TensorStructs::add(const IndexMember &member, const IndexView &view) {
  std::vector<int64_t> shape = {view.sequences}, strides = {view.stride};
  if (member.rank == 2) {
    shape.push_back(view.each);
    strides.push_back(1);
  }
  return add(const_cast<int32_t *>(view.data), {LLA_TYPE_INT, 32, 1}, std::move(shape), std::move(strides));
}

const lla_tensor *TensorStructs::add(void *data, lla_data_type type, std::vector<int64_t> shape,
                                     std::vector<int64_t> strides) {
  Described &one = described.emplace_back();
  one.shape = std::move(shape);
  one.strides = std::move(strides);
  one.tensor = {data, device, static_cast<int32_t>(one.shape.size()), type, one.shape.data(), one.strides.data(), 0};
  return &one.tensor;
}

} // namespace lla::capi
