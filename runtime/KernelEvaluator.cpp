//===- KernelEvaluator.cpp - the tuner's candidates, on a device ----------===//

#include "runtime/KernelEvaluator.h"
#include "autotune/Measurement.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace lla {
namespace {

/// Bytes before and after a guarded region that nothing may write.
constexpr int64_t zoneBytes = 4096;
constexpr uint8_t zoneByte = 0xA5;
/// A pattern that is not a number in every dtype: an element that is not written is seen.
constexpr uint8_t poisonByte = 0xFF;

/// Memory between two red zones.
class GuardedBuffer {
public:
  static llvm::Expected<GuardedBuffer> create(Executor &executor, int64_t bytes) {
    llvm::Expected<std::unique_ptr<Buffer>> whole = executor.allocate(bytes + 2 * zoneBytes);
    if (!whole)
      return whole.takeError();
    GuardedBuffer buffer;
    buffer.whole = std::move(*whole);
    if (llvm::Error error = executor.fill(buffer.whole->data(), zoneByte, buffer.whole->bytes(), nullptr))
      return error;
    return buffer;
  }

  char *data() const { return static_cast<char *>(whole->data()) + zoneBytes; }
  int64_t bytes() const { return whole->bytes() - 2 * zoneBytes; }

  llvm::Expected<bool> isIntact(Executor &executor) const {
    char zone[zoneBytes];
    for (int64_t offset : {int64_t(0), whole->bytes() - zoneBytes}) {
      if (llvm::Error error = executor.copyOut(zone, static_cast<char *>(whole->data()) + offset, zoneBytes, nullptr))
        return error;
      if (std::any_of(zone, zone + zoneBytes, [](char byte) { return static_cast<uint8_t>(byte) != zoneByte; }))
        return false;
    }
    return true;
  }

private:
  std::unique_ptr<Buffer> whole;
};

Outcome outcomeOf(FailureKind kind) {
  switch (kind) {
  case FailureKind::Timeout:
    return Outcome::CompileTimeout;
  case FailureKind::Worker:
    return Outcome::CompileCrashed;
  default:
    return Outcome::CompileFailed;
  }
}

/// Launches or loads that fail cost the candidate; anything else (no memory, no device) ends the search.
template <class Answer> llvm::Expected<Answer> asOutcome(llvm::Error error) {
  auto [kind, text] = describe(std::move(error));
  if (kind == FailureKind::NoDevice)
    return failure(kind, text);
  Answer answer;
  answer.outcome = Outcome::RunFailed;
  answer.reason = text;
  return answer;
}

} // namespace

struct KernelEvaluator::Memory {
  std::vector<std::unique_ptr<Buffer>> inputs;
  std::vector<GuardedBuffer> outputs; ///< In the order of outputsOf.
  std::optional<GuardedBuffer> workspace;
  AttentionTensors tensors;
};

KernelEvaluator::KernelEvaluator(const Problem &problem, std::shared_ptr<Executor> executor, EvaluatorOptions options)
    : problem(problem), executor(std::move(executor)), options(std::move(options)) {}

KernelEvaluator::~KernelEvaluator() = default;

llvm::Expected<std::vector<Preparation>> KernelEvaluator::prepare(llvm::ArrayRef<Schedule> wanted) {
  const Target &target = executor->target();
  std::vector<CompileRequest> requests;
  for (const Schedule &schedule : wanted) {
    auto [entry, isNew] = candidates.try_emplace(schedule);
    if (!isNew && entry->second.preparation.outcome != Outcome::Cancelled)
      continue;
    Preparation &preparation = entry->second.preparation;
    preparation = {};
    if (llvm::Error error = checkFeasible(problem, schedule, target)) {
      preparation.outcome = Outcome::Infeasible;
      preparation.reason = llvm::toString(std::move(error));
    } else if (isCancelled()) {
      preparation.outcome = Outcome::Cancelled;
    } else {
      requests.push_back({problem, target, schedule, options.compile});
    }
  }
  std::vector<llvm::Expected<Artifact>> artifacts = options.compileAll(requests);
  llvm::Error refused = llvm::Error::success();
  for (size_t i = 0; i < requests.size(); ++i) {
    auto candidate = candidates.find(requests[i].schedule);
    llvm::Expected<Preparation> preparation = outcomeOf(std::move(artifacts[i]), candidate->second);
    if (preparation) {
      candidate->second.preparation = std::move(*preparation);
      continue;
    }
    // As if it had never been asked for. Of several refusals the first tells enough.
    candidates.erase(candidate);
    if (refused)
      llvm::consumeError(preparation.takeError());
    else
      refused = preparation.takeError();
  }
  if (refused)
    return std::move(refused);
  std::vector<Preparation> answers;
  for (const Schedule &schedule : wanted)
    answers.push_back(candidates.at(schedule).preparation);
  return answers;
}

llvm::Expected<Preparation> KernelEvaluator::outcomeOf(llvm::Expected<Artifact> artifact, Candidate &candidate) {
  Preparation preparation;
  if (!artifact) {
    auto [kind, text] = describe(artifact.takeError());
    if (kind == FailureKind::Miss || kind == FailureKind::JitDisabled)
      return failure(kind, text);
    preparation.outcome = lla::outcomeOf(kind);
    preparation.reason = text;
    return preparation;
  }
  preparation.registers = artifact->report.registers;
  preparation.spillBytes = artifact->report.spillBytes;
  preparation.sharedBytes = artifact->report.sharedBytes;
  preparation.compileMilliseconds = artifact->compileMilliseconds + artifact->assembleMilliseconds;
  candidate.artifact = std::move(*artifact);
  return preparation;
}

llvm::Expected<LoadedKernel *> KernelEvaluator::loaded(const Schedule &schedule) {
  auto entry = candidates.find(schedule);
  if (entry == candidates.end() || !entry->second.artifact)
    return failure(FailureKind::NotPrepared, fmt::format("schedule {}: not prepared", toText(schedule)));
  Candidate &candidate = entry->second;
  if (!candidate.kernel) {
    llvm::Expected<std::unique_ptr<LoadedKernel>> kernel = executor->load(*candidate.artifact, problem, schedule);
    if (!kernel)
      return kernel.takeError();
    candidate.kernel = std::move(*kernel);
  }
  return candidate.kernel.get();
}

llvm::Error KernelEvaluator::reserve(int64_t workspaceBytes) {
  if (!memory) {
    auto fresh = std::make_unique<Memory>();
    fresh->tensors = denseTensors(problem);
    for (const NamedTensor &input : inputsOf(problem)) {
      TensorView &view = fresh->tensors.*input.member;
      llvm::Expected<std::unique_ptr<Buffer>> buffer = executor->allocate(view.spanBytes());
      if (!buffer)
        return buffer.takeError();
      view.data = (*buffer)->data();
      fresh->inputs.push_back(std::move(*buffer));
    }
    for (const NamedIndices &indices : indicesOf(problem)) {
      IndexView &view = fresh->tensors.*indices.member;
      llvm::Expected<std::unique_ptr<Buffer>> buffer = executor->allocate(view.spanBytes());
      if (!buffer)
        return buffer.takeError();
      view.data = static_cast<const int32_t *>((*buffer)->data());
      fresh->inputs.push_back(std::move(*buffer));
    }
    for (const NamedTensor &output : outputsOf(problem)) {
      TensorView &view = fresh->tensors.*output.member;
      llvm::Expected<GuardedBuffer> buffer = GuardedBuffer::create(*executor, view.spanBytes());
      if (!buffer)
        return buffer.takeError();
      view.data = buffer->data();
      fresh->outputs.push_back(std::move(*buffer));
    }
    if (llvm::Error error = executor->fillInputs(problem, fresh->tensors, options.seed))
      return error;
    memory = std::move(fresh);
  }
  if (memory->workspace && memory->workspace->bytes() >= workspaceBytes)
    return llvm::Error::success();
  memory->workspace.reset(); // Before the larger one: both may not fit.
  llvm::Expected<GuardedBuffer> workspace = GuardedBuffer::create(*executor, workspaceBytes);
  if (!workspace)
    return workspace.takeError();
  memory->workspace = std::move(*workspace);
  return llvm::Error::success();
}

llvm::Expected<Launch> KernelEvaluator::launchOf(const Schedule &schedule) {
  llvm::Expected<LoadedKernel *> kernel = loaded(schedule);
  if (!kernel)
    return kernel.takeError();
  if (llvm::Error error = reserve((*kernel)->costs.workspaceBytes))
    return error;
  return makeLaunch(**kernel, problem, memory->tensors, memory->workspace->data(), executor->target());
}

llvm::Expected<ErrorFigures> KernelEvaluator::compare(const Schedule &schedule) {
  llvm::Expected<Launch> launch = launchOf(schedule);
  if (!launch)
    return launch.takeError();
  if (llvm::Error error = executor->fill(memory->workspace->data(), 0, memory->workspace->bytes(), nullptr))
    return error;
  if (llvm::Error error = executor->fillSequences(problem, memory->tensors, SequenceKind::Any, options.seed))
    return error;
  // Twice on the same workspace: the second is wrong if the first left its counters behind.
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (const GuardedBuffer &output : memory->outputs)
      if (llvm::Error error = executor->fill(output.data(), poisonByte, output.bytes(), nullptr))
        return error;
    if (llvm::Error error = executor->launch(*launch, nullptr))
      return error;
  }
  if (llvm::Error error = executor->synchronize(nullptr))
    return error;
  auto checkZones = [&](const GuardedBuffer &guarded, const char *what) -> llvm::Error {
    llvm::Expected<bool> isIntact = guarded.isIntact(*executor);
    if (!isIntact)
      return isIntact.takeError();
    return *isIntact ? llvm::Error::success()
                     : failure(FailureKind::Verification, fmt::format("{}: written out of bounds", what));
  };
  for (auto [output, named] : llvm::zip_equal(memory->outputs, outputsOf(problem)))
    if (llvm::Error error = checkZones(output, named.name))
      return error;
  if (llvm::Error error = checkZones(*memory->workspace, "workspace"))
    return error;
  return executor->compare(problem, memory->tensors, options.verifiedRows, options.seed);
}

llvm::Expected<Verification> KernelEvaluator::verify(const Schedule &schedule) {
  Verification verification;
  if (isCancelled()) {
    verification.outcome = Outcome::Cancelled;
    return verification;
  }
  llvm::Expected<ErrorFigures> figures = compare(schedule);
  llvm::Error error = figures ? checkTolerance(*figures, problem) : figures.takeError();
  if (figures)
    verification.error = figures->relative;
  if (!error)
    return verification;
  if (!error.isA<RuntimeError>())
    return asOutcome<Verification>(std::move(error));
  auto [kind, text] = describe(std::move(error));
  if (kind != FailureKind::Verification)
    return asOutcome<Verification>(failure(kind, text));
  verification.outcome = Outcome::WrongResult;
  verification.reason = text;
  return verification;
}

TimingPolicy KernelEvaluator::policyOf(const MeasureRequest &request) const {
  TimingPolicy policy;
  policy.graph = options.graphReplay;
  policy.cold = options.coldCache;
  policy.rounds = request.rounds;
  policy.giveUpAbove = request.giveUpAbove;
  return policy;
}

llvm::Expected<std::vector<Timing>> KernelEvaluator::measure(llvm::ArrayRef<Schedule> schedules,
                                                             const MeasureRequest &request) {
  std::vector<double> none;
  return takeTurns(schedules, policyOf(request), none);
}

llvm::Expected<BoundedTimings> KernelEvaluator::measureBesideBounds(llvm::ArrayRef<Schedule> schedules,
                                                                    const MeasureRequest &request) {
  TimingPolicy policy = policyOf(request);
  BoundedTimings result;
  SequenceNumbers sequences = makeSequences(problem, SequenceKind::Busy, options.seed);
  result.bytes = minimumBytes(problem, sequences.view());
  result.flops = flops(problem, sequences.view());
  bool isProduct = problem.mode == Mode::Prefill && executor->yardstickFlops() > 0;
  if (isProduct)
    policy.multiplyBeside = problem.dtype;
  else if (executor->yardstickFlops() > 0)
    policy.readBeside = static_cast<int64_t>(result.bytes);
  std::vector<double> beside;
  llvm::Expected<std::vector<Timing>> timings = takeTurns(schedules, policy, beside);
  if (!timings)
    return timings.takeError();
  result.timings = std::move(*timings);
  llvm::Expected<Ceilings> ceilings = executor->ceilings(static_cast<int64_t>(result.bytes), problem.dtype);
  if (!ceilings)
    return ceilings.takeError();
  if (ceilings->bytesPerSecond > 0)
    result.readMicroseconds = 1e6 * result.bytes / ceilings->bytesPerSecond;
  if (ceilings->flopsPerSecond > 0)
    result.multiplyMicroseconds = 1e6 * result.flops / ceilings->flopsPerSecond;
  if (beside.empty())
    return result;
  double median = estimate(beside).median;
  if (isProduct)
    result.multiplyMicroseconds = median * result.flops / executor->yardstickFlops();
  else
    result.readMicroseconds = median;
  return result;
}

llvm::Expected<std::vector<Timing>> KernelEvaluator::takeTurns(llvm::ArrayRef<Schedule> schedules,
                                                               const TimingPolicy &policy,
                                                               std::vector<double> &beside) {
  std::vector<Timing> timings(schedules.size());
  if (isCancelled()) {
    for (Timing &timing : timings)
      timing.outcome = Outcome::Cancelled;
    return timings;
  }
  // One workspace serves all, since they take turns: every candidate's partials begin where the counters of the
  // largest one end, so that no partial ever lies on a counter.
  int64_t counters = 0, partials = 0;
  for (const Schedule &schedule : schedules) {
    Resources costs = resources(problem, schedule, executor->target());
    counters = std::max(counters, counterBytes(costs));
    partials = std::max(partials, costs.workspaceBytes);
  }
  if (llvm::Error error = reserve(counters + partials))
    return error;
  if (llvm::Error error = executor->fill(memory->workspace->data(), 0, memory->workspace->bytes(), nullptr))
    return error;
  if (llvm::Error error = executor->fillSequences(problem, memory->tensors, SequenceKind::Busy, options.seed))
    return error;
  std::vector<std::vector<Launch>> launches;
  std::vector<size_t> places; ///< Of each launch in `timings`.
  for (size_t i = 0; i < schedules.size(); ++i) {
    llvm::Expected<Launch> launch = launchOf(schedules[i]);
    if (!launch) {
      llvm::Expected<Timing> failed = asOutcome<Timing>(launch.takeError());
      if (!failed)
        return failed.takeError();
      timings[i] = *failed;
      continue;
    }
    launch->arguments.partials_offset = counters;
    launch->arguments.starts = nullptr; // All 0, and then servers leave them out.
    launches.push_back({*launch});
    places.push_back(i);
  }
  llvm::Expected<std::vector<std::vector<double>>> times = executor->time(launches, policy);
  if (!times)
    return times.takeError();
  for (size_t i = 0; i < places.size(); ++i)
    timings[places[i]].microseconds = std::move((*times)[i]);
  if (times->size() > places.size())
    beside = std::move(times->back());
  return timings;
}

Conditions KernelEvaluator::conditions() const {
  bool isHost = executor->target().isHost();
  return {!isHost && options.graphReplay, options.coldCache, executor->doubt()};
}

} // namespace lla
