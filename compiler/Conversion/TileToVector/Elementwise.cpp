//===- Elementwise.cpp - maps, fills and reductions of dense tiles --------===//
//
// A map's region is written for one element; here it is cloned once per tile shape
// and applied to a vector of a row's columns. What is the same along the row (row
// operands, the row's position, captured scalars and all that follows from them)
// stays scalar and is spread where it meets a vector. Columns (one element per row)
// are treated as a single row.
//
// What lies beyond the last column of a row is computed as well and means nothing;
// whoever combines columns masks it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"
#include <limits>

using namespace mlir;
using namespace lla;

//===----------------------------------------------------------------------===//
// tile.map
//===----------------------------------------------------------------------===//

namespace {
/// The region of a map, applied to scalars and vectors.
class MapBody {
public:
  MapBody(HostTask &task, tile::MapOp op) : task(task), v(task.v), op(op) {}

  static LogicalResult check(tile::MapOp op) {
    for (Operation &inner : op.getBody().front().without_terminator())
      if (!inner.hasTrait<OpTrait::ConstantLike>() && !OpTrait::hasElementwiseMappableTraits(&inner))
        return inner.emitOpError("expected an elementwise operation in a map on the host");
    return success();
  }

  /// What the region yields for `arguments`, as vectors.
  Vectors::Values apply(ValueRange arguments) {
    Block &block = op.getBody().front();
    IRMapping values;
    values.map(block.getArguments(), arguments);
    for (Operation &inner : block.without_terminator())
      emit(inner, values);
    Vectors::Values yielded;
    for (Value value : block.getTerminator()->getOperands())
      yielded.push_back(spread(lookup(value, values)));
    return yielded;
  }

private:
  Value lookup(Value value, const IRMapping &values) {
    return values.contains(value) ? values.lookup(value) : task.scalar(value);
  }
  Value spread(Value value) { return isa<VectorType>(value.getType()) ? value : v.splat(value); }

  void emit(Operation &inner, IRMapping &values) {
    Vectors::Values operands;
    for (Value operand : inner.getOperands())
      operands.push_back(lookup(operand, values));
    bool uniform = llvm::none_of(operands, [](Value x) { return isa<VectorType>(x.getType()); });
    if (!uniform)
      for (Value &operand : operands)
        operand = spread(operand);
    if (isa<math::Exp2Op>(inner)) {
      values.map(inner.getResult(0), v.exp2(operands[0]));
    } else if (isa<math::Log2Op>(inner)) {
      values.map(inner.getResult(0), v.log2(operands[0]));
    } else if (isa<math::FmaOp>(inner)) {
      values.map(inner.getResult(0), v.fma(operands[0], operands[1], operands[2]));
    } else {
      Operation *clone = inner.clone();
      clone->setOperands(operands);
      if (!uniform)
        for (Value result : clone->getResults())
          result.setType(v.type(result.getType()));
      task.b.insert(clone);
      values.map(inner.getResults(), clone->getResults());
    }
  }

  HostTask &task;
  Vectors &v;
  tile::MapOp op;
};
} // namespace

/// True if every input is already where the equal result is to be.
static bool isCopyInPlace(HostTask &task, tile::MapOp op) {
  Block &block = op.getBody().front();
  if (!llvm::equal(block.getTerminator()->getOperands(), block.getArguments()))
    return false;
  return llvm::all_of(llvm::zip_equal(op.getInputs(), op.getResults()), [&](auto pair) {
    auto [input, result] = pair;
    return input.getType() == result.getType() && task.plan.offset(input) == task.plan.offset(result);
  });
}

LogicalResult lla::emitMap(HostTask &task, tile::MapOp op) {
  if (isCopyInPlace(task, op))
    return success();
  if (failed(MapBody::check(op)))
    return failure();
  Vectors &v = task.v;
  MapBody body(task, op);
  SmallVector<DenseTile> inputs, results;
  for (Value input : op.getInputs())
    inputs.push_back(task.tile(input));
  for (Value result : op.getResults())
    results.push_back(task.tile(result));
  bool isColumn = results.front().isColumn();
  Vectors::Values at;
  for (Value position : op.getAt())
    at.push_back(task.scalar(position));

  auto offset = [&](Value base, Value i) -> Value {
    return v.add(base, arith::TruncIOp::create(task.b, task.b.getI32Type(), i));
  };
  auto vectorAt = [&](Value row, Value column) {
    Vectors::Values arguments;
    for (const DenseTile &input : inputs)
      arguments.push_back(input.isColumn() && !isColumn ? v.loadScalar(task.address(input, row, 0), input.element)
                                                        : v.load(task.address(input, row, column), input.element));
    if (!at.empty()) {
      Value along = v.add(v.splat(offset(at[isColumn ? 0 : 1], column)), v.lane());
      Value across = isColumn ? at[1] : offset(at[0], row);
      arguments.append({isColumn ? along : across, isColumn ? across : along});
    }
    for (auto [value, result] : llvm::zip_equal(body.apply(arguments), results))
      v.store(value, task.address(result, row, column), result.element);
  };
  v.loop(results.front().runs(), 1, [&](Value row) {
    v.loop(results.front().runLength(), v.lanes, [&](Value column) { vectorAt(row, column); });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// tile.fill, tile.row_reduce, tile.any
//===----------------------------------------------------------------------===//

void lla::emitFill(HostTask &task, tile::FillOp op) {
  Vectors &v = task.v;
  DenseTile tile = task.tile(op.getResult());
  Value value = v.splat(v.f32(op.getValue().convertToDouble()));
  v.loop(tile.rows * tile.stride, v.lanes,
         [&](Value i) { v.store(value, task.address(tile, v.index(0), i), tile.element); });
}

/// The neutral element and the combination of a reduction. An extremum ignores NaN.
static std::pair<double, std::function<Value(Value, Value)>> reduction(ImplicitLocOpBuilder &b, tile::Reduction kind) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  auto extremum = [&b](arith::CmpFPredicate beats) {
    return [&b, beats](Value x, Value y) -> Value {
      return arith::SelectOp::create(b, arith::CmpFOp::create(b, beats, x, y), x, y);
    };
  };
  switch (kind) {
  case tile::Reduction::Peak:
    return {0, extremum(arith::CmpFPredicate::UGT)};
  case tile::Reduction::Max:
    return {-infinity, extremum(arith::CmpFPredicate::OGT)};
  case tile::Reduction::Min:
    return {infinity, extremum(arith::CmpFPredicate::OLT)};
  case tile::Reduction::Sum:
    break;
  }
  return {0, [&b](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); }};
}

/// `lanes` rows at a time: a vector per row, then all of them to the lanes of one.
void lla::emitRowReduce(HostTask &task, tile::RowReduceOp op) {
  Vectors &v = task.v;
  DenseTile from = task.tile(op.getValue()), to = task.tile(op.getResult());
  auto [neutral, combine] = reduction(task.b, op.getKind());
  Value start = v.splat(v.f32(neutral));
  int64_t whole = from.columns / v.lanes * v.lanes;
  auto block = [&](Value row, int64_t rows) {
    auto fold = [&](Value column, ValueRange carried, int64_t live) {
      Vectors::Values next;
      for (int64_t r = 0; r < rows; ++r) {
        Value x = v.load(task.address(from, v.add(row, v.index(r)), column), from.element);
        if (live < v.lanes)
          x = arith::SelectOp::create(task.b, v.firstLanes(live), x, start);
        next.push_back(combine(x, carried[r]));
      }
      return next;
    };
    Vectors::Values parts = v.loop(whole, v.lanes, Vectors::Values(rows, start),
                                   [&](Value column, ValueRange carried) { return fold(column, carried, v.lanes); });
    if (whole < from.columns)
      parts = fold(v.index(whole), parts, from.columns - whole);
    parts.resize(llvm::PowerOf2Ceil(rows), parts.back());
    v.store(v.reduceEach(parts, combine), task.address(to, row, 0), to.element);
  };
  int64_t wholeRows = from.rows / v.lanes * v.lanes;
  v.loop(wholeRows, v.lanes, [&](Value row) { block(row, v.lanes); });
  if (wholeRows < from.rows)
    block(v.index(wholeRows), from.rows - wholeRows);
}

Value lla::emitAny(HostTask &task, tile::AnyOp op) {
  Vectors &v = task.v;
  Value any;
  for (Value condition : op.getConditions()) {
    DenseTile tile = task.tile(condition);
    for (int64_t row = 0; row < tile.rows; row += v.lanes) {
      Value holds = v.load(task.address(tile, v.index(row), 0), tile.element);
      if (tile.rows - row < v.lanes)
        holds = arith::AndIOp::create(task.b, holds, v.firstLanes(tile.rows - row));
      any = any ? arith::OrIOp::create(task.b, any, holds).getResult() : holds;
    }
  }
  return vector::ReductionOp::create(task.b, vector::CombiningKind::OR, any);
}
