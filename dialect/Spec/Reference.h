//===- Reference.h - the operator in double precision ---------------------===//
//
// The oracle of the host tests and of machines without NVRTC: three plain loops,
// readable rather than fast. Inputs are dense (batch, row, head, dim) doubles; packed
// ones (row, head, dim), k and v of a paged problem (page, row, head, dim). Rows of a
// packed output that no sequence has are 0.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_REFERENCE_H
#define LLA_DIALECT_SPEC_REFERENCE_H

#include "dialect/Spec/Sequences.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace lla {

/// o[dim] of one row: (sequence, row, query head).
void referenceRow(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r, llvm::ArrayRef<double> k,
                  llvm::ArrayRef<double> v, int64_t sequence, int64_t row, int64_t head,
                  llvm::MutableArrayRef<double> o, const Sequences &sequences = {});
/// The whole output, (batch, row, head, dim).
std::vector<double> referenceForward(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r,
                                     llvm::ArrayRef<double> k, llvm::ArrayRef<double> v,
                                     const Sequences &sequences = {});

/// What the keys of one row leave, besides o (Problem.h); -inf, 0 and zeros for a row that sees none.
struct RowState {
  double lse, tbar;
  std::vector<double> vbar;
};
RowState referenceRowState(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r,
                           llvm::ArrayRef<double> k, llvm::ArrayRef<double> v, int64_t sequence, int64_t row,
                           int64_t head, const Sequences &sequences = {});
/// Of all rows: lse and tbar (batch, row, head), vbar (batch, row, head, dim).
struct States {
  std::vector<double> lse, tbar, vbar;
};
States referenceStates(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r, llvm::ArrayRef<double> k,
                       llvm::ArrayRef<double> v, const Sequences &sequences = {});

/// The result of some of a row's keys.
struct RowResult {
  std::vector<double> o;
  RowState state;
};
/// That of all keys from those of disjoint shards of them, at least one; by the shards' second moments
/// E[t v] = vbar (1 + tbar) - o.
RowResult referenceMerge(llvm::ArrayRef<RowResult> shards);

struct Gradients { std::vector<double> q, r, k, v; };
/// Vector-Jacobian product with `g` = dL/do; formulas as in the Parallax backward:
///   gl = p (a - T + (tbar - t)(a - b)),  gu = -p (a - b),  a = g.v, T = g.o, b = g.vbar
Gradients referenceBackward(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r,
                            llvm::ArrayRef<double> k, llvm::ArrayRef<double> v, llvm::ArrayRef<double> g,
                            const Sequences &sequences = {});

/// The straightforward evaluation that errors are judged against: inputs as given (already rounded to
/// dtype), fp32 accumulation, p and p(t - tbar) rounded to `dtype` before the value products, o rounded to its own.
std::vector<double> baselineForward(const Problem &, llvm::ArrayRef<double> q, llvm::ArrayRef<double> r,
                                    llvm::ArrayRef<double> k, llvm::ArrayRef<double> v,
                                    const Sequences &sequences = {});

/// Rounds to nearest even in `type` and back.
double roundTo(ElementType type, double value);
uint16_t toBits16(ElementType type, double value);   ///< bf16 or f16 bits.
double fromBits16(ElementType type, uint16_t bits);
uint8_t toBitsE4M3(double value); ///< What is beyond +-448, infinities too, becomes the nearest of these.
double fromBitsE4M3(uint8_t bits);

/// max|a - b| / max|b|; NaN anywhere, or sizes that differ, give NaN.
double relativeError(llvm::ArrayRef<double> actual, llvm::ArrayRef<double> expected);

} // namespace lla
#endif
