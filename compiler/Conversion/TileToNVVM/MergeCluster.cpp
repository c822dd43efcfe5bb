//===- MergeCluster.cpp - merge over a cluster ----------------------------===//
//
// Each CTA owns a share of the elements; every CTA writes its part of a share to the
// owner's shared memory, whose barrier counts the bytes, and each adds its own. No CTA
// reads another's memory, so none has to stay for it; a CTA that is written to waits
// for all that is.
//
//     shared, per CTA of the cluster:  stats[row]   {o1, o2}[element of the share]
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/MergeParts.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lla;
using tile::FragType;

namespace {

/// What each CTA of a cluster receives, and where.
struct ClusterLayout {
  ClusterLayout(tile::MergeOp op)
      : rows(op.getRows()), columns(op.getColumns()), valueBytes(op.getO2() ? 8 : 4), offset(*op.getOffset()) {
    auto result = cast<FragType>(op.getResults().front().getType());
    ctas = result.getThreads() / op.getO1().getType().getThreads();
    share = tile::flatShare(rows * columns, ctas);
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

Parts lla::mergeCluster(Lane &lane, const StateLayout &layout, tile::MergeOp op, MergeAdaptor adaptor) {
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

  Parts merged;
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
