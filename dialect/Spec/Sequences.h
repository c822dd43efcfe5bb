//===- Sequences.h - lengths, starts and pages of one call's keys ---------===//
//
// What a call on a ragged or paged problem brings beside its tensors, as host
// arrays: for references, oracles and rooflines. Kernels read the same numbers
// from the device and clamp them alike.
//
//     valid keys of a sequence     start <= j < length
//     row i of Lq sees of them     j <= length - Lq + i  (causal), its last W of those
//     key j, paged                 row j mod pageSize of page table[j / pageSize]
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

/// An empty array: not given.
struct Sequences {
  llvm::ArrayRef<int32_t> lengths, starts; ///< Of each sequence.
  llvm::ArrayRef<int32_t> pages;           ///< `pagesEach` numbers of each sequence.
  int64_t pagesEach = 0;

  /// Valid keys of a sequence: its length within 0..context, its start within 0..length.
  KeyRange keys(const Problem &problem, int64_t sequence) const;
  /// Row of k and v, numbered over (sequence or page, row), that holds a valid key.
  int64_t row(const Problem &problem, int64_t sequence, int64_t key) const;
};

/// Of the valid keys `keys` of a sequence, those that query row `row` sees.
KeyRange visibleKeys(const Problem &problem, int64_t row, KeyRange keys);
/// Of `context` keys.
KeyRange visibleKeys(const Problem &problem, int64_t row);
/// Keys that some query row sees.
KeyRange seenKeys(const Problem &problem, KeyRange keys);

/// Problem::flops and Problem::minimumBytes for these lengths and starts. A page that several sequences share counts
/// for each of them.
double flops(const Problem &problem, const Sequences &sequences);
double minimumBytes(const Problem &problem, const Sequences &sequences);

} // namespace lla
#endif
