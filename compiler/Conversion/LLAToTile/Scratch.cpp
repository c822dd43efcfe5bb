//===- Scratch.cpp - load = scratch: a host task and its cache ------------===//
//
// One task computes a row tile; every fragment is a dense fp32 tile in the task's
// scratch. Keys are transposed on the way in, so that a vector holds neighbouring
// keys of one dim and the products need no horizontal sums; with few rows they are
// read as they are, and sums along dim are cheaper than transposing.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/Placement.h"

using namespace mlir;
using namespace lla;

namespace {
class Scratch final : public Placement {
public:
  using Placement::Placement;

  void loadRows() override {
    auto loadTile = [&](tile::Tensor tensor) -> Value {
      return load(dense(plan.schedule.rows, dim()), view(tensor), rowBase(), grid.rowEnd, /*transposed=*/false);
    };
    q = loadTile(tile::Tensor::Q);
    if (plan.hasProbe())
      r = loadTile(tile::Tensor::R);
    keys = view(tile::Tensor::K);
    values = view(tile::Tensor::V);
  }

  Scores scores(Value key) override {
    keyTile = key;
    bool transposed = plan.schedule.rows >= kTransposeRows;
    auto type = transposed ? dense(dim(), plan.schedule.keys) : dense(plan.schedule.keys, dim());
    Value k = load(type, keys, key, grid.keyEnd, transposed);
    auto product = [&](Value a) -> Value {
      return tile::DotOp::create(b, scoreType(), a, k, /*ones=*/Value(), Value(), /*transpose_b=*/!transposed);
    };
    Value s = product(q);
    return {s, r ? product(r) : Value()};
  }

  void accumulate(Value p, Value pt, OnlineState &state) override {
    Value v = load(dense(plan.schedule.keys, dim()), values, keyTile, grid.keyEnd, /*transposed=*/false);
    Value operands[] = {p, pt};
    for (auto [index, value] : llvm::enumerate(state.values))
      value = tile::DotOp::create(b, valueType(), operands[index], v, /*ones=*/Value(), value, /*transpose_b=*/false);
  }

  Value rowBase() override { return grid.rowBegin; }
  Value firstTile() override { return grid.split; }
  Value tileStep() override { return grid.splits; }
  bool contiguous() const override { return false; }

  tile::FragType scoreType() override { return dense(plan.schedule.rows, plan.schedule.keys); }
  tile::FragType valueType() override { return dense(plan.schedule.rows, dim()); }

  void merge(OnlineState &state, SplitAxis) override { emitMerge(state, tile::Scope::Grid, rowType(), valueType()); }

private:
  /// From this many rows on, transposing a key tile costs less than a sum along dim per (row, key).
  static constexpr int64_t kTransposeRows = 8;

  tile::FragType dense(int64_t rows, int64_t columns) {
    return tile::FragType::get(b.getContext(), rows, columns, b.getF32Type(), tile::Layout::Dense, 0);
  }
  Value load(tile::FragType type, Value view, Value row, Value limit, bool transposed) {
    return tile::LoadOp::create(b, type, view, /*stacked=*/Value(), row, /*pages=*/ValueRange(), /*from=*/Value(),
                                limit, transposed);
  }
  int64_t dim() const { return plan.problem.headDim; }

  Value q, r, keys, values, keyTile;
};
} // namespace

std::unique_ptr<Placement> lla::makeScratchPlacement(ImplicitLocOpBuilder &b, const KernelPlan &plan,
                                                     const GridPosition &grid) {
  return std::make_unique<Scratch>(b, plan, grid);
}
