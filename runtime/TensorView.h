//===- TensorView.h - tensors of the caller, by address and strides -------===//
//
// Every tensor is seen as (batch, row, head, dim), partial results as several of
// them (shards); strides are in elements and carry the layout, so BSHD, BHSD,
// packed QKV and sliced caches are all views.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_TENSORVIEW_H
#define LLA_RUNTIME_TENSORVIEW_H

#include "dialect/Spec/Target.h"
#include "runtime/IndexView.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <cstdint>

namespace lla {

struct TensorView {
  void *data = nullptr;
  ElementType dtype = ElementType::BF16;
  std::array<int64_t, 4> sizes = {};   ///< batch, row, head, dim.
  std::array<int64_t, 4> strides = {}; ///< In elements; the last is 1.
  int64_t shards = 1, shardStride = 0; ///< Of partial results: how many such tensors, and from one to the next.

  int64_t elements() const { return shards * sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
  bool empty() const { return elements() == 0; }
  /// Bytes from `data` to the end of the last element; 0 if empty.
  int64_t spanBytes() const;
};

/// One of a view's shards.
TensorView shardOf(const TensorView &view, int64_t shard);

/// A dense view; `sizes` are (batch, row, head, dim) whatever the layout.
TensorView denseView(void *data, ElementType dtype, std::array<int64_t, 4> sizes, Layout layout);

/// What one call reads and writes; what the problem does not have (inputsOf, outputsOf) is ignored. lse and tbar are
/// (batch, row, head, 1), in fp32 as vbar; the parts of a merge are the fp32 results of its shards. Packed queries and
/// what is written for them are a batch of one, (1, rows of all sequences, head, dim), and so are packed keys and
/// values. k and v of a paged problem are pools, seen as (page, row, head, dim).
struct AttentionTensors {
  TensorView q, r, k, v, o;
  TensorView lse, tbar, vbar;
  TensorView partO, partLse, partTbar, partVbar;
  TensorView kScales, vScales; ///< Fp8 keys: (1, 1, KV heads or 1, 1), fp32; empty: 1.
  IndexView lengths = {};   ///< Ragged: keys of each sequence; not given: all of the context.
  IndexView starts = {};    ///< Ragged: first valid key of each; not given: 0.
  IndexView pageTable = {}; ///< Paged: the pages of each sequence, in order.
  IndexView cuSeqlensQ = {}; ///< Packed queries: the first row of each sequence, and of one more.
  IndexView cuSeqlensK = {}; ///< Packed keys: likewise.
};

/// A tensor of a call by its name.
struct NamedTensor {
  const char *name;
  TensorView AttentionTensors::*member;
};
/// What a call of `problem` reads: q, k, v, of fp8 keys their scales, and r with a probe; or the parts.
llvm::ArrayRef<NamedTensor> inputsOf(const Problem &problem);
/// What it writes: o, and with state lse, tbar and vbar.
llvm::ArrayRef<NamedTensor> outputsOf(const Problem &problem);

/// Dense views of a problem's tensors in its layout, without data; those that it does not have are empty. Pages are
/// as many as `batch` sequences of `context` keys take, rows of packed tensors as many as full sequences have.
AttentionTensors denseTensors(const Problem &problem);

/// The problem that a call on `tensors` solves: `planned` with the batch, query length and context (or shards) of
/// the tensors, each at most the planned one (0 is legal). The context of a paged call is the planned one, or what the
/// page table has numbers for if that is less. Packed queries have a batch by their cu_seqlens_q; their query length is
/// the planned one, or all of their rows if those are fewer, and so is the context of packed keys. Everything else must
/// agree. Fails naming the tensor and the size. Never allocates on success.
llvm::Expected<Problem> problemOf(const Problem &planned, const AttentionTensors &tensors);

/// Addresses of what `problemOf` accepted: non-null (lengths and starts may be), last stride 1, aligned (16 bytes for
/// base and strides on a GPU, one element on the host, for lse and tbar and for index views), no negative stride,
/// outputs addressing each element once, outputs and workspace overlapping nothing. Inputs may overlap or interleave.
/// Never allocates on success.
llvm::Error checkAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                           int64_t workspaceBytes, TargetKind target);

/// What `checkAddresses` asks of a workspace by itself: an address, aligned to 256 bytes. 0 bytes need none.
llvm::Error checkWorkspaceAddress(const void *workspace, int64_t bytes);

/// False only if no byte belongs to both. Exact for views that interleave with a common period (packed
/// buffers); other interleavings count as overlap.
bool mayOverlap(const TensorView &a, const TensorView &b);
/// Of spans of memory: no byte belongs to both.
bool spansDisjoint(const void *a, int64_t bytesA, const void *b, int64_t bytesB);

} // namespace lla
#endif
