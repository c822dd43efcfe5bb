//===- BuildModule.cpp - a problem as a module ----------------------------===//

#include "compiler/BuildModule.h"
#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lla;

OwningOpRef<ModuleOp> lla::buildModule(MLIRContext &context, const Problem &problem, const Target &target,
                                       const Schedule *schedule) {
  context.loadDialect<LLADialect, func::FuncDialect>();
  ImplicitLocOpBuilder b(NameLoc::get(StringAttr::get(&context, problem.kernelName())), &context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToStart(module->getBody());

  Type element = builtinType(&context, problem.dtype);
  int64_t dynamic = ShapedType::kDynamic;
  auto queries = RankedTensorType::get({dynamic, dynamic, problem.queryHeads, problem.headDim}, element);
  auto keys = RankedTensorType::get({dynamic, dynamic, problem.kvHeads, problem.headDim}, element);
  SmallVector<Type> inputs = {queries};
  if (problem.hasProbe())
    inputs.push_back(queries);
  inputs.append({keys, keys, b.getF32Type()});

  SmallVector<Type> outputs = {queries.clone(builtinType(&context, problem.outputType()))};
  if (problem.state) {
    auto rows = RankedTensorType::get(queries.getShape().drop_back(), b.getF32Type());
    outputs.append({rows, rows, queries.clone(b.getF32Type())});
  }

  auto function = func::FuncOp::create(b, problem.kernelName(), b.getFunctionType(inputs, outputs));
  function->setAttr(kProblemAttr, ProblemAttr::get(&context, problem));
  function->setAttr(kTargetAttr, TargetAttr::get(&context, target));
  if (schedule)
    function->setAttr(kScheduleAttr, ScheduleAttr::get(&context, *schedule));

  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  unsigned next = 0;
  auto argument = [&] { return entry->getArgument(next++); };
  Value q = argument(), r = problem.hasProbe() ? argument() : Value(), k = argument(), v = argument(), scale = argument();
  auto attention =
      AttentionOp::create(b, outputs.front(), TypeRange(outputs).drop_front(), q, r, k, v, scale, problem.causal,
                          problem.window ? b.getI64IntegerAttr(problem.window) : IntegerAttr());
  func::ReturnOp::create(b, attention.getResults());
  return module;
}
