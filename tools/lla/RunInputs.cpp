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
  size_t dimensions = tensor->second.shape.size();
  return dimensions == 4 ? llvm::Error::success() : wrong(name, "4 dimensions", std::to_string(dimensions));
}

llvm::Error RunInputs::Part::upload(Executor &executor, const char *name, const TensorView &view, Layout layout) const {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return missing(name);
  const StoredTensor &tensor = found->second;
  std::vector<int64_t> shape = storedShape(view, layout);
  if (tensor.shape != shape)
    return wrong(name, "shape " + shapeText(shape), shapeText(tensor.shape));
  if (tensor.dtype != view.dtype)
    return wrong(name, "dtype " + lla::name(view.dtype).str(), lla::name(tensor.dtype).str());
  return executor.copyIn(view.data, tensor.bytes.data(), static_cast<int64_t>(tensor.bytes.size()), nullptr);
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
  for (const Part &part : inputs.parts)
    for (const char *name : ofShards ? llvm::ArrayRef(models).take_front() : llvm::ArrayRef(models).drop_front())
      if (llvm::Error error = part.checkModel(name))
        return std::move(error);
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
  std::array<int64_t, 4> key = sizesOf(parts.front().tensors.at("k"), layout);
  fields.update({{"mode", query[1] == 1 ? "decode" : "prefill"},
                 {"probe", parts.front().tensors.count("r") ? "given" : "none"},
                 {"context", key[1]},
                 {"kv_heads", key[2]},
                 {"dtype", name(model().dtype).str()}});
  return fields;
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
  return llvm::Error::success();
}

} // namespace lla
