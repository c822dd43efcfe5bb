//===- RunInputs.h - what `lla run` computes on ---------------------------===//
#ifndef LLA_TOOLS_LLA_RUNINPUTS_H
#define LLA_TOOLS_LLA_RUNINPUTS_H

#include "runtime/Executor.h"
#include "runtime/Safetensors.h"
#include <map>
#include <nlohmann/json.hpp>

namespace lla {

/// The tensors of input files: q, [r,] k and v, [lengths, starts, cu_seqlens_q, cu_seqlens_k, page_table,] or, of a
/// merge, o, lse, tbar and vbar of one shard in each file.
class RunInputs {
public:
  /// No path: no tensor. Fails with Usage.
  static llvm::Expected<RunInputs> read(llvm::ArrayRef<std::string> paths, bool ofShards);

  bool empty() const { return files.empty(); }
  /// The problem that the tensors alone describe, in the fields of its JSON form. Packed sequences have at most the
  /// query rows and keys of the longest of them.
  nlohmann::json describe(Layout layout) const;
  /// Dense views but for pools and packed tensors, which have as many pages, or rows, as the file's; without data.
  AttentionTensors shapes(const Problem &problem) const;
  /// Copies the problem's inputs to their places, of these shapes, on the device. Lengths and starts that are not there
  /// are what a call without them means.
  llvm::Error upload(Executor &executor, const Problem &problem, const AttentionTensors &views) const;

private:
  /// The tensors of one or more files.
  struct Part {
    StoredTensors tensors;
    std::vector<std::string> paths;
    std::map<std::string, std::string> pathOf; ///< Of a tensor.

    llvm::Error add(const TensorFile &file, const std::string &path);
    /// Fails if the tensor is not there, or not of the dimensions that a problem's sizes are read from.
    llvm::Error checkModel(const char *name) const;
    /// Fails if there are index tensors of another kind than int32 or of other dimensions.
    llvm::Error checkIndices() const;
    bool has(const char *name) const { return tensors.count(name) != 0; }
    /// (batch, row, head, dim) of q, k or o; a packed tensor has a batch of one and no dimension for it.
    std::array<int64_t, 4> sizesOf(const char *name, Layout layout) const;
    /// Copies a tensor to its place, of shape `shape` in the file, on the device.
    llvm::Error upload(Executor &executor, const char *name, const TensorView &view,
                       const std::vector<int64_t> &shape) const;
    llvm::Error upload(Executor &executor, const NamedIndices &indices, const Problem &problem,
                       const IndexView &view) const;
    llvm::Error missing(const char *name) const;
    llvm::Error wrong(const char *name, const std::string &expected, const std::string &got) const;
  };
  const StoredTensor &model() const { return parts.front().tensors.at(ofShards ? "o" : "q"); }

  bool ofShards = false;
  std::vector<TensorFile> files; ///< They keep the bytes.
  std::vector<Part> parts;       ///< Of a merge one for each file, else one of all files.
};

/// Sizes of one shard of a problem's tensor in the order of its layout; what is packed has no batch, what has one
/// element a row no dim.
std::vector<int64_t> storedShape(const Problem &problem, const NamedTensor &tensor, const TensorView &view);

} // namespace lla
#endif
