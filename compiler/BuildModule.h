//===- BuildModule.h - a problem as a module ------------------------------===//
#ifndef LLA_COMPILER_BUILDMODULE_H
#define LLA_COMPILER_BUILDMODULE_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lla {

/// One function with one `lla.attention`, carrying what it is, where, and (if given) how.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(mlir::MLIRContext &context, const Problem &problem, const Target &target,
                                              const Schedule *schedule);

} // namespace lla
#endif
