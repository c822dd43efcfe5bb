//===- Slice.h - what some effects need of a program ----------------------===//
#ifndef LLA_COMPILER_TRANSFORMS_SLICE_H
#define LLA_COMPILER_TRANSFORMS_SLICE_H

#include "dialect/Tile/TileDialect.h"
#include "llvm/ADT/DenseSet.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lla {

/// What some effects need of a region's ops and values, backwards through loops and branches: all that is `need`ed,
/// with the loops and branches that it is in. What is handed over needs what it is, or is where a slice begins.
class Slice {
public:
  Slice(mlir::Region &scope, bool crossesHandOvers) : scope(scope), crossesHandOvers(crossesHandOvers) {}

  void need(mlir::Operation *op) {
    if (!scope.isAncestor(op->getParentRegion()) || !ops.insert(op).second)
      return;
    if (op->getParentRegion() != &scope)
      need(op->getParentOp());
    if (auto loop = mlir::dyn_cast<mlir::scf::ForOp>(op)) {
      for (mlir::Value bound : {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
        need(bound);
    } else if (auto branch = mlir::dyn_cast<mlir::scf::IfOp>(op)) {
      need(branch.getCondition());
    } else if (crossesHandOvers || !mlir::isa<tile::HandOverOp>(op)) {
      op->walk([&](mlir::Operation *inner) { // What regions (of maps) read is outside of them, or their own.
        for (mlir::Value operand : inner->getOperands())
          if (inner == op || operand.getParentRegion()->isProperAncestor(&op->getRegion(0)))
            need(operand);
      });
    }
  }

  bool hasOp(mlir::Operation *op) const { return ops.contains(op); }
  bool hasValue(mlir::Value value) const { return values.contains(value); }

  void need(mlir::Value value) {
    if (!values.insert(value).second)
      return;
    auto argument = mlir::dyn_cast<mlir::BlockArgument>(value);
    mlir::Operation *op = argument ? argument.getOwner()->getParentOp() : value.getDefiningOp();
    if (auto loop = mlir::dyn_cast<mlir::scf::ForOp>(op); loop && scope.isAncestor(loop->getParentRegion())) {
      need(op);
      if (argument && argument == loop.getInductionVar())
        return;
      unsigned index = argument ? argument.getArgNumber() - 1 : mlir::cast<mlir::OpResult>(value).getResultNumber();
      need(loop.getRegionIterArg(index));
      need(loop.getInits()[index]);
      need(loop.getYieldedValues()[index]);
    } else if (auto branch = mlir::dyn_cast<mlir::scf::IfOp>(op);
               branch && scope.isAncestor(branch->getParentRegion())) {
      need(op);
      unsigned index = mlir::cast<mlir::OpResult>(value).getResultNumber();
      need(branch.thenYield().getOperand(index));
      need(branch.elseYield().getOperand(index));
    } else {
      need(op);
    }
  }

private:
  mlir::Region &scope;
  bool crossesHandOvers;
  llvm::DenseSet<mlir::Operation *> ops;
  llvm::DenseSet<mlir::Value> values;
};

/// True if `op` is, or has in it, what hands something over.
inline bool handsOver(mlir::Operation *op) {
  return op->walk([](tile::HandOverOp) { return mlir::WalkResult::interrupt(); }).wasInterrupted();
}

} // namespace lla
#endif
