//===- DivideConsumers.cpp - who weighs and who multiplies values ---------===//
//
// Where values are handed over, the computing warpgroups divide: the first, the weigher,
// forms what is handed over, the others do what is done with it.
//
//     consumer { for keys { k, v = acquire; p = weights of k; p' = hand_over p; o += dot p', v; release }
//                d1' = hand_over d1; store o / d1'; store lse }                                   (before)
//       ==>
//     weigher  { for keys { k = acquire; p = weights of k; release; claim slot; deposit p; commit }
//                claim; note d1; commit; store lse }
//     consumer { for keys { v = acquire; p' = acquire; o += dot p', v; release both }
//                acquire; d1' = read_note; store o / d1'; release }
//
// Each role is a slice of the program (Slice.h): what its own effects need. The weigher's
// effects are what it hands over, and stores of what no tile that was handed over is in;
// the consumers' are the other stores. Loops and branches that both need, both have, each
// with the values that it carries; a condition that only the weigher can know is handed
// over, too.
//
// What one key tile hands over fills slots of that number: a ring's for each tile, the first
// one's with all notes. What is handed over outside key loops fills the slot of a ring of
// notes, whose number is the row tile's.
//
// Why it is right: both roles run the same loops with the same bounds, so that claims and
// acquires pair up by number. The weigher waits for no consumer but through slots that
// these have filled before, and these for no later slot than they have.
//
// Precondition:  roles have been specialised. In each loop body whose values are handed over, something is acquired,
//                whose number is then the slot's; outside key loops likewise. All that hand tiles over hand over the
//                same ones, in no branch, notes before them, and no loop that hands over is between what one block
//                does.
// Postcondition: nothing is handed over any more. A kernel that handed nothing over is as it was.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "compiler/Transforms/Slice.h"
#include "dialect/Spec/Resources.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {
#define GEN_PASS_DEF_TILEDIVIDECONSUMERS
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

namespace {

/// What is handed over in one block, and in the branches in it: a slot of each ring.
struct Parcel {
  SmallVector<HandOverOp> handed;
  Operation *first = nullptr, *last = nullptr; ///< Of the block, those that hand over or have a branch that does.
  SmallVector<Value> rings; ///< One for each tile; the first one's slots, or those of the only one, have the notes.
  Value number;
};

/// Parcels by the block, of a loop or of the role, that they are filled in.
using Parcels = llvm::MapVector<Block *, Parcel>;

//===----------------------------------------------------------------------===//
// What is handed over
//===----------------------------------------------------------------------===//

/// The op of the nearest loop's (or the role's) block that has `op`, itself or in its branches.
Operation *outermostBranch(Operation *op) {
  while (auto branch = dyn_cast<scf::IfOp>(op->getParentOp()))
    op = branch;
  return op;
}

bool hasTile(HandOverOp op) { return isa<SharedType>(op.getResult().getType()); }

Parcels collectParcels(Region &consumer) {
  Parcels parcels;
  consumer.walk([&](HandOverOp op) {
    Operation *outer = outermostBranch(op);
    Parcel &parcel = parcels[outer->getBlock()];
    parcel.handed.push_back(op);
    if (!parcel.first || outer->isBeforeInBlock(parcel.first))
      parcel.first = outer;
    if (!parcel.last || parcel.last->isBeforeInBlock(outer))
      parcel.last = outer;
  });
  for (auto &[block, parcel] : parcels)
    for (auto acquire : block->getOps<RingAcquireOp>())
      if (acquire->isBeforeInBlock(parcel.first))
        parcel.number = acquire.getN();
  return parcels;
}

SmallVector<Type> tilesOf(const Parcel &parcel) {
  return llvm::map_to_vector(llvm::make_filter_range(parcel.handed, hasTile),
                             [](HandOverOp op) -> Type { return op.getResult().getType(); });
}

/// The precondition.
LogicalResult checkParcels(const Parcels &parcels) {
  SmallVector<Type> tiles;
  for (const auto &[block, parcel] : parcels) {
    HandOverOp first = parcel.handed.front();
    if (!parcel.number)
      return first.emitOpError("expected something to be acquired before, in the loop that hands over");
    if (SmallVector<Type> own = tilesOf(parcel); !own.empty()) {
      if (!tiles.empty() && own != tiles)
        return first.emitOpError("expected the same tiles to be handed over in all loops");
      tiles = own;
    }
    for (HandOverOp op : llvm::make_filter_range(parcel.handed, hasTile))
      if (op->getBlock() != block)
        return op.emitOpError("expected tiles to be handed over in no branch");
    auto isNote = [](HandOverOp op) { return !hasTile(op); };
    if (!std::is_partitioned(parcel.handed.begin(), parcel.handed.end(), isNote))
      return first.emitOpError("expected notes to be handed over before tiles");
    for (Operation *op = parcel.first; op != parcel.last; op = op->getNextNode())
      if (isa<scf::ForOp>(op) && handsOver(op))
        return first.emitOpError("expected no loop that hands over between what its block does");
  }
  return success();
}

int64_t bytesOfNotes(const Parcel &parcel) {
  int64_t bytes = 0;
  for (HandOverOp op : parcel.handed)
    bytes += noteBytes(op.getValue().getType());
  return bytes;
}

/// A ring for each tile of the parcels that have tiles, and one for those of notes only.
void createRings(RolesOp roles, Parcels &parcels, int64_t consumerWarps) {
  ImplicitLocOpBuilder b(roles.getLoc(), roles);
  SmallVector<Type> tiles;
  int64_t beside = 0, alone = 0; // Bytes of notes.
  for (auto &[block, parcel] : parcels) {
    SmallVector<Type> own = tilesOf(parcel);
    int64_t &bytes = own.empty() ? alone : beside;
    bytes = std::max(bytes, bytesOfNotes(parcel));
    if (!own.empty())
      tiles = own;
  }
  auto create = [&](ArrayRef<Type> ofSlot, int64_t slots, int64_t notes) -> Value {
    auto type = RingType::get(b.getContext(), slots, ofSlot, notes);
    constexpr int64_t weigherThreads = 128;
    return RingOp::create(b, type, consumerWarps, /*fillers=*/weigherThreads, IntegerAttr(), IntegerAttr());
  };
  SmallVector<Value> ofTiles, ofNotes;
  for (Type tile : llvm::reverse(tiles)) // Notes behind all tiles.
    ofTiles.insert(ofTiles.begin(), create(tile, weightSlots, ofTiles.size() + 1 == tiles.size() ? beside : 0));
  if (alone)
    ofNotes.push_back(create({}, 1, alone));
  for (auto &[block, parcel] : parcels)
    parcel.rings = tilesOf(parcel).empty() ? ofNotes : ofTiles;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// True if `store` stores what products with a tile that was handed over give.
bool storesProducts(StoreOp store, Region &scope) {
  Slice slice(scope, /*crossesHandOvers=*/false);
  slice.need(store);
  auto needsTile = [&](HandOverOp op) {
    return hasTile(op) && slice.hasOp(op) ? WalkResult::interrupt() : WalkResult::advance();
  };
  return scope.walk(needsTile).wasInterrupted();
}

/// Releases of rings that the slice acquires from in the same block.
void needReleases(Region &scope, Slice &slice) {
  scope.walk([&](RingReleaseOp release) {
    for (auto acquire : release->getBlock()->getOps<RingAcquireOp>())
      if (acquire.getRing() == release.getRing() && slice.hasOp(acquire))
        slice.need(release);
  });
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// A copy of a slice, in which hand-overs are one side's part in them.
class Role {
public:
  Role(const Slice &slice, const Parcels &parcels) : slice(slice), parcels(parcels) {}
  virtual ~Role() = default;

  void copy(OpBuilder &b, Block &block) {
    auto entry = parcels.find(&block);
    const Parcel *parcel = entry == parcels.end() ? nullptr : &entry->second;
    for (Operation &op : block) {
      if (parcel && &op == parcel->first) {
        current = parcel;
        noteBytesSoFar = 0;
        open(b);
      }
      if (slice.hasOp(&op))
        copyOp(b, op);
      if (parcel && &op == parcel->last)
        close(b);
    }
    if (parcel)
      leave(b, *parcel);
  }

protected:
  /// Before the first and behind the last op that hands over, and at the block's end.
  virtual void open(OpBuilder &b) = 0;
  virtual void close(OpBuilder &) {}
  virtual void leave(OpBuilder &, const Parcel &) {}
  virtual void handOverTile(OpBuilder &, HandOverOp) {}
  virtual void handOverNote(OpBuilder &b, HandOverOp op, int64_t at) = 0;
  /// The tile that was handed over, where it is read first.
  virtual Value tileFor(OpBuilder &, HandOverOp) { return {}; }

  Value mapped(Value value) const { return mapping.lookupOrDefault(value); }
  SmallVector<Value> mapped(ValueRange range) const {
    return llvm::map_to_vector(range, [&](Value value) { return mapped(value); });
  }
  /// Those of `range` that are at the places of needed ones of `needed`.
  SmallVector<Value> kept(ValueRange range, ValueRange needed) const {
    SmallVector<Value> result;
    for (auto [value, other] : llvm::zip_equal(range, needed))
      if (slice.hasValue(other))
        result.push_back(value);
    return result;
  }
  /// The slot of a ring of the parcel, claimed or acquired by an op of type `Take`; its tile, if it has one.
  template <class Take> Value takeSlot(OpBuilder &b, Value ring) {
    auto type = cast<RingType>(ring.getType());
    auto take = Take::create(b, ring.getLoc(), type.getTiles(), ring, mapped(current->number));
    return type.getTiles().empty() ? Value() : take.getTiles().front();
  }
  /// The ring that a tile is handed over in.
  Value ringOf(HandOverOp op) const {
    auto tiles = llvm::make_filter_range(current->handed, hasTile);
    return current->rings[std::distance(tiles.begin(), llvm::find(tiles, op))];
  }
  Value ringOfNotes() const { return current->rings.front(); }

  const Parcel *current = nullptr; ///< Being filled, or read.
  Value firstTile;                 ///< Of its first slot, which has the notes and is taken with them; null: has none.
  IRMapping mapping;

private:
  void copyOp(OpBuilder &b, Operation &op) {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      copyLoop(b, loop);
    else if (auto branch = dyn_cast<scf::IfOp>(op))
      copyBranch(b, branch);
    else if (auto hand = dyn_cast<HandOverOp>(op))
      handOver(b, hand);
    else if (!op.hasTrait<OpTrait::IsTerminator>()) {
      for (Value operand : op.getOperands())
        if (auto hand = operand.getDefiningOp<HandOverOp>(); hand && !mapping.contains(operand))
          mapping.map(operand, tileFor(b, hand));
      b.clone(op, mapping);
    }
  }

  void handOver(OpBuilder &b, HandOverOp op) {
    if (hasTile(op))
      return handOverTile(b, op);
    handOverNote(b, op, noteBytesSoFar);
    noteBytesSoFar += noteBytes(op.getValue().getType());
  }

  void copyLoop(OpBuilder &b, scf::ForOp loop) {
    ValueRange arguments = loop.getRegionIterArgs();
    auto copied = scf::ForOp::create(b, loop.getLoc(), mapped(loop.getLowerBound()), mapped(loop.getUpperBound()),
                                     mapped(loop.getStep()), mapped(kept(loop.getInits(), arguments)));
    mapping.map(loop.getInductionVar(), copied.getInductionVar());
    mapping.map(kept(arguments, arguments), copied.getRegionIterArgs());
    fill(*copied.getBody(), *loop.getBody(), kept(loop.getYieldedValues(), arguments));
    mapping.map(kept(loop.getResults(), arguments), copied.getResults());
  }

  void copyBranch(OpBuilder &b, scf::IfOp branch) {
    ValueRange results = branch.getResults();
    SmallVector<Value> keptResults = kept(results, results);
    auto copied = scf::IfOp::create(b, branch.getLoc(), TypeRange(ValueRange(keptResults)),
                                    mapped(branch.getCondition()), /*withElseRegion=*/!branch.getElseRegion().empty());
    fill(*copied.thenBlock(), *branch.thenBlock(), kept(branch.thenYield().getOperands(), results));
    if (Block *otherwise = branch.elseBlock())
      fill(*copied.elseBlock(), *otherwise, kept(branch.elseYield().getOperands(), results));
    mapping.map(keptResults, copied.getResults());
  }

  /// `block`'s slice, and what it yields, in place of what is in `copied`.
  void fill(Block &copied, Block &block, ArrayRef<Value> yielded) {
    copied.clear();
    auto inner = OpBuilder::atBlockEnd(&copied);
    copy(inner, block);
    scf::YieldOp::create(inner, block.getTerminator()->getLoc(), mapped(yielded));
  }

  const Slice &slice;
  const Parcels &parcels;
  int64_t noteBytesSoFar = 0; ///< Of the parcel.
};

class Weigher final : public Role {
public:
  using Role::Role;

private:
  void open(OpBuilder &b) override { firstTile = takeSlot<RingClaimOp>(b, ringOfNotes()); }
  void handOverTile(OpBuilder &b, HandOverOp op) override {
    Value ring = ringOf(op), tile = ring == ringOfNotes() ? firstTile : takeSlot<RingClaimOp>(b, ring);
    DepositOp::create(b, op.getLoc(), mapped(op.getValue()), tile);
    commit(b, ring);
  }
  void handOverNote(OpBuilder &b, HandOverOp op, int64_t at) override {
    Value value = mapped(op.getValue());
    NoteOp::create(b, op.getLoc(), value, ringOfNotes(), mapped(current->number), at);
    mapping.map(op.getResult(), value);
  }
  void close(OpBuilder &b) override {
    if (!firstTile)
      commit(b, ringOfNotes());
  }
  void commit(OpBuilder &b, Value ring) { RingCommitOp::create(b, ring.getLoc(), ring, mapped(current->number)); }
};

class Consumers final : public Role {
public:
  using Role::Role;

private:
  void open(OpBuilder &b) override {
    firstTile = takeSlot<RingAcquireOp>(b, ringOfNotes());
    taken = {ringOfNotes()};
  }
  Value tileFor(OpBuilder &b, HandOverOp op) override {
    Value ring = ringOf(op);
    return taken.insert(ring).second ? takeSlot<RingAcquireOp>(b, ring) : firstTile;
  }
  void handOverNote(OpBuilder &b, HandOverOp op, int64_t at) override {
    Type type = op.getResult().getType();
    auto read = ReadNoteOp::create(b, op.getLoc(), type, ringOfNotes(), mapped(current->number), at);
    mapping.map(op.getResult(), read.getResult());
  }
  /// Products read the tiles until they are waited for; notes have been read.
  void leave(OpBuilder &b, const Parcel &parcel) override {
    for (Value ring : parcel.rings) {
      if (taken.insert(ring).second)
        takeSlot<RingAcquireOp>(b, ring);
      RingReleaseOp::create(b, ring.getLoc(), ring, mapped(parcel.number));
    }
  }

  llvm::SmallDenseSet<Value> taken; ///< Rings whose slots of the parcel have been acquired.
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The last op of the block that reads what was acquired, or waits for a product that does.
Operation *lastReader(RingAcquireOp acquire) {
  Block *block = acquire->getBlock();
  Operation *last = acquire;
  SmallVector<Value> tiles(acquire.getTiles());
  auto consider = [&](Operation *reader) {
    if (Operation *own = block->findAncestorOpInBlock(*reader); own && last->isBeforeInBlock(own))
      last = own;
  };
  while (!tiles.empty())
    for (Operation *user : tiles.pop_back_val().getUsers()) {
      consider(user);
      if (auto columns = dyn_cast<ColumnsOp>(user))
        tiles.push_back(columns.getResult());
      if (auto dot = dyn_cast<DotOp>(user))
        for (auto wait : llvm::make_filter_range(dot->getUsers(), llvm::IsaPred<WaitOp>))
          consider(wait);
    }
  return last;
}

/// The weigher is done with keys before it hands over. Where nothing waits for a product yet, tile-place-waits does
/// before the release.
void releaseEarly(Region &consumer) {
  SmallVector<RingReleaseOp> releases;
  consumer.walk([&](RingReleaseOp release) { releases.push_back(release); });
  for (RingReleaseOp release : releases)
    for (auto acquire : release->getBlock()->getOps<RingAcquireOp>())
      if (acquire.getRing() == release.getRing()) {
        release->moveAfter(lastReader(acquire));
        break;
      }
}

/// Tiles are handed over when they are there: what they follow from moves up with them.
void handOverEarly(Region &consumer) {
  SmallVector<HandOverOp> tiles;
  consumer.walk([&](HandOverOp op) {
    if (hasTile(op))
      tiles.push_back(op);
  });
  for (HandOverOp op : tiles)
    if (auto convert = op.getValue().getDefiningOp<ConvertOp>())
      if (Operation *formed = convert.getValue().getDefiningOp(); formed && formed->getBlock() == op->getBlock()) {
        convert->moveAfter(formed);
        op->moveAfter(convert);
      }
}

/// A ring's readers are the warps of the roles that release its slots.
void countReaders(KernelOp kernel, RolesOp roles, int64_t weigherWarps, int64_t consumerWarps) {
  for (auto ring : kernel.getBody().getOps<RingOp>()) {
    int64_t readers = 0;
    for (auto [role, warps] : {std::pair(&roles.getWeigher(), weigherWarps), {&roles.getConsumer(), consumerWarps}}) {
      bool releases = llvm::any_of(ring->getUsers(), [&](Operation *user) {
        return isa<RingReleaseOp>(user) && role->isAncestor(user->getParentRegion());
      });
      readers += releases ? warps : 0;
    }
    if (readers) // One that is never filled again has no releases.
      ring.setReaders(readers);
  }
}

LogicalResult divide(KernelOp kernel, RolesOp roles) {
  constexpr int64_t warpgroupWarps = 4;
  int64_t consumerWarps = static_cast<int64_t>(kernel.getWarps()) - warpgroupWarps;
  Region &consumer = roles.getConsumer();
  releaseEarly(consumer);
  handOverEarly(consumer);
  Parcels parcels = collectParcels(consumer);
  if (failed(checkParcels(parcels)))
    return failure();
  createRings(roles, parcels, consumerWarps);

  Slice weighed(consumer, /*crossesHandOvers=*/true), multiplied(consumer, /*crossesHandOvers=*/false);
  consumer.walk([&](Operation *op) {
    if (isa<HandOverOp>(op))
      weighed.need(op);
    else if (auto store = dyn_cast<StoreOp>(op))
      (storesProducts(store, consumer) ? multiplied : weighed).need(op);
  });
  for (auto &[block, parcel] : parcels) { // Slots are released even where nothing is done with what is in them.
    multiplied.need(block->getParentOp());
    for (Slice *slice : {&weighed, &multiplied})
      slice->need(parcel.number);
  }
  needReleases(consumer, weighed);
  needReleases(consumer, multiplied);

  Block *whole = &consumer.front();
  auto copyTo = [&](Region &region, Role &&role) {
    auto b = OpBuilder::atBlockEnd(&region.emplaceBlock());
    role.copy(b, *whole);
  };
  copyTo(roles.getWeigher(), Weigher(weighed, parcels));
  copyTo(consumer, Consumers(multiplied, parcels));
  whole->dropAllReferences();
  whole->erase();

  countReaders(kernel, roles, warpgroupWarps, consumerWarps);
  bool holdsRows = roles.getWeigher().walk([](CollectOp) { return WalkResult::interrupt(); }).wasInterrupted();
  RoleRegisters registers = roleRegisters(static_cast<int64_t>(kernel.getWarps()), /*hasWeigher=*/true, holdsRows);
  roles.setProducerRegisters(registers.producer);
  roles.setWeigherRegisters(registers.weigher);
  roles.setConsumerRegisters(registers.consumer);
  return success();
}

struct DivideConsumers : lla::impl::TileDivideConsumersBase<DivideConsumers> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    for (auto roles : llvm::make_early_inc_range(kernel.getBody().getOps<RolesOp>()))
      if (roles.getWeigher().empty() && handsOver(roles) && failed(divide(kernel, roles)))
        return signalPassFailure();
    if (!handsOver(kernel))
      return;
    kernel.emitOpError("hands over outside the consumer of roles");
    signalPassFailure();
  }
};
} // namespace
