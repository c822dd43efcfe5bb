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
// A thread adds runs of elements of a row (FragmentLayout.h): the weights of the parts are
// formed once for each.
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

/// The state of a run of elements of one row; without a probe d2, c are null and there are no o2.
struct Part {
  Value m, d1, d2, c;
  Values o1, o2;
};

/// Adds `parts`. What the row's statistics give is formed once for the run.
static Part addParts(Lane &lane, ArrayRef<Part> parts) {
  ImplicitLocOpBuilder &b = lane.b;
  bool probe = bool(parts.front().d2);
  size_t length = parts.front().o1.size();
  Value none = lane.f32(-std::numeric_limits<double>::infinity());
  Part sum{parts.front().m, {}, {}, parts.front().c, Values(length), Values(probe ? length : 0)};
  for (const Part &part : parts.drop_front()) {
    if (probe) {
      Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, part.m, sum.m);
      sum.c = arith::SelectOp::create(b, larger, part.c, sum.c);
    }
    sum.m = arith::MaxNumFOp::create(b, sum.m, part.m);
  }
  auto accumulate = [&](Value &into, Value factor, Value value) {
    into = into ? Value(math::FmaOp::create(b, factor, value, into)) : Value(arith::MulFOp::create(b, factor, value));
  };
  for (const Part &part : parts) {
    Value empty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, part.m, none);
    Value shrink = math::Exp2Op::create(b, arith::SubFOp::create(b, part.m, sum.m));
    Value factor = arith::SelectOp::create(b, empty, lane.f32(0), shrink);
    accumulate(sum.d1, factor, part.d1);
    for (size_t x = 0; x < length; ++x)
      accumulate(sum.o1[x], factor, part.o1[x]);
    if (!probe)
      continue;
    Value shift = arith::SubFOp::create(b, part.c, sum.c);
    accumulate(sum.d2, factor, math::FmaOp::create(b, shift, part.d1, part.d2));
    for (size_t x = 0; x < length; ++x)
      accumulate(sum.o2[x], factor, math::FmaOp::create(b, shift, part.o1[x], part.o2[x]));
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
    share = flatShare(rows * columns, ctas);
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
    for (const Part &part : parts)
      for (size_t x = 0; x < part.o1.size(); ++x) {
        Value fields[] = {part.m, part.d1, part.o1[x], part.d2, part.c, layout.probe ? part.o2[x] : Value()};
        for (auto [result, value] : llvm::zip(results, fields))
          result.push_back(value);
      }
    results.push_back({last});
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }

private:
  /// Row of a run, and column of its first element.
  static std::pair<Value, Value> position(Lane &lane, const StateLayout &layout, const FlatRun &run) {
    return {lane.div(run.index, layout.columns), lane.rem(run.index, layout.columns)};
  }
  static FragType resultType(tile::MergeOp op) { return cast<FragType>(op.getResults()[2].getType()); }
  static int64_t runsOf(FragType type) { return tile::registersPerLane(type) / tile::flatRun(type); }
  /// `count` floats of shared memory: 1, 2 or 4.
  static Values readFloats(Lane &lane, Value address, int64_t count) {
    ImplicitLocOpBuilder &b = lane.b;
    Type type = count == 1 ? Type(b.getF32Type()) : VectorType::get(count, b.getF32Type());
    Value read = LLVM::LoadOp::create(b, type, lane.sharedPointer(address), /*alignment=*/4 * count);
    if (count == 1)
      return {read};
    Values floats;
    for (int64_t i = 0; i < count; ++i)
      floats.push_back(LLVM::ExtractElementOp::create(b, read, lane.i32(i)));
    return floats;
  }
  /// `values` side by side at `pointer`, likewise.
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
  /// A run's state from what is stored of it.
  static Part partOf(bool probe, ValueRange stats, Values o1, Values o2) {
    return probe ? Part{stats[0], stats[1], stats[2], stats[3], std::move(o1), std::move(o2)}
                 : Part{stats[0], stats[1], {}, {}, std::move(o1), {}};
  }

  //===--- over warps ------------------------------------------------------===//

  SmallVector<Part> mergeWarps(Lane &lane, const StateLayout &layout, tile::MergeOp op, Adaptor adaptor) const {
    Value base = lane.sharedAddress(*op.getOffset());
    writeState(lane, layout, op, adaptor, lane.add(base, lane.mul(lane.warp(), layout.floats() * 4)));
    NVVM::Barrier0Op::create(lane.b);

    SmallVector<Part> merged;
    FragType type = resultType(op);
    for (int64_t i = 0; i < runsOf(type); ++i) {
      auto [row, column] = position(lane, layout, lane.flat(type, i));
      SmallVector<Part> parts;
      for (int64_t warp = 0; warp < static_cast<int64_t>(op.getKeyWarps()); ++warp) {
        auto read = [&](Value index, int64_t count) {
          return readFloats(lane, lane.add(lane.add(base, lane.mul(index, 4)), warp * layout.floats() * 4), count);
        };
        auto values = [&](bool second) { return read(layout.value(lane, row, column, second), tile::flatRun(type)); };
        Values stats = read(layout.stats(lane, row), 4), o1 = values(false);
        parts.push_back(partOf(layout.probe, stats, o1, layout.probe ? values(true) : Values()));
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
    for (int64_t i = 0; i < runsOf(from); ++i) {
      FlatRun run = lane.flat(from, i);
      auto send = [&, i = i] {
        auto [row, column] = position(lane, layout, run);
        Value owner = lane.div(run.index, cluster.share), within = lane.rem(run.index, cluster.share);
        Value barrier = ptx::peerAddress(b, cluster.barrier(lane), owner);
        auto write = [&](ValueRange values, Value offset) {
          ptx::storeAsync(b, ptx::peerAddress(b, lane.add(mine, offset), owner), values, barrier);
        };
        int64_t length = tile::flatRun(from), first = i * length;
        Values values, stats = {adaptor.getM()[first], adaptor.getD1()[first]};
        for (int64_t x = first; x < first + length; ++x) {
          values.push_back(adaptor.getO1()[x]);
          if (layout.probe)
            values.push_back(adaptor.getO2()[x]);
        }
        if (layout.probe)
          stats.append({adaptor.getD2()[first], adaptor.getC()[first]});
        else
          stats.append(2, lane.f32(0));
        Value at = lane.add(lane.mul(within, cluster.valueBytes), cluster.valuesAt);
        write(values, at);
        Value leads = arith::OrIOp::create(b, lane.equal(within, 0), lane.equal(column, 0));
        lane.when(leads, [&, row = row] { write(stats, lane.mul(row, ClusterLayout::statsBytes)); });
      };
      if (run.inside)
        lane.when(run.inside, send);
      else
        send();
    }
    waitForPhase(lane, cluster.barrier(lane), lane.i32(0));

    SmallVector<Part> merged;
    int64_t strands = layout.probe ? 2 : 1;
    for (int64_t i = 0; i < runsOf(to); ++i) {
      FlatRun run = lane.flat(to, i);
      Value statsAt = lane.mul(position(lane, layout, run).first, ClusterLayout::statsBytes);
      Value valueAt = lane.add(lane.mul(run.within, cluster.valueBytes), cluster.valuesAt);
      SmallVector<Part> parts;
      for (int64_t cta = 0; cta < cluster.ctas; ++cta) {
        Value part = cluster.part(lane, lane.i32(cta));
        Values stats = readFloats(lane, lane.add(part, statsAt), 4);
        Values values = readFloats(lane, lane.add(part, valueAt), strands * tile::flatRun(to)), o1, o2;
        for (size_t x = 0; x < values.size(); ++x)
          (x % strands == 0 ? o1 : o2).push_back(values[x]);
        parts.push_back(partOf(layout.probe, stats, o1, o2));
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
    for (int64_t i = 0; i < runsOf(from); ++i) {
      FlatRun run = lane.flat(from, i);
      auto [row, column] = position(lane, layout, run);
      auto write = [&, row = row, column = column, i = i] {
        int64_t length = tile::flatRun(from), first = i * length;
        auto values = [&](ValueRange all) { return all.slice(first, length); };
        writeFloats(lane, values(adaptor.getO1()), at(own, layout.value(lane, row, column, false)));
        if (layout.probe)
          writeFloats(lane, values(adaptor.getO2()), at(own, layout.value(lane, row, column, true)));
        lane.when(lane.equal(column, 0), [&] {
          Values stats = {adaptor.getM()[first], adaptor.getD1()[first]};
          if (layout.probe)
            stats.append({adaptor.getD2()[first], adaptor.getC()[first]});
          writeFloats(lane, stats, at(own, layout.stats(lane, row)));
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
    SmallVector<Part> start(runsOf(to), empty);
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
      SmallVector<Part> parts;
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
      SmallVector<Part> sums = unflatten(loop.getRegionIterArgs());
      Value final = lane.add(splits, -1);
      for (int64_t i = 0; i < runsOf(to); ++i) {
        auto [row, column] = position(lane, layout, lane.flat(to, i));
        SmallVector<Part> parts = {sums[i]};
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
