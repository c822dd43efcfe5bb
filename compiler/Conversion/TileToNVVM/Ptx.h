//===- Ptx.h - instructions that no upstream op expresses -----------------===//
//
// The only place with PTX text: one named emitter per instruction, each with the
// PTX ISA section it follows.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_CONVERSION_TILETONVVM_PTX_H
#define LLA_COMPILER_CONVERSION_TILETONVVM_PTX_H

#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla::ptx {

using mlir::ImplicitLocOpBuilder;
using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value>;

/// 16 bytes of global memory that nothing writes during the kernel, past L1; four i32, 0 where
/// `predicate` is false. (ld.global: the assembler moves ld.global.nc above awaitLaunch, whatever its address follows
/// from.)
Values loadReadOnly(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// Likewise 8 bytes; two i32.
Values loadReadOnly2(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// Likewise one f32, through L1.
Value loadReadOnly1(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// One f32 that a launch before this one may have written: not moved above awaitLaunch, though its address does not
/// follow from that; 0 where `predicate` is false. (ld.global)
Value loadAfterAwait(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// 4 bytes of global memory that nothing writes during the kernel and that others read again; 0 where `predicate` is
/// false. (ld.global)
Value lookUp(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// Likewise what is there now, while earlier launches may write it; nothing of it stays in L1. (ld.relaxed.gpu)
Value lookUpEarly(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// The line of L2 that `pointer` is in is on its way there, where `predicate` holds. (prefetch.global.L2)
void prefetch(ImplicitLocOpBuilder &b, Value pointer, Value predicate);

/// 1, 2 or 4 f32 from L2: another CTA wrote them in this launch. (ld.global.cg)
Values loadShared(ImplicitLocOpBuilder &b, Value pointer, unsigned count);

/// log2 of an f32, within 2^-22 (relatively outside of [1/2, 2]); denormals count as 0. (lg2.approx.ftz)
Value log2(ImplicitLocOpBuilder &b, Value x);

/// The old value; the new one is 0 where the old was `last`, else one more. Releases this thread's
/// writes and acquires those of earlier arrivals at device scope. (atom.inc, fence.acq_rel)
Value arriveWrapping(ImplicitLocOpBuilder &b, Value pointer, Value last);

/// Waits for earlier launches; `value`, through which all addresses go, so that
/// none of their reads can be moved above. (griddepcontrol)
Value awaitLaunch(ImplicitLocOpBuilder &b, Value value);

/// `value`, an i32 that the running lanes have in common, where it may be in a register of the warp. (redux.sync)
Value uniform(ImplicitLocOpBuilder &b, Value value);

/// The shared-memory address in CTA `rank` of the cluster that `address` is in this one; both i32. (mapa)
Value peerAddress(ImplicitLocOpBuilder &b, Value address, Value rank);
/// 1, 2 or 4 floats to a peer's shared memory; their bytes count at its barrier when they are there. (st.async)
void storeAsync(ImplicitLocOpBuilder &b, Value address, ValueRange values, Value barrier);

/// True if the predicate holds for any of a warpgroup's 128 threads, which all arrive at `barrier`. (barrier.red.or)
Value barrierAny(ImplicitLocOpBuilder &b, Value barrier, Value predicate);

/// Four matrices of 8 x 8 elements of 16 bits, a row of one at each lane's shared address: lane 8 i + j has row j of
/// matrix i's. (stmatrix)
void storeMatrices(ImplicitLocOpBuilder &b, Value address, ValueRange matrices);

/// Of a matrix of 8 x 8 elements of 16 bits, of which lane 4 i + j has row i's elements 2 j and 2 j + 1 in an i32,
/// likewise the columns. (movmatrix)
Value transpose(ImplicitLocOpBuilder &b, Value pair);

/// Such matrices from shared memory, four i32. (ldmatrix)
Values loadMatrices(ImplicitLocOpBuilder &b, Value address);

/// D = A B over `aOffsets.size()` steps of 16, both from shared memory (descriptors plus offsets in units
/// of 16 bytes), in flight on return. m64nNk16, fp32 accumulators. (wgmma.mma_async, fence, commit_group)
Values wgmmaShared(ImplicitLocOpBuilder &b, mlir::Type element, int64_t n, Value a, Value bDescriptor,
                   llvm::ArrayRef<int64_t> aOffsets, llvm::ArrayRef<int64_t> bOffsets);
/// D = A B likewise, with A in registers (four i32 a step).
Values wgmmaRegistersKeys(ImplicitLocOpBuilder &b, mlir::Type element, int64_t n, ValueRange a, Value bDescriptor,
                          llvm::ArrayRef<int64_t> bOffsets);
/// D += A B with A in registers (four i32 a step) and B column-major in shared memory.
Values wgmmaRegisters(ImplicitLocOpBuilder &b, mlir::Type element, int64_t n, ValueRange a, Value bDescriptor,
                      llvm::ArrayRef<int64_t> bOffsets, ValueRange accumulators);
/// D += A B with both in shared memory, B column-major.
Values wgmmaSharedValues(ImplicitLocOpBuilder &b, mlir::Type element, int64_t n, Value a, Value bDescriptor,
                         llvm::ArrayRef<int64_t> aOffsets, llvm::ArrayRef<int64_t> bOffsets, ValueRange accumulators);
/// At most `pending` groups are in flight after it. The accumulators are threaded through, so that no
/// read of them can be moved above. Waits of different regions differ: LLVM would make equal ones on both sides of a
/// branch into one above it. (wgmma.wait_group)
Values wgmmaWait(ImplicitLocOpBuilder &b, int64_t pending, unsigned region, ValueRange accumulators);

} // namespace lla::ptx
#endif
