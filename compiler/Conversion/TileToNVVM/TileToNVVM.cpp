//===- TileToNVVM.cpp - tiles as the scalars of one lane ------------------===//
//
// A tile.kernel becomes an llvm.func in a gpu.module; everything in it is converted
// 1:N, a fragment into the registers that one lane holds:
//
//     !tile.frag<16x80xf32, accumulator>   40 x f32
//     !tile.frag<16x80xbf16, operand>      20 x i32 (pairs; f8E4M3FN: fours)
//     !tile.shared<...>                    i32 (address in shared memory)
//     !tile.ring<...>                      i32, i32 (slots, barriers)
//     !tile.view<...>                      base, strides, group and its rows, batch, head, maps, pages
//
// The entry takes the launch record by value and, where rings copy, the tensor maps
// of q, [r,] k, v, then of single rows of k, v where copies of them have bounds: grid
// constants, so that nothing is copied to local memory.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "dialect/Spec/KernelArguments.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"

namespace lla {
#define GEN_PASS_DEF_CONVERTTILETONVVM
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;
using tile::FragType;

/// 1:N types of everything that a kernel's values may have.
static void addConversions(TypeConverter &converter, MLIRContext *context) {
  using Types = SmallVectorImpl<Type>;
  Builder b(context);
  Type i32 = b.getI32Type();
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([=](tile::SharedType, Types &types) -> std::optional<LogicalResult> {
    types.push_back(i32);
    return success();
  });
  converter.addConversion([=](tile::RingType, Types &types) -> std::optional<LogicalResult> {
    types.append(2, i32);
    return success();
  });
  converter.addConversion([=](tile::ViewType, Types &types) -> std::optional<LogicalResult> {
    llvm::append_range(types, ViewValues::types(context));
    return success();
  });
  converter.addConversion([=](FragType type, Types &types) -> std::optional<LogicalResult> {
    switch (type.getLayout()) {
    case tile::Layout::Dense:
      return failure();
    case tile::Layout::Operand:
    case tile::Layout::Rows:
    case tile::Layout::Keys:
    case tile::Layout::Values:
      types.append(tile::registersPerLane(type), i32);
      return success();
    default:
      types.append(tile::registersPerLane(type), type.getElementType());
      return success();
    }
  });
}

/// Tensors whose rows a ring is filled from (`bounded`: within bounds), in the order of the entry's maps.
static SmallVector<tile::Tensor> mappedTensors(tile::KernelOp kernel, bool bounded) {
  llvm::SmallSetVector<tile::Tensor, 4> used;
  kernel.walk([&](tile::RingFillOp fill) {
    for (Value view : fill.getViews())
      if (auto op = view.getDefiningOp<tile::ViewOp>(); op && (!bounded || fill.getBegin()))
        used.insert(op.getTensor());
  });
  return llvm::to_vector(llvm::make_filter_range(
      ArrayRef{tile::Tensor::Q, tile::Tensor::R, tile::Tensor::K, tile::Tensor::V},
      [&](tile::Tensor tensor) { return used.contains(tensor); }));
}

/// A by-value parameter of `bytes`, read in place.
static void describeParameter(LLVM::LLVMFuncOp function, unsigned index, int64_t bytes, int64_t alignment) {
  Builder b(function.getContext());
  function.setArgAttr(index, LLVM::LLVMDialect::getByValAttrName(),
                      TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), bytes)));
  function.setArgAttr(index, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(alignment));
  function.setArgAttr(index, NVVM::NVVMDialect::getGridConstantAttrName(), b.getUnitAttr());
}

static LLVM::LLVMFuncOp createEntry(ImplicitLocOpBuilder &b, tile::KernelOp kernel, unsigned mapCount) {
  MLIRContext *context = b.getContext();
  SmallVector<Type> parameters(1 + mapCount, LLVM::LLVMPointerType::get(context));
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), parameters);
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  describeParameter(function, 0, sizeof(KernelArguments), 8);
  for (unsigned i = 0; i < mapCount; ++i)
    describeParameter(function, 1 + i, 128, 64);
  if (Attribute target = kernel->getAttr(kTargetAttr)) // A dumped stage can be gone on from.
    function->setAttr(kTargetAttr, target);

  int64_t threads = 32 * (kernel.getWarps() + kernel.getProducerWarps());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), b.getDenseI32ArrayAttr(static_cast<int32_t>(threads)));
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(kernel.getCtas()));
  if (kernel.getCluster() > 1) // Along grid y.
    function->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                      b.getDenseI32ArrayAttr({1, static_cast<int32_t>(kernel.getCluster()), 1}));
  function.setPassthroughAttr(b.getArrayAttr(
      {b.getStrArrayAttr({"denormal-fp-math-f32", "preserve-sign,preserve-sign"})}));
  return function;
}

static LogicalResult convertKernel(tile::KernelOp kernel) {
  MLIRContext *context = kernel.getContext();
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel);
  SmallVector<tile::Tensor> maps = mappedTensors(kernel, /*bounded=*/false);
  SmallVector<tile::Tensor> rowMaps = mappedTensors(kernel, /*bounded=*/true);
  auto gpuModule = gpu::GPUModuleOp::create(b, "kernels");
  b.setInsertionPointToStart(gpuModule.getBody());

  KernelFacts facts;
  facts.warps = kernel.getWarps();
  facts.producerWarps = kernel.getProducerWarps();
  facts.cluster = kernel.getCluster();
  if (auto machine = kernel->getAttrOfType<TargetAttr>(kTargetAttr))
    facts.convertsBytes = machine.getValue().computeCapability() >= 89;
  facts.sharedMemory = LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
                                              LLVM::Linkage::External, "shared_memory", Attribute(), /*alignment=*/1024,
                                              /*addrSpace=*/3);
  LLVM::LLVMFuncOp function = createEntry(b, kernel, maps.size() + rowMaps.size());
  Block *entry = function.addEntryBlock(b);
  facts.record = entry->getArgument(0);
  for (auto [index, tensor] : llvm::enumerate(maps))
    facts.maps[tensor] = entry->getArgument(1 + index);
  for (auto [index, tensor] : llvm::enumerate(rowMaps))
    facts.rowMaps[tensor] = entry->getArgument(1 + maps.size() + index);
  b.setInsertionPointToEnd(entry);
  kernel.walk([&](tile::AwaitLaunchOp) { // As early as may be.
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
  });
  kernel.walk([&](tile::MergeOp merge) {
    if (merge.getScope() == tile::Scope::Cluster && merge.getOffset())
      openCluster(b, merge, facts);
  });
  entry->getOperations().splice(entry->end(), kernel.getBody().front().getOperations());
  b.setInsertionPointToEnd(entry);
  LLVM::ReturnOp::create(b, ValueRange());
  kernel.erase();

  TypeConverter converter;
  addConversions(converter, context);
  RewritePatternSet patterns(context);
  ConversionTarget target(*context);
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addIllegalDialect<tile::TileDialect>();
  target.addIllegalOp<math::Log2Op>();
  target.addLegalOp<tile::YieldOp>();
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns, target);
  for (auto populate : {populateKernelPatterns, populateCopyPatterns, populateDotPatterns, populateElementwisePatterns,
                        populateRingPatterns, populateMergePatterns})
    populate(converter, patterns, facts);
  ConversionConfig config;
  config.allowPatternRollback = false;
  return applyPartialConversion(function, target, std::move(patterns), config);
}

namespace {
struct ConvertTileToNVVM : lla::impl::ConvertTileToNVVMBase<ConvertTileToNVVM> {
  void runOnOperation() override {
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<tile::KernelOp>()))
      if (failed(convertKernel(kernel)))
        return signalPassFailure();
  }
};
} // namespace
