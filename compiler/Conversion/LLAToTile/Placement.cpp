//===- Placement.cpp - what all load paths share --------------------------===//

#include "compiler/Conversion/LLAToTile/Placement.h"
#include "dialect/Tile/FragmentLayout.h"

using namespace mlir;
using namespace lla;

SmallVector<Value *> OnlineState::members() {
  SmallVector<Value *> there;
  for (Value *statistic : {&m, &d1, &d2, &c, &limit})
    if (*statistic)
      there.push_back(statistic);
  for (Value &value : values)
    there.push_back(&value);
  return there;
}

SmallVector<Value> OnlineState::flatten() const {
  return llvm::map_to_vector(OnlineState(*this).members(), [](Value *value) { return *value; });
}

OnlineState OnlineState::with(ValueRange flat) const {
  OnlineState state = *this;
  for (auto [member, value] : llvm::zip_equal(state.members(), flat))
    *member = value;
  return state;
}

tile::FragType Placement::rowType(Type elementType) {
  tile::FragType score = scoreType();
  tile::Layout layout = score.getLayout() == tile::Layout::Dense ? tile::Layout::Dense : tile::Layout::Row;
  return tile::FragType::get(b.getContext(), score.getRows(), 1, elementType ? elementType : b.getF32Type(), layout, 0,
                             score.getSwapped());
}

tile::FragType Placement::sumType(Type elementType) {
  tile::FragType row = rowType();
  tile::Layout layout = row.getLayout() == tile::Layout::Dense ? tile::Layout::Dense : tile::Layout::PartialRow;
  return tile::FragType::get(b.getContext(), row.getRows(), 1, elementType ? elementType : b.getF32Type(), layout, 0,
                             row.getSwapped());
}

int64_t Placement::keysOfSum() {
  return sumType() == rowType() ? plan.schedule.keys : plan.schedule.keys / tile::lanesPerRow(sumType());
}

Value Placement::view(tile::Tensor tensor) {
  bool ofRows = tensor == tile::Tensor::Lse || tensor == tile::Tensor::Tbar;
  bool ofState = ofRows || tensor == tile::Tensor::Vbar;
  bool ofKeys = tensor == tile::Tensor::K || tensor == tile::Tensor::V;
  Type element = ofState                     ? b.getF32Type()
                 : ofKeys                    ? plan.keyType
                 : tensor == tile::Tensor::O ? builtinType(b.getContext(), plan.problem.outputType())
                                             : plan.elementType;
  auto type = tile::ViewType::get(b.getContext(), ofRows ? 1 : plan.problem.headDim, element,
                                  ofKeys ? plan.problem.pageSize : 0);
  // Packed sequences are a batch of one.
  bool isPacked = ofKeys ? plan.problem.packedKeys : plan.problem.packedQueries;
  Value batch = isPacked ? I32{b}.constant(0) : grid.batch;
  if (ofKeys)
    return tile::ViewOp::create(b, type, tensor, batch, grid.kvHead, /*shard=*/Value());
  int64_t group = plan.packedGroup(), rows = plan.queryRows();
  return tile::ViewOp::create(b, type, tensor, batch, grid.queryHead, /*shard=*/Value(), group,
                              rows == group ? 0 : rows);
}

/// o2 - shift o1 by element.
Value Placement::shifted(Value o2, Value o1, Value shift) {
  Type type = o2.getType(), f32 = b.getF32Type();
  auto op = tile::MapOp::create(b, TypeRange{type}, ValueRange{o2, o1, shift}, ValueRange{});
  Block &block = op.getBody().emplaceBlock();
  block.addArguments({f32, f32, f32}, SmallVector<Location>(3, b.getLoc()));
  auto inner = ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), &block);
  Value product = arith::MulFOp::create(inner, block.getArgument(2), block.getArgument(1));
  tile::YieldOp::create(inner, ValueRange{arith::SubFOp::create(inner, block.getArgument(0), product)});
  return op.getResult(0);
}

void Placement::shiftValues(OnlineState &state, Value shift) {
  state.values[1] = shifted(state.values[1], state.values[0], shift);
}

SmallVector<Value> Placement::pages(Value keyView, Value key) {
  SmallVector<Value> pages;
  int64_t together = keysPerLookup(plan.problem, plan.schedule);
  if (together == 1)
    return pages;
  I32 i{b};
  for (int64_t first = 0; first < plan.schedule.keys; first += together)
    pages.push_back(
        tile::PageOp::create(b, b.getI32Type(), keyView, first ? i.add(key, i.constant(first)) : key, grid.capacity));
  return pages;
}

Scores Placement::finalValues(const OnlineState &state) {
  return {state.values.front(), state.values.size() > 1 ? state.values[1] : Value()};
}

void Placement::store(Value rows, tile::Tensor output) {
  // A warp may have a part of the columns; the one element of a row that lse and tbar have is in every part.
  bool hasColumns = output == tile::Tensor::O || output == tile::Tensor::Vbar;
  auto write = [&] {
    Value column = hasColumns ? firstColumn() : Value();
    tile::StoreOp::create(b, rows, view(output), rowBase(), grid.rowEnd, column);
  };
  if (!isLast)
    return write();
  auto branch = scf::IfOp::create(b, isLast, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  write();
}

void Placement::emitMerge(OnlineState &state, tile::Scope scope, tile::FragType statistics, tile::FragType values) {
  Scores parts = finalValues(state);
  SmallVector<Type> types = {statistics, statistics, values};
  if (state.d2)
    types.append({statistics, statistics, values});
  Sharers sharers = scope == tile::Scope::Grid ? emitSharers(b, plan, grid) : Sharers();
  auto merge = tile::MergeOp::create(b, types, b.getI1Type(), scope, state.m, state.d1, parts.s, state.d2, state.c,
                                     parts.t, sharers.count, sharers.firstState, sharers.place,
                                     values.getRows(), values.getColumns(), plan.resources.keyWarps,
                                     /*offset=*/IntegerAttr());
  OnlineState merged;
  merged.m = merge.getResults()[0];
  merged.d1 = merge.getResults()[1];
  merged.values = {merge.getResults()[2]};
  if (state.d2) {
    merged.d2 = merge.getResults()[3];
    merged.c = merge.getResults()[4];
    merged.values.push_back(merge.getResults()[5]);
  }
  state = merged;
  if (scope == tile::Scope::Grid)
    isLast = merge.getLast();
}
