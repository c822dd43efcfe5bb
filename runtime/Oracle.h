//===- Oracle.h - judging an output on the host ---------------------------===//
//
// Compares rows of an output with Reference.h in double precision. Every row is
// a problem of its own (one query over the keys it sees, or the parts of a merge),
// so sampled rows of a large problem cost only themselves.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_ORACLE_H
#define LLA_RUNTIME_ORACLE_H

#include "runtime/Executor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace lla {

/// Calls its second argument with 0 .. count-1, from any threads, and returns when all are done.
using ParallelFor = llvm::function_ref<void(int64_t count, llvm::function_ref<void(int64_t)> body)>;
void inSequence(int64_t count, llvm::function_ref<void(int64_t)> body);

/// Numbers of up to `rows` rows (0: all) over (sequence, row < query length, head), ascending: the corners of the
/// problem, then random ones from `seed`. Of packed queries, rows that `sequences` have.
std::vector<int64_t> sampleRows(const Problem &problem, int64_t rows, uint64_t seed, const Sequences &sequences = {});

/// Compares rows of the outputs, which there are; all tensors in host memory.
ErrorFigures compareWithReference(const Problem &problem, const AttentionTensors &tensors, llvm::ArrayRef<int64_t> rows,
                                  ParallelFor parallel = inSequence);

/// Success if outputs with these figures count as right: no NaN; fp32 within 2e-5 of max|ref|, and half an ulp of the
/// output if that has 16 bits; 16 bits within 1e-2, or (cancellation may cost the straightforward evaluation more than
/// that) within 1.5 times its error and two output ulp; and a right state. Fails with Verification.
llvm::Error checkTolerance(const ErrorFigures &figures, const Problem &problem);
/// Success if lse, tbar and vbar count as right: vbar within 1e-2 (fp32: 2e-5); lse and tbar, which no rounding to 16
/// bits has touched, within 1e-4 (2e-5). Fails with Verification.
llvm::Error checkStateTolerance(const ErrorFigures &figures, ElementType dtype);

} // namespace lla
#endif
