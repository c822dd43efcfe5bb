//===- MergeStates.h - results of shards to the result of all -------------===//
#ifndef LLA_COMPILER_CONVERSION_LLATOTILE_MERGESTATES_H
#define LLA_COMPILER_CONVERSION_LLATOTILE_MERGESTATES_H

#include "compiler/Conversion/LLAToTile/Grid.h"

namespace lla {

/// The body of a kernel that computes lla.merge_states of the launch's partial results for one row tile.
void emitMergeStates(mlir::ImplicitLocOpBuilder &b, const KernelPlan &plan, const GridPosition &grid);

} // namespace lla
#endif
