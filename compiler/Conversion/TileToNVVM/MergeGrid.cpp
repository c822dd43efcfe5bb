//===- MergeGrid.cpp - merge over the grid --------------------------------===//
//
// The state of each split (or cluster) goes to the workspace, and the CTA that arrives
// last adds them. Arrivals wrap at the number of CTAs that the op says, so the counter
// is 0 again afterwards, and no CTA ever waits for another.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/MergeParts.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include <limits>

using namespace mlir;
using namespace lla;
using tile::FragType;

/// True in the CTA that is the last of its row tile to arrive.
static Value arrive(Lane &lane, tile::MergeOp op, Value counter, Value arrivals) {
  ImplicitLocOpBuilder &b = lane.b;
  Value flag = lane.sharedPointer(lane.sharedAddress(*op.getOffset()));
  Value final = lane.add(arrivals, -1);
  NVVM::Barrier0Op::create(b);
  lane.when(lane.equal(lane.thread(), 0), [&] {
    Value before = ptx::arriveWrapping(b, counter, final);
    LLVM::StoreOp::create(b, before, flag, /*alignment=*/4);
  });
  NVVM::Barrier0Op::create(b);
  Value before = LLVM::LoadOp::create(b, b.getI32Type(), flag, /*alignment=*/4);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, final);
}

std::pair<Parts, Value> lla::mergeGrid(Lane &lane, const StateLayout &layout, tile::MergeOp op,
                                       MergeAdaptor adaptor) {
  ImplicitLocOpBuilder &b = lane.b;
  FragType from = op.getO1().getType(), to = resultType(op);
  int64_t cluster = from.getThreads() / to.getThreads(); // CTAs that share a state.
  Value places = lane.field("splits"), some = onlyValue(adaptor.getSplits());
  Value arrivals = some ? some : places, splits = lane.div(arrivals, cluster);
  Value rowTile = NVVM::BlockIdXOp::create(b, b.getI32Type());
  Value split = lane.div(NVVM::BlockIdYOp::create(b, b.getI32Type()), cluster);
  auto global = LLVM::LLVMPointerType::get(b.getContext(), 1);
  Value workspace = LLVM::IntToPtrOp::create(b, global, lane.field("workspace"));
  Value partials = lane.offset(workspace, lane.field("partials_offset"));
  Value firstState = lane.mul(lane.extend(rowTile), lane.extend(some ? lane.div(places, cluster) : splits));
  auto state = [&](Value index) { // Of one split.
    return lane.offset(partials, lane.mul(lane.add(firstState, lane.extend(index)), layout.floats() * 4));
  };
  auto at = [&](Value base, Value index) { return lane.offset(base, lane.extend(lane.mul(index, 4))); };

  Value own = state(split);
  for (int64_t i = 0; i < runsOf(from); ++i) {
    FlatRun run = lane.flat(from, i);
    auto [row, column] = position(lane, layout, run);
    auto write = [&, row = row, column = column, i = i] {
      int64_t length = tile::flatRun(from), first = i * length;
      auto values = [&](ValueRange all) { return all.slice(first, length); };
      lane.store(values(adaptor.getO1()), at(own, layout.value(lane, row, column, false)));
      if (layout.probe)
        lane.store(values(adaptor.getO2()), at(own, layout.value(lane, row, column, true)));
      lane.when(lane.equal(column, 0), [&] {
        Values stats = {adaptor.getM()[first], adaptor.getD1()[first]};
        if (layout.probe)
          stats.append({adaptor.getD2()[first], adaptor.getC()[first]});
        lane.store(stats, at(own, layout.stats(lane, row)));
      });
    };
    if (run.inside)
      lane.when(run.inside, write);
    else
      write();
  }
  Value last = arrive(lane, op, lane.offset(workspace, lane.mul(lane.extend(rowTile), 4)), arrivals);

  int64_t length = tile::flatRun(to);
  Value none = lane.f32(-std::numeric_limits<double>::infinity()), zero = lane.f32(0);
  Part empty{none, zero, {}, {}, Values(length, zero), {}};
  if (layout.probe)
    empty = Part{none, zero, zero, zero, Values(length, zero), Values(length, zero)};
  Parts start(runsOf(to), empty);
  // Only the last CTA reads on; elsewhere the results are not used.
  auto flatten = [&](ArrayRef<Part> parts) {
    Values values;
    for (const Part &part : parts) {
      values.append({part.m, part.d1});
      if (layout.probe)
        values.append({part.d2, part.c});
      llvm::append_range(values, part.o1);
      llvm::append_range(values, part.o2);
    }
    return values;
  };
  auto unflatten = [&](ValueRange values) {
    Parts parts;
    size_t stats = layout.probe ? 4 : 2;
    for (; !values.empty(); values = values.drop_front(stats + length * (layout.probe ? 2 : 1))) {
      ValueRange o = values.drop_front(stats);
      parts.push_back(partOf(layout.probe, values, Values(o.take_front(length)),
                             layout.probe ? Values(o.slice(length, length)) : Values()));
    }
    return parts;
  };
  SmallVector<Type> types(flatten(start).size(), b.getF32Type());
  auto branch = scf::IfOp::create(b, types, last, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    // Several splits at a time, fewer where a thread has more elements: their loads are in flight together.
    int64_t batch = std::clamp<int64_t>(16 / tile::registersPerLane(to), 2, 8);
    auto loop = scf::ForOp::create(b, lane.i32(0), splits, lane.i32(batch), flatten(start));
    b.setInsertionPointToStart(loop.getBody());
    Parts sums = unflatten(loop.getRegionIterArgs());
    Value final = lane.add(splits, -1);
    for (int64_t i = 0; i < runsOf(to); ++i) {
      auto [row, column] = position(lane, layout, lane.flat(to, i));
      Parts parts = {sums[i]};
      for (int64_t s = 0; s < batch; ++s) {
        Value index = lane.add(loop.getInductionVar(), s);
        Value base = state(arith::MinSIOp::create(b, index, final));
        auto values = [&, row = row, column = column](bool second) {
          return ptx::loadShared(b, at(base, layout.value(lane, row, column, second)), length);
        };
        Values stats = ptx::loadShared(b, at(base, layout.stats(lane, row)), 4), o1 = values(false);
        stats[0] = arith::SelectOp::create(b, lane.less(final, index), none, stats[0]);
        parts.push_back(partOf(layout.probe, stats, o1, layout.probe ? values(true) : Values()));
      }
      sums[i] = addParts(lane, parts);
    }
    scf::YieldOp::create(b, flatten(sums));
    b.setInsertionPointAfter(loop);
    scf::YieldOp::create(b, loop.getResults());
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, flatten(start));
  }
  return {unflatten(branch.getResults()), last};
}
