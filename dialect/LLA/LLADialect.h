//===- LLADialect.h - the mathematics -------------------------------------===//
#ifndef LLA_DIALECT_LLA_LLADIALECT_H
#define LLA_DIALECT_LLA_LLADIALECT_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Target.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lla {
/// What MLIR's uniquer needs of an attribute's value: equal values have equal canonical texts.
llvm::hash_code hash_value(const Problem &);
llvm::hash_code hash_value(const Target &);
llvm::hash_code hash_value(const Schedule &);

/// An element type of the vocabulary as a builtin type.
mlir::Type builtinType(mlir::MLIRContext *context, ElementType type);
} // namespace lla

#include "dialect/LLA/LLADialect.h.inc"
#include "dialect/LLA/LLAEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/LLA/LLAAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/LLA/LLATypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/LLA/LLAOps.h.inc"

namespace lla {
/// Discardable attributes of a kernel function that carry what it is, where and how.
inline constexpr llvm::StringLiteral kProblemAttr = "lla.problem";
inline constexpr llvm::StringLiteral kTargetAttr = "lla.target";
inline constexpr llvm::StringLiteral kScheduleAttr = "lla.schedule";
} // namespace lla
#endif
