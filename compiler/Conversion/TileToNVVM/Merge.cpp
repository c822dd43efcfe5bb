//===- Merge.cpp - adding online states -----------------------------------===//
//
// Over warps: each warp writes the live rows of its state to shared memory, then
// every thread adds the warps' parts of its own output elements.
//
//     shared, per warp:  stats[row] = {m, d1, d2, c}   o1[row][column]   o2[row][column]
//
// Over a cluster: each CTA owns a share of the elements; every CTA writes its part
// of a share to the owner's shared memory, whose barrier counts the bytes, and each
// adds its own. No CTA reads another's memory, so none has to stay for it; a CTA
// that is written to waits for all that is.
//
//     shared, per CTA of the cluster:  stats[row]   {o1, o2}[element of the share]
//
// Over the grid: the state of each split (or cluster) goes to the workspace, and the
// CTA that arrives last adds them. Arrivals wrap at the number of CTAs that the op
// says, so the counter is 0 again afterwards, and no CTA ever waits for another.
//
// Parts are added as LLAOps.td's online_merge defines: rescaled to the larger m,
// shifted to the centre of the part that has it; an empty part (m = -inf) counts 0.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace lla;
using tile::FragType;

namespace {

/// One element's state; d2, c, o2 are null without a probe.
struct Part {
  Value m, d1, o1, d2, c, o2;
};

/// Adds `parts`.
static Part addParts(Lane &lane, ArrayRef<Part> parts) {
  ImplicitLocOpBuilder &b = lane.b;
  bool probe = bool(parts.front().o2);
  Value none = lane.f32(-std::numeric_limits<double>::infinity());
  Part sum = parts.front();
  for (const Part &part : parts.drop_front()) {
    if (probe) {
      Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, part.m, sum.m);
      sum.c = arith::SelectOp::create(b, larger, part.c, sum.c);
    }
    sum.m = arith::MaxNumFOp::create(b, sum.m, part.m);
  }
  sum.d1 = sum.o1 = sum.d2 = sum.o2 = Value();
  auto accumulate = [&](Value &into, Value factor, Value value) {
    into = into ? Value(math::FmaOp::create(b, factor, value, into)) : Value(arith::MulFOp::create(b, factor, value));
  };
  for (const Part &part : parts) {
    Value empty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, part.m, none);
    Value shrink = math::Exp2Op::create(b, arith::SubFOp::create(b, part.m, sum.m));
    Value factor = arith::SelectOp::create(b, empty, lane.f32(0), shrink);
    accumulate(sum.d1, factor, part.d1);
    accumulate(sum.o1, factor, part.o1);
    if (!probe)
      continue;
    Value shift = arith::SubFOp::create(b, part.c, sum.c);
    accumulate(sum.d2, factor, math::FmaOp::create(b, shift, part.d1, part.d2));
    accumulate(sum.o2, factor, math::FmaOp::create(b, shift, part.o1, part.o2));
  }
  return sum;
}

/// Where a state of `rows` x `columns` keeps its pieces, in floats.
struct StateLayout {
  int64_t rows, columns;
  bool probe;
  Value stats(Lane &lane, Value row) const { return lane.mul(row, 4); }
  Value value(Lane &lane, Value row, Value column, bool second) const {
    return lane.add(lane.add(lane.mul(row, columns), column), 4 * rows + (second ? rows * columns : 0));
  }
  int64_t floats() const { return rows * (4 + columns * (probe ? 2 : 1)); }
};

/// What each CTA of a cluster receives, and where.
struct ClusterLayout {
  ClusterLayout(tile::MergeOp op)
      : rows(op.getRows()), columns(op.getColumns()), valueBytes(op.getO2() ? 8 : 4), offset(*op.getOffset()) {
    auto result = cast<FragType>(op.getResults().front().getType());
    ctas = result.getThreads() / op.getO1().getType().getThreads();
    share = llvm::divideCeil(rows * columns, ctas);
    valuesAt = statsBytes * rows;
    partBytes = valuesAt + llvm::alignTo(share * valueBytes, 16);
  }
  static constexpr int64_t statsBytes = 16;
  int64_t rows, columns, valueBytes, offset;
  int64_t ctas, share;         ///< CTAs, and elements that each owns at most.
  int64_t valuesAt, partBytes; ///< Within a part; of a part.

  Value part(Lane &lane, Value cta) const { return lane.add(lane.sharedAddress(offset), lane.mul(cta, partBytes)); }
  Value barrier(Lane &lane) const { return lane.sharedAddress(offset + ctas * partBytes); }

  /// Bytes that all CTAs together write to this one: its elements, and the statistics of the rows these lie in.
  Value receivedBytes(Lane &lane) const {
    ImplicitLocOpBuilder &b = lane.b;
    Value end = lane.i32(rows * columns), first = lane.mul(lane.clusterRank(), share);
    first = arith::MinSIOp::create(b, first, end);
    Value last = arith::MinSIOp::create(b, lane.add(first, share), end);
    Value count = arith::SubIOp::create(b, last, first);
    Value touched =
        lane.add(arith::SubIOp::create(b, lane.div(lane.add(last, -1), columns), lane.div(first, columns)), 1);
    Value none = lane.equal(count, 0);
    touched = arith::SelectOp::create(b, none, lane.i32(0), touched);
    return lane.mul(lane.add(lane.mul(count, valueBytes), lane.mul(touched, statsBytes)), ctas);
  }
};

struct MergePattern : LanePattern<tile::MergeOp> {
  using LanePattern::LanePattern;

  LogicalResult matchAndRewrite(tile::MergeOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return rewriter.notifyMatchFailure(op, "expected an offset (tile-allocate-shared)");
    if (op.getScope() == tile::Scope::Cluster && ClusterLayout(op).ctas != facts.cluster)
      return rewriter.notifyMatchFailure(op, "expected a result over the threads of the kernel's cluster");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    StateLayout layout{static_cast<int64_t>(op.getRows()), static_cast<int64_t>(op.getColumns()), bool(op.getO2())};
    Value last = arith::ConstantIntOp::create(b, 1, 1);
    SmallVector<Part> parts;
    switch (op.getScope()) {
    case tile::Scope::Warps:
      parts = mergeWarps(lane, layout, op, adaptor);
      break;
    case tile::Scope::Cluster:
      parts = mergeCluster(lane, layout, op, adaptor);
      break;
    case tile::Scope::Grid:
      std::tie(parts, last) = mergeGrid(lane, layout, op, adaptor);
      break;
    }
    SmallVector<Values> results(op->getNumResults() - 1);
    for (const Part &part : parts) {
      Value fields[] = {part.m, part.d1, part.o1, part.d2, part.c, part.o2};
      for (auto [result, value] : llvm::zip(results, fields))
        result.push_back(value);
    }
    results.push_back({last});
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }

private:
  /// Row and column of an element.
  static std::pair<Value, Value> position(Lane &lane, const StateLayout &layout, const FlatElement &element) {
    return {lane.div(element.index, layout.columns), lane.rem(element.index, layout.columns)};
  }
  static FragType resultType(tile::MergeOp op) { return cast<FragType>(op.getResults()[2].getType()); }
  /// `count` floats of shared memory.
  static Value readFloats(Lane &lane, Value address, int64_t count) {
    Type f32 = lane.b.getF32Type();
    return LLVM::LoadOp::create(lane.b, count == 1 ? f32 : VectorType::get(count, f32), lane.sharedPointer(address),
                                /*alignment=*/4 * count);
  }
  /// `values` side by side at `pointer`.
  static void writeFloats(Lane &lane, ValueRange values, Value pointer) {
    ImplicitLocOpBuilder &b = lane.b;
    Value run = values.front();
    if (values.size() > 1) {
      run = LLVM::PoisonOp::create(b, VectorType::get(values.size(), b.getF32Type()));
      for (auto [i, value] : llvm::enumerate(values))
        run = LLVM::InsertElementOp::create(b, run, value, lane.i32(i));
    }
    LLVM::StoreOp::create(b, run, pointer, /*alignment=*/4 * values.size());
  }
  /// An element's state from what is stored of it; `values` is o1, or {o1, o2}.
  static Part partOf(Lane &lane, bool probe, Value stats, Value o1, Value o2) {
    auto stat = [&](int64_t k) { return Value(LLVM::ExtractElementOp::create(lane.b, stats, lane.i32(k))); };
    return probe ? Part{stat(0), stat(1), o1, stat(2), stat(3), o2} : Part{stat(0), stat(1), o1, {}, {}, {}};
  }

  //===--- over warps ------------------------------------------------------===//

  SmallVector<Part> mergeWarps(Lane &lane, const StateLayout &layout, tile::MergeOp op, Adaptor adaptor) const {
    Value base = lane.sharedAddress(*op.getOffset());
    writeState(lane, layout, op, adaptor, lane.add(base, lane.mul(lane.warp(), layout.floats() * 4)));
    NVVM::Barrier0Op::create(lane.b);

    SmallVector<Part> merged;
    for (int64_t i = 0, e = tile::registersPerLane(resultType(op)); i < e; ++i) {
      auto [row, column] = position(lane, layout, lane.flat(resultType(op), i));
      SmallVector<Part> parts;
      for (int64_t warp = 0; warp < static_cast<int64_t>(op.getKeyWarps()); ++warp) {
        auto read = [&](Value index, int64_t count) {
          return readFloats(lane, lane.add(lane.add(base, lane.mul(index, 4)), warp * layout.floats() * 4), count);
        };
        Value stats = read(layout.stats(lane, row), 4), o1 = read(layout.value(lane, row, column, false), 1);
        Value o2 = layout.probe ? read(layout.value(lane, row, column, true), 1) : Value();
        parts.push_back(partOf(lane, layout.probe, stats, o1, o2));
      }
      merged.push_back(addParts(lane, parts));
    }
    return merged;
  }

  /// This warp's live rows: statistics by one lane a row, values in runs of 8 columns.
  void writeState(Lane &lane, const StateLayout &layout, tile::MergeOp op, Adaptor adaptor, Value base) const {
    auto address = [&](Value index) { return lane.sharedPointer(lane.add(base, lane.mul(index, 4))); };
    auto write4 = [&](ValueRange values, Value index) { writeFloats(lane, values, address(index)); };
    FragType type = op.getO1().getType();
    int64_t halves = type.getRows() / 8;
    for (int64_t half = 0; half < halves; ++half) {
      Value row = lane.add(lane.g(), 8 * half), zero = lane.f32(0);
      lane.when(lane.less(row, lane.i32(layout.rows)), [&] {
        lane.when(lane.equal(lane.c(), 0), [&] {
          Values stats = {adaptor.getM()[half], adaptor.getD1()[half], layout.probe ? adaptor.getD2()[half] : zero,
                          layout.probe ? adaptor.getC()[half] : zero};
          write4(stats, layout.stats(lane, row));
        });
        for (int64_t block = 0; block < type.getColumns() / 8; block += 8)
          for (int64_t e = 0; e < 2; ++e) {
            int64_t first = 8 * block + 8 * e;
            if (first >= layout.columns)
              continue;
            Value column = lane.add(lane.mul(lane.c(), 16), first);
            lane.when(lane.less(column, lane.i32(layout.columns)), [&] {
              for (bool second : {false, true}) {
                if (second && !layout.probe)
                  continue;
                ValueRange values = second ? adaptor.getO2() : adaptor.getO1();
                Value index = layout.value(lane, row, column, second);
                for (int64_t x : {0, 4}) {
                  Values run;
                  for (int64_t y = x; y < x + 4; ++y)
                    run.push_back(values[((block + y) * halves + half) * 2 + e]);
                  write4(run, lane.add(index, x));
                }
              }
            });
          }
      });
    }
  }

  //===--- over a cluster --------------------------------------------------===//

  SmallVector<Part> mergeCluster(Lane &lane, const StateLayout &layout, tile::MergeOp op, Adaptor adaptor) const {
    ImplicitLocOpBuilder &b = lane.b;
    ClusterLayout cluster(op);
    NVVM::ClusterWaitOp::create(b, /*aligned=*/b.getUnitAttr()); // Every peer is open.
    Value mine = cluster.part(lane, lane.clusterRank());
    FragType from = op.getO1().getType(), to = resultType(op);
    for (int64_t i = 0, e = tile::registersPerLane(from); i < e; ++i) {
      FlatElement element = lane.flat(from, i);
      auto send = [&, i = i] {
        auto [row, column] = position(lane, layout, element);
        Value owner = lane.div(element.index, cluster.share), within = lane.rem(element.index, cluster.share);
        Value barrier = ptx::peerAddress(b, cluster.barrier(lane), owner);
        auto write = [&](ValueRange values, Value offset) {
          ptx::storeAsync(b, ptx::peerAddress(b, lane.add(mine, offset), owner), values, barrier);
        };
        Values values = {adaptor.getO1()[i]}, stats = {adaptor.getM()[i], adaptor.getD1()[i]};
        if (layout.probe) {
          values.push_back(adaptor.getO2()[i]);
          stats.append({adaptor.getD2()[i], adaptor.getC()[i]});
        } else {
          stats.append(2, lane.f32(0));
        }
        write(values, lane.add(lane.mul(within, cluster.valueBytes), cluster.valuesAt));
        Value leads = arith::OrIOp::create(b, lane.equal(within, 0), lane.equal(column, 0));
        lane.when(leads, [&, row = row] { write(stats, lane.mul(row, ClusterLayout::statsBytes)); });
      };
      if (element.inside)
        lane.when(element.inside, send);
      else
        send();
    }
    waitForPhase(lane, cluster.barrier(lane), lane.i32(0));

    SmallVector<Part> merged;
    for (int64_t i = 0, e = tile::registersPerLane(to); i < e; ++i) {
      FlatElement element = lane.flat(to, i);
      Value statsAt = lane.mul(position(lane, layout, element).first, ClusterLayout::statsBytes);
      Value valueAt = lane.add(lane.mul(element.within, cluster.valueBytes), cluster.valuesAt);
      SmallVector<Part> parts;
      for (int64_t cta = 0; cta < cluster.ctas; ++cta) {
        Value part = cluster.part(lane, lane.i32(cta));
        Value stats = readFloats(lane, lane.add(part, statsAt), 4);
        Value value = readFloats(lane, lane.add(part, valueAt), layout.probe ? 2 : 1);
        auto half = [&](int64_t k) { return Value(LLVM::ExtractElementOp::create(b, value, lane.i32(k))); };
        parts.push_back(partOf(lane, layout.probe, stats, layout.probe ? half(0) : value,
                               layout.probe ? half(1) : Value()));
      }
      merged.push_back(addParts(lane, parts));
    }
    return merged;
  }

  //===--- over the grid ---------------------------------------------------===//

  std::pair<SmallVector<Part>, Value> mergeGrid(Lane &lane, const StateLayout &layout, tile::MergeOp op,
                                                Adaptor adaptor) const {
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
    for (int64_t i = 0, e = tile::registersPerLane(from); i < e; ++i) {
      FlatElement element = lane.flat(from, i);
      auto [row, column] = position(lane, layout, element);
      auto write = [&, row = row, column = column, i = i] {
        LLVM::StoreOp::create(b, adaptor.getO1()[i], at(own, layout.value(lane, row, column, false)), 4);
        if (layout.probe)
          LLVM::StoreOp::create(b, adaptor.getO2()[i], at(own, layout.value(lane, row, column, true)), 4);
        lane.when(lane.equal(column, 0), [&] {
          Value stats = at(own, layout.stats(lane, row));
          Values values = {adaptor.getM()[i], adaptor.getD1()[i]};
          if (layout.probe)
            values.append({adaptor.getD2()[i], adaptor.getC()[i]});
          for (auto [k, value] : llvm::enumerate(values))
            LLVM::StoreOp::create(b, value, lane.offset(stats, lane.i64(4 * k)), 4);
        });
      };
      if (element.inside)
        lane.when(element.inside, write);
      else
        write();
    }
    Value last = arrive(lane, op, lane.offset(workspace, lane.mul(lane.extend(rowTile), 4)), arrivals);

    int64_t count = tile::registersPerLane(to);
    Value none = lane.f32(-std::numeric_limits<double>::infinity()), zero = lane.f32(0);
    SmallVector<Part> start(count, layout.probe ? Part{none, zero, zero, zero, zero, zero}
                                                : Part{none, zero, zero, {}, {}, {}});
    // Only the last CTA reads on; elsewhere the results are not used.
    SmallVector<Type> types(count * (layout.probe ? 6 : 3), b.getF32Type());
    auto branch = scf::IfOp::create(b, types, last, /*withElseRegion=*/true);
    auto flatten = [&](ArrayRef<Part> parts) {
      Values values;
      for (const Part &part : parts) {
        values.append({part.m, part.d1, part.o1});
        if (layout.probe)
          values.append({part.d2, part.c, part.o2});
      }
      return values;
    };
    auto unflatten = [&](ValueRange values) {
      SmallVector<Part> parts;
      for (size_t i = 0; i < values.size(); i += layout.probe ? 6 : 3) {
        Part part{values[i], values[i + 1], values[i + 2], {}, {}, {}};
        if (layout.probe) {
          part.d2 = values[i + 3];
          part.c = values[i + 4];
          part.o2 = values[i + 5];
        }
        parts.push_back(part);
      }
      return parts;
    };
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      // Several splits at a time: their loads are in flight together.
      constexpr int64_t batch = 8;
      auto loop = scf::ForOp::create(b, lane.i32(0), splits, lane.i32(batch), flatten(start));
      b.setInsertionPointToStart(loop.getBody());
      SmallVector<Part> sums = unflatten(loop.getRegionIterArgs());
      Value final = lane.add(splits, -1);
      for (int64_t i = 0; i < count; ++i) {
        auto [row, column] = position(lane, layout, lane.flat(to, i));
        SmallVector<Part> parts = {sums[i]};
        for (int64_t s = 0; s < batch; ++s) {
          Value index = lane.add(loop.getInductionVar(), s);
          Value base = state(arith::MinSIOp::create(b, index, final));
          Values stats = ptx::loadShared4(b, at(base, layout.stats(lane, row)));
          Part part{arith::SelectOp::create(b, lane.less(final, index), none, stats[0]), stats[1],
                    ptx::loadShared1(b, at(base, layout.value(lane, row, column, false))), {}, {}, {}};
          if (layout.probe) {
            part.d2 = stats[2];
            part.c = stats[3];
            part.o2 = ptx::loadShared1(b, at(base, layout.value(lane, row, column, true)));
          }
          parts.push_back(part);
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

  /// True in the CTA that is the last of its row tile to arrive.
  Value arrive(Lane &lane, tile::MergeOp op, Value counter, Value arrivals) const {
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
};

} // namespace

/// The barrier awaits what this CTA receives, and the cluster is told that it may be written to; who writes waits for
/// that first.
void lla::openCluster(ImplicitLocOpBuilder &b, tile::MergeOp merge, const KernelFacts &facts) {
  Lane lane(b, facts);
  ClusterLayout cluster(merge);
  lane.when(lane.equal(lane.thread(), 0), [&] {
    Value barrier = lane.sharedPointer(cluster.barrier(lane));
    NVVM::MBarrierInitOp::create(b, barrier, lane.i32(1), Value());
    NVVM::FenceMbarrierInitOp::create(b);
    NVVM::MBarrierArriveExpectTxOp::create(b, Type(), barrier, cluster.receivedBytes(lane), NVVM::MemScopeKind::CTA,
                                           /*relaxed=*/false, Value());
  });
  NVVM::ClusterArriveRelaxedOp::create(b, /*aligned=*/b.getUnitAttr());
}

void lla::populateMergePatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<MergePattern>(converter, patterns.getContext(), facts);
}
