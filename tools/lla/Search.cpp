//===- Search.cpp - one tuning, from flags to record ----------------------===//

#include "tools/lla/Search.h"
#include "compiler/Compile.h"
#include "dialect/Spec/Fields.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/ScheduleChoice.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Progress.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fmt/format.h>

namespace lla {
namespace {

TrialLogHeader headerOf(const SearchRequest &request, const Evaluator &evaluator, const Knobs &knobs) {
  TrialLogHeader header;
  header.problem = request.problem;
  header.target = request.device.target();
  header.compiler = compilerFingerprint();
  header.conditions = evaluator.conditions();
  header.strategy = name(request.preset.strategy).str();
  header.seed = knobs.seed;
  return header;
}

/// A log to write to, and the trials that it holds already.
struct OpenLog {
  std::optional<TrialLogWriter> writer;
  std::vector<Trial> finished;
};

llvm::Expected<OpenLog> continueLog(const std::string &path, const TrialLogHeader &header, const Knobs &knobs) {
  OpenLog open;
  llvm::Expected<TrialLog> log = readTrialLog(path);
  if (!log)
    return log.takeError();
  if (llvm::Error error = checkSameExperiment(log->header, header))
    return std::move(error);
  for (const std::string &complaint : log->complaints)
    warnOnce(knobs, path + ": left out " + complaint);
  llvm::Expected<TrialLogWriter> writer = TrialLogWriter::append(path);
  if (!writer)
    return writer.takeError();
  open.writer.emplace(std::move(*writer));
  open.finished = std::move(log->trials);
  return open;
}

llvm::Expected<OpenLog> openLog(const SearchRequest &request, const TrialLogHeader &header, const Knobs &knobs) {
  OpenLog open;
  const std::string &path = request.logPath;
  if (path.empty())
    return open;
  if (request.resume && llvm::sys::fs::exists(path)) {
    llvm::Expected<bool> isTorn = isTornAtHeader(path);
    if (!isTorn)
      return isTorn.takeError();
    if (!*isTorn)
      return continueLog(path, header, knobs);
    warnOnce(knobs, path + ": expected a trial log, got the beginning of one: begun anew");
  }
  llvm::StringRef folder = llvm::sys::path::parent_path(path); // Empty: the current one.
  if (std::error_code code = folder.empty() ? std::error_code() : llvm::sys::fs::create_directories(folder))
    return fieldError(folder, "a folder that can be made", code.message());
  llvm::sys::fs::remove(path);
  llvm::Expected<TrialLogWriter> writer = TrialLogWriter::create(path, header);
  if (!writer)
    return writer.takeError();
  open.writer.emplace(std::move(*writer));
  return open;
}

} // namespace

std::string trialLogPath(const Cache &cache, const Problem &problem, const Target &target,
                         const MeasurementPolicy &policy) {
  if (cache.location.writable.empty())
    return "";
  std::string digest = recordKey(problem, deviceClass(target), policy).digest();
  return fmt::format("{}/{}/trials/{}.jsonl", cache.location.writable, cacheSchemaFolder, digest);
}

llvm::Expected<SearchOutcome> search(const SearchRequest &request, const Knobs &knobs) {
  const Problem &problem = request.problem;
  const Target &target = request.device.target();
  SearchOutcome outcome;
  llvm::Expected<Ceilings> ceilings =
      request.device.executor->ceilings(static_cast<int64_t>(problem.minimumBytes()), problem.dtype);
  if (!ceilings)
    return ceilings.takeError();
  outcome.ceilings = *ceilings;

  EvaluatorOptions evaluation = evaluatorOptions(knobs, target, request.policy, request.cache);
  evaluation.cancelled = &interrupted();
  std::unique_ptr<Evaluator> evaluator = makeEvaluator(problem, request.device.executor, std::move(evaluation), knobs);
  llvm::Expected<OpenLog> log = openLog(request, headerOf(request, *evaluator, knobs), knobs);
  if (!log)
    return withKind(FailureKind::Usage, log.takeError());
  Progress progress = Progress::onStandardError(titleOf(problem), request.quiet);
  TuneOptions options;
  options.effort = request.preset;
  options.hints = searchHints(request.cache.get(), problem, target, request.policy);
  options.finished = std::move(log->finished);
  options.log = log->writer ? &*log->writer : nullptr;
  options.onEvent = [&](const TuneEvent &event) { progress.show(event); };
  options.cancelled = &interrupted();
  llvm::Expected<TuneResult> result =
      tune(problem, target, outcome.ceilings, *evaluator, std::move(options), knobs.seed);
  if (!result)
    return result.takeError();
  outcome.result = std::move(*result);
  if (!outcome.result.winner)
    return outcome;
  outcome.record = recordOf(problem, target, outcome.ceilings, outcome.result, knobs.seed);
  llvm::Expected<bool> kept = request.cache->records.put(*outcome.record);
  if (!kept)
    outcome.notice = llvm::toString(kept.takeError());
  else if (request.cache->location.writable.empty())
    outcome.notice = "the cache lives in memory and ends with this process";
  return outcome;
}

llvm::Error withoutWinner(const TuneResult &result) {
  const StageCounts &counts = result.counts;
  std::string failures;
  for (auto [outcome, count] : counts.failures)
    failures += fmt::format(", {} {}", count, name(outcome).str());
  std::string example;
  if (auto failed = llvm::find_if(result.trials, [](const Trial &trial) { return !trial.reason.empty(); });
      failed != result.trials.end())
    example = fmt::format("; e.g. [{}]: {}", toText(failed->schedule), failed->reason);
  bool someRan = counts.failures.count(Outcome::WrongResult) || counts.failures.count(Outcome::RunFailed);
  return failure(
      someRan ? FailureKind::Verification : FailureKind::Compile,
      fmt::format("tuning: expected a candidate that works, got none of {}{}{}", counts.tried, failures, example));
}

} // namespace lla
