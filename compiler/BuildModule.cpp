//===- BuildModule.cpp - a problem as a module ----------------------------===//

#include "compiler/BuildModule.h"
#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lla;

/// q, [r,] k, v and the scale, or the parts of a merge; to o, and with state lse, tbar and vbar.
static FunctionType signatureOf(OpBuilder &b, const Problem &problem) {
  auto withHeads = [&](int64_t heads, ElementType type) {
    int64_t dynamic = ShapedType::kDynamic;
    return RankedTensorType::get({dynamic, dynamic, heads, problem.headDim}, builtinType(b.getContext(), type));
  };
  auto queries = withHeads(problem.queryHeads, problem.dtype), values = queries.clone(b.getF32Type());
  auto rows = values.clone(values.getShape().drop_back());
  SmallVector<Type> inputs, outputs = {queries.clone(builtinType(b.getContext(), problem.outputType()))};
  if (problem.state)
    outputs.append({rows, rows, values});
  auto stacked = [](RankedTensorType shard) -> Type {
    SmallVector<int64_t> shape = {ShapedType::kDynamic};
    llvm::append_range(shape, shard.getShape());
    return shard.clone(shape);
  };
  if (problem.isMerge()) {
    inputs = {stacked(values), stacked(rows), stacked(rows), stacked(values)};
  } else {
    inputs.assign(problem.hasProbe() ? 2 : 1, queries);
    Type keys = withHeads(problem.kvHeads, problem.keyType());
    inputs.append({keys, keys, b.getF32Type()});
    if (problem.hasKeyScales())
      inputs.append(2, RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type()));
    if (problem.ragged)
      inputs.append(2 + problem.packedQueries + problem.packedKeys,
                    RankedTensorType::get({ShapedType::kDynamic}, b.getI32Type()));
    if (problem.pageSize)
      inputs.push_back(RankedTensorType::get({ShapedType::kDynamic, ShapedType::kDynamic}, b.getI32Type()));
  }
  return b.getFunctionType(inputs, outputs);
}

static ValueRange emitOperator(ImplicitLocOpBuilder &b, const Problem &problem, ValueRange arguments,
                               TypeRange outputs) {
  if (problem.isMerge())
    return MergeStatesOp::create(b, outputs, arguments).getResults();
  unsigned next = 0;
  auto argument = [&] { return arguments[next++]; };
  Value q = argument(), r = problem.hasProbe() ? argument() : Value(), k = argument(), v = argument(),
        scale = argument();
  Value keyScales = problem.hasKeyScales() ? argument() : Value(),
        valueScales = problem.hasKeyScales() ? argument() : Value();
  Value lengths = problem.ragged ? argument() : Value(), starts = problem.ragged ? argument() : Value();
  Value cuSeqlensQ = problem.packedQueries ? argument() : Value(),
        cuSeqlensK = problem.packedKeys ? argument() : Value();
  Value pageTable = problem.pageSize ? argument() : Value();
  auto unlessZero = [&](int64_t value) { return value ? b.getI64IntegerAttr(value) : IntegerAttr(); };
  return AttentionOp::create(b, outputs.front(), outputs.drop_front(), q, r, k, v, scale, keyScales, valueScales,
                             lengths, starts, cuSeqlensQ, cuSeqlensK, pageTable, unlessZero(problem.pageSize),
                             problem.causal, unlessZero(problem.window))
      .getResults();
}

OwningOpRef<ModuleOp> lla::buildModule(MLIRContext &context, const Problem &problem, const Target &target,
                                       const Schedule *schedule) {
  context.loadDialect<LLADialect, func::FuncDialect>();
  ImplicitLocOpBuilder b(NameLoc::get(StringAttr::get(&context, problem.kernelName())), &context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToStart(module->getBody());

  auto function = func::FuncOp::create(b, problem.kernelName(), signatureOf(b, problem));
  function->setAttr(kProblemAttr, ProblemAttr::get(&context, problem));
  function->setAttr(kTargetAttr, TargetAttr::get(&context, target));
  if (schedule)
    function->setAttr(kScheduleAttr, ScheduleAttr::get(&context, *schedule));

  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  func::ReturnOp::create(b, emitOperator(b, problem, entry->getArguments(), function.getResultTypes()));
  return module;
}
