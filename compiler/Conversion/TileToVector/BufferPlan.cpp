//===- BufferPlan.cpp - where a host task's tiles are in its scratch ------===//
//
// Tiles are values, memory is not: this is the register allocation of dense tiles,
// with in-place update as coalescing.
//
//     %n = tile.map (%m, %x) ...            %n may not take over %m's buffer:
//     %a = tile.map (%m, %n) ...            the old maximum is read once more
//     %o = tile.map (%o1, %a) ...           %o takes over %o1's, which dies here
//
// Invariant: two tiles have overlapping bytes only if they are never live at the same
// time. A result is live together with the operands of its op, except with one that
// dies there and that the op reads elementwise before it writes (`mayTakeOver`).
//
// 1. Loops and branches: what they carry is copied in and out, so that each class
//    {init, argument, yielded, result} can share one buffer by construction, swaps included.
// 2. Liveness, backwards over the structured control flow; a value conflicts with all
//    that is live where it is written.
// 3. Coalescing: copies, accumulators and elementwise operands join their result's
//    class where no member conflicts; large tiles first. A joined copy vanishes.
// 4. First fit: classes in order of size, at the lowest offset free of conflicts.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/BufferPlan.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lla;

DenseShape::DenseShape(tile::FragType type) : rows(type.getRows()), columns(type.getColumns()) {
  constexpr int64_t lineElements = 16;
  stride = columns == 1 ? 1 : llvm::alignTo(columns, lineElements);
}

int64_t DenseShape::bytes() const {
  constexpr int64_t line = 64, elementBytes = 4;
  return llvm::alignTo(rows * stride * elementBytes, line);
}

static bool isTile(Value value) { return isa<tile::FragType>(value.getType()); }
static int64_t bytesOf(Value tile) { return DenseShape(cast<tile::FragType>(tile.getType())).bytes(); }

//===----------------------------------------------------------------------===//
// Copies at loops and branches
//===----------------------------------------------------------------------===//

static Value copyOf(OpBuilder &b, Value tile) {
  auto type = cast<tile::FragType>(tile.getType());
  auto copy = tile::MapOp::create(b, tile.getLoc(), TypeRange{type}, tile, ValueRange());
  Block &body = copy.getBody().emplaceBlock();
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  tile::YieldOp::create(inner, tile.getLoc(), body.addArgument(type.getElementType(), tile.getLoc()));
  return copy.getResult(0);
}

static void copyYielded(Operation *terminator) {
  OpBuilder b(terminator);
  for (OpOperand &operand : terminator->getOpOperands())
    if (isTile(operand.get()))
      operand.set(copyOf(b, operand.get()));
}

static void makeCopiesExplicit(tile::KernelOp kernel) {
  kernel.walk([](scf::YieldOp yield) { copyYielded(yield); });
  kernel.walk([](scf::ForOp loop) {
    OpBuilder before(loop), top = OpBuilder::atBlockBegin(loop.getBody());
    for (OpOperand &init : loop.getInitArgsMutable())
      if (isTile(init.get()))
        init.set(copyOf(before, init.get()));
    for (BlockArgument argument : loop.getRegionIterArgs())
      if (isTile(argument)) {
        Value inside = copyOf(top, argument);
        argument.replaceAllUsesExcept(inside, inside.getDefiningOp());
      }
  });
}

//===----------------------------------------------------------------------===//
// Liveness and conflicts
//===----------------------------------------------------------------------===//

/// True if `result` may be written over `operand`: the op reads each element before it writes it.
static bool mayTakeOver(Operation *op, Value operand, Value result) {
  if (operand.getType() != result.getType())
    return false;
  if (auto dot = dyn_cast<tile::DotOp>(op))
    return operand == dot.getAccumulator() && operand != dot.getA() && operand != dot.getB();
  return isa<tile::MapOp>(op);
}

/// True if the op has read all its operands before it writes any result.
static bool readsFirst(Operation *op) { return isa<tile::MergeOp>(op); }

namespace {
class Liveness {
public:
  explicit Liveness(tile::KernelOp kernel) {
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      addTiles(op->getResults());
      for (Region &region : op->getRegions())
        for (Block &block : region)
          addTiles(block.getArguments());
    });
    conflicts.assign(tiles.size(), llvm::BitVector(tiles.size()));
    walk(*kernel.getBody().begin(), llvm::BitVector(tiles.size()));
  }

  unsigned id(Value tile) const { return ids.lookup(tile); }
  std::vector<Value> tiles;               ///< By id, in program order.
  std::vector<llvm::BitVector> conflicts; ///< Symmetric.

private:
  void addTiles(ValueRange values) {
    for (Value value : values)
      if (isTile(value) && ids.try_emplace(value, tiles.size()).second)
        tiles.push_back(value);
  }

  void use(llvm::BitVector &live, ValueRange values) const {
    for (Value value : values)
      if (isTile(value))
        live.set(id(value));
  }

  void conflict(unsigned a, unsigned b) {
    if (a == b)
      return;
    conflicts[a].set(b);
    conflicts[b].set(a);
  }

  /// `values` are written together where `live` is live afterwards; they no longer are before.
  void define(llvm::BitVector &live, ValueRange values) {
    for (Value value : values)
      if (isTile(value))
        live.set(id(value));
    for (Value value : values)
      if (isTile(value))
        for (unsigned other : live.set_bits())
          conflict(id(value), other);
    for (Value value : values)
      if (isTile(value))
        live.reset(id(value));
  }

  /// What is live before the block's first operation.
  llvm::BitVector walk(Block &block, llvm::BitVector live) {
    for (Operation &op : llvm::reverse(block)) {
      define(live, op.getResults());
      if (auto loop = dyn_cast<scf::ForOp>(op))
        live = beforeLoop(loop, live);
      else if (auto branch = dyn_cast<scf::IfOp>(op))
        live = beforeBranch(branch, live);
      else
        conflictWithOperands(op);
      use(live, op.getOperands());
    }
    return live;
  }

  void conflictWithOperands(Operation &op) {
    if (readsFirst(&op))
      return;
    for (Value result : op.getResults())
      for (Value operand : op.getOperands())
        if (isTile(result) && isTile(operand) && !mayTakeOver(&op, operand, result))
          conflict(id(result), id(operand));
  }

  /// What the body uses from outside, and what is live after, is live throughout the body.
  llvm::BitVector beforeLoop(scf::ForOp loop, llvm::BitVector live) {
    loop.getBody()->walk([&](Operation *op) {
      for (Value operand : op->getOperands())
        if (isTile(operand) && !loop.getRegion().isAncestor(operand.getParentRegion()))
          live.set(id(operand));
    });
    live |= walk(*loop.getBody(), live);
    define(live, loop.getRegionIterArgs());
    return live;
  }

  llvm::BitVector beforeBranch(scf::IfOp branch, const llvm::BitVector &live) {
    llvm::BitVector before = walk(*branch.thenBlock(), live);
    before |= branch.elseBlock() ? walk(*branch.elseBlock(), live) : live;
    return before;
  }

  llvm::DenseMap<Value, unsigned> ids;
};

//===----------------------------------------------------------------------===//
// Coalescing
//===----------------------------------------------------------------------===//

class Coalescing {
public:
  explicit Coalescing(const Liveness &liveness) : liveness(liveness) {
    for (unsigned id = 0; id < liveness.tiles.size(); ++id)
      classes.insert(id);
  }

  void join(Value a, Value b) { classes.unionSets(liveness.id(a), liveness.id(b)); }

  void joinIfPossible(Value a, Value b) {
    unsigned idA = liveness.id(a), idB = liveness.id(b);
    if (classes.isEquivalent(idA, idB))
      return;
    llvm::BitVector conflicting = conflictsOf(idA);
    for (unsigned member : classes.members(idB))
      if (conflicting.test(member))
        return;
    classes.unionSets(idA, idB);
  }

  llvm::BitVector conflictsOf(unsigned id) const {
    llvm::BitVector all(liveness.tiles.size());
    for (unsigned member : classes.members(id))
      all |= liveness.conflicts[member];
    return all;
  }

  unsigned leader(unsigned id) const { return classes.getLeaderValue(id); }

private:
  const Liveness &liveness;
  llvm::EquivalenceClasses<unsigned> classes;
};
} // namespace

/// Classes that share a buffer by construction (step 1).
static void joinCarried(tile::KernelOp kernel, Coalescing &coalescing) {
  auto joinAll = [&](auto... ranges) {
    for (auto values : llvm::zip_equal(ranges...))
      std::apply(
          [&](Value first, auto... rest) {
            if (isTile(first))
              (coalescing.join(first, rest), ...);
          },
          values);
  };
  kernel.walk([&](scf::ForOp loop) {
    joinAll(ValueRange(loop.getInitArgs()), ValueRange(loop.getRegionIterArgs()), ValueRange(loop.getYieldedValues()),
            ValueRange(loop.getResults()));
  });
  kernel.walk([&](scf::IfOp branch) {
    if (branch.getNumResults())
      joinAll(ValueRange(branch.thenYield().getOperands()), ValueRange(branch.elseYield().getOperands()),
              ValueRange(branch.getResults()));
  });
}

/// 0 ... count - 1 by decreasing size, in program order where sizes are equal.
static SmallVector<unsigned> largestFirst(unsigned count, llvm::function_ref<int64_t(unsigned)> bytes) {
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq(count));
  llvm::sort(order, [&](unsigned a, unsigned b) { return std::pair(-bytes(a), a) < std::pair(-bytes(b), b); });
  return order;
}

/// Joins operands and results that may take over each other's place, the largest first.
static void joinTakeovers(tile::KernelOp kernel, Coalescing &coalescing) {
  SmallVector<std::pair<Value, Value>> takeovers;
  kernel.walk([&](Operation *op) {
    for (Value result : op->getResults())
      for (Value operand : op->getOperands())
        if (isTile(result) && mayTakeOver(op, operand, result))
          takeovers.push_back({operand, result});
  });
  for (unsigned place : largestFirst(takeovers.size(), [&](unsigned i) { return bytesOf(takeovers[i].first); }))
    coalescing.joinIfPossible(takeovers[place].first, takeovers[place].second);
}

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

/// The lowest offset at which `bytes` fit between `taken` (begin, end) intervals.
static int64_t firstFit(SmallVector<std::pair<int64_t, int64_t>> taken, int64_t bytes) {
  llvm::sort(taken);
  int64_t offset = 0;
  for (auto [begin, end] : taken) {
    if (offset + bytes <= begin)
      break;
    offset = std::max(offset, end);
  }
  return offset;
}

BufferPlan BufferPlan::compute(tile::KernelOp kernel) {
  makeCopiesExplicit(kernel);
  Liveness liveness(kernel);
  Coalescing coalescing(liveness);
  joinCarried(kernel, coalescing);
  joinTakeovers(kernel, coalescing);

  BufferPlan plan;
  llvm::DenseMap<unsigned, int64_t> placed; // Offsets by leader.
  unsigned count = liveness.tiles.size();
  for (unsigned leader : largestFirst(count, [&](unsigned id) { return bytesOf(liveness.tiles[id]); })) {
    if (coalescing.leader(leader) != leader)
      continue;
    llvm::BitVector conflicts = coalescing.conflictsOf(leader);
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (unsigned other : conflicts.set_bits())
      if (auto it = placed.find(coalescing.leader(other)); it != placed.end())
        taken.push_back({it->second, it->second + bytesOf(liveness.tiles[other])});
    int64_t bytes = bytesOf(liveness.tiles[leader]);
    placed[leader] = firstFit(taken, bytes);
    plan.total = std::max(plan.total, placed[leader] + bytes);
  }
  for (auto [id, tile] : llvm::enumerate(liveness.tiles))
    plan.offsets[tile] = placed[coalescing.leader(id)];
  return plan;
}
