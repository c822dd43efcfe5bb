//===- Sequences.h - lengths, places and pages of one call's sequences ----===//
//
// What a call on a ragged, packed or paged problem brings beside its tensors, as
// host arrays: for references, oracles and rooflines. Kernels read the same numbers
// from the device and clamp them alike.
//
//     valid keys of a sequence     start <= j < length
//     row i of Lq sees of them     j <= length - Lq + i  (causal), its last W of those
//     key j, paged                 row j mod pageSize of page table[j / pageSize]
//     row i of sequence b, packed  row cu_seqlens_q[b] + i of q, i < cu_seqlens_q[b + 1] - cu_seqlens_q[b] = Lq
//     key j, packed                row cu_seqlens_k[b] + j of k, j < cu_seqlens_k[b + 1] - cu_seqlens_k[b]
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_SEQUENCES_H
#define LLA_DIALECT_SPEC_SEQUENCES_H

#include "dialect/Spec/Problem.h"
#include "llvm/ADT/ArrayRef.h"

namespace lla {

/// Keys [begin, end).
struct KeyRange {
  int64_t begin, end;
  int64_t count() const { return end > begin ? end - begin : 0; }
};

/// Rows [begin, end) of a tensor, numbered over (sequence, row).
struct RowRange {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

/// An empty array: not given. Without cu_seqlens each sequence has as many rows (keys) as there can be.
struct Sequences {
  llvm::ArrayRef<int32_t> lengths = {}, starts = {}; ///< Of each sequence.
  llvm::ArrayRef<int32_t> pages = {};                ///< `pagesEach` numbers of each sequence.
  int64_t pagesEach = 0;
  llvm::ArrayRef<int32_t> cuSeqlensQ = {}, cuSeqlensK = {}; ///< Packed: a number more than sequences.
  int64_t queryRows = 0, keyRows = 0;                       ///< Rows that packed q, and packed k, have.
  int64_t poolPages = 0; ///< Pages that k and v have, the last of which numbers of no page mean; 0: any.

  /// Query rows of a sequence. Packed: what lies within q, at most queryLength.
  RowRange queries(const Problem &problem, int64_t sequence) const;
  /// Query rows of all sequences.
  int64_t queryCount(const Problem &problem) const;
  /// Valid keys of a sequence: its length within 0..context (and what is its own of packed ones), its start within
  /// 0..length.
  KeyRange keys(const Problem &problem, int64_t sequence) const;
  /// Row of k and v, numbered over (sequence or page, row), that holds a valid key.
  int64_t row(const Problem &problem, int64_t sequence, int64_t key) const;
};

/// Of the valid keys `keys` of a sequence with `rows` query rows, those that query row `row` sees.
KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys, int64_t rows);
/// Of one with queryLength rows.
KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys);
/// Of `context` keys.
KeyRange visibleKeys(const Problem &problem, int64_t row);
/// Keys that some of `rows` query rows (or of queryLength) sees.
KeyRange seenKeys(const Problem &problem, KeyRange keys, int64_t rows);
KeyRange seenKeys(const Problem &problem, KeyRange keys);

/// Problem::flops and Problem::minimumBytes for these sequences. A page that several sequences share counts for each of
/// them.
double flops(const Problem &problem, const Sequences &sequences);
double minimumBytes(const Problem &problem, const Sequences &sequences);

} // namespace lla
#endif
