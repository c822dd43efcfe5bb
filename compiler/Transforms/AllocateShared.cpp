//===- AllocateShared.cpp - offsets in shared memory ----------------------===//
//
// Gives rings and merges their places: ring slots from offset 0 in program order
// (each tile at a multiple of 1024 bytes, as its swizzle needs), then the rings'
// barriers; merges reuse offset 0, since no kernel has both.
//
// Postcondition: the total is at most `shared_limit`, what Resources computed and
// the launch asks for; anything else is a disagreement between the two.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace lla {
#define GEN_PASS_DEF_TILEALLOCATESHARED
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// Rings: slots, then a full and an empty barrier of 8 bytes per slot.
static int64_t allocateRings(KernelOp kernel) {
  Builder b(kernel.getContext());
  SmallVector<RingOp> rings = llvm::to_vector(kernel.getBody().getOps<RingOp>());
  int64_t bytes = 0;
  for (RingOp ring : rings) {
    bytes = llvm::alignTo(bytes, 1024);
    ring.setOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += ring.getType().getSlots() * ring.getType().getSlotBytes();
  }
  for (RingOp ring : rings) {
    ring.setBarrierOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += 16 * ring.getType().getSlots();
  }
  return bytes;
}

/// Merges over warps: each warp's m, d1, d2, c and values of the live rows; over the grid: one flag.
static int64_t allocateMerges(KernelOp kernel) {
  Builder b(kernel.getContext());
  int64_t bytes = 0;
  kernel.walk([&](MergeOp merge) {
    if (merge.getO1().getType().getLayout() == tile::Layout::Dense)
      return;
    merge.setOffsetAttr(b.getI64IntegerAttr(bytes));
    int64_t values = merge.getO2() ? 2 : 1;
    bytes += merge.getGrid() ? 16 : merge.getKeyWarps() * merge.getRows() * (values * merge.getColumns() + 4) * 4;
  });
  return bytes;
}

namespace {
struct AllocateShared : lla::impl::TileAllocateSharedBase<AllocateShared> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    int64_t bytes = std::max(allocateRings(kernel), allocateMerges(kernel));
    if (bytes > static_cast<int64_t>(kernel.getSharedLimit())) {
      kernel.emitOpError() << "needs " << bytes << " bytes of shared memory, expected at most "
                           << kernel.getSharedLimit();
      return signalPassFailure();
    }
    kernel.setSharedBytes(bytes);
    kernel.emitRemark() << bytes << " bytes of shared memory";
  }
};
} // namespace
