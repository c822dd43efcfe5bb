//===- IndexView.h - lengths, places and page tables of a call ------------===//
//
// Arrays of int32 in the memory of the device, which the host never reads: kernels
// clamp what is out of range (Sequences.h).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_INDEXVIEW_H
#define LLA_RUNTIME_INDEXVIEW_H

#include "dialect/Spec/Sequences.h"
#include "llvm/Support/Error.h"

namespace lla {

struct AttentionTensors;

/// Numbers of each sequence; cu_seqlens have those of one more.
struct IndexView {
  const int32_t *data = nullptr; ///< Null: not given.
  int64_t sequences = 0;
  int64_t each = 1;   ///< Numbers of a sequence, side by side.
  int64_t stride = 1; ///< Numbers from one sequence to the next.

  /// Bytes from `data` to the end of the last number; 0 if there is none.
  int64_t spanBytes() const;
};

/// An index view of a call by its name.
struct NamedIndices {
  const char *name;
  IndexView AttentionTensors::*member;
};
/// What a call of `problem` may be given: lengths and starts if ragged, cu_seqlens if packed, a page table if paged.
llvm::ArrayRef<NamedIndices> indicesOf(const Problem &problem);

/// Index views for `problem`, dense, without data, into `tensors`.
void setDenseIndices(const Problem &problem, AttentionTensors &tensors);

/// The numbers of a call whose index views are in host memory.
Sequences sequencesOf(const AttentionTensors &tensors);

/// The sequences that the cu_seqlens_q of a call have room for, at most those planned. Never allocates on success.
llvm::Expected<int64_t> packedBatch(const Problem &planned, const AttentionTensors &tensors);

/// Sizes and strides of those given, of a call that solves `problem`; others must not be given. Never allocates on
/// success.
llvm::Error checkIndexSizes(const Problem &problem, const AttentionTensors &tensors);

/// Addresses of those given, apart from every output and the workspace; a packed problem needs its cu_seqlens, a paged
/// one its page table. Never allocates on success.
llvm::Error checkIndexAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                                int64_t workspaceBytes);

} // namespace lla
#endif
