//===- Grid.cpp - which rows and keys a tile kernel works on --------------===//
//
// Row tiles are numbered by (sequence, head) fastest; with a causal mask the longest
// (the last rows) come first, so that the short ones fill the tail. Which of them a CTA
// takes is in RowTiles.cpp. Grid y is the split. With longest_first these numbers are
// turns, which sequences take by their lengths.
//
// Lengths of a ragged problem, and places in packed tensors, are read here and nowhere
// else. How many splits share a row tile follows from its own key tiles; what is left
// of the grid's y leaves at once, before it has counted as an arrival. So do all splits
// of a row tile behind the last row of a sequence with few. Behind these lines a row,
// and a key, of a packed tensor is its number among all sequences'.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/RowTiles.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lla;

Value lla::constant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantFloatOp::create(b, b.getF32Type(), llvm::APFloat(static_cast<float>(value)));
}

Value I32::constant(int64_t value) const { return arith::ConstantIntOp::create(b, value, 32); }
Value I32::add(Value x, Value y) const { return arith::AddIOp::create(b, x, y); }
Value I32::sub(Value x, Value y) const { return arith::SubIOp::create(b, x, y); }
Value I32::mul(Value x, Value y) const { return arith::MulIOp::create(b, x, y); }
Value I32::min(Value x, Value y) const { return arith::MinSIOp::create(b, x, y); }
Value I32::max(Value x, Value y) const { return arith::MaxSIOp::create(b, x, y); }
Value I32::div(Value x, Value y) const { return arith::DivUIOp::create(b, x, y); }
Value I32::rem(Value x, Value y) const { return arith::RemUIOp::create(b, x, y); }
Value I32::ceilDiv(Value x, int64_t y) const { return div(add(x, constant(y - 1)), constant(y)); }
Value I32::ceilDiv(Value x, Value y) const { return div(add(x, sub(y, constant(1))), y); }
Value I32::uniform(Value x) const { return tile::UniformOp::create(b, b.getI32Type(), x); }
Value I32::argument(llvm::StringRef name) const {
  return tile::ArgumentOp::create(b, b.getI32Type(), b.getStringAttr(name));
}

bool lla::beginsWithinPages(const KernelPlan &plan) {
  return keysPerLookup(plan.problem, plan.schedule) > 1 && (plan.problem.window || plan.problem.ragged);
}

Value lla::beginOfPart(const I32 &i, const KernelPlan &plan, Value key) {
  return i.sub(key, i.rem(key, i.constant(keysPerLookup(plan.problem, plan.schedule))));
}

/// Key tiles of the row tile and the boundaries between its three ranges.
static void emitRanges(const I32 &i, const KernelPlan &plan, GridPosition &grid) {
  const Problem &problem = plan.problem;
  int64_t keys = plan.schedule.keys;
  Value zero = i.constant(0), rowsOfQuery = i.constant(plan.queryRows());
  Value lastRow = i.sub(i.min(i.add(grid.rowBegin, i.constant(plan.schedule.rows)), grid.rowEnd), i.constant(1));
  // First key the first row no longer sees, first key the last row no longer sees.
  Value firstEnd = i.add(i.div(grid.rowBegin, rowsOfQuery), grid.diagonal);
  Value lastEnd = i.add(i.div(lastRow, rowsOfQuery), grid.diagonal);
  Value window = i.constant(problem.window);

  grid.keyBegin = problem.window ? i.max(grid.start, i.sub(firstEnd, window)) : grid.start;
  grid.keyEnd = problem.causal ? i.max(grid.keyBegin, i.min(grid.context, lastEnd)) : grid.context;
  // Tiles begin where parts of pages begin, so that a part is in one page.
  if (beginsWithinPages(plan)) {
    grid.firstKey = grid.keyBegin;
    grid.keyBegin = beginOfPart(i, plan, grid.keyBegin);
  }
  Value visible = i.sub(grid.keyEnd, grid.keyBegin);
  grid.tiles = i.ceilDiv(visible, keys);

  grid.firstFull = zero;
  if (problem.window || grid.firstKey) {
    Value hidden = grid.firstKey ? i.sub(grid.firstKey, grid.keyBegin) : zero;
    if (problem.window)
      hidden = i.max(hidden, i.sub(i.sub(lastEnd, window), grid.keyBegin));
    grid.firstFull = i.min(i.ceilDiv(hidden, keys), grid.tiles);
  }
  Value fullEnd = problem.causal ? i.min(grid.context, firstEnd) : grid.context;
  Value full = i.div(i.max(zero, i.sub(fullEnd, grid.keyBegin)), i.constant(keys));
  grid.endFull = i.min(i.max(full, grid.firstFull), grid.tiles);
  grid.foldBegin = grid.keyBegin;
}

/// Of the row tile's key tiles only [first, end) are this CTA's, as far as there are such: a ring numbers its fills
/// from 0.
static void emitPart(const I32 &i, const KernelPlan &plan, GridPosition &grid, Value first, Value end) {
  first = i.min(first, grid.tiles);
  grid.tiles = i.sub(i.min(end, grid.tiles), first);
  for (Value *bound : {&grid.firstFull, &grid.endFull})
    *bound = i.min(i.max(i.sub(*bound, first), i.constant(0)), grid.tiles);
  grid.foldBegin = i.add(grid.keyBegin, i.mul(first, i.constant(plan.schedule.keys)));
}

static Value emitLookup(ImplicitLocOpBuilder &b, llvm::StringRef array, Value index, Value otherwise) {
  return tile::LookupOp::create(b, b.getI32Type(), array, index, otherwise);
}

/// Where the sequence begins in a packed tensor of `total` rows. It has those up to where the next begins, at most
/// `count`, which becomes their number.
static Value emitPlace(ImplicitLocOpBuilder &b, llvm::StringRef array, Value sequence, Value total, Value &count) {
  I32 i{b};
  Value zero = i.constant(0);
  Value begin = i.max(zero, i.min(emitLookup(b, array, sequence, zero), total));
  Value end = i.max(begin, i.min(emitLookup(b, array, i.add(sequence, i.constant(1)), zero), total));
  count = i.min(i.sub(end, begin), count);
  return begin;
}

void lla::emitKeys(ImplicitLocOpBuilder &b, const Problem &problem, GridPosition &grid) {
  I32 i{b};
  Value firstKey;
  if (problem.packedKeys)
    firstKey = emitPlace(b, "cu_seqlens_k", grid.batch, i.argument("key_rows"), grid.context);
  Value zero = i.constant(0), most = grid.context;
  grid.context = i.max(zero, i.min(emitLookup(b, "lengths", grid.batch, most), most));
  grid.start = i.max(zero, i.min(emitLookup(b, "starts", grid.batch, zero), grid.context));
  if (!firstKey)
    return;
  grid.context = i.add(firstKey, grid.context);
  grid.start = i.add(firstKey, grid.start);
}

/// At least `split_tiles` key tiles for each split that works, by whole clusters; the others leave.
static void emitSplits(ImplicitLocOpBuilder &b, const KernelPlan &plan, GridPosition &grid) {
  I32 i{b};
  int64_t cluster = plan.schedule.cluster;
  Value worthwhile = i.max(i.constant(1), i.ceilDiv(grid.tiles, i.argument("split_tiles")));
  if (cluster > 1)
    worthwhile = i.mul(i.ceilDiv(worthwhile, cluster), i.constant(cluster));
  grid.splits = i.min(grid.splits, worthwhile);
  Value surplus = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, grid.split, grid.splits);
  tile::LeaveOp::create(b, surplus);
}

Value lla::emitTiledHeads(const I32 &i, const KernelPlan &plan) {
  bool packs = packsGroup(plan.problem, plan.schedule);
  Value kvHeads = i.argument("kv_heads");
  return packs ? kvHeads : i.mul(kvHeads, i.constant(plan.problem.group()));
}

/// x / divisor, whose Quotient the launch tells: a division takes a hundred cycles before the first load.
static Value emitQuotient(ImplicitLocOpBuilder &b, Value x, const std::string &divisor) {
  I32 i{b};
  Value multiplier = i.argument(divisor + "_multiplier"), shift = i.argument(divisor + "_shift");
  Value high = arith::MulUIExtendedOp::create(b, x, multiplier).getHigh();
  Value isByOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, multiplier, i.constant(0));
  return arith::SelectOp::create(b, isByOne, x, arith::ShRUIOp::create(b, high, shift));
}

Value lla::emitAwaited(ImplicitLocOpBuilder &b, const KernelPlan &plan, Value value) {
  return plan.schedule.dependent ? tile::AwaitLaunchOp::create(b, b.getI32Type(), value).getResult() : value;
}

GridPosition lla::emitGridPosition(ImplicitLocOpBuilder &b, const KernelPlan &plan, const RowTile &tile) {
  I32 i{b};
  GridPosition grid;
  int64_t group = plan.problem.group();
  bool packs = packsGroup(plan.problem, plan.schedule);
  grid.split = tile::IndexOp::create(b, b.getI32Type(), tile::Axis::GridY);
  grid.warp = tile::IndexOp::create(b, b.getI32Type(), tile::Axis::Warp);
  grid.splits = i.argument("splits");
  grid.tile = tile;
  grid.context = grid.capacity = i.argument("context");
  grid.start = i.constant(0);
  Value queryLength = i.argument("query_length"), heads = emitTiledHeads(i, plan);
  auto diagonal = [&](Value rowsEnd) -> Value { return i.add(i.sub(grid.context, rowsEnd), i.constant(1)); };
  grid.diagonal = diagonal(queryLength);

  Value head = tile.number, rowTile = i.constant(0);
  if (!plan.hasOneRowTile()) {
    rowTile = emitQuotient(b, tile.number, "sequences");
    head = i.sub(tile.number, i.mul(rowTile, i.mul(i.argument("batch"), heads)));
    if (plan.problem.causal)
      rowTile = i.sub(i.sub(i.argument("row_tiles"), i.constant(1)), rowTile);
  }
  Value sequence = emitQuotient(b, head, "heads");
  head = i.sub(head, i.mul(sequence, heads));
  grid.batch = sequence;
  if (!plan.schedule.persistent)
    grid.batch = emitAwaited(b, plan, grid.batch);
  if (plan.schedule.longestFirst)
    grid.batch = tile::ByLengthOp::create(b, b.getI32Type(), grid.batch, i.argument("batch"), grid.context,
                                          plan.problem.packedKeys, /*early=*/false);
  grid.queryHead = packs ? i.mul(head, i.constant(group)) : head;
  grid.kvHead = packs ? head : i.div(head, i.constant(group));

  Value firstRow, rowsEnd = queryLength;
  if (plan.problem.packedQueries) {
    firstRow = emitPlace(b, "cu_seqlens_q", grid.batch, i.argument("query_rows"), queryLength);
    rowsEnd = i.add(firstRow, queryLength);
  }
  if (plan.problem.ragged) {
    emitKeys(b, plan.problem, grid);
    grid.diagonal = diagonal(rowsEnd);
  }
  grid.rowBegin = i.mul(rowTile, i.constant(plan.schedule.rows));
  grid.rowEnd = i.mul(rowsEnd, i.constant(plan.queryRows()));
  if (firstRow) {
    grid.rowBegin = i.add(i.mul(firstRow, i.constant(plan.queryRows())), grid.rowBegin);
    Value isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, grid.rowBegin, grid.rowEnd);
    tile::LeaveOp::create(b, isBehind);
  }
  emitRanges(i, plan, grid);
  if (plan.problem.ragged && plan.schedule.splits > 1)
    emitSplits(b, plan, grid);
  if (tile.endKeys) {
    emitPart(i, plan, grid, tile.firstKeys, tile.endKeys);
  } else if (plan.schedule.load == LoadPath::Ring && plan.schedule.splits > 1) {
    EvenParts parts(i, grid.tiles, grid.splits);
    emitPart(i, plan, grid, parts.beginOf(grid.split), parts.endOf(grid.split));
  }
  return grid;
}

TileLoop lla::tileLoop(ImplicitLocOpBuilder &b, const GridPosition &grid, KeyRangeKind range, Value first, Value step,
                       bool contiguous) {
  I32 i{b};
  // The first tile of this warp's stride that is not before `start`.
  auto from = [&](Value start) -> Value {
    if (contiguous)
      return matchPattern(first, m_Zero()) ? start : i.max(start, first);
    Value behind = i.max(i.constant(0), i.sub(start, first));
    Value steps = i.div(i.sub(i.add(behind, step), i.constant(1)), step);
    return i.add(first, i.mul(steps, step));
  };
  switch (range) {
  case KeyRangeKind::First:
    return {first, i.min(i.add(first, step), grid.tiles)};
  case KeyRangeKind::Whole:
    return {first, grid.tiles};
  case KeyRangeKind::WindowEdge:
    return {first, grid.firstFull};
  case KeyRangeKind::Interior:
    return {from(grid.firstFull), grid.endFull};
  case KeyRangeKind::CausalEdge:
    return {from(grid.endFull), grid.tiles};
  }
  return {};
}

Value lla::emitSeesTile(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid, Value first,
                        Value last, Value key) {
  I32 i{b};
  auto endOf = [&](Value row) -> Value { return i.add(i.div(row, i.constant(plan.queryRows())), grid.diagonal); };
  Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key, endOf(last));
  if (!plan.problem.window)
    return sees;
  Value begin = i.sub(endOf(first), i.constant(plan.problem.window)), end = i.add(key, i.constant(plan.schedule.keys));
  return arith::AndIOp::create(b, sees, arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, end, begin));
}

Value lla::emitVisible(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid, Value row,
                       Value key) {
  I32 i{b};
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, predicate, x, y);
  };
  Value visible;
  if (!plan.problem.causal) {
    visible = compare(arith::CmpIPredicate::slt, key, grid.context);
  } else {
    Value end = i.add(i.div(row, i.constant(plan.queryRows())), grid.diagonal);
    visible = compare(arith::CmpIPredicate::slt, key, i.min(grid.context, end));
    if (plan.problem.window) {
      Value begin = i.sub(end, i.constant(plan.problem.window));
      visible = arith::AndIOp::create(b, visible, compare(arith::CmpIPredicate::sge, key, begin));
    }
  }
  if (grid.firstKey)
    visible = arith::AndIOp::create(b, visible, compare(arith::CmpIPredicate::sge, key, grid.firstKey));
  return visible;
}
