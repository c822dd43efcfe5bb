//===- IndexView.cpp - lengths, places and page tables of a call ----------===//

#include "runtime/RuntimeError.h"
#include "runtime/TensorView.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace lla {
namespace {

constexpr NamedIndices placesOfQueries = {"cu_seqlens_q", &AttentionTensors::cuSeqlensQ},
                       placesOfKeys = {"cu_seqlens_k", &AttentionTensors::cuSeqlensK},
                       lengths = {"lengths", &AttentionTensors::lengths},
                       starts = {"starts", &AttentionTensors::starts},
                       pageTable = {"page_table", &AttentionTensors::pageTable};
constexpr NamedIndices indexNames[] = {placesOfQueries, placesOfKeys, lengths, starts, pageTable};
/// What problems have is a part of one of these: keys are packed or paged.
constexpr NamedIndices namesOfPaged[] = {placesOfQueries, lengths, starts, pageTable};
constexpr NamedIndices namesOfPacked[] = {placesOfQueries, lengths, starts, placesOfKeys};

bool isPlaces(const NamedIndices &indices) {
  return indices.member == placesOfQueries.member || indices.member == placesOfKeys.member;
}

/// What a problem must be to have these.
const char *kindOf(const NamedIndices &indices) {
  return isPlaces(indices) ? "packed" : indices.member == pageTable.member ? "paged" : "ragged";
}

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
  bool isTable = indices.member == pageTable.member;
  int64_t sequences = problem.batch + isPlaces(indices);
  auto fits = [&](int64_t number) { return isTable ? number >= 0 : number == 1; };
  auto error = [&](const char *field, auto expected, int64_t got) {
    return usage(fmt::format("{}.{}: expected {}, got {}", indices.name, field, expected, got));
  };
  if (view.sequences != sequences)
    return error("sequences", sequences, view.sequences);
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
  auto names = llvm::ArrayRef(problem.packedKeys ? namesOfPacked : namesOfPaged);
  return names.drop_front(problem.packedQueries ? 0 : problem.ragged ? 1 : 3)
      .drop_back(problem.packedKeys || problem.pageSize ? 0 : 1);
}

void setDenseIndices(const Problem &problem, AttentionTensors &tensors) {
  if (problem.ragged)
    tensors.lengths.sequences = tensors.starts.sequences = problem.batch;
  if (problem.packedQueries)
    tensors.cuSeqlensQ.sequences = problem.batch + 1;
  if (problem.packedKeys)
    tensors.cuSeqlensK.sequences = problem.batch + 1;
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
  return {numbers(tensors.lengths),    numbers(tensors.starts),     numbers(tensors.pageTable),
          tensors.pageTable.stride,    numbers(tensors.cuSeqlensQ), numbers(tensors.cuSeqlensK),
          /*queryRows=*/tensors.q.sizes[1], /*keyRows=*/tensors.k.sizes[1],
          /*poolPages=*/tensors.pageTable.data ? tensors.k.sizes[0] : 0};
}

llvm::Expected<int64_t> packedBatch(const Problem &planned, const AttentionTensors &tensors) {
  int64_t numbers = tensors.cuSeqlensQ.sequences;
  if (numbers < 1 || numbers > planned.batch + 1)
    return usage(fmt::format("{}.sequences: expected 1..{}, a number more than sequences, got {}",
                             placesOfQueries.name, planned.batch + 1, numbers));
  return numbers - 1;
}

llvm::Error checkIndexSizes(const Problem &problem, const AttentionTensors &tensors) {
  for (const NamedIndices &indices : indexNames) {
    const IndexView &view = tensors.*indices.member;
    if (!view.data)
      continue;
    auto isAnother = [&](const NamedIndices &one) { return one.member != indices.member; };
    if (llvm::all_of(indicesOf(problem), isAnother))
      return usage(fmt::format("{}: expected null for a problem that is not {}, got an address", indices.name,
                               kindOf(indices)));
    if (llvm::Error error = checkSizes(problem, indices, view))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error checkIndexAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                                int64_t workspaceBytes) {
  if (problem.pageSize && !tensors.pageTable.data && problem.batch * problem.context > 0)
    return usage("page_table.data: expected an address, got null");
  for (auto [indices, isNeeded] :
       {std::pair{&placesOfQueries, problem.packedQueries}, {&placesOfKeys, problem.packedKeys}})
    if (isNeeded && problem.batch > 0 && !(tensors.*indices->member).data)
      return usage(fmt::format("{}.data: expected an address, got null", indices->name));
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
