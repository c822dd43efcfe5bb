//===- EvaluatorChild.h - the process that holds the context --------------===//
//
// A hidden subcommand of `lla`: answers protocol lines until its input ends.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_EVALUATORCHILD_H
#define LLA_RUNTIME_CUDA_EVALUATORCHILD_H

#include "runtime/cuda/EvaluatorProtocol.h"
#include <functional>
#include <map>
#include <memory>

namespace lla {

/// What a child works with once it is opened.
struct ServedEvaluator {
  std::unique_ptr<Evaluator> evaluator;
  /// True if a fault has made the device unusable for this process.
  std::function<bool()> isDeviceLost;
  /// Where the evaluator finds the code of a candidate that it prepares.
  std::shared_ptr<std::map<Schedule, std::string>> directories;
};
using OpenEvaluator = std::function<llvm::Expected<ServedEvaluator>(const OpenRequest &)>;

/// Answers lines from `in` on `out` until the end of input (0), a line that makes no sense (1), or a lost device (3).
int serveEvaluator(int in, int out, const OpenEvaluator &open);

/// The same with a KernelEvaluator on a real device.
int cudaEvaluatorChild(int in, int out);

} // namespace lla
#endif
