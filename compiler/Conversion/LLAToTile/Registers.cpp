//===- Registers.cpp - load = registers: global memory to mma.sync --------===//
//
// Each warp holds one m16 block of rows and takes whole key tiles from global
// memory into registers, in layouts that need no shuffle (FragmentLayout.h).
// With a probe the block is 8 query rows over their 8 probe rows. Warps that share
// a block divide its key tiles; their states merge through shared memory.
//
// A swapped block is 8 columns of products whose rows are keys, or columns of values:
// half of them are few enough for a decode of 4 rows, and what holds the sums of 8 rows
// has room for a second tile of keys, or a second CTA. With a probe 4 query rows alternate
// with their 4 probe rows.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/Placement.h"

using namespace mlir;
using namespace lla;

namespace {
class Registers final : public Placement {
public:
  using Placement::Placement;

  void loadRows() override {
    auto type = blockFrag(paddedKeyDim(plan.problem, plan.schedule), plan.elementType, tile::Layout::Rows);
    Value probe = plan.hasProbe() ? view(tile::Tensor::R) : Value();
    rows = tile::LoadOp::create(b, type, view(tile::Tensor::Q), probe, rowBase(), ValueRange(), Value(), grid.rowEnd,
                                /*transposed=*/false);
    keys = view(tile::Tensor::K);
    values = view(tile::Tensor::V);
  }

  Scores scores(Value key) override {
    keyTile = key;
    keyPages = pages(keys, key);
    auto type = frag(plan.schedule.keys, paddedKeyDim(plan.problem, plan.schedule), plan.keyType, tile::Layout::Keys);
    Value k = loadKeys(type, keys);
    auto scored = blockFrag(plan.schedule.keys, b.getF32Type(), tile::Layout::Accumulator);
    Value product = tile::DotOp::create(b, scored, rows, k, /*ones=*/Value(), Value(), /*transpose_b=*/true);
    if (!plan.hasProbe())
      return {product, {}};
    auto halves = tile::SplitOp::create(b, product);
    return {halves.getUpper(), halves.getLower()};
  }

  void accumulate(Value p, Value pt, OnlineState &state) override {
    if (pt)
      p = tile::StackOp::create(b, p, pt);
    Value operand =
        tile::ConvertOp::create(b, blockFrag(plan.schedule.keys, plan.elementType, tile::Layout::Operand), p);
    auto type = frag(plan.schedule.keys, valueColumns(), plan.keyType, tile::Layout::Values);
    Value v = loadKeys(type, values);
    state.values[0] = tile::DotOp::create(b, valueType(), operand, v, /*ones=*/Value(), state.values[0],
                                          /*transpose_b=*/false);
  }

  void shiftValues(OnlineState &state, Value shift) override {
    auto halves = tile::SplitOp::create(b, state.values[0]);
    Value lower = shifted(halves.getLower(), halves.getUpper(), shift);
    state.values[0] = tile::StackOp::create(b, halves.getUpper(), lower);
  }

  Value rowBase() override {
    I32 i{b};
    if (rowWarps() == 1)
      return grid.rowBegin;
    return i.add(grid.rowBegin,
                 i.mul(i.rem(grid.warp, i.constant(rowWarps())), i.constant(blockRows())));
  }
  Value firstTile() override {
    I32 i{b};
    Value keyWarp = rowWarps() == 1 ? grid.warp : i.div(grid.warp, i.constant(rowWarps()));
    return i.add(i.mul(grid.split, i.constant(plan.resources.keyWarps)), keyWarp);
  }
  Value tileStep() override { return I32{b}.mul(grid.splits, I32{b}.constant(plan.resources.keyWarps)); }
  bool contiguous() const override { return false; }

  tile::FragType scoreType() override {
    return blockFrag(plan.schedule.keys, b.getF32Type(), tile::Layout::Accumulator)
        .withRows(blockRows());
  }
  tile::FragType valueType() override { return blockFrag(valueColumns(), b.getF32Type(), tile::Layout::Columns); }

  Scores finalValues(const OnlineState &state) override {
    if (!plan.hasProbe() || state.values.size() > 1)
      return Placement::finalValues(state);
    auto halves = tile::SplitOp::create(b, state.values[0]);
    return {halves.getUpper(), halves.getLower()};
  }

  void merge(OnlineState &state, SplitAxis axis) override {
    // Merged elements are the block's live rows, spread over the threads of the CTA, or of the cluster.
    int64_t threads = plan.resources.threads * (axis == SplitAxis::Cluster ? plan.schedule.cluster : 1);
    auto flat = tile::FragType::get(b.getContext(), liveRows(plan.problem, plan.schedule), plan.problem.headDim,
                                    b.getF32Type(), tile::Layout::Flat, threads);
    emitMerge(state, scopeOf(axis), flat, flat);
  }

private:
  tile::FragType frag(int64_t rows, int64_t columns, Type element, tile::Layout layout) {
    return tile::FragType::get(b.getContext(), rows, columns, element, layout, 0);
  }
  /// Of all rows of a block: query rows and probe rows.
  tile::FragType blockFrag(int64_t columns, Type element, tile::Layout layout) {
    bool swapped = plan.schedule.swapped;
    return tile::FragType::get(b.getContext(), swapped ? 8 : 16, columns, element, layout, 0, swapped);
  }
  Value loadKeys(tile::FragType type, Value view) {
    return tile::LoadOp::create(b, type, view, Value(), keyTile, keyPages, grid.firstKey, grid.keyEnd,
                                /*transposed=*/false);
  }
  static tile::Scope scopeOf(SplitAxis axis) {
    switch (axis) {
    case SplitAxis::Warps:
      return tile::Scope::Warps;
    case SplitAxis::Cluster:
      return tile::Scope::Cluster;
    case SplitAxis::Grid:
      return tile::Scope::Grid;
    }
    return tile::Scope::Grid;
  }
  int64_t blockRows() const { return rowsPerBlock(plan.problem, plan.schedule); }
  int64_t rowWarps() const { return plan.schedule.rows / blockRows(); }
  int64_t valueColumns() const { return paddedValueDim(plan.problem, plan.schedule); }

  Value rows, keys, values, keyTile;
  SmallVector<Value> keyPages; ///< Of the tile at `keyTile`.
};
} // namespace

std::unique_ptr<Placement> lla::makeRegistersPlacement(ImplicitLocOpBuilder &b, const KernelPlan &plan,
                                                       const GridPosition &grid) {
  return std::make_unique<Registers>(b, plan, grid);
}
