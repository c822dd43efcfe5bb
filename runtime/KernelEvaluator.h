//===- KernelEvaluator.h - the tuner's candidates, on a device ------------===//
//
// Compiles candidates in workers, verifies each on fresh random inputs against
// the oracle, and times them interleaved, all on one executor. Red zones around
// outputs and workspace catch writes out of bounds.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_KERNELEVALUATOR_H
#define LLA_RUNTIME_KERNELEVALUATOR_H

#include "autotune/Evaluator.h"
#include "runtime/CompileWorker.h"
#include "runtime/Executor.h"
#include <atomic>
#include <map>

namespace lla {

/// Artifacts of many requests, in order.
using BatchCompileFunction =
    std::function<std::vector<llvm::Expected<Artifact>>(llvm::ArrayRef<CompileRequest> requests)>;

struct EvaluatorOptions {
  BatchCompileFunction compileAll;
  CompileOptions compile;
  bool graphReplay = true; ///< CUDA; the host has none.
  bool coldCache = false;
  int64_t verifiedRows = 64; ///< Rows compared with the host's oracle; a device's own looks at all it can.
  uint64_t seed = 0;
  const std::atomic<bool> *cancelled = nullptr;
};

/// Times, and what the device needs at least, in one run.
struct BoundedTimings {
  std::vector<Timing> timings;
  double bytes = 0, flops = 0;     ///< Of the inputs that were timed (a ragged problem's own lengths).
  double readMicroseconds = 0;     ///< To read the bytes; 0: not known.
  double multiplyMicroseconds = 0; ///< For the multiply-adds at the yardstick's rate; 0: not known.
};

class KernelEvaluator : public Evaluator {
public:
  /// `problem` is normalised; memory for it is allocated with the first candidate that runs.
  KernelEvaluator(const Problem &problem, std::shared_ptr<Executor> executor, EvaluatorOptions options);
  ~KernelEvaluator() override;

  llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) override;
  llvm::Expected<Verification> verify(const Schedule &candidate) override;
  llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                              const MeasureRequest &request) override;
  Conditions conditions() const override;

  /// As `measure`; on a GPU what bounds the candidates takes turns with them (decode: the read, prefill: the product),
  /// all else comes from the executor's ceilings.
  llvm::Expected<BoundedTimings> measureBesideBounds(llvm::ArrayRef<Schedule> candidates,
                                                     const MeasureRequest &request);

  /// All figures of a candidate's comparison, for whoever wants more than `verify` tells.
  llvm::Expected<ErrorFigures> compare(const Schedule &candidate);

private:
  struct Memory;
  struct Candidate {
    Preparation preparation;
    std::optional<Artifact> artifact;
    std::unique_ptr<LoadedKernel> kernel; ///< Loaded when it first runs.
  };

  /// Fails where a miss in the cache was refused: that says nothing of the candidate.
  llvm::Expected<Preparation> outcomeOf(llvm::Expected<Artifact> artifact, Candidate &candidate);
  llvm::Expected<LoadedKernel *> loaded(const Schedule &candidate);
  /// Inputs, outputs and workspace of at least `workspaceBytes`.
  llvm::Error reserve(int64_t workspaceBytes);
  llvm::Expected<Launch> launchOf(const Schedule &candidate);
  TimingPolicy policyOf(const MeasureRequest &request) const;
  /// One timing per candidate; the samples of what the policy takes beside go to `beside`.
  llvm::Expected<std::vector<Timing>> takeTurns(llvm::ArrayRef<Schedule> candidates, const TimingPolicy &policy,
                                                std::vector<double> &beside);
  bool isCancelled() const { return options.cancelled && options.cancelled->load(std::memory_order_relaxed); }

  Problem problem;
  std::shared_ptr<Executor> executor;
  EvaluatorOptions options;
  std::map<Schedule, Candidate> candidates;
  std::unique_ptr<Memory> memory;
};

} // namespace lla
#endif
