//===- Ring.cpp - load = ring: bulk tensor copies and wgmma ---------------===//
//
// Query, probe, key and value tiles are in shared memory; each computing warpgroup
// has 64 rows, each of its warps 16. Where one thread could not hold the accumulators
// of all value columns, two warpgroups take the same rows and a part of the columns
// each. Both form the scores, or one more warpgroup, the weigher, does, and hands its
// weights over (tile-divide-consumers). The copies stand where their data is needed;
// tile-pipeline-copies and tile-specialize-roles move them to the producer.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/Placement.h"

using namespace mlir;
using namespace lla;

namespace {
class Ring final : public Placement {
public:
  using Placement::Placement;

  void loadRows() override {
    tile::SharedType type = sharedKeys(plan.schedule.rows);
    auto copy = [&](tile::Tensor tensor) -> Value {
      return tile::CopyOp::create(b, type, view(tensor), grid.rowBegin, Value(), Value(), /*box_rows=*/0);
    };
    q = copy(tile::Tensor::Q);
    if (plan.hasProbe())
      r = copy(tile::Tensor::R);
    if (plan.schedule.heldRows)
      holdRows(type);
    keys = view(tile::Tensor::K);
    values = view(tile::Tensor::V);
    if (sumsInValues())
      ones = createOnes();
    boundCopies();
  }

  void copyKeys(Value key) override {
    int64_t boxRows = plan.problem.pageSize ? rowsPerKeyCopy(plan.problem, plan.schedule) : 0;
    auto copy = [&](Value view, tile::SharedType type) -> Value {
      return tile::CopyOp::create(b, type, view, key, firstCopied, endCopied, boxRows);
    };
    k = copy(keys, sharedKeys(plan.schedule.keys));
    v = copy(values, sharedValues(paddedValueDim(plan.problem, plan.schedule)));
  }

  /// Of a CTA's warpgroups the lower sees fewer of the last keys, the upper, in a window, fewer of the first.
  Value seesTile(Value key) override {
    constexpr int64_t warps = 4, rows = 16 * warps; // Of a warpgroup.
    if (!plan.problem.causal || rowWarps() == warps)
      return {};
    I32 i{b};
    Value warpgroup = i.div(i.rem(grid.warp, i.constant(rowWarps())), i.constant(warps));
    Value first = i.add(grid.rowBegin, i.mul(warpgroup, i.constant(rows)));
    Value last = i.min(i.add(first, i.constant(rows - 1)), i.sub(grid.rowEnd, i.constant(1)));
    return emitSeesTile(b, plan, grid, first, last, key);
  }

  Scores scores(Value) override {
    Scores scores{product(q), plan.hasProbe() ? product(r) : Value()};
    if (plan.schedule.overlap || !plan.hasProbe())
      return scores;
    auto wait = tile::WaitOp::create(b, TypeRange{scoreType(), scoreType()}, ValueRange{scores.s, scores.t}, 0);
    return {wait.getResult(0), wait.getResult(1)};
  }

  Scores repeated(const Scores &scores) override { return {product(q), scores.t ? product(r) : Value()}; }

  Value arrived(Value score) override {
    if (!plan.schedule.overlap)
      return score;
    return tile::WaitOp::create(b, TypeRange{score.getType()}, score, /*pending=*/0).getResult(0);
  }

  void accumulate(Value p, Value pt, OnlineState &state) override {
    Value part = v; // Of its columns.
    if (Value first = firstOfPart())
      part = tile::ColumnsOp::create(b, sharedValues(valuePartColumns(plan.problem, plan.schedule)), v, first);
    Value operands[] = {p, pt};
    for (auto [index, value] : llvm::enumerate(state.values)) {
      Value operand = rounded(operands[index]);
      if (plan.schedule.weigher)
        operand = tile::HandOverOp::create(b, shared(plan.schedule.rows, plan.schedule.keys), operand);
      value = tile::DotOp::create(b, valueType(), operand, part, ones, value, /*transpose_b=*/false);
    }
  }

  Value handedOver(Value x) override {
    return plan.schedule.weigher ? tile::HandOverOp::create(b, x.getType(), x).getResult() : x;
  }

  Value rounded(Value p) override {
    auto type = tile::FragType::get(b.getContext(), 16, plan.schedule.keys, plan.elementType, tile::Layout::Operand, 0);
    return p.getType() == type ? p : tile::ConvertOp::create(b, type, p).getResult();
  }

  Value rowBase() override {
    I32 i{b};
    Value rowWarp = grid.warp;
    if (plan.schedule.valueParts > 1 || plan.schedule.weigher)
      rowWarp = i.rem(rowWarp, i.constant(rowWarps()));
    return i.add(grid.rowBegin, i.mul(rowWarp, i.constant(16)));
  }
  Value firstColumn() override {
    I32 i{b};
    Value first = firstOfPart();
    if (!shareColumns)
      return first;
    Value share = i.mul(i.rem(grid.split, i.constant(plan.schedule.cluster)), i.constant(shareColumns));
    return first ? i.add(first, share) : share;
  }
  Value firstTile() override { return I32{b}.constant(0); }
  Value tileStep() override { return I32{b}.constant(1); }
  bool contiguous() const override { return true; }
  bool byWarpgroup() const override { return true; }
  bool sumsInValues() const override { return plan.schedule.rounded; }
  /// The last tile ends with the last visible key: a copy cannot stop short of keys that no row sees, and
  /// what is in them must not reach a product, not even times 0. Before key 0 it reads zeros. Where the
  /// visible keys start later and are fewer than a tile, the row tile is a head's last, not full one, and
  /// behind its last key the context ends: zeros again.
  /// Where neither holds (ragged), the copies are bounded. Paged tiles stay where parts of pages begin.
  Value tileStart(Value key) override {
    if (plan.problem.pageSize)
      return key;
    I32 i{b};
    Value last = i.sub(grid.keyEnd, i.constant(plan.schedule.keys));
    if (plan.problem.window || plan.problem.ragged) {
      Value fromStart = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, grid.keyBegin, i.constant(0));
      last = arith::SelectOp::create(b, fromStart, last, i.max(last, grid.keyBegin));
    }
    return i.min(key, last);
  }

  tile::FragType scoreType() override { return accumulator(plan.schedule.keys); }
  tile::FragType valueType() override {
    return accumulator(valuePartColumns(plan.problem, plan.schedule) + (sumsInValues() ? sumColumns : 0));
  }

  /// Each warp adds the states of its own rows, as its fragments have them; over a cluster, a share of their columns.
  void merge(OnlineState &state, SplitAxis axis) override {
    if (axis == SplitAxis::Grid)
      return emitMerge(state, tile::Scope::Grid, rowType(), cast<tile::FragType>(state.values.front().getType()));
    shareColumns = valuePartColumns(plan.problem, plan.schedule) / plan.schedule.cluster;
    emitMerge(state, tile::Scope::Cluster, rowType(), accumulator(shareColumns));
  }

private:
  int64_t rowWarps() const { return plan.schedule.rows / 16; }
  /// The first of this warp's part of the value columns; null if it has all.
  Value firstOfPart() {
    I32 i{b};
    if (plan.schedule.valueParts == 1)
      return {};
    Value part = i.div(grid.warp, i.constant(rowWarps()));
    if (plan.schedule.weigher) // Which is before them.
      part = i.sub(part, i.constant(1));
    return i.mul(part, i.constant(valuePartStride(plan.problem, plan.schedule)));
  }
  /// What lies between the visible keys and a tile's edges may be anything in a page or behind a sequence's end: it is
  /// not copied. Before key 0 there is nothing.
  void boundCopies() {
    if (!plan.problem.ragged && !plan.problem.pageSize)
      return;
    I32 i{b};
    Value first = grid.firstKey ? grid.firstKey : grid.keyBegin;
    Value isZero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first, i.constant(0));
    firstCopied = arith::SelectOp::create(b, isZero, i.constant(-plan.schedule.keys), first);
    endCopied = grid.keyEnd;
  }
  void holdRows(tile::SharedType tile) {
    auto type = tile::FragType::get(b.getContext(), 16, tile.getColumns(), plan.elementType, tile::Layout::Operand, 0);
    for (Value *rows : {&q, &r})
      if (*rows)
        *rows = tile::CollectOp::create(b, type, *rows);
  }
  tile::SharedType shared(int64_t rows, int64_t columns, int64_t panel = panelColumns) {
    return tile::SharedType::get(b.getContext(), rows, columns, plan.elementType, panel);
  }
  /// Of k, or of q or r beside it.
  tile::SharedType sharedKeys(int64_t rows) {
    return shared(rows, paddedKeyDim(plan.problem, plan.schedule), keyPanelColumns(plan.problem, plan.schedule));
  }
  tile::SharedType sharedValues(int64_t columns) {
    return shared(plan.schedule.keys, columns, valuePanelColumns(plan.problem, plan.schedule));
  }
  tile::FragType accumulator(int64_t columns) {
    return tile::FragType::get(b.getContext(), 16, columns, b.getF32Type(), tile::Layout::Accumulator, 0);
  }
  Value product(Value a) {
    return tile::DotOp::create(b, scoreType(), a, k, /*ones=*/Value(), Value(), /*transpose_b=*/true);
  }
  /// Once a kernel, before all row tiles.
  Value createOnes() {
    constexpr int64_t rowsOfStep = 16;
    OpBuilder::InsertionGuard guard(b);
    auto kernel = b.getInsertionBlock()->getParent()->getParentOfType<tile::KernelOp>();
    b.setInsertionPointToStart(&kernel.getBody().front());
    return tile::OnesOp::create(b, shared(rowsOfStep, panelColumns), IntegerAttr());
  }

  int64_t shareColumns = 0; ///< Of the value columns, that a CTA has of a cluster's merged state; 0: not merged.
  static constexpr int64_t sumColumns = 8; ///< Alike: a product has no fewer.
  Value ones; ///< Null: the step adds up its sums.
  Value q, r, keys, values;
  Value k, v; ///< Of the last tile.
  Value firstCopied, endCopied; ///< Null: copies need no bounds.
};
} // namespace

std::unique_ptr<Placement> lla::makeRingPlacement(ImplicitLocOpBuilder &b, const KernelPlan &plan,
                                                  const GridPosition &grid) {
  return std::make_unique<Ring>(b, plan, grid);
}
