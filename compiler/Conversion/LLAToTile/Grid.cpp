//===- Grid.cpp - which rows and keys a tile kernel works on --------------===//
//
// Row tiles are numbered by (sequence, head) fastest; with a causal mask the longest
// (the last rows) come first, so that the short ones fill the tail. Grid x is a row
// tile's number, or persistent CTAs take them by turns of the grid's width, there and
// back (0 1 2 | 5 4 3 | 6 7 8): who had the longest of one turn has the shortest of the
// next. With stream_k they divide the last turn (LastTurn), or, where lengths differ,
// everything (Levelled). Grid y is the split.
//
// Lengths of a ragged problem, and places in packed tensors, are read here and nowhere
// else. How many splits share a row tile follows from its own key tiles; what is left
// of the grid's y leaves at once, before it has counted as an arrival. So do all splits
// of a row tile behind the last row of a sequence with few. Behind these lines a row,
// and a key, of a packed tensor is its number among all sequences'.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/Grid.h"
#include "mlir/IR/Matchers.h"
#include <limits>

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

/// Whether the first visible key may be another one than that which begins a part of a page.
static bool beginsWithinPages(const KernelPlan &plan) {
  return keysPerLookup(plan.problem, plan.schedule) > 1 && (plan.problem.window || plan.problem.ragged);
}

static Value beginOfPart(const I32 &i, const KernelPlan &plan, Value key) {
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

/// Where the parts of `whole`, as even as can be, begin: the first `left` have one more than `least`.
struct EvenParts {
  I32 i;
  Value least, left;
  EvenParts(const I32 &i, Value whole, Value count) : i(i), least(i.div(whole, count)), left(i.rem(whole, count)) {}

  Value beginOf(Value part) const { return i.add(i.mul(part, least), i.min(part, left)); }
  Value endOf(Value part) const { return beginOf(i.add(part, i.constant(1))); }
  /// Whose `unit` is.
  Value ownerOf(Value unit) const {
    Value more = i.add(least, i.constant(1)), ofMore = i.mul(left, more);
    Value isOfMore = arith::CmpIOp::create(i.b, arith::CmpIPredicate::slt, unit, ofMore);
    Value behind = i.add(left, i.div(i.max(i.sub(unit, ofMore), i.constant(0)), i.max(least, i.constant(1))));
    return arith::SelectOp::create(i.b, isOfMore, i.div(unit, more), behind);
  }
};

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

/// The sequence's own length and start, within what there can be.
static void emitKeys(ImplicitLocOpBuilder &b, const Problem &problem, GridPosition &grid) {
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

/// Heads of a sequence that have row tiles of their own.
static Value emitTiledHeads(const I32 &i, const KernelPlan &plan) {
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

/// `value`, from which all views and hence all reads follow, when what earlier launches wrote is there: the place in
/// the grid of a persistent kernel, which waits once, else the sequence.
static Value emitAwaited(ImplicitLocOpBuilder &b, const KernelPlan &plan, Value value) {
  return plan.schedule.dependent ? tile::AwaitLaunchOp::create(b, b.getI32Type(), value).getResult() : value;
}

namespace {
/// The row tiles that are left for the last turn, when there are fewer than CTAs. Their key tiles, one row tile's
/// behind the other's, are divided evenly among all CTAs, or among as many as get `split_tiles` of them: none has parts
/// of more than two row tiles. In the workspace, where the parts' states follow each other, each CTA and each row tile
/// begins with a state more.
struct LastTurn {
  I32 i;
  Value keyTiles, units; ///< Of a row tile, at most, and of all.
  EvenParts parts;

  LastTurn(const I32 &i, Value keyTiles, Value rowTiles, Value width)
      : i(i), keyTiles(keyTiles), units(i.mul(rowTiles, keyTiles)), parts(i, units, sharers(rowTiles, width)) {}

  Value sharers(Value rowTiles, Value width) const {
    Value worthwhile = i.div(units, i.argument("split_tiles"));
    return i.max(i.max(rowTiles, i.constant(1)), i.min(width, worthwhile));
  }
  /// The key tiles of `cta`.
  std::pair<Value, Value> rangeOf(Value cta) const {
    return {i.min(parts.beginOf(cta), units), i.min(parts.endOf(cta), units)};
  }
  /// Row tiles that it has a part of.
  Value countOf(Value cta) const {
    auto [begin, end] = rangeOf(cta);
    Value hasNone = arith::CmpIOp::create(i.b, arith::CmpIPredicate::eq, begin, end);
    Value count = i.sub(i.ceilDiv(end, keyTiles), i.div(begin, keyTiles));
    return arith::SelectOp::create(i.b, hasNone, i.constant(0), count);
  }
  /// The `n`th of these, by its number among all that are left.
  Value rowTileOf(Value cta, Value n) const { return i.add(i.div(rangeOf(cta).first, keyTiles), n); }
  /// Its key tiles that are `cta`'s.
  std::pair<Value, Value> partOf(Value rowTile, Value cta) const {
    auto [begin, end] = rangeOf(cta);
    Value first = i.mul(rowTile, keyTiles);
    return {i.max(i.sub(begin, first), i.constant(0)), i.min(i.sub(end, first), keyTiles)};
  }
  Sharers sharersOf(Value rowTile, Value cta) const {
    Value first = i.mul(rowTile, keyTiles), firstOwner = parts.ownerOf(first);
    Value lastOwner = parts.ownerOf(i.sub(i.add(first, keyTiles), i.constant(1)));
    return {i.add(i.sub(lastOwner, firstOwner), i.constant(1)), i.add(firstOwner, rowTile), i.sub(cta, firstOwner)};
  }
};

/// All that there is to do, divided evenly among all CTAs, or among as many as get `split_tiles` units of it, or have a
/// row tile. Units of a row tile are its key tiles, those of its sequence's last rows, and what it takes besides: its
/// rows are fetched, the first products waited for, the state is written. Who would have only of the latter has
/// nothing of a row tile. In the workspace each CTA has two states. (No two row tiles that are shared begin in the same
/// one: that of first owner c has states 2c to c + d at most, where d, the last, may be the next one's first.)
struct Levelled {
  static constexpr int64_t besides = 2;
  I32 i;
  const KernelPlan &plan;
  Value cta, width, batch;

  Value rowTilesOfSequence() const { return i.mul(emitTiledHeads(i, plan), i.argument("row_tiles")); }
  EvenParts partsOf(Value units) const {
    Value worthwhile = i.div(units, i.argument("split_tiles")), rowTiles = i.mul(batch, rowTilesOfSequence());
    return EvenParts(i, units, i.min(width, i.max(rowTiles, worthwhile)));
  }
  Value keyTiles(Value sequence) const {
    GridPosition grid;
    grid.batch = sequence;
    grid.context = i.argument("context");
    emitKeys(i.b, plan.problem, grid);
    Value begin = beginsWithinPages(plan) ? beginOfPart(i, plan, grid.start) : grid.start;
    return i.max(i.ceilDiv(i.sub(grid.context, begin), plan.schedule.keys), i.constant(1));
  }
  Value unitsOf(Value keyTiles) const { return i.add(keyTiles, i.constant(besides)); }
  /// Where a unit is: in which row tile, of how many key tiles, how far behind its first.
  struct Place {
    Value rowTile, tiles, within;
  };
  tile::SeekOp seek(Value unit) const {
    Type i32 = i.b.getI32Type();
    auto seek = tile::SeekOp::create(i.b, TypeRange{i32, i32, i32}, unit, batch);
    OpBuilder::InsertionGuard guard(i.b);
    Block *body = i.b.createBlock(&seek.getBody(), {}, i32, i.b.getLoc());
    tile::YieldOp::create(i.b, ValueRange{i.mul(unitsOf(keyTiles(body->getArgument(0))), rowTilesOfSequence())});
    return seek;
  }
  Place placeOf(Value unit) const {
    tile::SeekOp found = seek(unit);
    Value tiles = keyTiles(found.getIndex()), units = unitsOf(tiles), within = i.sub(unit, found.getBegin());
    Value rowTile = i.add(i.mul(found.getIndex(), rowTilesOfSequence()), i.div(within, units));
    return {rowTile, tiles, i.rem(within, units)};
  }
  Share share() const {
    Value one = i.constant(1), units = seek(i.constant(0)).getTotal();
    EvenParts parts = partsOf(units);
    Value begin = i.min(parts.beginOf(cta), units), end = i.min(parts.endOf(cta), units);
    Place first = placeOf(i.min(begin, i.sub(units, one))), last = placeOf(i.sub(end, one));
    Value isBehind = less(i.sub(first.tiles, one), first.within), hasNone = equal(begin, end);
    Value rowTile = either(isBehind, i.add(first.rowTile, one), first.rowTile);
    Value count = either(hasNone, i.constant(0), i.add(i.sub(last.rowTile, rowTile), one));
    Share share{units, rowTile, count, either(isBehind, i.constant(0), first.within),
                i.min(i.add(last.within, one), last.tiles), i.sub(begin, first.within), first.tiles,
                i.sub(i.sub(end, one), last.within), last.tiles};
    for (Value *value : {&share.units, &share.rowTile, &share.count, &share.skipped, &share.end, &share.firstUnit,
                         &share.firstTiles, &share.lastUnit, &share.lastTiles})
      *value = i.uniform(*value);
    return share;
  }
  /// In order of rows first, as `number` of RowTile has it.
  Value numberOf(Value rowTile) const {
    if (plan.hasOneRowTile())
      return rowTile;
    Value heads = emitTiledHeads(i, plan), rowTiles = i.argument("row_tiles"), head = i.div(rowTile, rowTiles);
    return i.add(i.mul(i.rem(rowTile, rowTiles), i.mul(batch, heads)), head);
  }
  RowTile rowTile(const Share &share, Value turn) const {
    Value isFirst = equal(turn, i.constant(0)), isLast = equal(turn, i.sub(share.count, i.constant(1)));
    constexpr int64_t all = std::numeric_limits<int32_t>::max();
    Value first = either(isFirst, share.skipped, i.constant(0)), end = either(isLast, share.end, i.constant(all));
    return {i.uniform(numberOf(i.add(share.rowTile, turn))), i.uniform(first), i.uniform(end), turn, share};
  }
  Value isAlone(const RowTile &tile) const {
    const Share &share = tile.share;
    Value isLast = equal(tile.turn, i.sub(share.count, i.constant(1)));
    Value isLeft = arith::AndIOp::create(i.b, isLast, less(share.end, share.lastTiles));
    return arith::XOrIOp::create(i.b, arith::OrIOp::create(i.b, isBegun(tile), isLeft),
                                 arith::ConstantIntOp::create(i.b, 1, 1));
  }
  /// Of a row tile that is not its alone: its first, or its last.
  Sharers sharersOf(const RowTile &tile) const {
    const Share &share = tile.share;
    EvenParts parts = partsOf(share.units);
    Value isFirst = isBegun(tile), unit = either(isFirst, share.firstUnit, share.lastUnit);
    Value tiles = either(isFirst, share.firstTiles, share.lastTiles), first = parts.ownerOf(unit);
    Value last = parts.ownerOf(i.sub(i.add(unit, tiles), i.constant(1)));
    return {i.add(i.sub(last, first), i.constant(1)), i.mul(first, i.constant(2)), i.sub(cta, first)};
  }

private:
  /// Another one has begun it.
  Value isBegun(const RowTile &tile) const {
    Value isFirst = equal(tile.turn, i.constant(0));
    return arith::AndIOp::create(i.b, isFirst, less(i.constant(0), tile.share.skipped));
  }
  Value equal(Value x, Value y) const { return arith::CmpIOp::create(i.b, arith::CmpIPredicate::eq, x, y); }
  Value less(Value x, Value y) const { return arith::CmpIOp::create(i.b, arith::CmpIPredicate::slt, x, y); }
  Value either(Value condition, Value x, Value y) const { return arith::SelectOp::create(i.b, condition, x, y); }
};

/// The grid of persistent CTAs and how many row tiles each takes.
struct Turns {
  I32 i;
  const KernelPlan &plan;
  Value cta, width, whole;

  Turns(const I32 &i, const KernelPlan &plan, Value cta)
      : i(i), plan(plan), cta(cta), width(tile::IndexOp::create(i.b, i.b.getI32Type(), tile::Axis::GridWidth)),
        whole(i.argument("turns")) {}

  Value placeIn(Value turn) const {
    Value back = arith::AndIOp::create(i.b, turn, i.constant(1));
    Value isBack = arith::CmpIOp::create(i.b, arith::CmpIPredicate::ne, back, i.constant(0));
    return arith::SelectOp::create(i.b, isBack, i.sub(i.sub(width, i.constant(1)), cta), cta);
  }
  Value numberIn(Value turn) const { return i.add(i.mul(turn, width), placeIn(turn)); }
  /// Row tiles that are left for the last turn.
  Value left() const {
    Value tiles = i.mul(i.mul(i.argument("batch"), emitTiledHeads(i, plan)), i.argument("row_tiles"));
    return i.sub(tiles, i.mul(whole, width));
  }
  /// One without keys, too: its rows have a result.
  Value keyTiles() const { return i.max(i.ceilDiv(i.argument("context"), plan.schedule.keys), i.constant(1)); }
  /// `of` row tiles.
  LastTurn last(Value rowTiles) const { return LastTurn(i, keyTiles(), rowTiles, width); }
  /// Formed anew, so that nothing of it is kept over the turns.
  LastTurn lastAgain() const { return last(tile::OpaqueOp::create(i.b, i.b.getI32Type(), left())); }
  Value count() const {
    if (plan.schedule.streamK)
      return i.uniform(i.add(whole, last(left()).countOf(cta)));
    Value place = placeIn(whole), inLast = arith::CmpIOp::create(i.b, arith::CmpIPredicate::slt, place, left());
    return i.add(whole, arith::ExtUIOp::create(i.b, i.b.getI32Type(), inLast));
  }
  Value isLast(Value turn) const { return arith::CmpIOp::create(i.b, arith::CmpIPredicate::sge, turn, whole); }
  /// What this CTA has of which row tile.
  RowTile rowTile(Value turn) const {
    if (!plan.schedule.streamK)
      return {numberIn(turn), {}, {}, {}, {}};
    Type type = i.b.getI32Type();
    auto either = scf::IfOp::create(i.b, TypeRange{type, type, type}, isLast(turn), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(i.b);
    i.b.setInsertionPointToStart(either.thenBlock());
    LastTurn divided = lastAgain();
    Value rowTile = divided.rowTileOf(cta, i.sub(turn, whole));
    auto [first, end] = divided.partOf(rowTile, cta);
    scf::YieldOp::create(i.b, ValueRange{i.add(i.mul(whole, width), rowTile), first, end});
    i.b.setInsertionPointToStart(either.elseBlock());
    scf::YieldOp::create(i.b, ValueRange{numberIn(turn), i.constant(0), keyTiles()});
    i.b.setInsertionPointAfter(either);
    return {i.uniform(either.getResult(0)), i.uniform(either.getResult(1)), i.uniform(either.getResult(2)), turn, {}};
  }
};

/// Of the launch's `batch` sequences.
Levelled levelledBy(const I32 &i, const KernelPlan &plan, Value batch) {
  auto index = [&](tile::Axis axis) { return tile::IndexOp::create(i.b, i.b.getI32Type(), axis); };
  return {i, plan, index(tile::Axis::GridX), index(tile::Axis::GridWidth), batch};
}
} // namespace

void lla::emitRowTiles(ImplicitLocOpBuilder &b, const KernelPlan &plan,
                       llvm::function_ref<void(const RowTile &)> body) {
  I32 i{b};
  Value place = tile::IndexOp::create(b, b.getI32Type(), tile::Axis::GridX);
  if (!plan.schedule.persistent)
    return body({place, {}, {}, {}, {}});
  auto forEach = [&](Value count, llvm::function_ref<RowTile(Value)> rowTile) {
    auto loop = scf::ForOp::create(b, i.constant(0), count, i.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    body(rowTile(loop.getInductionVar()));
  };
  if (plan.problem.ragged) {
    Levelled levelled = levelledBy(i, plan, emitAwaited(b, plan, i.argument("batch")));
    Share share = levelled.share();
    return forEach(share.count, [&](Value turn) { return levelled.rowTile(share, turn); });
  }
  Turns turns(i, plan, emitAwaited(b, plan, place));
  forEach(turns.count(), [&](Value turn) { return turns.rowTile(turn); });
}

Value lla::emitIsAlone(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid) {
  I32 i{b};
  if (plan.schedule.streamK && plan.problem.ragged)
    return levelledBy(i, plan, i.argument("batch")).isAlone(grid.tile);
  if (plan.schedule.streamK)
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, grid.tile.turn, i.argument("turns"));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, grid.splits, i.constant(plan.schedule.cluster));
}

Sharers lla::emitSharers(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid) {
  if (!plan.schedule.streamK)
    return {mayBeAlone(plan.problem, plan.schedule) ? grid.splits : Value(), {}, {}};
  if (plan.problem.ragged)
    return levelledBy(I32{b}, plan, I32{b}.argument("batch")).sharersOf(grid.tile);
  Turns turns(I32{b}, plan, tile::IndexOp::create(b, b.getI32Type(), tile::Axis::GridX));
  LastTurn divided = turns.lastAgain();
  return divided.sharersOf(divided.rowTileOf(turns.cta, turns.i.sub(grid.tile.turn, turns.whole)), turns.cta);
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
