//===- EvaluatorProcess.h - candidates run in a child ---------------------===//
//
// A candidate that faults the device, hangs or crashes costs one child process,
// not the tuning: the next request starts another. One child at a time holds the
// context, so that candidates never share the GPU.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_EVALUATORPROCESS_H
#define LLA_RUNTIME_CUDA_EVALUATORPROCESS_H

#include "runtime/ChildProcess.h"
#include "runtime/KernelEvaluator.h"
#include "runtime/cuda/EvaluatorProtocol.h"

namespace lla {

struct EvaluatorProcessOptions {
  std::vector<std::string> command; ///< Starts the child, e.g. {path of lla, "evaluator"}.
  double startSeconds = 60;         ///< Until the device is open.
  double requestSeconds = 60;       ///< Of one verification, or one race; a longer one counts as a hang.
};

class EvaluatorProcess : public Evaluator {
public:
  /// As KernelEvaluator, but nothing runs on `executor`, whose facts the candidates are compiled for; the child opens
  /// `target` ("cuda:0") for itself.
  EvaluatorProcess(const Problem &problem, std::shared_ptr<Executor> executor, const std::string &target,
                   EvaluatorOptions options, EvaluatorProcessOptions process);
  ~EvaluatorProcess() override;

  llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) override;
  llvm::Expected<Verification> verify(const Schedule &candidate) override;
  llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                              const MeasureRequest &request) override;
  Conditions conditions() const override;

  /// Children started so far; one if nothing went wrong.
  int64_t children() const { return started; }

private:
  /// The reply, or the error of a child that died (Worker), hung (Timeout) or gave up (its own kind); it is gone then.
  llvm::Expected<EvaluatorReply> ask(const EvaluatorRequest &request);
  llvm::Error start();
  llvm::Expected<EvaluatorReply> exchange(const EvaluatorRequest &request, double seconds);
  llvm::Expected<std::vector<Timing>> race(llvm::ArrayRef<Schedule> candidates, const MeasureRequest &request);
  /// Compiles and keeps the code in `folder`, for the child to read.
  std::vector<llvm::Expected<Artifact>> compileAndStore(llvm::ArrayRef<CompileRequest> requests);
  llvm::Error store(const Schedule &schedule, const Artifact &artifact);
  bool isCancelled() const { return options.cancelled && options.cancelled->load(std::memory_order_relaxed); }

  const EvaluatorOptions options;
  const EvaluatorProcessOptions process;
  const OpenRequest open;
  KernelEvaluator compiler;                    ///< Prepares; runs nothing.
  std::string folder;                          ///< Temporary; empty until the first artifact.
  std::map<Schedule, std::string> directories; ///< Where each artifact lies.
  std::optional<ChildProcess> child;
  int64_t started = 0;
  std::string doubt;
};

} // namespace lla
#endif
