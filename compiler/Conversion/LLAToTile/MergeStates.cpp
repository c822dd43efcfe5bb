//===- MergeStates.cpp - results of shards to the result of all -----------===//
//
// lla.merge_states as a loop over the shards, which carries the result of those
// before (a: their weight in the sum, b: this shard's):
//
//     M     = max(m, lse_i)       w = e^(lse_i - M), 0 for an empty shard
//     d'    = e^(m - M) d + w     a = e^(m - M) d/d',  b = w/d'
//     tbar' = a tbar + b tbar_i   vbar' = a vbar + b vbar_i
//     o'    = a o + b o_i - a b (tbar_i - tbar) (vbar_i - vbar)
//
// and at the end lse = M + ln d.
//
// Why it is right: o = vbar - Cov(v, t), and the covariance of two groups together is
// the mean of theirs and a b times the product of what their means differ by. No
// uncentred moment is formed, so nothing cancels. An empty shard leaves the result as
// it is, bit by bit, whatever else it holds.
//
// On the GPU all is flat over the threads; statistics stand beside each of their row's
// values, and `stages` shards are read at a time, so that their loads are in flight
// together.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/MergeStates.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace lla;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {

/// What one shard holds.
struct Shard {
  Value lse, tbar, vbar, o;
};

/// What the loop carries: the result so far, with lse = m + ln d.
struct Merged {
  Value m, d, tbar, vbar, o;

  SmallVector<Value> flatten() const { return {m, d, tbar, vbar, o}; }
  static Merged unflatten(ValueRange flat) { return {flat[0], flat[1], flat[2], flat[3], flat[4]}; }
};

class ShardFold {
public:
  ShardFold(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid) : b(b), plan(plan), grid(grid) {
    bool isDense = plan.target.isHost();
    auto frag = [&](int64_t columns) {
      return tile::FragType::get(b.getContext(), plan.schedule.rows, columns, b.getF32Type(),
                                 isDense ? tile::Layout::Dense : tile::Layout::Flat,
                                 isDense ? 0 : plan.resources.threads);
    };
    values = frag(plan.problem.headDim);
    statistics = isDense ? frag(1) : values;
  }

  Merged foldAll();
  /// Writes the rows of the outputs.
  void store(const Merged &merged);

private:
  using Results = SmallVector<Value>;
  Results map(tile::FragType type, unsigned results, ValueRange inputs, tile::ElementBody body) {
    return Results(tile::MapOp::create(b, SmallVector<Type>(results, type), inputs, ValueRange(), body).getResults());
  }

  Value view(tile::Tensor tensor, Value shard = {});
  Shard load(Value shard);
  Merged add(const Merged &merged, const Shard &shard, Value exists);

  ImplicitLocOpBuilder &b;
  const KernelPlan &plan;
  const GridPosition &grid;
  tile::FragType statistics, values;
};

} // namespace

static Value isEqual(ImplicitLocOpBuilder &b, Value x, double value) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, constant(b, value));
}

/// x y + z w
static Value sumOfProducts(ImplicitLocOpBuilder &b, Value x, Value y, Value z, Value w) {
  return math::FmaOp::create(b, x, y, arith::MulFOp::create(b, z, w));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value ShardFold::view(tile::Tensor tensor, Value shard) {
  using tile::Tensor;
  bool isStatistic = llvm::is_contained({Tensor::Lse, Tensor::Tbar, Tensor::PartLse, Tensor::PartTbar}, tensor);
  Type element = tensor == Tensor::O ? builtinType(b.getContext(), plan.problem.outputType()) : b.getF32Type();
  auto type = tile::ViewType::get(b.getContext(), isStatistic ? 1 : plan.problem.headDim, element,
                                  /*pageSize=*/0);
  return tile::ViewOp::create(b, type, tensor, grid.batch, grid.queryHead, shard, /*group=*/1);
}

Shard ShardFold::load(Value shard) {
  auto rows = [&](tile::FragType type, tile::Tensor tensor) -> Value {
    return tile::LoadOp::create(b, type, view(tensor, shard), /*stacked=*/Value(), grid.rowBegin,
                                /*pages=*/ValueRange(), /*from=*/Value(), grid.rowEnd, /*transposed=*/false);
  };
  return {rows(statistics, tile::Tensor::PartLse), rows(statistics, tile::Tensor::PartTbar),
          rows(values, tile::Tensor::PartVbar), rows(values, tile::Tensor::PartO)};
}

void ShardFold::store(const Merged &merged) {
  // d = 0: no shard has seen a key. One with d = 1 is given back as it came.
  Value lse = map(statistics, 1, {merged.m, merged.d}, [](ImplicitLocOpBuilder &in, ValueRange a) -> Results {
                Value logarithm =
                    arith::MulFOp::create(in, math::Log2Op::create(in, a[1]), constant(in, std::numbers::ln2));
                Value sum = arith::AddFOp::create(in, a[0], logarithm);
                return {arith::SelectOp::create(in, isEqual(in, a[1], 0), constant(in, -kInfinity), sum)};
              }).front();
  for (auto [rows, output] : {std::pair(lse, tile::Tensor::Lse),
                              {merged.tbar, tile::Tensor::Tbar},
                              {merged.vbar, tile::Tensor::Vbar},
                              {merged.o, tile::Tensor::O}})
    tile::StoreOp::create(b, rows, view(output), grid.rowBegin, grid.rowEnd, /*column=*/Value());
}

//===----------------------------------------------------------------------===//
// The fold
//===----------------------------------------------------------------------===//

Merged ShardFold::foldAll() {
  I32 i{b};
  auto fill = [&](tile::FragType type, double value) -> Value {
    return tile::FillOp::create(b, type, b.getF32FloatAttr(static_cast<float>(value)));
  };
  Merged none{fill(statistics, -kInfinity), fill(statistics, 0), fill(statistics, 0), fill(values, 0), fill(values, 0)};
  int64_t together = plan.schedule.stages;
  Value count = i.argument("shards");
  auto loop = scf::ForOp::create(b, i.constant(0), count, i.constant(together), none.flatten());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  // Past the last shard it is read again, as an empty one.
  SmallVector<Value> numbers;
  SmallVector<Shard> shards;
  for (int64_t s = 0; s < together; ++s) {
    numbers.push_back(s == 0 ? loop.getInductionVar() : i.add(loop.getInductionVar(), i.constant(s)));
    shards.push_back(load(s == 0 ? numbers.back() : i.min(numbers.back(), i.sub(count, i.constant(1)))));
  }
  Merged merged = Merged::unflatten(loop.getRegionIterArgs());
  for (auto [number, shard] : llvm::zip(numbers, shards)) {
    bool isFirst = number == loop.getInductionVar();
    Value exists = isFirst ? Value() : arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, count);
    merged = add(merged, shard, exists);
  }
  scf::YieldOp::create(b, merged.flatten());
  return Merged::unflatten(loop.getResults());
}

/// `exists` (i1): false makes the shard an empty one; null: it is there.
Merged ShardFold::add(const Merged &merged, const Shard &shard, Value exists) {
  Results rows =
      map(statistics, 6, {merged.m, merged.d, merged.tbar, shard.lse, shard.tbar},
          [&](ImplicitLocOpBuilder &in, ValueRange x) -> Results {
            Value lse = exists ? arith::SelectOp::create(in, exists, x[3], constant(in, -kInfinity)).getResult() : x[3];
            Value m = arith::MaxNumFOp::create(in, x[0], lse);
            auto weight = [&](Value logarithm) -> Value {
              Value powers =
                  arith::MulFOp::create(in, arith::SubFOp::create(in, logarithm, m), constant(in, std::numbers::log2e));
              Value empty = isEqual(in, logarithm, -kInfinity);
              return arith::SelectOp::create(in, empty, constant(in, 0), math::Exp2Op::create(in, powers));
            };
            Value before = arith::MulFOp::create(in, weight(x[0]), x[1]), w = weight(lse);
            Value d = arith::AddFOp::create(in, before, w);
            Value inverse =
                arith::DivFOp::create(in, constant(in, 1), d, arith::FastMathFlags::arcp | arith::FastMathFlags::afn);
            Value keep = isEqual(in, w, 0);
            auto unlessEmpty = [&](Value otherwise, Value value) -> Value {
              return arith::SelectOp::create(in, keep, otherwise, value);
            };
            Value share = unlessEmpty(constant(in, 0), arith::MulFOp::create(in, w, inverse));
            Value rest = arith::MulFOp::create(in, before, inverse);
            Value apart = arith::SubFOp::create(in, x[4], x[2]);
            Value covariance = arith::MulFOp::create(in, arith::MulFOp::create(in, rest, share), apart);
            Value tbar = unlessEmpty(x[2], sumOfProducts(in, share, x[4], rest, x[2]));
            return {m, d, tbar, share, rest, covariance};
          });
  Results sums =
      map(values, 2, {merged.vbar, merged.o, shard.vbar, shard.o, rows[3], rows[4], rows[5]},
          [&](ImplicitLocOpBuilder &in, ValueRange x) -> Results {
            Value keep = isEqual(in, x[4], 0);
            Value vbar = sumOfProducts(in, x[4], x[2], x[5], x[0]);
            Value apart = arith::SubFOp::create(in, x[2], x[0]);
            Value o = arith::SubFOp::create(in, sumOfProducts(in, x[4], x[3], x[5], x[1]),
                                            arith::MulFOp::create(in, x[6], apart));
            return {arith::SelectOp::create(in, keep, x[0], vbar), arith::SelectOp::create(in, keep, x[1], o)};
          });
  return {rows[0], rows[1], rows[2], sums[0], sums[1]};
}

void lla::emitMergeStates(ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid) {
  ShardFold fold(b, plan, grid);
  fold.store(fold.foldAll());
}
