//===- RunInputs.cpp - what `lla run` computes on -------------------------===//

#include "tools/lla/RunInputs.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>

namespace lla {
namespace {

/// (batch, row, head, dim) of a tensor in `layout`.
std::array<int64_t, 4> sizesOf(const StoredTensor &tensor, Layout layout) {
  std::array<int64_t, 4> sizes = {tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3]};
  if (layout == Layout::BHSD)
    std::swap(sizes[1], sizes[2]);
  return sizes;
}

std::string shapeText(llvm::ArrayRef<int64_t> sizes) {
  return fmt::format("({})", fmt::join(sizes.begin(), sizes.end(), ", "));
}

} // namespace

std::vector<int64_t> storedShape(const TensorView &view, Layout layout) {
  std::vector<int64_t> shape(view.sizes.begin(), view.sizes.end());
  if (layout == Layout::BHSD)
    std::swap(shape[1], shape[2]);
  if (shape[3] == 1)
    shape.pop_back();
  return shape;
}

llvm::Error RunInputs::Part::missing(const char *name) const {
  return failure(FailureKind::Usage, fmt::format("{}: expected a tensor {}, got none", fmt::join(paths, ", "), name));
}

llvm::Error RunInputs::Part::wrong(const char *name, const std::string &expected, const std::string &got) const {
  return failure(FailureKind::Usage, fmt::format("{}: {}: expected {}, got {}", pathOf.at(name), name, expected, got));
}

llvm::Error RunInputs::Part::add(const TensorFile &file, const std::string &path) {
  paths.push_back(path);
  for (const auto &[name, tensor] : file.tensors()) {
    if (!tensors.emplace(name, tensor).second)
      return failure(FailureKind::Usage, fmt::format("{}: expected each tensor once, got {} again", path, name));
    pathOf[name] = path;
  }
  return llvm::Error::success();
}

llvm::Error RunInputs::Part::checkModel(const char *name) const {
  auto tensor = tensors.find(name);
  if (tensor == tensors.end())
    return missing(name);
  if (size_t dimensions = tensor->second.shape.size(); dimensions != 4)
    return wrong(name, "4 dimensions", std::to_string(dimensions));
  if (!elementType(tensor->second.dtype))
    return wrong(name, "dtype fp32, fp16 or bf16", lla::name(tensor->second.dtype).str());
  return llvm::Error::success();
}

llvm::Error RunInputs::Part::checkIndices() const {
  for (auto [name, dimensions] : {std::pair{"lengths", 1u}, {"starts", 1u}, {"page_table", 2u}}) {
    auto tensor = tensors.find(name);
    if (tensor == tensors.end())
      continue;
    if (size_t found = tensor->second.shape.size(); found != dimensions)
      return wrong(name, dimensions == 1 ? "1 dimension" : "2 dimensions", std::to_string(found));
    if (tensor->second.dtype != StoredType::I32)
      return wrong(name, "dtype int32", lla::name(tensor->second.dtype).str());
  }
  return llvm::Error::success();
}

llvm::Error RunInputs::Part::upload(Executor &executor, const char *name, const TensorView &view, Layout layout) const {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return missing(name);
  const StoredTensor &tensor = found->second;
  std::vector<int64_t> shape = storedShape(view, layout);
  if (tensor.shape != shape)
    return wrong(name, "shape " + shapeText(shape), shapeText(tensor.shape));
  if (tensor.dtype != storedType(view.dtype))
    return wrong(name, "dtype " + lla::name(view.dtype).str(), lla::name(tensor.dtype).str());
  return executor.copyIn(view.data, tensor.bytes.data(), static_cast<int64_t>(tensor.bytes.size()), nullptr);
}

llvm::Error RunInputs::Part::upload(Executor &executor, const NamedIndices &indices, const Problem &problem,
                                    const IndexView &view) const {
  void *to = const_cast<int32_t *>(view.data);
  auto found = tensors.find(indices.name);
  if (found != tensors.end()) {
    const StoredTensor &tensor = found->second;
    if (tensor.shape.front() != view.sequences)
      return wrong(indices.name, fmt::format("{} sequences", view.sequences), std::to_string(tensor.shape.front()));
    return executor.copyIn(to, tensor.bytes.data(), static_cast<int64_t>(tensor.bytes.size()), nullptr);
  }
  if (indices.member == &AttentionTensors::pageTable)
    return missing(indices.name);
  bool isLength = indices.member == &AttentionTensors::lengths;
  std::vector<int32_t> all(view.sequences, static_cast<int32_t>(isLength ? problem.context : 0));
  return executor.copyIn(to, all.data(), view.spanBytes(), nullptr);
}

llvm::Expected<RunInputs> RunInputs::read(llvm::ArrayRef<std::string> paths, bool ofShards) {
  RunInputs inputs;
  inputs.ofShards = ofShards;
  for (const std::string &path : paths) {
    llvm::Expected<TensorFile> file = TensorFile::open(path);
    if (!file)
      return file.takeError();
    if (ofShards || inputs.parts.empty())
      inputs.parts.emplace_back();
    if (llvm::Error error = inputs.parts.back().add(*file, path))
      return std::move(error);
    inputs.files.push_back(std::move(*file));
  }
  static constexpr const char *models[] = {"o", "q", "k", "v"};
  for (const Part &part : inputs.parts) {
    for (const char *name : ofShards ? llvm::ArrayRef(models).take_front() : llvm::ArrayRef(models).drop_front())
      if (llvm::Error error = part.checkModel(name))
        return std::move(error);
    if (llvm::Error error = part.checkIndices())
      return std::move(error);
  }
  return inputs;
}

nlohmann::json RunInputs::describe(Layout layout) const {
  std::array<int64_t, 4> query = sizesOf(model(), layout);
  nlohmann::json fields = {
      {"batch", query[0]}, {"query_length", query[1]}, {"query_heads", query[2]}, {"head_dim", query[3]}};
  if (ofShards) {
    fields.update({{"mode", "merge"}, {"shards", parts.size()}});
    return fields;
  }
  const StoredTensors &tensors = parts.front().tensors;
  std::array<int64_t, 4> key = sizesOf(tensors.at("k"), layout);
  auto table = tensors.find("page_table");
  bool isPaged = table != tensors.end();
  fields.update({{"mode", query[1] == 1 ? "decode" : "prefill"},
                 {"probe", tensors.count("r") ? "given" : "none"},
                 {"context", isPaged ? table->second.shape[1] * key[1] : key[1]},
                 {"kv_heads", key[2]},
                 {"dtype", name(model().dtype).str()},
                 {"ragged", tensors.count("lengths") + tensors.count("starts") > 0},
                 {"page_size", isPaged ? key[1] : 0}});
  return fields;
}

AttentionTensors RunInputs::shapes(const Problem &problem) const {
  AttentionTensors shapes = denseTensors(problem);
  if (empty() || problem.pageSize == 0)
    return shapes;
  const StoredTensors &tensors = parts.front().tensors;
  shapes.k = shapes.v =
      denseView(nullptr, problem.dtype, sizesOf(tensors.at("k"), problem.layout), problem.layout);
  if (auto table = tensors.find("page_table"); table != tensors.end())
    shapes.pageTable.each = shapes.pageTable.stride = table->second.shape[1];
  return shapes;
}

llvm::Error RunInputs::upload(Executor &executor, const Problem &problem, const AttentionTensors &views) const {
  if (ofShards && problem.shards != static_cast<int64_t>(parts.size()))
    return failure(FailureKind::Usage,
                   fmt::format("shards: expected {}, one for each file, got {}", parts.size(), problem.shards));
  for (const NamedTensor &input : inputsOf(problem))
    for (size_t shard = 0; shard < parts.size(); ++shard) {
      // A file of a shard has the tensors by the names that it was written with.
      llvm::StringRef name = input.name;
      name.consume_front("part_");
      TensorView view = shardOf(views.*input.member, static_cast<int64_t>(shard));
      if (llvm::Error error = parts[shard].upload(executor, name.data(), view, problem.layout))
        return error;
    }
  for (const NamedIndices &indices : indicesOf(problem))
    if (llvm::Error error = parts.front().upload(executor, indices, problem, views.*indices.member))
      return error;
  return llvm::Error::success();
}

} // namespace lla
