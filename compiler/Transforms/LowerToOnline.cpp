//===- LowerToOnline.cpp - attention as a fold ----------------------------===//
//
// Rewrites attention into init, one update over all visible keys, finalize, and
// (where it gives lse, tbar and vbar) statistics.
//
// Why it is right: the state is a commutative monoid and finalize inverts it to
// the definition: O1/d1 = vbar, d2/d1 = tbar - c, O2/d1 = sum p (t - c) v, hence
// O1/d1 (1 + d2/d1) - O2/d1 = sum p (1 + tbar - t) v for every c.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace lla {
#define GEN_PASS_DEF_LLALOWERTOONLINE
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

namespace {

/// attention -> online_init, online_update, online_finalize [, online_statistics].
struct LowerAttention : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    int64_t dim = cast<RankedTensorType>(op.getQ().getType()).getDimSize(3);
    auto stateType = StateType::get(getContext(), dim, bool(op.getR()), {});
    Value state = OnlineInitOp::create(rewriter, op.getLoc(), stateType);
    state = OnlineUpdateOp::create(rewriter, op.getLoc(), stateType, state, op.getQ(), op.getR(), /*rows=*/Value(),
                                   op.getK(), op.getV(), op.getScale(), op.getKScales(), op.getLengths(),
                                   op.getStarts(), op.getCuSeqlensQ(), op.getCuSeqlensK(), op.getPageTable(),
                                   op.getPageSizeAttr(), op.getCausal(), op.getWindowAttr(), KeyRangeKind::Whole);
    SmallVector<Value> results = {
        OnlineFinalizeOp::create(rewriter, op.getLoc(), op.getO().getType(), state, op.getVScales())};
    if (!op.getStatistics().empty())
      llvm::append_range(
          results,
          OnlineStatisticsOp::create(rewriter, op.getLoc(), op.getStatistics().getTypes(), state, op.getVScales())
              .getResults());
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct LowerToOnline : lla::impl::LLALowerToOnlineBase<LowerToOnline> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerAttention>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
