//===- Dot.cpp - products of dense tiles ----------------------------------===//
//
// a b: the result is cut into register tiles of a few rows by a few vectors of
// columns, kept in registers over the whole contraction:
//
//     for column block, row block:            (columns outside: their panel of b stays in cache)
//       acc = accumulator or 0
//       for k: acc[r][c] += splat(a[r][k]) * b[k][c]
//       result = acc
//
// a bT (few rows): vectors run along the contraction; `lanes` sums at a time are
// reduced together, (row, key) pairs in the lanes of one vector.
//
// Each register tile reads its part of the accumulator before it writes the
// result: they may be one buffer.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lla;

namespace {
/// A register tile's size: `rows` by `vectors` accumulators.
struct RegisterTile {
  int64_t rows, vectors;
};

class Product {
public:
  Product(HostTask &task, tile::DotOp op)
      : task(task), v(task.v), a(task.tile(op.getA())), b(task.tile(op.getB())), result(task.tile(op.getResult())) {
    if (op.getAccumulator())
      accumulator = task.tile(op.getAccumulator());
  }

  void emit();
  void emitTransposed();
  /// Columns of a step of `a bT`, for each of (a power of two) rows: their sums fill one vector.
  int64_t transposedStep() const { return v.lanes / transposedRows(); }

private:
  /// Registers of the machine, less those for a row of b and a splat of a.
  int64_t accumulators() const { return v.lanes >= 16 ? 24 : 12; }
  int64_t blockRows() const { return std::min<int64_t>(result.rows, v.lanes >= 16 ? 8 : 4); }
  int64_t transposedRows() const { return std::min<int64_t>(llvm::PowerOf2Ceil(result.rows), v.lanes); }

  void rowBlocks(Value column, int64_t vectors);
  void registerTile(Value row, Value column, RegisterTile size);
  Value start(Value row, Value column) {
    return accumulator ? v.load(task.address(*accumulator, row, column), accumulator->element) : v.zero();
  }

  HostTask &task;
  Vectors &v;
  DenseTile a, b, result;
  std::optional<DenseTile> accumulator;
};
} // namespace

//===----------------------------------------------------------------------===//
// a b
//===----------------------------------------------------------------------===//

void Product::emit() {
  int64_t vectors = v.count(result.columns);
  // Blocks of nearly equal width.
  int64_t blocks = llvm::divideCeil(vectors, accumulators() / blockRows());
  int64_t width = llvm::divideCeil(vectors, blocks);
  int64_t whole = vectors / width * width * v.lanes;
  v.loop(whole, width * v.lanes, [&](Value column) { rowBlocks(column, width); });
  if (vectors % width)
    rowBlocks(v.index(whole), vectors % width);
}

void Product::rowBlocks(Value column, int64_t vectors) {
  int64_t rows = blockRows(), whole = result.rows / rows * rows;
  v.loop(whole, rows, [&](Value row) { registerTile(row, column, {rows, vectors}); });
  if (result.rows % rows)
    registerTile(v.index(whole), column, {result.rows % rows, vectors});
}

void Product::registerTile(Value row, Value column, RegisterTile size) {
  Vectors::Values rows, columns;
  for (int64_t r = 0; r < size.rows; ++r)
    rows.push_back(v.add(row, v.index(r)));
  for (int64_t c = 0; c < size.vectors; ++c)
    columns.push_back(v.add(column, v.index(c * v.lanes)));

  Vectors::Values sums;
  for (Value r : rows)
    for (Value c : columns)
      sums.push_back(start(r, c));
  sums = v.loop(a.columns, 1, sums, [&](Value k, ValueRange carried) {
    Vectors::Values panel, next;
    for (Value c : columns)
      panel.push_back(v.load(task.address(b, k, c), b.element));
    for (auto [r, rowIndex] : llvm::enumerate(rows)) {
      Value factor = v.splat(v.loadScalar(task.address(a, rowIndex, k), a.element));
      for (int64_t c = 0; c < size.vectors; ++c)
        next.push_back(v.fma(factor, panel[c], carried[r * size.vectors + c]));
    }
    return next;
  });
  for (auto [r, rowIndex] : llvm::enumerate(rows))
    for (auto [c, columnIndex] : llvm::enumerate(columns))
      v.store(sums[r * size.vectors + c], task.address(result, rowIndex, columnIndex), result.element);
}

//===----------------------------------------------------------------------===//
// a bT
//===----------------------------------------------------------------------===//

void Product::emitTransposed() {
  int64_t blockRows = transposedRows(), step = transposedStep();
  auto block = [&](Value row, int64_t rows, Value column) {
    // Row r's sums stand in lanes r * step ...; missing rows repeat the last.
    auto position = [&](int64_t lane) { return std::pair(std::min(lane / step, rows - 1), lane % step); };
    auto partial = [&](Value k, ValueRange carried, int64_t live) {
      Vectors::Values as, bs, next;
      auto read = [&](const DenseTile &tile, Value index) {
        return v.load(task.address(tile, index, k), tile.element, live);
      };
      for (int64_t r = 0; r < rows; ++r)
        as.push_back(read(a, v.add(row, v.index(r))));
      for (int64_t c = 0; c < step; ++c)
        bs.push_back(read(b, v.add(column, v.index(c))));
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < step; ++c)
          next.push_back(v.fma(as[r], bs[c], carried[r * step + c]));
      return next;
    };
    Vectors::Values sums(rows * step, v.zero());
    int64_t whole = a.columns / v.lanes * v.lanes;
    sums = v.loop(whole, v.lanes, sums, [&](Value k, ValueRange carried) { return partial(k, carried, v.lanes); });
    if (whole < a.columns)
      sums = partial(v.index(whole), sums, a.columns - whole);

    Vectors::Values pairs;
    for (int64_t lane = 0; lane < v.lanes; ++lane)
      pairs.push_back(sums[position(lane).first * step + position(lane).second]);
    Value reduced = v.reduceEach(pairs, [&](Value x, Value y) -> Value { return arith::AddFOp::create(task.b, x, y); });
    for (int64_t r = 0; r < rows; ++r) {
      SmallVector<int64_t> lanesOfRow = llvm::to_vector(llvm::seq(r * step, (r + 1) * step));
      Value sum = v.shuffle(reduced, reduced, lanesOfRow);
      Value target = task.address(result, v.add(row, v.index(r)), column);
      if (accumulator) {
        Value before = LLVM::LoadOp::create(
            task.b, sum.getType(), task.address(*accumulator, v.add(row, v.index(r)), column), /*alignment=*/4);
        sum = arith::AddFOp::create(task.b, sum, before);
      }
      LLVM::StoreOp::create(task.b, sum, target, /*alignment=*/4);
    }
  };
  int64_t whole = result.rows / blockRows * blockRows;
  v.loop(result.columns, step, [&](Value column) {
    v.loop(whole, blockRows, [&](Value row) { block(row, blockRows, column); });
    if (whole < result.rows)
      block(v.index(whole), result.rows - whole, column);
  });
}

LogicalResult lla::emitDot(HostTask &task, tile::DotOp op) {
  Product product(task, op);
  if (!op.getTransposeB()) {
    product.emit();
    return success();
  }
  int64_t columns = cast<tile::FragType>(op.getResult().getType()).getColumns();
  if (columns % product.transposedStep() != 0)
    return op.emitOpError() << "expected columns in multiples of " << product.transposedStep() << ", got " << columns;
  product.emitTransposed();
  return success();
}
