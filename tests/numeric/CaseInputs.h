//===- CaseInputs.h - what a case computes on, and what must come out -----===//
#ifndef LLA_TESTS_NUMERIC_CASEINPUTS_H
#define LLA_TESTS_NUMERIC_CASEINPUTS_H

#include "Case.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Executor.h"

namespace lla::numeric {

/// What a call writes, dense: o and vbar (batch, row, head, dim), lse and tbar (batch, row, head), empty without state.
struct Outputs {
  std::vector<double> o, lse, tbar, vbar;
};

/// Dense (batch, row, head, dim) values, packed ones (row, head, dim), rounded to the problem's types; r is empty
/// without a probe; fp8 k and v are without their scales. Also of a paged problem: PagedKeys.h puts its keys into
/// pages.
struct DenseInputs {
  std::vector<double> q, r, k, v;
  std::vector<double> kScales, vScales;        ///< Of fp8 k and v: one, or one of each KV head; empty: not given.
  Outputs parts;                               ///< Of a merge, (shard, batch, ...): what its shards' calls wrote.
  std::vector<int32_t> lengths, starts;        ///< Empty: not given.
  std::vector<int32_t> cuSeqlensQ, cuSeqlensK; ///< Empty: not packed.
  int64_t queryRows = 0, keyRows = 0;          ///< Of packed tensors.
  int64_t sharedKeys = 0; ///< First keys that sequences 0 and 1 have in common, for a page of both.

  Sequences sequences() const { return {lengths, starts, {}, 0, cuSeqlensQ, cuSeqlensK, queryRows, keyRows}; }
};

/// Depends on its arguments only.
DenseInputs makeInputs(const Problem &problem, InputKind kind, uint64_t seed,
                       SequenceInput sequences = SequenceInput::Any, ScaleInput scales = ScaleInput::PerHead);

/// The results in double precision and of the straightforward evaluation (Reference.h); NaN in rows that no sequence
/// has.
struct Truth {
  std::vector<double> exact;
  States states;                ///< With state.
  std::vector<double> baseline; ///< Empty for fp32, whose errors are judged on their own.
  int64_t rowsOfFirst = 0;      ///< Rows up to the last of sequence 0.
};
Truth makeTruth(const Problem &problem, const DenseInputs &inputs);

/// The outputs against the truth. NaNs of the truth must be NaN in the output, as rows that nobody writes are; with a
/// NaN among the seen keys the rows of that sequence and KV head are looked at for nothing else, since masked products
/// may spread it there. `relative` is NaN if a number became NaN, or a NaN a number.
ErrorFigures measure(const Problem &problem, InputKind kind, const Outputs &outputs, const Truth &truth);

/// Why these figures are not good enough; empty if they are.
std::string judge(const ErrorFigures &figures, const Problem &problem, InputKind kind);
/// Why two outputs of one problem differ by more than a right one may be wrong; empty if they do not. `figures` are
/// of either.
std::string judgeDifference(const std::vector<double> &output, const std::vector<double> &other, const Problem &problem,
                            const ErrorFigures &figures);
/// The first row that sees no key and whose outputs are not exactly 0 (lse: -inf); empty if there is none.
std::string judgeBlindRows(const Problem &problem, const DenseInputs &inputs, const Outputs &outputs);

} // namespace lla::numeric
#endif
