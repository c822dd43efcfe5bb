//===- Merge.cpp - adding online states -----------------------------------===//
//
// Over warps: each warp writes the live rows of its state to shared memory, then
// every thread adds the warps' parts of its own output elements.
//
//     shared, per warp:  stats[row] = {m, d1, d2, c}   o1[row][column]   o2[row][column]
//
// Over the grid: the same per split in the workspace, and the CTA that arrives last
// adds the splits. Arrivals wrap at `splits`, so the counter is 0 again afterwards,
// and no CTA ever waits for another.
//
// Parts are added as LLAOps.td's online_merge defines: rescaled to the larger m,
// shifted to the centre of the part that has it; an empty part (m = -inf) counts 0.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"
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

struct MergePattern : LanePattern<tile::MergeOp> {
  using LanePattern::LanePattern;

  LogicalResult matchAndRewrite(tile::MergeOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    if (!op.getOffset())
      return rewriter.notifyMatchFailure(op, "expected an offset (tile-allocate-shared)");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    StateLayout layout{static_cast<int64_t>(op.getRows()), static_cast<int64_t>(op.getColumns()), bool(op.getO2())};
    Value last;
    SmallVector<Part> parts;
    if (op.getGrid())
      std::tie(parts, last) = mergeGrid(lane, layout, op, adaptor);
    else
      std::tie(parts, last) = mergeWarps(lane, layout, op, adaptor);
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
  /// (row, column) of a thread's element `i`; elements past the end repeat the last one.
  static std::pair<Value, Value> flatPosition(Lane &lane, const StateLayout &layout, int64_t threads, int64_t i) {
    Value index = lane.add(lane.thread(), i * threads);
    if ((i + 1) * threads > layout.rows * layout.columns)
      index = arith::MinSIOp::create(lane.b, index, lane.i32(layout.rows * layout.columns - 1));
    return {lane.div(index, layout.columns), lane.rem(index, layout.columns)};
  }

  //===--- over warps ------------------------------------------------------===//

  std::pair<SmallVector<Part>, Value> mergeWarps(Lane &lane, const StateLayout &layout, tile::MergeOp op,
                                                 Adaptor adaptor) const {
    ImplicitLocOpBuilder &b = lane.b;
    Value base = lane.sharedAddress(*op.getOffset());
    writeState(lane, layout, op, adaptor, lane.add(base, lane.mul(lane.warp(), layout.floats() * 4)));
    NVVM::Barrier0Op::create(b);

    auto flat = cast<FragType>(op.getResults()[2].getType());
    auto read = [&](int64_t warp, Value index, int64_t count) {
      Value address = lane.add(lane.add(base, lane.mul(index, 4)), warp * layout.floats() * 4);
      Type type = count == 1 ? Type(b.getF32Type()) : VectorType::get(count, b.getF32Type());
      return Value(LLVM::LoadOp::create(b, type, lane.sharedPointer(address), /*alignment=*/4 * count));
    };
    SmallVector<Part> merged;
    for (int64_t i = 0, e = tile::registersPerLane(flat); i < e; ++i) {
      auto [row, column] = flatPosition(lane, layout, flat.getThreads(), i);
      SmallVector<Part> parts;
      for (int64_t warp = 0; warp < static_cast<int64_t>(op.getKeyWarps()); ++warp) {
        Value stats = read(warp, layout.stats(lane, row), 4);
        auto stat = [&](int64_t k) { return Value(LLVM::ExtractElementOp::create(b, stats, lane.i32(k))); };
        Part part{stat(0), stat(1), read(warp, layout.value(lane, row, column, false), 1), {}, {}, {}};
        if (layout.probe) {
          part.d2 = stat(2);
          part.c = stat(3);
          part.o2 = read(warp, layout.value(lane, row, column, true), 1);
        }
        parts.push_back(part);
      }
      merged.push_back(addParts(lane, parts));
    }
    return {merged, arith::ConstantIntOp::create(b, 1, 1)};
  }

  /// This warp's live rows: statistics by one lane a row, values in runs of 8 columns.
  void writeState(Lane &lane, const StateLayout &layout, tile::MergeOp op, Adaptor adaptor, Value base) const {
    ImplicitLocOpBuilder &b = lane.b;
    auto address = [&](Value index) { return lane.sharedPointer(lane.add(base, lane.mul(index, 4))); };
    auto write4 = [&](ValueRange values, Value index) {
      Value vector = LLVM::PoisonOp::create(b, VectorType::get(4, b.getF32Type()));
      for (auto [i, value] : llvm::enumerate(values))
        vector = LLVM::InsertElementOp::create(b, vector, value, lane.i32(i));
      LLVM::StoreOp::create(b, vector, address(index), /*alignment=*/16);
    };
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

  //===--- over the grid ---------------------------------------------------===//

  std::pair<SmallVector<Part>, Value> mergeGrid(Lane &lane, const StateLayout &layout, tile::MergeOp op,
                                                Adaptor adaptor) const {
    ImplicitLocOpBuilder &b = lane.b;
    auto flat = cast<FragType>(op.getO1().getType());
    Value splits = lane.field("splits");
    Value rowTile = NVVM::BlockIdXOp::create(b, b.getI32Type()), split = NVVM::BlockIdYOp::create(b, b.getI32Type());
    auto global = LLVM::LLVMPointerType::get(b.getContext(), 1);
    Value workspace = LLVM::IntToPtrOp::create(b, global, lane.field("workspace"));
    Value partials = lane.offset(workspace, lane.field("partials_offset"));
    Value firstState = lane.mul(lane.extend(rowTile), lane.extend(splits));
    auto state = [&](Value index) { // Of one split.
      return lane.offset(partials, lane.mul(lane.add(firstState, lane.extend(index)), layout.floats() * 4));
    };
    auto at = [&](Value base, Value index) { return lane.offset(base, lane.extend(lane.mul(index, 4))); };

    int64_t count = tile::registersPerLane(flat);
    Value own = state(split);
    for (int64_t i = 0; i < count; ++i) {
      auto [row, column] = flatPosition(lane, layout, flat.getThreads(), i);
      LLVM::StoreOp::create(b, adaptor.getO1()[i], at(own, layout.value(lane, row, column, false)), 4);
      if (layout.probe)
        LLVM::StoreOp::create(b, adaptor.getO2()[i], at(own, layout.value(lane, row, column, true)), 4);
      lane.when(lane.equal(column, 0), [&, row = row, i = i] {
        Value stats = at(own, layout.stats(lane, row));
        Values values = {adaptor.getM()[i], adaptor.getD1()[i]};
        if (layout.probe)
          values.append({adaptor.getD2()[i], adaptor.getC()[i]});
        for (auto [k, value] : llvm::enumerate(values))
          LLVM::StoreOp::create(b, value, lane.offset(stats, lane.i64(4 * k)), 4);
      });
    }
    Value last = arrive(lane, op, lane.offset(workspace, lane.mul(lane.extend(rowTile), 4)), splits);

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
        auto [row, column] = flatPosition(lane, layout, flat.getThreads(), i);
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
  Value arrive(Lane &lane, tile::MergeOp op, Value counter, Value splits) const {
    ImplicitLocOpBuilder &b = lane.b;
    Value flag = lane.sharedPointer(lane.sharedAddress(*op.getOffset()));
    Value final = lane.add(splits, -1);
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

void lla::populateMergePatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<MergePattern>(converter, patterns.getContext(), facts);
}
