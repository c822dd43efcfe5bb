//===- Copy.cpp - tensor rows to scratch and back -------------------------===//
//
// Rows are converted to fp32 on the way in and rounded on the way out; columns a
// register does not fill are zero. A row at or beyond the limit is never touched:
// its memory may not exist. Tiles of one column are packed, their rows apart in
// memory: one element at a time.
//
// In a loop over key tiles, the next iteration's rows are prefetched as this one's
// are read: rows of one head stand apart, and hardware prefetchers stop at a page.
//
// Transposed, a block of `lanes` rows goes through a butterfly of shuffles, so that
// a vector holds neighbouring rows of one column.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"

using namespace mlir;
using namespace lla;

HostView lla::makeView(HostTask &task, tile::ViewOp op) {
  Vectors &v = task.v;
  std::string tensor = stringifyTensor(op.getTensor()).str();
  auto stride = [&](const char *axis) { return task.field(tensor + axis); };
  HostView view;
  view.rowStride = stride("_row_stride");
  view.headStride = stride("_head_stride");
  view.group = op.getGroup();
  view.columns = op.getType().getColumns();
  view.element = op.getType().getElementType();
  Value batch = v.toIndex(task.scalar(op.getBatch())), head = v.toIndex(task.scalar(op.getHead()));
  Value elements;
  view.pageSize = op.getType().getPageSize();
  if (view.pageSize) {
    elements = v.mul(head, view.headStride);
    view.pageStride = stride("_batch_stride");
    view.lastPage = arith::SubIOp::create(
        task.b, task.field("pages"), arith::ConstantIntOp::create(task.b, task.b.getI32Type(), 1));
    view.table = v.at(task.field("page_table"), v.mul(batch, task.field("page_table_stride")), task.b.getI32Type());
  } else {
    elements = v.add(v.mul(batch, stride("_batch_stride")), v.mul(head, view.headStride));
  }
  if (op.getShard())
    elements = v.add(elements, v.mul(v.toIndex(task.scalar(op.getShard())), stride("_shard_stride")));
  view.base = v.at(task.field(tensor), elements, view.element);
  return view;
}

/// Element `index` of an array of the launch; `otherwise`, of its type, where the launch has none.
static Value emitElement(HostTask &task, llvm::StringRef name, Value index, Value otherwise) {
  ImplicitLocOpBuilder &b = task.b;
  Value array = task.field(name), none = LLVM::ZeroOp::create(b, array.getType());
  Value given = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, array, none);
  auto branch = scf::IfOp::create(
      b, given,
      [&](OpBuilder &, Location) {
        Value element = task.v.at(array, task.v.toIndex(index), otherwise.getType());
        scf::YieldOp::create(b, LLVM::LoadOp::create(b, otherwise.getType(), element).getResult());
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, otherwise); });
  return branch.getResult(0);
}

Value lla::emitLookup(HostTask &task, tile::LookupOp op) {
  return emitElement(task, op.getArray(), task.scalar(op.getIndex()), task.scalar(op.getOtherwise()));
}

Value lla::emitScale(HostTask &task, tile::ScaleOp op) {
  std::string name = stringifyTensor(op.getTensor()).str() + "_scales";
  Value index = task.v.mul(task.v.toIndex(task.scalar(op.getHead())), task.field(name + "_head_stride"));
  return emitElement(task, name, index, task.v.f32(1));
}

namespace {
/// Rows [first, first + valid) of a view, valid <= rows.
struct RowRange {
  Value first, valid; ///< i64
  Value last;         ///< The view's last row, i64: what is behind it has no page.

  /// `row`, or the last row of a paged view if that comes before.
  Value within(HostTask &task, const HostView &view, Value row) const {
    return view.pageSize ? arith::MinSIOp::create(task.b, row, last).getResult() : row;
  }
};
} // namespace

/// The part of `rows` rows from `row` on that lies below `limit`.
static RowRange clip(HostTask &task, Value row, Value limit, int64_t rows) {
  Vectors &v = task.v;
  Value first = v.toIndex(task.scalar(row)), end = v.toIndex(task.scalar(limit));
  Value valid = arith::MinSIOp::create(task.b, arith::SubIOp::create(task.b, end, first), v.index(rows));
  return {first, arith::MaxSIOp::create(task.b, valid, v.index(0)), v.add(end, v.index(-1))};
}

/// Calls `body(column, live)` for each vector of a row.
static void forEachVector(const Vectors &v, int64_t columns, llvm::function_ref<void(int64_t, int64_t)> body) {
  for (int64_t column = 0; column < columns; column += v.lanes)
    body(column, std::min(v.lanes, columns - column));
}

//===----------------------------------------------------------------------===//
// As they are
//===----------------------------------------------------------------------===//

/// The value that `value` will have in the next iteration of `loop`; null if that is not known ahead.
static Value inNextIteration(HostTask &task, Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar())
    return task.v.add(task.scalar(value), task.scalar(loop.getStep()));
  if (!loop.getRegion().isAncestor(value.getParentRegion()))
    return task.scalar(value);
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions() || !isPure(op))
    return {};
  IRMapping next;
  for (Value operand : op->getOperands()) {
    Value ahead = inNextIteration(task, operand, loop);
    if (!ahead)
      return {};
    next.map(operand, ahead);
  }
  return task.b.clone(*op, next)->getResult(cast<OpResult>(value).getResultNumber());
}

/// Into the second-level cache: the first one has too few outstanding misses to reach memory's bandwidth.
static void prefetchRow(HostTask &task, const HostView &view, Value row) {
  constexpr int64_t lineBits = 512;
  int64_t step = lineBits / view.element.getIntOrFloatBitWidth();
  Value pointer = task.rowPointer(view, row);
  for (int64_t column = 0; column < view.columns; column += step) {
    Value line = task.v.at(pointer, task.b.getI64IntegerAttr(column), view.element);
    LLVM::Prefetch::create(task.b, line, /*rw=*/0, /*hint=*/2, /*cache=*/1);
  }
}

/// `ahead`: the first row of the next tile (i64), or null.
static void loadRows(HostTask &task, const HostView &view, const DenseTile &tile, RowRange range, Value ahead) {
  Vectors &v = task.v;
  auto put = [&](Value i, int64_t column, Value vector) {
    v.store(vector, task.address(tile, i, column), tile.element);
  };
  v.loop(v.index(0), range.valid, [&](Value i) {
    if (ahead)
      prefetchRow(task, view, range.within(task, view, v.add(ahead, i)));
    Value row = task.rowPointer(view, v.add(range.first, i));
    if (tile.isColumn())
      return v.storeScalar(v.loadScalar(row, view.element), task.address(tile, i, 0), tile.element);
    forEachVector(v, view.columns, [&](int64_t column, int64_t live) {
      put(i, column, v.load(v.at(row, task.b.getI64IntegerAttr(column), view.element), view.element, live));
    });
  });
  v.loop(range.valid, v.index(tile.rows), [&](Value i) {
    if (tile.isColumn())
      return v.storeScalar(v.f32(0), task.address(tile, i, 0), tile.element);
    forEachVector(v, view.columns, [&](int64_t column, int64_t) { put(i, column, v.zero()); });
  });
}

void lla::emitStore(HostTask &task, tile::StoreOp op) {
  Vectors &v = task.v;
  const HostView &view = task.views.at(op.getView());
  DenseTile tile = task.tile(op.getValue());
  RowRange range = clip(task, op.getRow(), op.getLimit(), tile.rows);
  v.loop(v.index(0), range.valid, [&](Value i) {
    Value row = task.rowPointer(view, v.add(range.first, i));
    if (tile.isColumn())
      return v.storeScalar(v.loadScalar(task.address(tile, i, 0), tile.element), row, view.element);
    forEachVector(v, view.columns, [&](int64_t column, int64_t live) {
      Value vector = v.load(task.address(tile, i, column), tile.element);
      v.store(vector, v.at(row, task.b.getI64IntegerAttr(column), view.element), view.element, live);
    });
  });
}

//===----------------------------------------------------------------------===//
// Transposed
//===----------------------------------------------------------------------===//

/// `lanes` rows from `block` on, of which those below `valid` exist if `partial`, else all.
static void transposeBlock(HostTask &task, const HostView &view, const DenseTile &tile, RowRange range, Value block,
                           bool partial) {
  Vectors &v = task.v;
  Vectors::Values pointers, exists;
  for (int64_t i = 0; i < v.lanes; ++i) {
    Value place = v.add(block, v.index(i));
    Value row = v.add(range.first, place);
    pointers.push_back(task.rowPointer(view, partial ? range.within(task, view, row) : row));
    exists.push_back(arith::CmpIOp::create(task.b, arith::CmpIPredicate::slt, place, range.valid));
  }
  auto loadRow = [&](int64_t i, Value column, int64_t live) -> Value {
    auto load = [&] { return v.load(v.at(pointers[i], column, view.element), view.element, live); };
    if (!partial)
      return load();
    auto branch = scf::IfOp::create(
        task.b, exists[i], [&](OpBuilder &, Location) { scf::YieldOp::create(task.b, load()); },
        [&](OpBuilder &, Location) { scf::YieldOp::create(task.b, v.zero()); });
    return branch.getResult(0);
  };
  auto columns = [&](Value column, int64_t live) {
    Vectors::Values rows;
    for (int64_t i = 0; i < v.lanes; ++i)
      rows.push_back(loadRow(i, column, live));
    rows = v.transpose(std::move(rows));
    for (int64_t i = 0; i < live; ++i)
      v.store(rows[i], task.address(tile, v.add(column, v.index(i)), block), tile.element);
  };
  int64_t whole = view.columns / v.lanes * v.lanes;
  v.loop(whole, v.lanes, [&](Value column) { columns(column, v.lanes); });
  if (whole < view.columns)
    columns(v.index(whole), view.columns - whole);
}

static void loadTransposed(HostTask &task, const HostView &view, const DenseTile &tile, RowRange range) {
  Vectors &v = task.v;
  v.loop(tile.columns, v.lanes, [&](Value block) {
    Value end = v.add(block, v.index(v.lanes));
    Value whole = arith::CmpIOp::create(task.b, arith::CmpIPredicate::sle, end, range.valid);
    v.branch(
        whole, [&] { transposeBlock(task, view, tile, range, block, /*partial=*/false); },
        [&] { transposeBlock(task, view, tile, range, block, /*partial=*/true); });
  });
}

LogicalResult lla::emitLoad(HostTask &task, tile::LoadOp op) {
  if (op.getStacked())
    return op.emitOpError("expected one view on the host");
  DenseTile tile = task.tile(op.getResult());
  const HostView &view = task.views.at(op.getView());
  if (op.getTransposed() && tile.columns % task.v.lanes != 0)
    return op.emitOpError() << "expected rows in multiples of " << task.v.lanes << " to transpose, got "
                            << tile.columns;
  if (view.columns != (op.getTransposed() ? tile.rows : tile.columns))
    return op.emitOpError() << "expected a tile of the view's " << view.columns << " columns";
  if (op.getTransposed()) {
    loadTransposed(task, view, tile, clip(task, op.getRow(), op.getLimit(), tile.columns));
    return success();
  }
  // Rows that the loop does not step over are of another view each time.
  Value ahead;
  auto loop = op->getParentOfType<scf::ForOp>();
  if (loop && loop.getRegion().isAncestor(op.getRow().getParentRegion()))
    ahead = inNextIteration(task, op.getRow(), loop);
  loadRows(task, view, tile, clip(task, op.getRow(), op.getLimit(), tile.rows), ahead ? task.v.toIndex(ahead) : ahead);
  return success();
}
