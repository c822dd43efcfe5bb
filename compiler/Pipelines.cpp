//===- Pipelines.cpp - the whole compiler on one page ---------------------===//
//
// Four stages; one canonicalize and CSE at the end of each, nowhere else.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines.h"
#include "compiler/Target/Host.h"
#include "compiler/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lla;

static void clean(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lla::buildAlgorithmStage(OpPassManager &pm) {
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createLLAMaterializeSchedule());
  function.addPass(createLLALowerToOnline());
  function.addPass(createLLASplitKeyRange());
  function.addPass(createLLAPackRows());
  function.addPass(createLLAPeelMaskRanges());
  clean(pm);
}

void lla::buildTileStage(OpPassManager &pm) {
  pm.addPass(createConvertLLAToTile());
  OpPassManager &kernel = pm.nest<tile::KernelOp>();
  kernel.addPass(createTileFixSizes());
  kernel.addPass(createTilePipelineCopies());
  kernel.addPass(createTilePrefetchLoads());
  kernel.addPass(createTileSpecializeRoles());
  kernel.addPass(createTileDivideConsumers());
  kernel.addPass(createTileAdvanceScores());
  kernel.addPass(createTileAlternateWarpgroups());
  kernel.addPass(createTilePlaceWaits());
  kernel.addPass(createTileAllocateShared());
  clean(pm);
}

void lla::buildTargetStage(OpPassManager &pm, const Target &target) {
  if (target.isHost())
    pm.addPass(createConvertTileToVector({target.vectorBits}));
  else
    pm.addPass(createConvertTileToNVVM());
  clean(pm);
}

void lla::buildLLVMStage(OpPassManager &pm, const Target &target) {
  if (target.isHost()) {
    buildHostLLVMPipeline(pm);
    return;
  }
  OpPassManager &gpu = pm.nest<gpu::GPUModuleOp>();
  gpu.addPass(createSCFToControlFlowPass());
  gpu.addPass(createConvertToLLVMPass());
  gpu.addPass(createConvertNVVMToLLVMPass());
  gpu.addPass(createReconcileUnrealizedCastsPass());
  clean(gpu);
}

void lla::registerDialects(DialectRegistry &registry) {
  registry.insert<LLADialect, tile::TileDialect, arith::ArithDialect, func::FuncDialect, gpu::GPUDialect,
                  LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                  ub::UBDialect, vector::VectorDialect, cf::ControlFlowDialect>();
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertFuncToLLVMInterface(registry);
  index::registerConvertIndexToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

void lla::registerPasses() {
  registerLLAPasses();
  registerTransformsPasses();
  PassPipelineRegistration<>("lla-algorithm", "lla.attention to the packed, split, peeled online algebra",
                             buildAlgorithmStage);
  PassPipelineRegistration<>("lla-tile", "the online algebra to a tile kernel", buildTileStage);
}
