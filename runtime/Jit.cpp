//===- Jit.cpp - from a problem to a kernel that can be launched ----------===//

#include "runtime/Jit.h"
#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "runtime/Tuning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <mutex>

namespace lla {
namespace {

constexpr NamedValue<CodeSource> codeSources[] = {
    {CodeSource::Memory, "memory"}, {CodeSource::Cache, "cache"}, {CodeSource::Compiled, "compiled"}};

class Stopwatch {
public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

private:
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

} // namespace

llvm::StringRef name(CodeSource source) { return nameIn(codeSources, source); }

/// One kernel of this process; whoever holds the lock makes it.
struct Jit::Slot {
  std::mutex making;
  std::optional<JitAnswer> answer;
};

struct Jit::State {
  std::mutex mutex; ///< Guards the three maps.
  std::map<std::string, std::shared_ptr<Slot>> slots;
  std::map<std::string, ScheduleAnswer> decisions;
  std::map<std::string, int64_t> asked; ///< Problems and how often, for the capture.
  std::mutex deciding;                  ///< One search at a time: it wants the device for itself.
  std::once_flag toolchainRead;
  Toolchain toolchain;
  std::atomic<int64_t> memoryHits = 0, artifactHits = 0, compiles = 0, compileFailures = 0, tunes = 0;
};

Jit::Jit(std::shared_ptr<Executor> executor, JitOptions options)
    : device(std::move(executor)), options(std::move(options)), state(std::make_unique<State>()) {}

Jit::~Jit() {
  if (options.capture.empty() || state->asked.empty())
    return;
  std::error_code error;
  llvm::raw_fd_ostream file(options.capture, error, llvm::sys::fs::CD_OpenAlways, llvm::sys::fs::FA_Write,
                            llvm::sys::fs::OF_Append);
  if (error)
    return;          // The run itself is over and went well.
  std::string lines; // One write: other processes append to the same file.
  for (const auto &[problem, count] : state->asked)
    lines += fmt::format("{{\"problem\":{},\"count\":{}}}\n", problem, count);
  file << lines;
  file.close();
  file.clear_error();
}

llvm::Expected<ScheduleAnswer> Jit::decide(const Problem &problem) {
  std::string key = toJson(problem);
  {
    std::lock_guard<std::mutex> lock(state->mutex);
    if (auto known = state->decisions.find(key); known != state->decisions.end())
      return known->second;
  }
  std::lock_guard<std::mutex> lock(state->deciding);
  const Target &target = device->target();
  llvm::Expected<ScheduleAnswer> answer =
      decideSchedule(options.tune, options.cache.get(), problem, target, options.policy);
  if (!answer)
    return answer.takeError();
  if (options.tune == TuneMode::Tune && !answer->needsNoTuning && options.tuner) {
    if (llvm::Error error = checkMaySearch(options.misses, problem, device->name()))
      return std::move(error);
    ++state->tunes;
    llvm::Expected<Schedule> tuned = options.tuner(problem, options.policy);
    if (!tuned)
      return tuned.takeError();
    *answer = {*tuned, ScheduleSource::Tuned, "", "searched in this process", true};
  }
  // A record may stem from an older formula; the default never fails this.
  if (llvm::Error error = checkFeasible(problem, answer->schedule, target))
    return withKind(FailureKind::Compile, std::move(error));
  std::lock_guard<std::mutex> mapLock(state->mutex);
  return state->decisions.emplace(key, std::move(*answer)).first->second;
}

llvm::Expected<JitAnswer> Jit::get(const Problem &problem) {
  llvm::Expected<ScheduleAnswer> schedule = decide(problem);
  if (!schedule)
    return schedule.takeError();
  return get(problem, *schedule);
}

llvm::Expected<JitAnswer> Jit::get(const Problem &problem, const ScheduleAnswer &schedule) {
  std::shared_ptr<Slot> slot;
  {
    std::string key = toJson(problem);
    std::lock_guard<std::mutex> lock(state->mutex);
    if (!options.capture.empty())
      ++state->asked[key];
    std::shared_ptr<Slot> &entry = state->slots[key + toText(schedule.schedule)];
    if (!entry)
      entry = std::make_shared<Slot>();
    slot = entry;
  }
  std::lock_guard<std::mutex> lock(slot->making);
  if (slot->answer) {
    ++state->memoryHits;
    JitAnswer answer = *slot->answer;
    answer.schedule = schedule;
    answer.code = CodeSource::Memory;
    answer.compileMilliseconds = answer.loadMilliseconds = 0;
    return answer;
  }
  JitAnswer answer;
  answer.schedule = schedule;
  llvm::Expected<Artifact> artifact = obtain(problem, schedule.schedule, answer);
  if (!artifact)
    return artifact.takeError();
  answer.report = artifact->report;
  Stopwatch loading;
  llvm::Expected<std::unique_ptr<LoadedKernel>> kernel = device->load(*artifact, problem, schedule.schedule);
  if (!kernel)
    return kernel.takeError();
  answer.loadMilliseconds = loading.milliseconds();
  answer.kernel = std::move(*kernel);
  slot->answer = answer;
  return answer;
}

llvm::Expected<Artifact> Jit::obtain(const Problem &problem, const Schedule &schedule, JitAnswer &answer) {
  std::call_once(state->toolchainRead, [&] { state->toolchain = toolchainOf(options.compile, options.cache.get()); });
  Key key = artifactKey(problem, schedule, device->target(), state->toolchain);
  auto make = [&] { return this->make(problem, schedule, key, answer); };
  if (!options.cache) {
    llvm::Expected<StoredArtifact> made = make();
    if (!made)
      return made.takeError();
    return fromStored(std::move(*made));
  }
  llvm::Expected<ObtainedArtifact> obtained = options.cache->artifacts.obtain(key, make);
  if (!obtained)
    return obtained.takeError();
  answer.notice = obtained->notice;
  if (obtained->wasCached) {
    answer.code = CodeSource::Cache;
    ++state->artifactHits;
  }
  return fromStored(std::move(obtained->artifact));
}

llvm::Expected<StoredArtifact> Jit::make(const Problem &problem, const Schedule &schedule, const Key &key,
                                         JitAnswer &answer) {
  CompileRequest request{problem, device->target(), schedule, options.compile};
  const ArtifactStore *store = options.cache ? &options.cache->artifacts : nullptr;
  if (llvm::Error error = checkMayCompile(options.misses, request, key, store))
    return std::move(error);
  Stopwatch compiling;
  ++state->compiles;
  llvm::Expected<Artifact> artifact = options.compiler(request);
  answer.code = CodeSource::Compiled;
  answer.compileMilliseconds = compiling.milliseconds();
  if (artifact)
    return toStored(*artifact);
  ++state->compileFailures;
  return withKind(FailureKind::Compile, artifact.takeError());
}

JitStatistics Jit::statistics() const {
  return {state->memoryHits, state->artifactHits, state->compiles, state->compileFailures, state->tunes};
}

JitOptions jitOptions(const Knobs &knobs, std::shared_ptr<Executor> executor) {
  JitOptions options;
  options.tune = knobs.tune;
  options.misses = missRules(knobs);
  options.policy = defaultPolicy(executor->target());
  options.compile = compileOptions(knobs, executor->target());
  options.cache = openCache(knobs);
  options.capture = knobs.capture;
  // The worker is looked for when there is something to compile: a hit in the cache needs none.
  options.compiler = [knobs](const CompileRequest &request) {
    return CompileWorkers(workerOptions(knobs)).compile(request);
  };
  if (knobs.tune == TuneMode::Tune)
    options.tuner = [knobs, executor, cache = options.cache](const Problem &problem, const MeasurementPolicy &policy) {
      return tuneAndRecord(problem, executor, cache, policy, knobs);
    };
  return options;
}

} // namespace lla
