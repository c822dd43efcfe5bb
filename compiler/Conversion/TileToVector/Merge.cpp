//===- Merge.cpp - adding the partial states of a row tile's splits -------===//
//
// Each split's task writes its state to the workspace and counts itself in; the
// last one reads all and adds them with the algebra of lla.online_merge:
//
//     M = max m_i    C = c of the split that has it    f_i = 2^(m_i - M), 0 if it saw no key
//     d1 = sum f_i d1_i                 O1 = sum f_i O1_i
//     d2 = sum f_i (d2_i + (c_i - C) d1_i)     O2 likewise
//
// The counter wraps to 0 with the last arrival, of as many as the op says. It is
// incremented acq_rel: the partials are written before, and read after, by whoever
// sees the others' counts. All operands are in the workspace before a result is
// written (BufferPlan relies on it).
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"
#include <limits>

using namespace mlir;
using namespace lla;

namespace {
class GridMerge {
public:
  GridMerge(HostTask &task, tile::MergeOp op) : task(task), v(task.v), b(task.b), op(op) {
    dim = op.getColumns();
    probe = bool(op.getO2());
    floats = (probe ? 2 : 1) * dim + 4;
    places = v.toIndex(task.field("splits"));
    arriving = op.getSplits() ? task.scalar(op.getSplits()) : task.field("splits");
    splits = v.toIndex(arriving);
    tileIndex = v.toIndex(task.gridX);
    workspace = task.field("workspace");
    partials = v.at(workspace, task.field("partials_offset"), b.getI8Type());
  }

  Value emit() {
    v.loop(op.getRows(), 1, [&](Value row) { writePartial(row); });
    Value last = arrive();
    v.branch(last, [&] { v.loop(op.getRows(), 1, [&](Value row) { mergeRow(row); }); });
    return last;
  }

private:
  /// The op's results, in order.
  enum Result { M, D1, O1, D2, C, O2 };

  // Positions in a row's partial, in floats (Resources.h: partialRowFloats).
  int64_t o1() const { return 0; }
  int64_t o2() const { return dim; }
  int64_t m() const { return floats - 4; }
  int64_t d1() const { return floats - 3; }
  int64_t d2() const { return floats - 2; }
  int64_t c() const { return floats - 1; }

  /// The partial state of a row (i64) of one split (i64).
  Value partial(Value split, Value row) {
    Value state = v.add(v.mul(tileIndex, places), split);
    Value index = v.add(v.mul(state, v.index(op.getRows())), row);
    return v.at(partials, v.mul(index, v.index(floats)), b.getF32Type());
  }
  Value in(Value pointer, int64_t position) { return v.at(pointer, b.getI64IntegerAttr(position), b.getF32Type()); }
  Value read(Value pointer, int64_t position) { return v.loadScalar(in(pointer, position), b.getF32Type()); }

  void writePartial(Value row) {
    Value to = partial(v.toIndex(task.gridY), row);
    auto statistic = [&](Value frag, int64_t position) {
      DenseTile tile = task.tile(frag);
      v.storeScalar(v.loadScalar(task.address(tile, row, 0), tile.element), in(to, position), b.getF32Type());
    };
    auto values = [&](Value frag, int64_t position) {
      DenseTile tile = task.tile(frag);
      forEachVector([&](int64_t column, int64_t live) {
        v.store(v.load(task.address(tile, row, column), tile.element), in(to, position + column), b.getF32Type(), live);
      });
    };
    statistic(op.getM(), m());
    statistic(op.getD1(), d1());
    values(op.getO1(), o1());
    if (!probe)
      return;
    statistic(op.getD2(), d2());
    statistic(op.getC(), c());
    values(op.getO2(), o2());
  }

  /// Counts this task in; true for the last of the splits.
  Value arrive() {
    Value mostRecent = arith::SubIOp::create(b, arriving, v.i32(1));
    Value counter = v.at(workspace, tileIndex, b.getI32Type());
    Value before =
        LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::uinc_wrap, counter, mostRecent, LLVM::AtomicOrdering::acq_rel);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, before, mostRecent);
  }

  void mergeRow(Value row) {
    Value empty = v.f32(-std::numeric_limits<double>::infinity()), zero = v.f32(0);
    auto overSplits = [&](ValueRange carried, llvm::function_ref<Vectors::Values(Value, ValueRange)> body) {
      auto loop = scf::ForOp::create(b, v.index(0), splits, v.index(1), carried);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Vectors::Values next = body(partial(loop.getInductionVar(), row), loop.getRegionIterArgs());
      scf::YieldOp::create(b, next);
      return Vectors::Values(loop.getResults());
    };

    Vectors::Values best = overSplits({empty, zero}, [&](Value from, ValueRange carried) -> Vectors::Values {
      Value mOf = read(from, m()), cOf = probe ? read(from, c()) : zero;
      Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, mOf, carried[0]);
      return {arith::SelectOp::create(b, larger, mOf, carried[0]), arith::SelectOp::create(b, larger, cOf, carried[1])};
    });

    auto clear = [&](Result result) {
      DenseTile tile = task.tile(op.getResults()[result]);
      forEachVector([&](int64_t column, int64_t) { v.store(v.zero(), task.address(tile, row, column), tile.element); });
    };
    clear(O1);
    if (probe)
      clear(O2);
    Vectors::Values sums = overSplits({zero, zero}, [&](Value from, ValueRange carried) -> Vectors::Values {
      Value mOf = read(from, m());
      Value sawNothing = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, mOf, empty);
      Value power = v.exp2(arith::SubFOp::create(b, mOf, best[0]));
      Value factor = arith::SelectOp::create(b, sawNothing, zero, power);
      Value shift = probe ? arith::SubFOp::create(b, read(from, c()), best[1]).getResult() : zero;
      Value d1Of = read(from, d1());
      Value d1Sum = v.fma(factor, d1Of, carried[0]), d2Sum = carried[1];
      if (probe)
        d2Sum = v.fma(factor, v.fma(shift, d1Of, read(from, d2())), d2Sum);
      addValues(from, row, v.splat(factor), v.splat(shift));
      return {d1Sum, d2Sum};
    });
    writeStatistic(M, row, best[0]);
    writeStatistic(D1, row, sums[0]);
    if (!probe)
      return;
    writeStatistic(D2, row, sums[1]);
    writeStatistic(C, row, best[1]);
  }

  /// O1 += f O1_i, O2 += f (O2_i + shift O1_i), for one row.
  void addValues(Value from, Value row, Value factor, Value shift) {
    forEachVector([&](int64_t column, int64_t live) {
      auto accumulate = [&](Result result, Value term) {
        DenseTile tile = task.tile(op.getResults()[result]);
        Value to = task.address(tile, row, column);
        v.store(v.fma(factor, term, v.load(to, tile.element)), to, tile.element);
      };
      Value o1Of = v.load(in(from, o1() + column), b.getF32Type(), live);
      accumulate(O1, o1Of);
      if (probe)
        accumulate(O2, v.fma(shift, o1Of, v.load(in(from, o2() + column), b.getF32Type(), live)));
    });
  }

  void writeStatistic(Result result, Value row, Value statistic) {
    DenseTile tile = task.tile(op.getResults()[result]);
    v.storeScalar(statistic, task.address(tile, row, 0), tile.element);
  }

  void forEachVector(llvm::function_ref<void(int64_t, int64_t)> body) {
    for (int64_t column = 0; column < dim; column += v.lanes)
      body(column, std::min(v.lanes, dim - column));
  }

  HostTask &task;
  Vectors &v;
  ImplicitLocOpBuilder &b;
  tile::MergeOp op;
  bool probe;
  int64_t dim, floats; ///< Of one row's partial state.
  Value places;           ///< Splits that the workspace has room for, i64,
  Value arriving, splits; ///< and those that arrive, i32 and i64.
  Value tileIndex, workspace, partials;
};
} // namespace

Value lla::emitGridMerge(HostTask &task, tile::MergeOp op) { return GridMerge(task, op).emit(); }
