//===- Merge.cpp - adding online states -----------------------------------===//
//
// Over warps: each warp writes the live rows of its state to shared memory, then
// every thread adds the warps' parts of its own output elements.
//
//     shared, per warp:  stats[row] = {m, d1, d2, c}   o1[row][column]   o2[row][column]
//
// Over a cluster, see MergeCluster.cpp; over the grid, MergeGrid.cpp; of accumulators over
// either, MergeByWarp.cpp. A thread adds runs of elements of a row (FragmentLayout.h): the
// weights of the parts are formed once for each.
//
// Parts are added as LLAOps.td's online_merge defines: rescaled to the larger m,
// shifted to the centre of the part that has it; an empty part (m = -inf) counts 0.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/MergeParts.h"

using namespace mlir;
using namespace lla;
using tile::FragType;

/// This warp's live rows: statistics by one lane a row, values in runs of 8 columns.
static void writeState(Lane &lane, const StateLayout &layout, tile::MergeOp op, MergeAdaptor adaptor, Value base) {
  auto address = [&](Value index) { return lane.sharedPointer(lane.add(base, lane.mul(index, 4))); };
  auto write4 = [&](ValueRange values, Value index) { lane.store(values, address(index)); };
  FragType type = op.getO1().getType();
  auto writeRun = [&](Value row, const tile::ColumnRun &run) {
    if (run.first.offset >= layout.columns)
      return;
    Value column = lane.at(lane.i32(0), run.first);
    lane.when(lane.less(column, lane.i32(layout.columns)), [&] {
      for (bool second : {false, true}) {
        if (second && !layout.probe)
          continue;
        ValueRange values = second ? adaptor.getO2() : adaptor.getO1();
        Values elements = llvm::map_to_vector(run.registers, [&](int64_t i) -> Value { return values[i]; });
        Value index = layout.value(lane, row, column, second);
        for (int64_t x : {0, 4})
          write4(ValueRange(elements).slice(x, 4), lane.add(index, x));
      }
    });
  };
  for (int64_t i = 0; i < tile::rowsPerLane(type); ++i) {
    Value row = lane.at(lane.i32(0), tile::rowPosition(type, i)), zero = lane.f32(0);
    lane.when(lane.less(row, lane.i32(layout.rows)), [&] {
      lane.when(lane.isFirstOfRow(type), [&] {
        Values stats = {adaptor.getM()[i], adaptor.getD1()[i], layout.probe ? adaptor.getD2()[i] : zero,
                        layout.probe ? adaptor.getC()[i] : zero};
        write4(stats, layout.stats(lane, row));
      });
      for (const tile::ColumnRun &run : tile::columnRuns(type, i))
        writeRun(row, run);
    });
  }
}

static Parts mergeWarps(Lane &lane, const StateLayout &layout, tile::MergeOp op, MergeAdaptor adaptor) {
  Value base = lane.sharedAddress(*op.getOffset());
  writeState(lane, layout, op, adaptor, lane.add(base, lane.mul(lane.warp(), layout.floats() * 4)));
  NVVM::Barrier0Op::create(lane.b);

  Parts merged;
  FragType type = resultType(op);
  for (int64_t i = 0; i < runsOf(type); ++i) {
    auto [row, column] = position(lane, layout, lane.flat(type, i));
    Parts parts;
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

namespace {

struct MergePattern : LanePattern<tile::MergeOp> {
  using LanePattern::LanePattern;

  LogicalResult matchAndRewrite(tile::MergeOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    if (op.getO1().getType().getLayout() == tile::Layout::Accumulator) {
      constexpr int64_t sumColumns = 8; // Behind the values; or none.
      int64_t columns = op.getO1().getType().getColumns(), shares = resultType(op).getColumns() * facts.cluster;
      if (op.getScope() == tile::Scope::Cluster && columns != shares && columns != shares + sumColumns)
        return op.emitOpError() << "expected the " << facts.cluster << " CTAs of the kernel's cluster to share "
                                << columns << " columns, got " << shares;
      ImplicitLocOpBuilder b(op.getLoc(), rewriter);
      Lane lane(b, facts);
      rewriter.replaceOpWithMultiple(op, mergeByWarp(lane, op, adaptor));
      return success();
    }
    if (!op.getOffset())
      return rewriter.notifyMatchFailure(op, "expected an offset (tile-allocate-shared)");
    int64_t ctas = resultType(op).getThreads() / facts.threads();
    if (op.getScope() == tile::Scope::Cluster && ctas != facts.cluster)
      return rewriter.notifyMatchFailure(op, "expected a result over the threads of the kernel's cluster");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    StateLayout layout{static_cast<int64_t>(op.getRows()), static_cast<int64_t>(op.getColumns()), bool(op.getO2())};
    Value last = arith::ConstantIntOp::create(b, 1, 1);
    Parts parts;
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
};

} // namespace

void lla::populateMergePatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<MergePattern>(converter, patterns.getContext(), facts);
}
