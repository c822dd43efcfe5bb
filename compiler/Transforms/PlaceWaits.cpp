//===- PlaceWaits.cpp - as late as the first reader allows ----------------===//
//
// Asynchronous products finish in order, one group each. Before the first reader
// of a product's result, and before the release of a slot it reads, wait until at
// most the products issued after it are pending:
//
//     %s = dot Q, K;  %t = dot R, K;  use %s;  use %t                   (before)
//       ==>
//     %s = dot Q, K;  %t = dot R, K;  %s1 = wait 1 of %s;  use %s1;  %t1 = wait 0 of %t;  use %t1
//
// The rules:
//   1. A reader is any op of the product's block that uses its result, itself or in
//      a region, the terminator included: nothing is in flight across iterations.
//   2. pending = number of asynchronous products between the product and the wait.
//   3. A ring_release reads all products before it: their operands may be its slot.
//   4. A product that only waits read, be it in a branch, has been waited for as the schedule wants it.
//   5. The wait's results replace the product's: nothing can be hoisted above it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {
#define GEN_PASS_DEF_TILEPLACEWAITS
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// Rules 1 and 3; null if nothing reads it in a block that ends without a terminator.
static Operation *firstReader(DotOp dot) {
  Block *block = dot->getBlock();
  Operation *first = block->mightHaveTerminator() ? block->getTerminator() : nullptr;
  auto consider = [&](Operation *op) {
    if (op && (!first || op->isBeforeInBlock(first)))
      first = op;
  };
  for (Operation *user : dot->getUsers())
    consider(block->findAncestorOpInBlock(*user));
  for (auto release : block->getOps<RingReleaseOp>())
    if (dot->isBeforeInBlock(release))
      consider(release);
  return first;
}

/// Rule 2.
static int64_t productsBetween(DotOp dot, Operation *end) {
  int64_t count = 0;
  for (Operation *op = dot->getNextNode(); op != end; op = op->getNextNode())
    if (auto other = dyn_cast<DotOp>(op))
      count += other.isAsync();
  return count;
}

static void placeWait(DotOp dot) {
  if (!dot->use_empty() && llvm::all_of(dot->getUsers(), llvm::IsaPred<WaitOp>))
    return; // Rule 4.
  Operation *reader = firstReader(dot);
  auto b = ImplicitLocOpBuilder::atBlockEnd(dot.getLoc(), dot->getBlock());
  if (reader)
    b.setInsertionPoint(reader);
  Value result = dot.getResult();
  auto wait = WaitOp::create(b, TypeRange{result.getType()}, ValueRange{result}, productsBetween(dot, reader));
  result.replaceAllUsesExcept(wait.getResult(0), wait);
}

namespace {
struct PlaceWaits : lla::impl::TilePlaceWaitsBase<PlaceWaits> {
  void runOnOperation() override {
    SmallVector<DotOp> dots;
    getOperation().walk([&](DotOp dot) {
      if (dot.isAsync())
        dots.push_back(dot);
    });
    for (DotOp dot : dots)
      placeWait(dot);
  }
};
} // namespace
