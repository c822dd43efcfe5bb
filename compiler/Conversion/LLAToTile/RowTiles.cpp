//===- RowTiles.cpp - which row tiles a CTA takes -------------------------===//
//
// Grid x is a row tile's number, or persistent CTAs share them all:
//
//     turns      one after the other, of the grid's width, there and back
//                (0 1 2 | 5 4 3 | 6 7 8): who had the longest of one turn has the
//                shortest of the next
//     last turn  with stream_k the key tiles of what is left for it are divided
//     levelled   with stream_k, where lengths differ, everything is
//
// Who has a part of a row tile leaves its state to the others that have (Sharers).
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/RowTiles.h"
#include <limits>

using namespace mlir;
using namespace lla;

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
