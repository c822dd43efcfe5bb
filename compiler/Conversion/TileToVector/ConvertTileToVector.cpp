//===- ConvertTileToVector.cpp - a task's scratch, and vectors over it ----===//
//
// A kernel becomes a function that one thread calls once per task:
//
//     tile.kernel @k { %s = tile.dot %q, %k ... }
//       ==>
//     llvm.func @k(%record: !llvm.ptr, %x: i32, %y: i32, %scratch: !llvm.ptr) { ... }
//
// Precondition:  load = scratch: every fragment is dense; control flow is scf.for
//                and scf.if.
// Postcondition: no tile op; scalars, vectors of one register, llvm loads and stores
//                and scf loops.
//
// Dense tiles are memory, so control flow does not carry them: what a loop or a
// branch passes on stays in its buffer (BufferPlan.h), and only scalars remain as
// loop arguments and results. Operations are emitted one after the other; each
// reads and writes whole tiles.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"
#include "llvm/ADT/TypeSwitch.h"

namespace lla {
#define GEN_PASS_DEF_CONVERTTILETOVECTOR
#include "compiler/Transforms/Passes.h.inc"
} // namespace lla

using namespace mlir;
using namespace lla;

static bool isTile(Value value) { return isa<tile::FragType>(value.getType()); }

/// The scalars among `values`, as they are known to the task.
static Vectors::Values scalarsOf(HostTask &task, ValueRange values) {
  Vectors::Values scalars;
  for (Value value : values)
    if (!isTile(value))
      scalars.push_back(task.scalar(value));
  return scalars;
}

static void mapScalars(HostTask &task, ValueRange originals, ValueRange scalars) {
  size_t next = 0;
  for (Value original : originals)
    if (!isTile(original))
      task.scalars.map(original, scalars[next++]);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

static LogicalResult emitBlock(HostTask &task, Block &block);

/// Emits a region's block at the start of `to`, with the scalars it yields.
static LogicalResult emitBody(HostTask &task, Block &block, Block *to) {
  OpBuilder::InsertionGuard guard(task.b);
  task.b.setInsertionPointToStart(to);
  if (failed(emitBlock(task, block)))
    return failure();
  Vectors::Values yielded = scalarsOf(task, block.getTerminator()->getOperands());
  if (to->empty() || !to->back().hasTrait<OpTrait::IsTerminator>())
    scf::YieldOp::create(task.b, yielded);
  return success();
}

static LogicalResult emitFor(HostTask &task, scf::ForOp op) {
  auto loop = scf::ForOp::create(task.b, task.scalar(op.getLowerBound()), task.scalar(op.getUpperBound()),
                                 task.scalar(op.getStep()), scalarsOf(task, op.getInitArgs()));
  task.scalars.map(op.getInductionVar(), loop.getInductionVar());
  mapScalars(task, op.getRegionIterArgs(), loop.getRegionIterArgs());
  if (failed(emitBody(task, *op.getBody(), loop.getBody())))
    return failure();
  mapScalars(task, op.getResults(), loop.getResults());
  return success();
}

static LogicalResult emitIf(HostTask &task, scf::IfOp op) {
  SmallVector<Type> types;
  for (Value result : op.getResults())
    if (!isTile(result))
      types.push_back(result.getType());
  auto branch = scf::IfOp::create(task.b, types, task.scalar(op.getCondition()), op.elseBlock() != nullptr);
  if (failed(emitBody(task, *op.thenBlock(), branch.thenBlock())) ||
      (op.elseBlock() && failed(emitBody(task, *op.elseBlock(), branch.elseBlock()))))
    return failure();
  mapScalars(task, op.getResults(), branch.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static LogicalResult emitScalar(HostTask &task, Operation *op) {
  if (op->getNumRegions() || llvm::any_of(op->getOperands(), isTile) || llvm::any_of(op->getResults(), isTile))
    return op->emitOpError("expected a scalar operation, or one of the tile dialect that the host has");
  task.b.clone(*op, task.scalars);
  return success();
}

static LogicalResult emitIndex(HostTask &task, tile::IndexOp op) {
  if (op.getAxis() == tile::Axis::GridWidth)
    return op.emitOpError("expected grid_x, grid_y or warp on the host");
  Value positions[] = {task.gridX, task.gridY, task.v.i32(0)}; // A task is one warp.
  task.scalars.map(op.getResult(), positions[static_cast<unsigned>(op.getAxis())]);
  return success();
}

static LogicalResult emitOperation(HostTask &task, Operation *operation) {
  task.b.setLoc(operation->getLoc());
  auto done = [](auto emit) {
    emit();
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(operation)
      .Case([&](scf::ForOp op) { return emitFor(task, op); })
      .Case([&](scf::IfOp op) { return emitIf(task, op); })
      .Case([&](tile::IndexOp op) { return emitIndex(task, op); })
      .Case([&](tile::ArgumentOp op) {
        return done([&] { task.scalars.map(op.getResult(), task.field(op.getName())); });
      })
      .Case([&](tile::LookupOp op) {
        return done([&] { task.scalars.map(op.getResult(), emitLookup(task, op)); });
      })
      .Case([&](tile::ScaleOp op) { return done([&] { task.scalars.map(op.getResult(), emitScale(task, op)); }); })
      .Case([&](tile::LeaveOp op) { return done([&] { emitLeave(task, op); }); })
      .Case([&](tile::ViewOp op) { return done([&] { task.views[op.getResult()] = makeView(task, op); }); })
      .Case([&](tile::LoadOp op) { return emitLoad(task, op); })
      .Case([&](tile::StoreOp op) { return done([&] { emitStore(task, op); }); })
      .Case([&](tile::FillOp op) { return done([&] { emitFill(task, op); }); })
      .Case([&](tile::DotOp op) { return emitDot(task, op); })
      .Case([&](tile::MapOp op) { return emitMap(task, op); })
      .Case([&](tile::RowReduceOp op) { return done([&] { emitRowReduce(task, op); }); })
      .Case([&](tile::AnyOp op) { return done([&] { task.scalars.map(op.getResult(), emitAny(task, op)); }); })
      .Case([&](tile::MergeOp op) { return done([&] { task.scalars.map(op.getLast(), emitGridMerge(task, op)); }); })
      .Case([&](math::Exp2Op op) {
        return done([&] { task.scalars.map(op.getResult(), task.v.exp2(task.scalar(op.getOperand()))); });
      })
      .Default([&](Operation *op) { return emitScalar(task, op); });
}

static LogicalResult emitBlock(HostTask &task, Block &block) {
  for (Operation &op : block)
    if (!op.hasTrait<OpTrait::IsTerminator>() && failed(emitOperation(task, &op)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Every fragment is dense, of an element the host computes with.
static LogicalResult checkTiles(tile::KernelOp kernel) {
  WalkResult result = kernel.walk([](Operation *op) {
    for (Value value : op->getResults())
      if (auto type = dyn_cast<tile::FragType>(value.getType())) {
        Type element = type.getElementType();
        if (type.getLayout() != tile::Layout::Dense || !(element.isF32() || element.isInteger(1))) {
          op->emitOpError() << "expected dense tiles of f32 or i1 on the host, got " << type;
          return WalkResult::interrupt();
        }
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

static LLVM::LLVMFuncOp createFunction(tile::KernelOp kernel, unsigned vectorBits) {
  OpBuilder b(kernel);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i32 = b.getI32Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, i32, i32, pointer});
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getLoc(), kernel.getSymName(), type);
  if (Attribute target = kernel->getAttr(kTargetAttr)) // A dumped stage can be gone on from.
    function->setAttr(kTargetAttr, target);
  auto attribute = [&](unsigned argument, StringRef name) { function.setArgAttr(argument, name, b.getUnitAttr()); };
  attribute(0, LLVM::LLVMDialect::getNoAliasAttrName());
  attribute(0, LLVM::LLVMDialect::getReadonlyAttrName());
  attribute(3, LLVM::LLVMDialect::getNoAliasAttrName());
  function.setArgAttr(3, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(64));
  // LLVM would rather split 512-bit vectors in two.
  auto width = b.getStrArrayAttr({"prefer-vector-width", std::to_string(vectorBits)});
  function.setPassthroughAttr(b.getArrayAttr({width, b.getStringAttr("nounwind")}));
  return function;
}

static LogicalResult convert(tile::KernelOp kernel, unsigned vectorBits) {
  if (failed(checkTiles(kernel)))
    return failure();
  BufferPlan plan = BufferPlan::compute(kernel);
  if (plan.totalBytes() > static_cast<int64_t>(kernel.getSharedLimit()))
    return kernel.emitOpError() << "expected at most " << kernel.getSharedLimit() << " bytes of scratch, got "
                                << plan.totalBytes();
  LLVM::LLVMFuncOp function = createFunction(kernel, vectorBits);
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  b.setInsertionPointToStart(function.addEntryBlock(b));
  HostTask task(b, vectorBits / 32, plan, function);
  if (failed(emitBlock(task, kernel.getBody().front())))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  kernel.erase();
  return success();
}

namespace {
struct ConvertTileToVector : lla::impl::ConvertTileToVectorBase<ConvertTileToVector> {
  using Base::Base;
  void runOnOperation() override {
    if (vectorBits != 128 && vectorBits != 256 && vectorBits != 512) {
      getOperation().emitOpError() << "expected vector-bits 128, 256 or 512, got " << vectorBits.getValue();
      return signalPassFailure();
    }
    for (auto kernel : llvm::make_early_inc_range(getOperation().getOps<tile::KernelOp>()))
      if (failed(convert(kernel, vectorBits)))
        return signalPassFailure();
  }
};
} // namespace
