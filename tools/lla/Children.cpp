//===- Children.cpp - what other processes start --------------------------===//
//
// Not for people: the protocols are those of runtime/CompileWorker.h and
// runtime/cuda/EvaluatorProtocol.h.
//
//===----------------------------------------------------------------------===//

#include "runtime/CompileWorker.h"
#include "runtime/cuda/EvaluatorChild.h"
#include "runtime/cuda/SelfTest.h"
#include "tools/lla/Command.h"
#include <unistd.h>

namespace lla {
namespace {

struct WorkerFlags {
  std::string request, output;
};

struct FaultFlags {
  std::string fault;
  int ordinal = 0;
};

/// A child's exit code is the protocol's own, past main.
[[noreturn]] void endWith(int code) { _exit(code); }

llvm::Error serveWorker(const WorkerFlags &flags, Knobs &) {
  endWith(serveCompileRequest(flags.request, flags.output, compileInProcess));
}

llvm::Error plant(const FaultFlags &flags, Knobs &knobs) { return plantFault(flags.ordinal, flags.fault, knobs); }

} // namespace

void addChildren(Driver &driver) {
  auto hide = [](CLI::App *command) { command->group(""); };
  hide(driver.add<WorkerFlags>(
      driver.app, "worker", "compile one request in this process",
      [](CLI::App &command, WorkerFlags &flags) {
        command.add_option("--request", flags.request, "JSON; '-' reads stdin")->required();
        command.add_option("--output", flags.output, "folder of the answer")->required();
      },
      serveWorker));
  struct Nothing {};
  hide(driver.add<Nothing>(
      driver.app, "evaluator", "answer an evaluator's protocol on standard input and output",
      [](CLI::App &, Nothing &) {},
      [](const Nothing &, Knobs &) -> llvm::Error { endWith(cudaEvaluatorChild(STDIN_FILENO, STDOUT_FILENO)); }));
  hide(driver.add<FaultFlags>(
      driver.app, "plant-fault", "run a kernel with a fault on purpose, for a sanitizer to find",
      [](CLI::App &command, FaultFlags &flags) {
        command.add_option("fault", flags.fault)->required()->check(CLI::IsMember({"race", "out-of-bounds"}));
        command.add_option("--device", flags.ordinal, "ordinal of the GPU");
      },
      plant));
}

} // namespace lla
