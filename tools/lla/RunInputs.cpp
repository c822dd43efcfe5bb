//===- RunInputs.cpp - what `lla run` computes on -------------------------===//

#include "tools/lla/RunInputs.h"
#include "runtime/RuntimeError.h"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>

namespace lla {
namespace {

/// The tensor that says where the sequences of a packed one are; null if no such tensor may be packed.
const char *placesOf(llvm::StringRef name) {
  return name == "q" ? "cu_seqlens_q" : name == "k" || name == "v" ? "cu_seqlens_k" : nullptr;
}

/// Factors of fp8 keys, and of values.
bool isScales(const NamedTensor &tensor) {
  return tensor.member == &AttentionTensors::kScales || tensor.member == &AttentionTensors::vScales;
}

/// The largest distance between neighbours, at least 1.
int64_t longestOf(const StoredTensor &places) {
  std::vector<int32_t> numbers(places.bytes.size() / sizeof(int32_t));
  std::memcpy(numbers.data(), places.bytes.data(), numbers.size() * sizeof(int32_t));
  int64_t longest = 1;
  for (size_t i = 1; i < numbers.size(); ++i)
    longest = std::max(longest, static_cast<int64_t>(numbers[i]) - numbers[i - 1]);
  return longest;
}

std::string shapeText(llvm::ArrayRef<int64_t> sizes) {
  return fmt::format("({})", fmt::join(sizes.begin(), sizes.end(), ", "));
}

} // namespace

std::vector<int64_t> storedShape(const Problem &problem, const NamedTensor &tensor, const TensorView &view) {
  if (isScales(tensor))
    return {view.sizes[2]};
  std::vector<int64_t> shape(view.sizes.begin(), view.sizes.end());
  if (problem.layout == Layout::BHSD)
    std::swap(shape[1], shape[2]);
  if (shape[3] == 1)
    shape.pop_back();
  bool isOfKeys = tensor.member == &AttentionTensors::k || tensor.member == &AttentionTensors::v;
  if (isOfKeys ? problem.packedKeys : problem.packedQueries)
    shape.erase(shape.begin());
  return shape;
}

std::array<int64_t, 4> RunInputs::Part::sizesOf(const char *name, Layout layout) const {
  std::vector<int64_t> shape = tensors.at(name).shape;
  if (shape.size() == 3)
    shape.insert(shape.begin(), 1);
  if (layout == Layout::BHSD)
    std::swap(shape[1], shape[2]);
  return {shape[0], shape[1], shape[2], shape[3]};
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
  const char *places = placesOf(name);
  bool isPacked = places && has(places);
  if (size_t dimensions = tensor->second.shape.size(); dimensions != (isPacked ? 3 : 4))
    return wrong(name, isPacked ? fmt::format("3 dimensions beside {}", places) : "4 dimensions",
                 std::to_string(dimensions));
  std::optional<ElementType> type = elementType(tensor->second.dtype);
  bool mayBeBytes = places && name[0] != 'q'; // Of k and v.
  if (!type || (type == ElementType::F8E4M3 && !mayBeBytes))
    return wrong(name, mayBeBytes ? "dtype fp32, fp16, bf16 or fp8_e4m3" : "dtype fp32, fp16 or bf16",
                 lla::name(tensor->second.dtype).str());
  return llvm::Error::success();
}

llvm::Error RunInputs::Part::checkIndices() const {
  for (auto [name, dimensions] : {std::pair{"lengths", 1u},
                                  {"starts", 1u},
                                  {"cu_seqlens_q", 1u},
                                  {"cu_seqlens_k", 1u},
                                  {"page_table", 2u}}) {
    auto tensor = tensors.find(name);
    if (tensor == tensors.end())
      continue;
    if (size_t found = tensor->second.shape.size(); found != dimensions)
      return wrong(name, dimensions == 1 ? "1 dimension" : "2 dimensions", std::to_string(found));
    if (tensor->second.dtype != StoredType::I32)
      return wrong(name, "dtype int32", lla::name(tensor->second.dtype).str());
    if (int64_t numbers = tensor->second.shape.front(); name[0] == 'c' && numbers < 2)
      return wrong(name, "2 numbers or more", std::to_string(numbers));
  }
  return llvm::Error::success();
}

llvm::Error RunInputs::Part::upload(Executor &executor, const char *name, const TensorView &view,
                                    const std::vector<int64_t> &shape) const {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return missing(name);
  const StoredTensor &tensor = found->second;
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
      return wrong(indices.name,
                   fmt::format("{} {}", view.sequences, view.sequences == problem.batch ? "sequences" : "numbers"),
                   std::to_string(tensor.shape.front()));
    return executor.copyIn(to, tensor.bytes.data(), static_cast<int64_t>(tensor.bytes.size()), nullptr);
  }
  if (indices.member != &AttentionTensors::lengths && indices.member != &AttentionTensors::starts)
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
  const Part &part = parts.front();
  std::array<int64_t, 4> query = part.sizesOf(ofShards ? "o" : "q", layout);
  nlohmann::json fields = {
      {"batch", query[0]}, {"query_length", query[1]}, {"query_heads", query[2]}, {"head_dim", query[3]}};
  if (ofShards) {
    fields.update({{"mode", "merge"}, {"shards", parts.size()}});
    return fields;
  }
  std::array<int64_t, 4> key = part.sizesOf("k", layout);
  if (StoredType type = part.tensors.at("k").dtype; type == StoredType::F8E4M3)
    fields["kv_dtype"] = name(type).str();
  auto table = part.tensors.find("page_table");
  bool isPaged = table != part.tensors.end();
  fields.update({{"context", isPaged ? table->second.shape[1] * key[1] : key[1]},
                 {"probe", part.has("r") ? "given" : "none"},
                 {"kv_heads", key[2]},
                 {"dtype", name(model().dtype).str()},
                 {"ragged", part.has("lengths") || part.has("starts")},
                 {"page_size", isPaged ? key[1] : 0}});
  if (auto places = part.tensors.find("cu_seqlens_q"); places != part.tensors.end())
    fields.update({{"packed_queries", true},
                   {"batch", places->second.shape.front() - 1},
                   {"query_length", longestOf(places->second)},
                   {"ragged", true}});
  if (auto places = part.tensors.find("cu_seqlens_k"); places != part.tensors.end())
    fields.update({{"packed_keys", true}, {"context", longestOf(places->second)}, {"ragged", true}});
  fields["mode"] = fields["query_length"] == 1 ? "decode" : "prefill";
  return fields;
}

AttentionTensors RunInputs::shapes(const Problem &problem) const {
  AttentionTensors shapes = denseTensors(problem);
  if (empty() || problem.isMerge())
    return shapes;
  const Part &part = parts.front();
  for (const NamedTensor &one : inputsOf(problem))
    if (isScales(one)) {
      auto scales = part.tensors.find(one.name);
      bool isGiven = scales != part.tensors.end() && !scales->second.shape.empty();
      (shapes.*one.member).sizes[2] = isGiven ? scales->second.shape.front() : 0;
    }
  // Packed tensors have as many rows as there are.
  auto resize = [&](TensorView &view, const char *name) {
    std::array<int64_t, 4> sizes = view.sizes;
    sizes[1] = part.sizesOf(name, problem.layout)[1];
    view = denseView(nullptr, view.dtype, sizes, problem.layout);
  };
  if (problem.packedQueries && part.has("cu_seqlens_q"))
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
      for (const NamedTensor &one : names)
        if (one.member != &AttentionTensors::k && one.member != &AttentionTensors::v && !isScales(one))
          resize(shapes.*one.member, "q");
  if (problem.packedKeys && part.has("cu_seqlens_k"))
    for (TensorView *view : {&shapes.k, &shapes.v})
      resize(*view, "k");
  if (problem.pageSize == 0)
    return shapes;
  shapes.k = shapes.v = denseView(nullptr, problem.keyType(), part.sizesOf("k", problem.layout), problem.layout);
  if (auto table = part.tensors.find("page_table"); table != part.tensors.end())
    shapes.pageTable.each = shapes.pageTable.stride = table->second.shape[1];
  return shapes;
}

llvm::Error RunInputs::upload(Executor &executor, const Problem &problem, const AttentionTensors &views) const {
  if (ofShards && problem.shards != static_cast<int64_t>(parts.size()))
    return failure(FailureKind::Usage,
                   fmt::format("shards: expected {}, one for each file, got {}", parts.size(), problem.shards));
  // Without those it has, a problem's tensors have other shapes: what is missing is said first.
  for (const NamedIndices &indices : indicesOf(problem))
    if (llvm::Error error = parts.front().upload(executor, indices, problem, views.*indices.member))
      return error;
  for (const NamedTensor &input : inputsOf(problem))
    for (size_t shard = 0; shard < parts.size(); ++shard) {
      // A file of a shard has the tensors by the names that it was written with.
      llvm::StringRef name = input.name;
      name.consume_front("part_");
      TensorView view = shardOf(views.*input.member, static_cast<int64_t>(shard));
      if (isScales(input) && !parts[shard].has(input.name)) // 1.
        continue;
      if (llvm::Error error = parts[shard].upload(executor, name.data(), view, storedShape(problem, input, view)))
        return error;
    }
  return llvm::Error::success();
}

} // namespace lla
