//===- Inputs.h - seeded random tensors and sequences ---------------------===//
//
// The inputs that the operator's authors measure on: q, r and k RMS-normalised
// per row (r then halved), v standard normal, rounded to their type; scales of fp8
// keys and values from 1/2 to 3/2, half of v's negative. The parts of a merge are all
// standard normal: any numbers are the result of some keys. Each row has a generator
// of its own, so the values depend on (seed, tensor, row index) only, not on layout
// or on who fills in which order.
//
// Lengths, starts, places in packed tensors and page tables are of two kinds: one
// that looks for mistakes, and one to take times with.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_INPUTS_H
#define LLA_RUNTIME_INPUTS_H

#include "runtime/TensorView.h"
#include <vector>

namespace lla {

enum class InputTensor { Q, R, K, V, KScale, VScale };

/// One tensor to fill.
struct InputFill {
  const TensorView *view;
  InputTensor which;
  uint64_t seed;
};
/// The inputs of a problem.
std::vector<InputFill> inputFills(const Problem &problem, const AttentionTensors &tensors, uint64_t seed);

/// Rows of a view, numbered over (shard, batch, row, head).
int64_t rowCount(const TensorView &view);
/// Address of element 0 of a numbered row.
void *rowAddress(const TensorView &view, int64_t row);

/// Fills one row of host memory; `dim` at most 256.
void fillInputRow(const TensorView &view, InputTensor which, uint64_t seed, int64_t row);

enum class SequenceKind {
  /// Lengths in 0..context, one in eight 0; every other sequence starts anywhere within its length. Packed: rows in
  /// 0..query_length likewise; every other sequence has keys beyond its length; rows of nobody may come first.
  Any,
  /// Lengths in 1..context, all starts 0. Packed: rows in proportion, nothing between sequences.
  Busy
};

/// Numbers of a ragged, packed or paged call; those that the problem has no use for are empty.
struct SequenceNumbers {
  std::vector<int32_t> lengths, starts, pages, cuSeqlensQ, cuSeqlensK;
  int64_t pagesEach = 0;
  int64_t queryRows = 0, keyRows = 0; ///< Of packed tensors.
  Sequences view() const {
    return {lengths, starts, pages, pagesEach, cuSeqlensQ, cuSeqlensK, queryRows, keyRows};
  }
};

/// For dense tensors (denseTensors): each page belongs to one sequence, in random order. Entries of pages that a
/// sequence does not have are -1; rows of packed tensors behind the last sequence are nobody's.
SequenceNumbers makeSequences(const Problem &problem, SequenceKind kind, uint64_t seed);

/// Reads or writes one row of host memory as doubles (writing rounds to nearest even).
void readRow(const TensorView &view, int64_t row, double *values);
void writeRow(const TensorView &view, int64_t row, const double *values);

} // namespace lla
#endif
