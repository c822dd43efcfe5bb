//===- Tuning.h - a search on a device, and its record --------------------===//
//
// Puts together what a tuning needs: space, cost model, strategy, evaluator. The
// command line and the JIT both tune through here.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_TUNING_H
#define LLA_RUNTIME_TUNING_H

#include "autotune/Tuner.h"
#include "cache/Cache.h"
#include "runtime/CompileWorker.h"
#include "runtime/KernelEvaluator.h"
#include "runtime/MissRules.h"

namespace lla {

/// How evaluators and ahead-of-time libraries get their kernels: found in the cache, else compiled by workers, in
/// parallel, each once, and kept; or refused by `misses`. `cache` may be null.
BatchCompileFunction cachedBatchCompiler(std::shared_ptr<CompileWorkers> workers, std::shared_ptr<Cache> cache,
                                         const MissRules &misses);

/// The evaluator of the environment: workers, cache, what a miss means, seed.
EvaluatorOptions evaluatorOptions(const Knobs &knobs, const Target &target, const MeasurementPolicy &policy,
                                  std::shared_ptr<Cache> cache);

/// On a GPU candidates run in a child (the worker), so that one that faults costs only itself; without a worker, and
/// on the host, in this process.
std::unique_ptr<Evaluator> makeEvaluator(const Problem &problem, std::shared_ptr<Executor> executor,
                                         EvaluatorOptions options, const Knobs &knobs);

/// Searches; `options.incumbent` is set to the default schedule, the rest is the caller's. `ceilings` order the
/// candidates.
llvm::Expected<TuneResult> tune(const Problem &problem, const Target &target, const Ceilings &ceilings,
                                Evaluator &evaluator, TuneOptions options, uint64_t seed);

/// What is kept of a search that has a winner; `ceilings` are those of its bytes and dtype, `seed` that of its inputs.
Record recordOf(const Problem &problem, const Target &target, const Ceilings &ceilings, const TuneResult &result,
                uint64_t seed);

/// As the environment says: effort, budget, seed. Keeps the winner's record. Fails with Compile if no candidate
/// worked.
llvm::Expected<Schedule> tuneAndRecord(const Problem &problem, std::shared_ptr<Executor> executor,
                                       std::shared_ptr<Cache> cache, const MeasurementPolicy &policy,
                                       const Knobs &knobs);

} // namespace lla
#endif
