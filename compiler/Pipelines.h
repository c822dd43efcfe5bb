//===- Pipelines.h - the whole compiler on one page -----------------------===//
#ifndef LLA_COMPILER_PIPELINES_H
#define LLA_COMPILER_PIPELINES_H

#include "compiler/Compile.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"

namespace lla {

/// Every dialect, interface and translation that a stage may hold.
void registerDialects(mlir::DialectRegistry &registry);
/// Every pass and pipeline by name, for lla-opt.
void registerPasses();

/// `lla.attention` -> the online algebra, split, packed and peeled as the schedule says.
void buildAlgorithmStage(mlir::OpPassManager &pm);
/// The online algebra -> one tile kernel, pipelined, divided into roles, with waits and offsets.
void buildTileStage(mlir::OpPassManager &pm);
/// A tile kernel -> the machine's instructions: nvvm, or vectors on the host.
void buildTargetStage(mlir::OpPassManager &pm, const Target &target);
/// Everything -> the LLVM dialect, by upstream passes only.
void buildLLVMStage(mlir::OpPassManager &pm, const Target &target);

} // namespace lla
#endif
