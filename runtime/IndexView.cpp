//===- IndexView.cpp - lengths, starts and page tables of a call ----------===//

#include "runtime/RuntimeError.h"
#include "runtime/TensorView.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace lla {
namespace {

constexpr NamedIndices indexNames[] = {{"lengths", &AttentionTensors::lengths},
                                       {"starts", &AttentionTensors::starts},
                                       {"page_table", &AttentionTensors::pageTable}};

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

llvm::Error overlap(const char *a, const char *b) {
  return usage(fmt::format("{}: expected memory of its own, got an overlap with {}", a, b));
}

/// Byte offsets fit 63 bits.
bool isAddressable(const IndexView &view) {
  constexpr int64_t most = std::numeric_limits<int64_t>::max() / 16;
  int64_t offset = 0;
  return !__builtin_mul_overflow(std::max<int64_t>(view.sequences - 1, 0), view.stride, &offset) && offset <= most &&
         view.each <= most;
}

llvm::Error checkSizes(const Problem &problem, const NamedIndices &indices, const IndexView &view) {
  bool isTable = indices.member == &AttentionTensors::pageTable;
  auto fits = [&](int64_t number) { return isTable ? number >= 0 : number == 1; };
  auto error = [&](const char *field, auto expected, int64_t got) {
    return usage(fmt::format("{}.{}: expected {}, got {}", indices.name, field, expected, got));
  };
  if (view.sequences != problem.batch)
    return error("sequences", problem.batch, view.sequences);
  if (!fits(view.each))
    return error("each", isTable ? ">= 0" : "1", view.each);
  if (view.sequences > 1 && !fits(view.stride))
    return error("stride", isTable ? ">= 0" : "1", view.stride);
  if (!isAddressable(view))
    return error("stride", "offsets below 2^59", view.stride);
  return llvm::Error::success();
}

} // namespace

int64_t IndexView::spanBytes() const {
  if (sequences <= 0 || each <= 0)
    return 0;
  return ((sequences - 1) * stride + each) * static_cast<int64_t>(sizeof(int32_t));
}

llvm::ArrayRef<NamedIndices> indicesOf(const Problem &problem) {
  return llvm::ArrayRef(indexNames).drop_front(problem.ragged ? 0 : 2).drop_back(problem.pageSize ? 0 : 1);
}

void setDenseIndices(const Problem &problem, AttentionTensors &tensors) {
  if (problem.ragged)
    tensors.lengths.sequences = tensors.starts.sequences = problem.batch;
  if (problem.pageSize) {
    int64_t pagesEach = (problem.context + problem.pageSize - 1) / problem.pageSize;
    tensors.pageTable = {nullptr, problem.batch, pagesEach, pagesEach};
  }
}

Sequences sequencesOf(const AttentionTensors &tensors) {
  auto numbers = [](const IndexView &view) {
    return view.data ? llvm::ArrayRef<int32_t>(view.data, view.spanBytes() / sizeof(int32_t))
                     : llvm::ArrayRef<int32_t>();
  };
  return {numbers(tensors.lengths), numbers(tensors.starts), numbers(tensors.pageTable), tensors.pageTable.stride};
}

llvm::Error checkIndexSizes(const Problem &problem, const AttentionTensors &tensors) {
  for (const NamedIndices &indices : indexNames) {
    const IndexView &view = tensors.*indices.member;
    if (!view.data)
      continue;
    bool isTable = indices.member == &AttentionTensors::pageTable;
    if (isTable ? problem.pageSize == 0 : !problem.ragged)
      return usage(fmt::format("{}: expected null for a problem that is not {}, got an address", indices.name,
                               isTable ? "paged" : "ragged"));
    if (llvm::Error error = checkSizes(problem, indices, view))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error checkIndexAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                                int64_t workspaceBytes) {
  if (problem.pageSize && !tensors.pageTable.data && problem.batch * problem.context > 0)
    return usage("page_table.data: expected an address, got null");
  for (const NamedIndices &indices : indicesOf(problem)) {
    const IndexView &view = tensors.*indices.member;
    if (!view.data)
      continue;
    if (reinterpret_cast<uintptr_t>(view.data) % sizeof(int32_t))
      return usage(fmt::format("{}.data: expected an address aligned to {} bytes, got {}", indices.name,
                               sizeof(int32_t), fmt::ptr(view.data)));
    for (const NamedTensor &output : outputsOf(problem))
      if (const TensorView &written = tensors.*output.member;
          !spansDisjoint(written.data, written.spanBytes(), view.data, view.spanBytes()))
        return overlap(output.name, indices.name);
    if (workspaceBytes && !spansDisjoint(workspace, workspaceBytes, view.data, view.spanBytes()))
      return overlap("workspace", indices.name);
  }
  return llvm::Error::success();
}

} // namespace lla
