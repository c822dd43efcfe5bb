//===- Shape.cpp - which problems are like each other ---------------------===//

#include "dialect/Spec/Shape.h"
#include <cmath>

namespace lla {
namespace {

/// The problem with one shape for all that share its code. What is no argument of a launch stays (compare `addCode` of
/// cache/Key.cpp), so that a field that somebody adds tells problems apart until it is named here.
Problem withoutShape(Problem problem) {
  problem.queryHeads = problem.group();
  problem.batch = problem.kvHeads = 1;
  problem.queryLength = problem.queryLength == 1 ? 1 : 2;
  problem.context = problem.shards = 1;
  problem.layout = Layout::BSHD;
  problem.scale.reset();
  return problem;
}

} // namespace

bool sharesCode(const Problem &a, const Problem &b) { return withoutShape(a) == withoutShape(b); }

llvm::ArrayRef<ShapeField> shapeFields() {
  static constexpr ShapeField fields[] = {{"batch", &Problem::batch},
                                          {"kv_heads", &Problem::kvHeads},
                                          {"query_length", &Problem::queryLength},
                                          {"context", &Problem::context},
                                          {"shards", &Problem::shards}};
  return fields;
}

bool sharesSizes(const Problem &a, const Problem &b) {
  for (const ShapeField &field : shapeFields())
    if (a.*field.size != b.*field.size)
      return false;
  return true;
}

double shapeDistance(const Problem &a, const Problem &b) {
  auto octaves = [](int64_t x, int64_t y) { return std::log2(static_cast<double>(x) / static_cast<double>(y)); };
  constexpr double otherLayout = 0.25;
  return std::hypot(
      std::hypot(octaves(a.batch * a.kvHeads, b.batch * b.kvHeads), octaves(a.foldLength(), b.foldLength())),
      octaves(a.queryLength, b.queryLength), a.layout == b.layout ? 0 : otherLayout);
}

} // namespace lla
