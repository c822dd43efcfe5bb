//===- Carry.h - values that a loop hands to its next iteration -----------===//
#ifndef LLA_COMPILER_TRANSFORMS_CARRY_H
#define LLA_COMPILER_TRANSFORMS_CARRY_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace lla {

/// `loop`, which is no more, carrying `nexts` (of its body), which are `firsts` in the first iteration.
inline mlir::scf::ForOp carry(mlir::scf::ForOp loop, llvm::ArrayRef<mlir::Value> firsts,
                              llvm::ArrayRef<mlir::Value> nexts) {
  auto yieldNexts = [&](mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::BlockArgument>) {
    return llvm::SmallVector<mlir::Value>(nexts);
  };
  mlir::IRRewriter rewriter(loop.getContext());
  mlir::FailureOr<mlir::LoopLikeOpInterface> rotated =
      loop.replaceWithAdditionalYields(rewriter, firsts, /*replaceInitOperandUsesInLoop=*/false, yieldNexts);
  return mlir::cast<mlir::scf::ForOp>(rotated->getOperation());
}

} // namespace lla
#endif
