//===- MergeByWarp.cpp - merges of accumulators ---------------------------===//
//
// Where each warp has rows of its own (load = ring), it merges them by itself, with the
// warps of its number in the other splits' CTAs. Its lanes write their registers to the
// workspace, 16 bytes side by side, and read those of others back, in the order of the
// splits: the sum does not depend on who is last.
//
//   cluster   once all of it have written, each CTA adds a share of the value columns
//   grid      the last of the warps to arrive adds all; none waits for another
//
//     workspace, of each row tile and split:  [warp][state]; in clusters behind it [warp][share of a state]
//     of a state:                             [registers / 4][lane][4]
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/MergeParts.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include <limits>

using namespace mlir;
using namespace lla;

namespace {

constexpr int64_t laneRows = 2, pieceFloats = 4, warpLanes = 32, pieceBytes = warpLanes * pieceFloats * 4;
/// Values of o1 that are added at a time, and registers that what is read then takes: beside all sums there is no room
/// for all of a state.
constexpr int64_t together = 32, mostRead = 80;

/// A lane's registers of a warp's state, the op's results one behind the other: m, d1, o1 [d2, c, o2].
struct Registers {
  int64_t valueCount; ///< Of o1.
  bool probe;

  int64_t strands() const { return probe ? 2 : 1; }
  int64_t strand() const { return 2 * laneRows + valueCount; } ///< m, d1, o1; or d2, c, o2.
  int64_t count() const { return strands() * strand(); }
  int64_t warpBytes() const { return count() * warpLanes * 4; }
  /// The statistics, and values [first, first + some) of o1 and of o2.
  SmallVector<int64_t> range(int64_t first, int64_t some) const {
    SmallVector<int64_t> indices;
    for (int64_t begin = 0; begin < count(); begin += strand()) {
      int64_t values = begin + 2 * laneRows;
      llvm::append_range(indices, llvm::seq(begin, values));
      llvm::append_range(indices, llvm::seq(values + first, values + first + some));
    }
    return indices;
  }

  /// Where the statistics of row h, and its elements of those values, are.
  struct Places {
    int64_t m, d1, d2, c;
    SmallVector<int64_t> o1, o2;
  };
  Places placesOf(int64_t h, int64_t first, int64_t some) const {
    Places places{h, laneRows + h, strand() + h, strand() + laneRows + h, {}, {}};
    for (int64_t i = first; i < first + some; ++i)
      if (i / 2 % laneRows == h) { // FragmentLayout.h: accumulator.
        places.o1.push_back(2 * laneRows + i);
        places.o2.push_back(strand() + 2 * laneRows + i);
      }
    return places;
  }
  Part part(ArrayRef<Value> all, const Places &at) const {
    auto pick = [&](int64_t index) { return all[index]; };
    Part part{all[at.m], all[at.d1], {}, {}, llvm::map_to_vector<6>(at.o1, pick), {}};
    if (probe)
      part.d2 = all[at.d2], part.c = all[at.c], part.o2 = llvm::map_to_vector<6>(at.o2, pick);
    return part;
  }
  void set(MutableArrayRef<Value> all, const Places &at, const Part &part) const {
    all[at.m] = part.m, all[at.d1] = part.d1;
    for (auto [index, value] : llvm::zip(at.o1, part.o1))
      all[index] = value;
    if (!probe)
      return;
    all[at.d2] = part.d2, all[at.c] = part.c;
    for (auto [index, value] : llvm::zip(at.o2, part.o2))
      all[index] = value;
  }
};

/// Where CTAs, at the same distance from each other, leave states that are added; for this lane.
struct Partials {
  Registers kept;
  Value first;
  int64_t distance;
  Value firstRead; ///< Piece of a strand's values that is the first to be read, i32; null: the first.

  Value of(Lane &lane, Value cta) const { return lane.offset(first, lane.mul(lane.extend(cta), distance)); }
};

Value piece(Lane &lane, Value state, int64_t i) { return lane.offset(state, lane.i64(i * pieceBytes)); }

/// Reads `indices` of what `to` gets of a CTA's state.
Values read(Lane &lane, const Partials &partials, const Registers &to, ArrayRef<int64_t> indices, Value cta) {
  Value state = partials.of(lane, cta), values = state;
  if (partials.firstRead)
    values = lane.offset(state, lane.extend(lane.mul(partials.firstRead, pieceBytes)));
  Values part(to.count());
  for (size_t x = 0; x < indices.size(); x += pieceFloats) {
    int64_t strand = indices[x] / to.strand(), within = indices[x] % to.strand();
    int64_t place = (strand * partials.kept.strand() + within) / pieceFloats;
    Value from = piece(lane, within < 2 * laneRows ? state : values, place);
    llvm::copy(ptx::loadShared(lane.b, from, pieceFloats), part.begin() + indices[x]);
  }
  return part;
}

/// Adds up the statistics and values [first, first + some) of what `to` gets of `count` CTAs, to their places in
/// `sums`.
void addRange(Lane &lane, const Partials &partials, const Registers &to, int64_t first, int64_t some, Value count,
              MutableArrayRef<Value> sums) {
  ImplicitLocOpBuilder &b = lane.b;
  SmallVector<int64_t> range = to.range(first, some);
  auto inRange = [&] { return llvm::map_to_vector<6>(range, [&](int64_t index) { return sums[index]; }); };
  Value none = lane.f32(-std::numeric_limits<double>::infinity()), last = lane.add(count, -1);
  for (int64_t index : range)
    sums[index] = index < laneRows ? none : lane.f32(0); // m first.
  // Several CTAs' at a time, whose loads are in flight together.
  int64_t batch = std::clamp<int64_t>(mostRead / static_cast<int64_t>(range.size()), 1, 4);
  auto loop = scf::ForOp::create(b, lane.i32(0), count, lane.i32(batch), inRange());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  for (auto [index, carried] : llvm::zip(range, loop.getRegionIterArgs()))
    sums[index] = carried;
  SmallVector<Values> parts;
  for (int64_t i = 0; i < batch; ++i) {
    Value cta = lane.add(loop.getInductionVar(), i);
    parts.push_back(read(lane, partials, to, range, arith::MinSIOp::create(b, cta, last)));
    for (int64_t h = 0; h < laneRows && i > 0; ++h)
      parts.back()[h] = arith::SelectOp::create(b, lane.less(last, cta), none, parts.back()[h]);
  }
  // One after the other: warps whose value columns overlap add them in ranges of other sizes, to the same bits.
  for (int64_t h = 0; h < laneRows; ++h) {
    Registers::Places places = to.placesOf(h, first, some);
    for (const Values &part : parts)
      to.set(sums, places, addParts(lane, {to.part(sums, places), to.part(part, places)}));
  }
  scf::YieldOp::create(b, inRange());
  for (auto [index, sum] : llvm::zip(range, loop.getResults()))
    sums[index] = sum;
}

/// What `to` gets of `count` CTAs.
Values addAll(Lane &lane, const Partials &partials, const Registers &to, Value count) {
  Values sums(to.count());
  for (int64_t first = 0; first < to.valueCount; first += together)
    addRange(lane, partials, to, first, std::min(together, to.valueCount - first), count, sums);
  return sums;
}

/// True in the lanes of the warp that is the last of `arrivals`.
Value arrive(Lane &lane, Value counter, Value arrivals) {
  ImplicitLocOpBuilder &b = lane.b;
  Value all = lane.i32(-1), final = lane.add(arrivals, -1);
  NVVM::SyncWarpOp::create(b, all);
  auto first = scf::IfOp::create(b, b.getI32Type(), lane.equal(lane.lane(), 0), /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(first.thenBlock());
    scf::YieldOp::create(b, ptx::arriveWrapping(b, counter, final));
    b.setInsertionPointToStart(first.elseBlock());
    scf::YieldOp::create(b, lane.i32(0));
  }
  Value before = lane.ofLane(first.getResult(0), lane.i32(0));
  NVVM::SyncWarpOp::create(b, all);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, final);
}

} // namespace

SmallVector<Values> lla::mergeByWarp(Lane &lane, tile::MergeOp op, MergeAdaptor adaptor) {
  ImplicitLocOpBuilder &b = lane.b;
  bool probe(op.getO2()), overCluster = op.getScope() == tile::Scope::Cluster;
  int64_t warps = lane.facts.warps, cluster = lane.facts.cluster;
  Registers share{tile::registersPerLane(resultType(op)), probe}, whole{cluster * share.valueCount, probe};
  Registers kept = overCluster ? whole : share;
  Values own;
  auto keep = [&](ValueRange first, ValueRange second, ValueRange values) {
    llvm::append_range(own, first);
    llvm::append_range(own, second);
    llvm::append_range(own, values.take_front(kept.valueCount)); // Of sums behind the values there is no need.
  };
  keep(adaptor.getM(), adaptor.getD1(), adaptor.getO1());
  if (probe)
    keep(adaptor.getD2(), adaptor.getC(), adaptor.getO2());

  Value places = lane.field("splits"), some = onlyValue(adaptor.getSplits());
  Value groups = lane.div(some ? some : places, cluster);
  Value warp = lane.add(lane.warp(), -lane.facts.producerWarps), rank = lane.clusterRank();
  // Where the row tile's states and counters begin, and this CTA's group is among those that merge.
  Value firstState = onlyValue(adaptor.getFirst()), firstCounter = firstState, group = onlyValue(adaptor.getPlace());
  if (!firstState) {
    Value rowTile = NVVM::BlockIdXOp::create(b, b.getI32Type());
    firstState = lane.mul(lane.extend(rowTile), lane.extend(places));
    firstCounter = lane.mul(rowTile, cluster);
    group = lane.div(NVVM::BlockIdYOp::create(b, b.getI32Type()), cluster);
  } else {
    firstState = lane.extend(firstState);
  }
  auto global = LLVM::LLVMPointerType::get(b.getContext(), 1);
  Value workspace = LLVM::IntToPtrOp::create(b, global, lane.field("workspace"));
  // Of a CTA: whole states for its cluster, then shares for the grid; without clusters a share is the whole.
  int64_t ofWarps = warps * whole.warpBytes(), ofCta = ofWarps + (cluster > 1 ? warps * share.warpBytes() : 0);
  auto stateOf = [&](Value cta) {
    Value first = lane.offset(workspace, lane.field("partials_offset"));
    first = lane.offset(first, lane.mul(lane.add(firstState, cta), ofCta));
    Value within = lane.add(lane.mul(warp, kept.warpBytes()), lane.mul(lane.lane(), pieceFloats * 4));
    return lane.offset(first, lane.extend(lane.add(within, cluster > 1 && !overCluster ? ofWarps : 0)));
  };
  Partials partials{kept, {}, ofCta, {}};
  Value place = rank;
  if (overCluster) {
    partials.first = stateOf(lane.extend(lane.mul(group, cluster)));
    partials.firstRead = lane.mul(rank, share.valueCount / pieceFloats);
  } else {
    partials.first = stateOf(lane.extend(rank));
    partials.distance = cluster * ofCta;
    place = group;
  }
  Value state = partials.of(lane, place);
  for (int64_t i = 0; i < kept.count() / pieceFloats; ++i)
    lane.store(ValueRange(own).slice(i * pieceFloats, pieceFloats), piece(lane, state, i));

  Values merged;
  Value last = arith::ConstantIntOp::create(b, 1, 1);
  if (overCluster) {
    NVVM::ClusterArriveOp::create(b, /*aligned=*/b.getUnitAttr());
    NVVM::ClusterWaitOp::create(b, /*aligned=*/b.getUnitAttr());
    merged = addAll(lane, partials, share, lane.i32(cluster));
  } else {
    Value counter = lane.add(lane.mul(lane.add(firstCounter, rank), warps), warp);
    last = arrive(lane, lane.offset(workspace, lane.mul(lane.extend(counter), 4)), groups);
    SmallVector<Type> types(share.count(), b.getF32Type());
    auto branch = scf::IfOp::create(b, types, last, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, addAll(lane, partials, share, groups));
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, own);
    merged = branch.getResults();
  }
  SmallVector<Values> results;
  ValueRange rest = merged;
  for (int64_t strand = 0; strand < share.strands(); ++strand)
    for (int64_t count : {laneRows, laneRows, share.valueCount}) {
      results.push_back(rest.take_front(count));
      rest = rest.drop_front(count);
    }
  results.push_back({last});
  return results;
}
