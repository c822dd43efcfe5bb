//===- Shape.h - which problems are like each other -----------------------===//
//
// The sizes that a kernel takes as arguments are a problem's shape: the same code
// solves problems that differ in nothing else, and a schedule that is good for one
// shape is likely good for one that is near.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_SHAPE_H
#define LLA_DIALECT_SPEC_SHAPE_H

#include "dialect/Spec/Problem.h"
#include "llvm/ADT/ArrayRef.h"

namespace lla {

/// True if a kernel made for one normalised problem also solves the other, with a schedule that both can have.
bool sharesCode(const Problem &a, const Problem &b);

/// A size that a launch tells a kernel, by the name of its JSON field.
struct ShapeField {
  const char *name;
  int64_t Problem::*size;
};
llvm::ArrayRef<ShapeField> shapeFields();
/// True if all of them are equal: what static sizes take, of problems that share code.
bool sharesSizes(const Problem &a, const Problem &b);

/// Euclidean, in octaves of batch * kv_heads, context (a merge: shards) and query_length; another layout counts a
/// quarter octave.
double shapeDistance(const Problem &a, const Problem &b);

} // namespace lla
#endif
