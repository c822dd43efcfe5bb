//===- Problem.h - what is to be computed ---------------------------------===//
//
// One attention problem of the local-linear family: shapes, types, mask. A
// Problem says nothing about how it is computed (Schedule.h) or where
// (Target.h). Field names are the names of the JSON form and of the CLI flags.
//
// Per query row i over its visible keys J(i):
//     s_j = scale <q_i, k_j>       p = softmax_J(s)
//     t_j = <r_i, k_j>             (never scaled)
//     o_i = sum_j p_j (1 + tbar - t_j) v_j,   tbar = sum_j p_j t_j
// Probe::None leaves r out (softmax attention). A row that sees no key yields 0.
//
// With `state` the kernel also gives, in fp32, what a merge with other keys and a
// backward pass need of a row's keys (p_j = e^(s_j - lse)):
//     lse = ln sum_J e^s_j         tbar, 0 without a probe      vbar = sum_J p_j v_j
// A row that sees no key has lse = -inf, tbar = 0, vbar = 0.
//
// Mode::Merge joins such results of disjoint shards of the keys (fp32) into that of all:
//     w_i = e^(lse_i - lse)         lse = ln sum_i e^lse_i
//     tbar = sum_i w_i tbar_i       vbar = sum_i w_i vbar_i
//     o = sum_i w_i o_i - sum_i w_i (tbar_i - tbar)(vbar_i - vbar)
// Its shards are what keys are to attention; of the other fields it has batch,
// query_heads, query_length, head_dim, layout and output_dtype.
//
// `ragged`: each sequence of a call has a length and a first valid key of its own
// (Sequences.h); `context` is their maximum. `pageSize`: k and v are pools of pages
// that a page table, given with the call, puts in order.
//
// `packedQueries`: the query rows of all sequences stand one behind the other, in q, r
// and the outputs of (row, head, dim); cu_seqlens_q, given with the call, says where
// each sequence's begin. `packedKeys`: likewise k and v, by cu_seqlens_k. `queryLength`
// and `context` are then maxima, too; both imply `ragged`.
//
// `kvDtype` fp8_e4m3: k and v hold bytes of that type, and scales that come with the
// call, one of all heads or one of each KV head, make keys and values of them:
// k_j = k_scale * bytes, in s and in t, v_j = v_scale * bytes.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_PROBLEM_H
#define LLA_DIALECT_SPEC_PROBLEM_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>

namespace lla {

class FieldReader;

enum class Mode { Decode, Prefill, Merge };
/// Where the probe r comes from: absent (softmax), an input, or solved for
/// (exact local linear attention, ridge `lambda`; refused until it lands).
enum class Probe { None, Given, Solved };
enum class ElementType { F32, BF16, F16, F8E4M3 };
/// Named stride orders of q, r, k, v, o: (batch, row, head, dim) or (batch, head, row, dim).
enum class Layout { BSHD, BHSD };

unsigned elementBytes(ElementType type);

struct Problem {
  Mode mode = Mode::Decode;
  Probe probe = Probe::Given;
  double lambda = 0;         ///< Ridge of a solved probe; must be 0 otherwise.
  int64_t batch = 1;
  int64_t queryHeads = 1;    ///< Multiple of kvHeads.
  int64_t kvHeads = 1;
  int64_t queryLength = 0;   ///< 0 on input: `context` in prefill, else 1. Never 0 after `normalize`.
  int64_t context = 0;       ///< Keys per sequence; 0 in a merge.
  int64_t headDim = 0;       ///< Multiple of 8 in 16..256; the value dim is the same.
  ElementType dtype = ElementType::BF16;
  Layout layout = Layout::BSHD;
  bool causal = false;       ///< End-aligned: row i sees keys j <= context - queryLength + i.
  int64_t window = 0;        ///< 0: none. W >= 1: each row sees its last W keys, self included; implies causal.
  std::optional<double> scale; ///< Default 1/sqrt(headDim). Fp32 holds it, also times log2(e).
  bool state = false;          ///< lse, tbar and vbar are outputs too. Always in a merge.
  std::optional<ElementType> outputDtype; ///< Of o: fp32 (a merge: any); absent (also if given as dtype): dtype.
  int64_t shards = 0;                     ///< Of a merge: partial results of each row. Else 0.
  bool ragged = false;                    ///< Lengths come with the call; masks are aligned to each sequence's own end.
  int64_t pageSize = 0;                   ///< 0: the keys of a sequence are contiguous. >= 8: keys per page.
  bool packedQueries = false;             ///< Query rows of all sequences one behind the other; implies ragged.
  bool packedKeys = false;                ///< Likewise keys; not in pages.
  std::optional<ElementType> kvDtype;     ///< Of k and v: fp8_e4m3; absent (also if given as dtype): dtype.

  bool isMerge() const { return mode == Mode::Merge; }
  /// What each row folds at most: keys, or the shards of a merge.
  int64_t foldLength() const { return isMerge() ? shards : context; }
  int64_t group() const { return queryHeads / kvHeads; }
  bool hasProbe() const { return probe != Probe::None; }
  ElementType outputType() const { return outputDtype.value_or(dtype); }
  ElementType keyType() const { return kvDtype.value_or(dtype); }
  /// True if scales of k and v come with a call.
  bool hasKeyScales() const { return keyType() == ElementType::F8E4M3; }
  double effectiveScale() const;
  /// Elements of q (and r, o): batch * queryLength * queryHeads * headDim; of k (and v) alike. Of packed ones at most.
  int64_t queryElements() const;
  int64_t keyElements() const;
  /// Query rows of all sequences and heads: elements of lse (and tbar).
  int64_t stateRows() const { return batch * queryLength * queryHeads; }
  /// Visible (row, key) pairs of one head of one sequence of `context` keys; (row, shard) pairs of a merge.
  int64_t visiblePairs() const;
  /// Keys from the first to the last that some row of one sequence sees; the shards of a merge.
  int64_t visibleSpan() const;
  /// FLOPs of the algorithm: 8 (4 without probe) * visible pairs * headDim * queryHeads * batch. Of a ragged problem,
  /// its maximum; Sequences.h has the figure of given lengths.
  double flops() const;
  /// Bytes that must move at least: each input read once (but for the few of scales), each output written once. Of a
  /// ragged problem, its maximum.
  double minimumBytes() const;
  /// Symbol of a kernel for this problem's kind, e.g. lla_decode_d128_g4_bf16_causal_w1024_ragged_p64.
  std::string kernelName() const;
  bool operator==(const Problem &) const;
};

/// Fills defaults, then checks every constraint; the message names the field,
/// what was expected and what came.
llvm::Error normalize(Problem &problem);

/// JSON text <-> Problem. Unknown fields, wrong types and wrong values are errors that name the field.
llvm::Expected<Problem> parseProblem(llvm::StringRef json);
llvm::Expected<Problem> readProblem(FieldReader reader);
/// Canonical: fixed field order, defaults resolved; equal problems give equal text.
std::string toJson(const Problem &problem);

llvm::StringRef name(Mode);
llvm::StringRef name(Probe);
llvm::StringRef name(ElementType);
llvm::StringRef name(Layout);
std::optional<Mode> parseMode(llvm::StringRef);
std::optional<Probe> parseProbe(llvm::StringRef);
std::optional<ElementType> parseElementType(llvm::StringRef);
std::optional<Layout> parseLayout(llvm::StringRef);

} // namespace lla
#endif
