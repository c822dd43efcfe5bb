//===- LLAToTile.cpp - tiles, memory spaces and positions -----------------===//
//
// Makes one kernel of the online form, in the order of its ops:
//
//     pack_rows            the tile's rows are loaded once
//     online_init          the neutral state in fragments
//     online_update        scf.for over key tiles around OnlineStep::fold
//     online_merge         tile.merge
//     online_finalize      the output rows, stored
//     online_statistics    lse, tbar and vbar, stored
//
// and one of its own of merge_states (MergeStates.h).
//
// Precondition:  one attention or merge per function, rows packed, a schedule attached.
// Postcondition: `tile.kernel`; no lla op is left.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/LLAToTile/MergeStates.h"
#include "compiler/Conversion/LLAToTile/OnlineStep.h"

namespace lla {
#define GEN_PASS_DEF_CONVERTLLATOTILE
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

static std::unique_ptr<Placement> makePlacement(ImplicitLocOpBuilder &b, const KernelPlan &plan,
                                                const GridPosition &grid) {
  switch (plan.schedule.load) {
  case LoadPath::Registers:
    return makeRegistersPlacement(b, plan, grid);
  case LoadPath::Ring:
    return makeRingPlacement(b, plan, grid);
  case LoadPath::Scratch:
    return makeScratchPlacement(b, plan, grid);
  }
  return nullptr;
}

/// A loop over the key tiles of one range. `first` is null, or the tile behind a range `first`, which sets it.
static OnlineState emitFold(OnlineStep &step, Placement &place, const OnlineState &state, KeyRangeKind range,
                            Value &first) {
  ImplicitLocOpBuilder &b = place.b;
  I32 i{b};
  Value stride = place.tileStep();
  TileLoop bounds = tileLoop(b, place.grid, range, first ? first : place.firstTile(), stride, place.contiguous());
  if (range == KeyRangeKind::First)
    first = bounds.end;
  auto loop = scf::ForOp::create(b, bounds.begin, bounds.end, stride, state.flatten());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value key = i.add(place.grid.foldBegin, i.mul(loop.getInductionVar(), i.constant(place.plan.schedule.keys)));
  OnlineState next = step.fold(state.with(loop.getRegionIterArgs()), key, range);
  scf::YieldOp::create(b, next.flatten());
  return state.with(loop.getResults());
}

static void storeStatistics(OnlineStep &step, Placement &place, const OnlineState &state) {
  Statistics statistics = step.statistics(state);
  place.store(statistics.lse, tile::Tensor::Lse);
  place.store(statistics.tbar, tile::Tensor::Tbar);
  place.store(statistics.vbar, tile::Tensor::Vbar);
}

/// The only CTA (or cluster of them) of a short sequence, or of a row tile that is not divided, has the whole state, and
/// is done; what is emitted from here on is for the others.
static void emitUnlessAlone(OnlineStep &step, Placement &place, const OnlineState &state) {
  ImplicitLocOpBuilder &b = place.b;
  auto branch = scf::IfOp::create(b, emitIsAlone(b, place.plan, place.grid), /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  place.store(step.finalize(state), tile::Tensor::O);
  if (place.plan.problem.state)
    storeStatistics(step, place, state);
  b.setInsertionPointToStart(branch.elseBlock());
}

/// A warp that merges by itself and has no rows, as three of four do in a decode of 16, is done.
static void emitUnlessIdle(Placement &place) {
  ImplicitLocOpBuilder &b = place.b;
  Value hasRows = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, place.rowBase(), place.grid.rowEnd);
  auto branch = scf::IfOp::create(b, hasRows, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
}

/// Everything the kernel is made of, from the function's attributes and its packing.
static FailureOr<KernelPlan> makePlan(func::FuncOp function) {
  auto problem = function->getAttrOfType<ProblemAttr>(kProblemAttr);
  auto target = function->getAttrOfType<TargetAttr>(kTargetAttr);
  auto schedule = function->getAttrOfType<ScheduleAttr>(kScheduleAttr);
  if (!problem || !target || !schedule)
    return function.emitOpError() << "expected " << kProblemAttr << ", " << kTargetAttr << " and " << kScheduleAttr;
  KernelPlan plan{problem.getValue(), schedule.getValue(), target.getValue(), {}, Packing::None, {}, {}};
  plan.resources = resources(plan.problem, plan.schedule, plan.target);
  if (plan.problem.isMerge())
    return plan;
  PackRowsOp rows;
  function.walk([&](PackRowsOp op) { rows = op; });
  if (!rows)
    return function.emitOpError("expected packed rows (lla-pack-rows)");
  plan.packing = rows.getRows().getType().getPacking();
  plan.elementType = rows.getRows().getType().getElementType();
  plan.keyType = builtinType(function.getContext(), plan.problem.keyType());
  if (int64_t group = rows.getRows().getType().getGroup(); group != plan.packedGroup())
    return rows.emitOpError() << "expected rows of group " << plan.packedGroup() << " for this schedule, got " << group;
  return plan;
}

/// Success if the function is one fold that the schedule's load path can place.
static LogicalResult checkForm(func::FuncOp function, const KernelPlan &plan) {
  if (llvm::Error error = checkFeasible(plan.problem, plan.schedule, plan.target))
    return function.emitOpError() << "infeasible schedule: " << llvm::toString(std::move(error));
  Block &body = function.getBody().front();
  if (plan.problem.isMerge())
    return llvm::hasSingleElement(body.getOps<MergeStatesOp>()) ? success()
                                                                : function.emitOpError("expected one merge_states");
  if (!llvm::hasSingleElement(body.getOps<OnlineInitOp>()) || !llvm::hasSingleElement(body.getOps<OnlineFinalizeOp>()))
    return function.emitOpError("expected one online_init and one online_finalize");
  for (Operation &op : body) {
    auto update = dyn_cast<OnlineUpdateOp>(op);
    if (update && !update.getRows())
      return update.emitOpError("expected packed rows (lla-pack-rows)");
    auto merge = dyn_cast<OnlineMergeOp>(op);
    bool fits = !merge || merge.getAxis() == SplitAxis::Grid || plan.schedule.load == LoadPath::Registers ||
                (merge.getAxis() == SplitAxis::Cluster && plan.schedule.load == LoadPath::Ring);
    if (!fits)
      return merge.emitOpError() << "no merge over " << stringifySplitAxis(merge.getAxis())
                                 << " with load=" << name(plan.schedule.load);
  }
  return success();
}

static tile::KernelOp createKernel(func::FuncOp function, const KernelPlan &plan) {
  OpBuilder builder(function);
  const Schedule &schedule = plan.schedule;
  int64_t producers = schedule.load == LoadPath::Ring ? 4 : 0;
  // The shards that a merge reads at a time are in its loop already.
  int64_t stages = plan.problem.isMerge() ? 1 : schedule.stages;
  auto kernel =
      tile::KernelOp::create(builder, function.getLoc(), function.getSymName(), schedule.warps, producers, stages,
                             schedule.ctas, schedule.cluster, plan.resources.sharedBytes, IntegerAttr());
  kernel.getBody().emplaceBlock();
  for (llvm::StringRef name : {kProblemAttr, kTargetAttr, kScheduleAttr})
    kernel->setAttr(name, function->getAttr(name));
  return kernel;
}

/// The ops of an attention's function, one after the other.
static void emitAttention(ImplicitLocOpBuilder &b, func::FuncOp function, const KernelPlan &plan,
                          const GridPosition &grid) {
  std::unique_ptr<Placement> place = makePlacement(b, plan, grid);
  place->loadRows();
  auto scaleOf = [&](tile::Tensor tensor) -> Value {
    return plan.problem.hasKeyScales() ? tile::ScaleOp::create(b, b.getF32Type(), tensor, grid.kvHead) : Value();
  };
  OnlineStep step(*place, tile::ArgumentOp::create(b, b.getF32Type(), b.getStringAttr("scale_log2")),
                  scaleOf(tile::Tensor::K), scaleOf(tile::Tensor::V));

  OnlineState state;
  Value first;
  bool sumsComplete = false;
  auto completeSums = [&] {
    if (!std::exchange(sumsComplete, true))
      step.completeSums(state);
  };
  for (Operation &op : function.getBody().front()) {
    if (isa<OnlineInitOp>(op)) {
      state = step.initialState();
    } else if (auto update = dyn_cast<OnlineUpdateOp>(op)) {
      state = emitFold(step, *place, state, update.getRange(), first);
    } else if (auto merge = dyn_cast<OnlineMergeOp>(op)) {
      completeSums();
      if (merge.getAxis() == SplitAxis::Grid && mayBeAlone(plan.problem, plan.schedule))
        emitUnlessAlone(step, *place, state);
      if (merge.getAxis() == SplitAxis::Grid && plan.schedule.load == LoadPath::Ring)
        emitUnlessIdle(*place);
      place->merge(state, merge.getAxis());
    } else if (isa<OnlineFinalizeOp>(op)) {
      completeSums();
      place->store(step.finalize(state), tile::Tensor::O);
    } else if (isa<OnlineStatisticsOp>(op)) {
      completeSums();
      storeStatistics(step, *place, state);
    }
  }
}

static LogicalResult convert(func::FuncOp function) {
  FailureOr<KernelPlan> plan = makePlan(function);
  if (failed(plan) || failed(checkForm(function, *plan)))
    return failure();
  tile::KernelOp kernel = createKernel(function, *plan);
  ImplicitLocOpBuilder b(function.getLoc(), function.getContext());
  b.setInsertionPointToStart(&kernel.getBody().front());
  emitRowTiles(b, *plan, [&](const RowTile &tile) {
    GridPosition grid = emitGridPosition(b, *plan, tile);
    if (plan->problem.isMerge())
      emitMergeStates(b, *plan, grid);
    else
      emitAttention(b, function, *plan, grid);
  });
  function.erase();
  return success();
}

namespace {
struct ConvertLLAToTile : lla::impl::ConvertLLAToTileBase<ConvertLLAToTile> {
  void runOnOperation() override {
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(convert(function)))
        return signalPassFailure();
  }
};
} // namespace
