//===- main.cpp - one decode step through the runtime's API ---------------===//
//
// Plans, prepares and runs a small problem on the host, and checks the result
// against the oracle: what a serving process does, in one page.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan.h"
#include "llvm/Support/raw_ostream.h"
#include <vector>

using namespace lla;

namespace {

Problem smallDecode() {
  Problem problem;
  problem.mode = Mode::Decode;
  problem.batch = 2;
  problem.queryHeads = 8;
  problem.kvHeads = 2;
  problem.context = 200;
  problem.headDim = 64;
  problem.dtype = ElementType::F32;
  return problem;
}

/// Runs the problem once; returns the error against the oracle.
llvm::Expected<ErrorFigures> runOnHost(Problem problem) {
  if (llvm::Error error = normalize(problem))
    return error;
  auto knobs = Knobs::fromEnvironment();
  if (!knobs)
    return knobs.takeError();
  auto opened = openExecutor("host", *knobs);
  if (!opened)
    return opened.takeError();
  std::shared_ptr<Executor> executor = std::move(*opened);
  auto plan = Plan::create(problem, std::make_shared<Jit>(executor, jitOptions(*knobs, executor)));
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = plan->prepare())
    return error;

  std::vector<std::unique_ptr<Buffer>> memory;
  AttentionTensors tensors = denseTensors(problem);
  for (TensorView *tensor : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o}) {
    auto buffer = executor->allocate(tensor->spanBytes());
    if (!buffer)
      return buffer.takeError();
    tensor->data = (*buffer)->data();
    memory.push_back(std::move(*buffer));
  }
  auto workspace = executor->allocate(plan->workspaceBytes());
  if (!workspace)
    return workspace.takeError();
  if (llvm::Error error = executor->fill((*workspace)->data(), 0, (*workspace)->bytes(), nullptr))
    return error;

  if (llvm::Error error = executor->fillInputs(problem, tensors, /*seed=*/1))
    return error;
  if (llvm::Error error = plan->run(tensors, (*workspace)->data(), (*workspace)->bytes(), nullptr))
    return error;
  return executor->compare(problem, tensors, /*rows=*/0, /*seed=*/1);
}

} // namespace

int main() {
  auto figures = runOnHost(smallDecode());
  if (!figures) {
    llvm::errs() << "consumer: " << llvm::toString(figures.takeError()) << "\n";
    return 1;
  }
  llvm::outs() << "rows " << figures->rows << ", error " << figures->relative << "\n";
  return figures->relative <= 2e-5 ? 0 : 1; // false for NaN too
}
