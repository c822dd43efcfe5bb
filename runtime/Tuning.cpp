//===- Tuning.cpp - a search on a device, and its record ------------------===//

#include "runtime/Tuning.h"
#include "autotune/Dispatch.h"
#include "runtime/RuntimeError.h"
#include "runtime/ScheduleChoice.h"
#include "runtime/Toolkit.h"
#include "runtime/cuda/EvaluatorProcess.h"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>

namespace lla {
namespace {

constexpr const char *toolName = "lla 0.1.0";

/// Least time of the problem at these ceilings, over the time seen. A ragged one's lengths are those timed with `seed`.
double shareOfRoofline(const Problem &problem, const Ceilings &ceilings, uint64_t seed, double microseconds) {
  SequenceNumbers numbers = makeSequences(problem, SequenceKind::Busy, seed);
  double bytes = minimumBytes(problem, numbers.view()), operations = flops(problem, numbers.view());
  double least = 1e6 * std::max(ceilings.bytesPerSecond > 0 ? bytes / ceilings.bytesPerSecond : 0,
                                ceilings.flopsPerSecond > 0 ? operations / ceilings.flopsPerSecond : 0);
  return std::clamp(least / microseconds, 0.0, 1.0);
}

/// An artifact that is kept; nothing was spent on it now.
std::optional<Artifact> find(const ArtifactStore &store, const Key &key) {
  ArtifactLoad load = store.load(key);
  if (!load.artifact)
    return std::nullopt;
  llvm::Expected<Artifact> artifact = fromStored(std::move(*load.artifact));
  if (!artifact) {
    llvm::consumeError(artifact.takeError()); // As good as none.
    return std::nullopt;
  }
  artifact->compileMilliseconds = artifact->assembleMilliseconds = 0;
  return std::move(*artifact);
}

/// Of two requests for one kernel, the second's answer.
llvm::Expected<Artifact> sameAs(llvm::Expected<Artifact> &first) {
  if (first)
    return *first;
  auto [kind, message] = describe(first.takeError());
  first = failure(kind, message);
  return failure(kind, message);
}

llvm::Expected<Artifact> keep(Cache &cache, const Key &key, const Artifact &artifact) {
  llvm::Expected<StoredArtifact> stored = cache.artifacts.store(key, toStored(artifact));
  if (stored)
    return fromStored(std::move(*stored));
  llvm::consumeError(stored.takeError()); // A full cache costs the next process a compile, nothing else.
  return artifact;
}

} // namespace

BatchCompileFunction cachedBatchCompiler(std::shared_ptr<CompileWorkers> workers, std::shared_ptr<Cache> cache,
                                         const MissRules &misses) {
  return [workers, cache, misses](llvm::ArrayRef<CompileRequest> requests) {
    std::vector<llvm::Expected<Artifact>> results;
    if (requests.empty())
      return results;
    std::map<std::string, Toolchain> toolchains; // By ptxas.
    std::vector<std::optional<llvm::Expected<Artifact>>> slots(requests.size());
    std::vector<CompileRequest> missing;
    std::vector<size_t> places;
    std::vector<Key> keys;
    std::map<std::string, size_t> firsts; // By key.
    for (size_t i = 0; i < requests.size(); ++i) {
      const CompileRequest &request = requests[i];
      auto toolchain = toolchains.find(request.options.ptxasPath);
      if (toolchain == toolchains.end())
        toolchain = toolchains.emplace(request.options.ptxasPath, toolchainOf(request.options, cache.get())).first;
      keys.push_back(artifactKey(request.problem, request.schedule, request.target, toolchain->second));
      if (!firsts.emplace(keys[i].digest(), i).second)
        continue;
      if (std::optional<Artifact> artifact = cache ? find(cache->artifacts, keys[i]) : std::nullopt) {
        slots[i].emplace(std::move(*artifact));
      } else if (llvm::Error error = checkMayCompile(misses, request, keys[i], cache ? &cache->artifacts : nullptr)) {
        slots[i].emplace(std::move(error));
      } else {
        missing.push_back(request);
        places.push_back(i);
      }
    }
    std::vector<llvm::Expected<Artifact>> compiled = workers->compileAll(missing);
    for (size_t i = 0; i < places.size(); ++i)
      if (compiled[i] && cache)
        slots[places[i]].emplace(keep(*cache, keys[places[i]], *compiled[i]));
      else
        slots[places[i]].emplace(std::move(compiled[i]));
    for (size_t i = 0; i < slots.size(); ++i)
      if (!slots[i])
        slots[i].emplace(sameAs(*slots[firsts.at(keys[i].digest())]));
    for (std::optional<llvm::Expected<Artifact>> &slot : slots)
      results.push_back(std::move(*slot));
    return results;
  };
}

EvaluatorOptions evaluatorOptions(const Knobs &knobs, const Target &target, const MeasurementPolicy &policy,
                                  std::shared_ptr<Cache> cache) {
  EvaluatorOptions options;
  options.compileAll =
      cachedBatchCompiler(std::make_shared<CompileWorkers>(workerOptions(knobs)), std::move(cache), missRules(knobs));
  options.compile = compileOptions(knobs, target);
  options.graphReplay = policy.graphReplay;
  options.coldCache = policy.coldCache;
  options.seed = knobs.seed;
  return options;
}

std::unique_ptr<Evaluator> makeEvaluator(const Problem &problem, std::shared_ptr<Executor> executor,
                                         EvaluatorOptions options, const Knobs &knobs) {
  bool needsChild = !executor->target().isHost() && !executor->name().empty();
  std::string worker = needsChild ? workerOptions(knobs).executable : "";
  if (worker.empty())
    return std::make_unique<KernelEvaluator>(problem, std::move(executor), std::move(options));
  EvaluatorProcessOptions process;
  process.command = {worker, "evaluator"};
  std::string device = executor->name();
  return std::make_unique<EvaluatorProcess>(problem, std::move(executor), device, std::move(options),
                                            std::move(process));
}

llvm::Expected<TuneResult> tune(const Problem &problem, const Target &target, const Ceilings &ceilings,
                                Evaluator &evaluator, TuneOptions options, uint64_t seed) {
  SearchSpace space = SearchSpace::enumerate(problem, target);
  options.incumbent = defaultSchedule(problem, target);
  std::unique_ptr<Strategy> strategy =
      makeStrategy(options.effort.strategy, space, predictorOf(problem, target, ceilings), seed);
  return Tuner(space, *strategy, evaluator, std::move(options)).run();
}

Record recordOf(const Problem &problem, const Target &target, const Ceilings &ceilings, const TuneResult &result,
                uint64_t seed) {
  Record record;
  record.problem = problem;
  record.deviceClass = deviceClass(target);
  record.policy = {result.conditions.graphReplay, result.conditions.coldCache};
  record.schedule = result.winner->schedule;
  record.microseconds = result.winnerTime.median;
  record.low = result.winnerTime.low;
  record.high = result.winnerTime.high;
  record.defaultMicroseconds = result.incumbentTime ? result.incumbentTime->median : 0;
  record.error = result.winner->error;
  record.roofline = shareOfRoofline(problem, ceilings, seed, record.microseconds);
  record.trials = result.trials.size();
  record.alternatives = alternativesOf(result, defaultSchedule(problem, target));
  record.device = target.deviceName;
  record.doubt = result.conditions.doubt;
  record.when =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  record.tool = toolName;
  return record;
}

llvm::Expected<Schedule> tuneAndRecord(const Problem &problem, std::shared_ptr<Executor> executor,
                                       std::shared_ptr<Cache> cache, const MeasurementPolicy &policy,
                                       const Knobs &knobs) {
  const Target &target = executor->target();
  llvm::Expected<Ceilings> ceilings = executor->ceilings(static_cast<int64_t>(problem.minimumBytes()), problem.dtype);
  if (!ceilings)
    return ceilings.takeError();
  std::unique_ptr<Evaluator> evaluator =
      makeEvaluator(problem, executor, evaluatorOptions(knobs, target, policy, cache), knobs);
  TuneOptions options;
  options.hints = searchHints(cache.get(), problem, target, policy);
  options.effort = presetOf(knobs.effort);
  if (knobs.budgetSeconds > 0)
    options.effort.limits.seconds = knobs.budgetSeconds;
  llvm::Expected<TuneResult> result = tune(problem, target, *ceilings, *evaluator, std::move(options), knobs.seed);
  if (!result)
    return result.takeError();
  if (!result->winner)
    return failure(FailureKind::Compile,
                   fmt::format("tuning: expected a candidate that works, got none of {}", result->counts.tried));
  if (cache) {
    llvm::Expected<bool> kept = cache->records.put(recordOf(problem, target, *ceilings, *result, knobs.seed));
    if (!kept) // The winner is right all the same.
      llvm::consumeError(kept.takeError());
  }
  return result->winner->schedule;
}

} // namespace lla
