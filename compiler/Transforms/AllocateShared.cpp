//===- AllocateShared.cpp - offsets in shared memory ----------------------===//
//
// Gives rings and merges their places: ring slots from offset 0 in program order
// (each tile at a multiple of 1024 bytes, as its swizzle needs), then the ones, then
// the rings' barriers. Merges reuse offset 0: kernels with rings merge accumulators,
// which need no shared memory.
//
// Postcondition: the total is at most `shared_limit`, what Resources computed and
// the launch asks for; anything else is a disagreement between the two.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Tile/FragmentLayout.h"
#include "llvm/Support/MathExtras.h"

namespace lla {
#define GEN_PASS_DEF_TILEALLOCATESHARED
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// Rings: slots with their notes behind them, ones, then a full and an empty barrier of 8 bytes per slot.
static int64_t allocateRings(KernelOp kernel) {
  Builder b(kernel.getContext());
  SmallVector<RingOp> rings = llvm::to_vector(kernel.getBody().getOps<RingOp>());
  int64_t bytes = 0;
  for (RingOp ring : rings) {
    RingType type = ring.getType();
    bytes = llvm::alignTo(bytes, type.getTiles().empty() ? 16 : 1024);
    ring.setOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += type.getSlots() * (type.getSlotBytes() + type.getNoteBytes());
  }
  for (auto ones : kernel.getBody().getOps<OnesOp>()) {
    ones.setOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += ones.getResult().getType().getBytes();
  }
  for (RingOp ring : rings) {
    ring.setBarrierOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += 16 * ring.getType().getSlots();
  }
  return bytes;
}

/// What one merge needs. Warps: m, d1, d2, c and values of the live rows of each; a cluster: from each of its CTAs
/// the statistics, and the values of the elements that this one owns, then a barrier; the grid: one flag.
static int64_t mergeBytes(MergeOp merge) {
  int64_t rows = merge.getRows(), columns = merge.getColumns(), values = merge.getO2() ? 2 : 1;
  constexpr int64_t statistics = 4, floatBytes = 4, flagBytes = 16, barrierBytes = 16;
  switch (merge.getScope()) {
  case Scope::Warps:
    return static_cast<int64_t>(merge.getKeyWarps()) * rows * (values * columns + statistics) * floatBytes;
  case Scope::Cluster: {
    auto result = cast<FragType>(merge.getResults().front().getType());
    int64_t ctas = result.getThreads() / merge.getO1().getType().getThreads();
    int64_t share = flatShare(rows * columns, ctas);
    return ctas * (rows * statistics * floatBytes + llvm::alignTo(share * values * floatBytes, 16)) + barrierBytes;
  }
  case Scope::Grid:
    return flagBytes;
  }
  return 0;
}

/// Merges one behind the other: a peer of the cluster may already write while this CTA still merges its warps.
static int64_t allocateMerges(KernelOp kernel) {
  Builder b(kernel.getContext());
  int64_t bytes = 0;
  kernel.walk([&](MergeOp merge) {
    tile::Layout layout = merge.getO1().getType().getLayout();
    if (layout == tile::Layout::Dense || layout == tile::Layout::Accumulator)
      return;
    merge.setOffsetAttr(b.getI64IntegerAttr(bytes));
    bytes += mergeBytes(merge);
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
