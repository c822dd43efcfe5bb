//===- FixSizes.cpp - static sizes are constants --------------------------===//
//
//     %context = tile.argument "context" : i32                          (before)
//       ==>
//     %context = arith.constant 4096 : i32
//
// where the schedule has static_sizes: batch, heads, rows, keys, splits. What follows
// from them (divisions, the bounds of loops) is folded with all other constants. A merge
// over the grid reads its number of splits from the launch all the same.
//
// Why it is right: a launch tells a kernel the very same numbers (launchSizes), and
// only problems of these sizes are launched with such code.
//
//===----------------------------------------------------------------------===//

#include "compiler/Transforms/Passes.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/StringSwitch.h"

namespace lla {
#define GEN_PASS_DEF_TILEFIXSIZES
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using namespace lla::tile;

/// The size that the argument `name` is; none if it is none.
static std::optional<int64_t> sizeNamed(llvm::StringRef name, const LaunchSizes &sizes) {
  return llvm::StringSwitch<std::optional<int64_t>>(name)
#define LLA_SIZE(name, what) .Case(#name, sizes.name)
#include "dialect/Spec/KernelArguments.def"
      .Default(std::nullopt);
}

namespace {
struct FixSizes : lla::impl::TileFixSizesBase<FixSizes> {
  void runOnOperation() override {
    KernelOp kernel = getOperation();
    auto problem = kernel->getAttrOfType<ProblemAttr>(kProblemAttr);
    auto target = kernel->getAttrOfType<TargetAttr>(kTargetAttr);
    auto schedule = kernel->getAttrOfType<ScheduleAttr>(kScheduleAttr);
    if (!problem || !target || !schedule || !schedule.getValue().staticSizes)
      return;
    Resources costs = resources(problem.getValue(), schedule.getValue(), target.getValue());
    LaunchSizes sizes = launchSizes(problem.getValue(), schedule.getValue(), costs);
    kernel.walk([&](ArgumentOp argument) {
      std::optional<int64_t> size = sizeNamed(argument.getName(), sizes);
      if (!size)
        return;
      OpBuilder b(argument);
      argument.replaceAllUsesWith(arith::ConstantIntOp::create(b, argument.getLoc(), *size, 32).getResult());
      argument.erase();
    });
  }
};
} // namespace
