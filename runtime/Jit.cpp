//===- Jit.cpp - from a problem to a kernel that can be launched ----------===//

#include "runtime/Jit.h"
#include "dialect/Spec/Fields.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "runtime/Tuning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>
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

/// Where decisions of this source are counted; null: nowhere.
int64_t JitStatistics::*counterOf(ScheduleSource source) {
  switch (source) {
  case ScheduleSource::Exact:
    return &JitStatistics::exactSchedules;
  case ScheduleSource::Dispatch:
    return &JitStatistics::dispatchedSchedules;
  case ScheduleSource::Default:
    return &JitStatistics::defaultSchedules;
  case ScheduleSource::Given:
  case ScheduleSource::Tuned:
    return nullptr;
  }
  return nullptr;
}

/// What this process has asked for, by the file that is to get it: written when a Jit ends, or the process does.
/// Bindings keep theirs to the end.
class Captures {
public:
  static Captures &ofProcess() {
    static Captures *captures = [] {
      std::atexit([] { ofProcess().write(); });
      return new Captures; // Never destroyed: threads may still ask.
    }();
    return *captures;
  }

  /// `note`, which may be null, is told of a file that cannot be written.
  void count(const std::string &path, const std::string &problem, const NoteFunction &note) {
    std::lock_guard<std::mutex> lock(mutex);
    auto [file, isNew] = asked.try_emplace(path);
    ++file->second[problem];
    if (!isNew || !note)
      return;
    if (std::error_code error = append(path, {})) // Now: when the process ends, nobody may be there to be told.
      note(LogLevel::Warning,
           fmt::format("LLA_CAPTURE: expected a file that can be written, got {}: {}", path, error.message()));
  }

  void write() {
    std::lock_guard<std::mutex> lock(mutex);
    for (const auto &[path, problems] : asked)
      (void)append(path, problems); // The run itself is over and went well.
    asked.clear();
  }

private:
  using Counts = std::map<std::string, int64_t>; ///< By problem.

  static std::error_code append(const std::string &path, const Counts &problems) {
    std::error_code error;
    llvm::raw_fd_ostream file(path, error, llvm::sys::fs::CD_OpenAlways, llvm::sys::fs::FA_Write,
                              llvm::sys::fs::OF_Append);
    if (error)
      return error;
    std::string lines; // One write: other processes append to the same file.
    for (const auto &[problem, count] : problems)
      lines += fmt::format("{{\"problem\":{},\"count\":{}}}\n", problem, count);
    file << lines;
    file.close();
    error = file.error();
    file.clear_error();
    return error;
  }

  std::mutex mutex;
  std::map<std::string, Counts> asked; ///< By file.
};

} // namespace

llvm::StringRef name(CodeSource source) { return nameIn(codeSources, source); }

/// One kernel of this process; whoever holds the lock makes it.
struct Jit::Slot {
  std::mutex making;
  std::optional<JitAnswer> answer;
};

struct Jit::State {
  std::mutex mutex; ///< Guards the three maps and the statistics.
  std::map<std::string, std::shared_ptr<Slot>> slots;
  std::map<std::string, ScheduleAnswer> decisions;
  std::mutex deciding;                  ///< One search at a time: it wants the device for itself.
  std::once_flag toolchainRead;
  Toolchain toolchain;
  JitStatistics statistics;

  template <class Change> void count(Change change) {
    std::lock_guard<std::mutex> lock(mutex);
    change(statistics);
  }
  std::optional<ScheduleAnswer> known(const std::string &problem) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = decisions.find(problem);
    return found == decisions.end() ? std::nullopt : std::optional(found->second);
  }
};

Jit::Jit(std::shared_ptr<Executor> executor, JitOptions options)
    : device(std::move(executor)), options(std::move(options)), state(std::make_unique<State>()) {}

Jit::~Jit() {
  if (!options.capture.empty())
    Captures::ofProcess().write();
}

llvm::Expected<ScheduleAnswer> Jit::decide(const Problem &problem) {
  std::string key = toJson(problem);
  if (std::optional<ScheduleAnswer> known = state->known(key))
    return *known;
  std::lock_guard<std::mutex> lock(state->deciding);
  if (std::optional<ScheduleAnswer> known = state->known(key)) // Another thread has decided meanwhile.
    return *known;
  const Target &target = device->target();
  llvm::Expected<ScheduleAnswer> answer =
      decideSchedule(options.tune, options.cache.get(), problem, target, options.policy);
  if (!answer)
    return answer.takeError();
  if (options.tune == TuneMode::Tune && !answer->needsNoTuning && options.tuner) {
    if (llvm::Error error = checkMaySearch(options.misses, problem, device->name()))
      return std::move(error);
    Stopwatch searching;
    llvm::Expected<Schedule> tuned = options.tuner(problem, options.policy);
    double milliseconds = searching.milliseconds();
    state->count([&](JitStatistics &sum) {
      ++sum.tunes;
      sum.tuneMilliseconds += milliseconds;
    });
    if (!tuned)
      return tuned.takeError();
    note(LogLevel::Info, fmt::format("searched a schedule of {} in {:.0f} ms", problem.kernelName(), milliseconds));
    *answer = {*tuned, ScheduleSource::Tuned, "", "searched in this process", true};
  }
  // A record may stem from an older formula; the default never fails this.
  if (llvm::Error error = checkFeasible(problem, answer->schedule, target))
    return withKind(FailureKind::Compile, std::move(error));
  std::lock_guard<std::mutex> mapLock(state->mutex);
  if (int64_t JitStatistics::*counter = counterOf(answer->source))
    ++(state->statistics.*counter);
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
      Captures::ofProcess().count(options.capture, key, options.note);
    std::shared_ptr<Slot> &entry = state->slots[key + toText(schedule.schedule)];
    if (!entry)
      entry = std::make_shared<Slot>();
    slot = entry;
  }
  std::lock_guard<std::mutex> lock(slot->making);
  if (slot->answer) {
    state->count([](JitStatistics &sum) { ++sum.memoryHits; });
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
  answer.loadMilliseconds = loading.milliseconds();
  state->count([&](JitStatistics &sum) {
    sum.loadFailures += !kernel;
    (answer.code == CodeSource::Cache ? sum.artifactLoadMilliseconds : sum.compiledLoadMilliseconds) +=
        answer.loadMilliseconds;
  });
  if (!kernel)
    return kernel.takeError();
  note(LogLevel::Debug, fmt::format("loaded {} ({}) in {:.2f} ms", artifact->kernelName, name(answer.code).str(),
                                    answer.loadMilliseconds));
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
  Stopwatch looking;
  llvm::Expected<ObtainedArtifact> obtained = options.cache->artifacts.obtain(key, make);
  if (!obtained)
    return obtained.takeError();
  answer.notice = obtained->notice;
  if (obtained->wasCached) {
    answer.code = CodeSource::Cache;
    state->count([&](JitStatistics &sum) {
      ++sum.artifactHits;
      sum.artifactMilliseconds += looking.milliseconds();
    });
  }
  return fromStored(std::move(obtained->artifact));
}

llvm::Expected<StoredArtifact> Jit::make(const Problem &problem, const Schedule &schedule, const Key &key,
                                         JitAnswer &answer) {
  state->count([](JitStatistics &sum) { ++sum.misses; });
  CompileRequest request{problem, device->target(), schedule, options.compile};
  const ArtifactStore *store = options.cache ? &options.cache->artifacts : nullptr;
  if (llvm::Error error = checkMayCompile(options.misses, request, key, store))
    return std::move(error);
  Stopwatch compiling;
  llvm::Expected<Artifact> artifact = options.compiler(request);
  answer.code = CodeSource::Compiled;
  answer.compileMilliseconds = compiling.milliseconds();
  state->count([&](JitStatistics &sum) {
    ++sum.compiles;
    sum.compileFailures += !artifact;
    sum.compileMilliseconds += answer.compileMilliseconds;
  });
  if (artifact) {
    note(LogLevel::Info, fmt::format("compiled {} in {:.0f} ms", artifact->kernelName, answer.compileMilliseconds));
    return toStored(*artifact);
  }
  return withKind(FailureKind::Compile, artifact.takeError());
}

void Jit::note(LogLevel level, const std::string &text) const {
  if (options.note)
    options.note(level, text);
}

JitStatistics Jit::statistics() const {
  std::lock_guard<std::mutex> lock(state->mutex);
  return state->statistics;
}

JitOptions jitOptions(const Knobs &knobs, std::shared_ptr<Executor> executor) {
  JitOptions options;
  options.tune = knobs.tune;
  options.misses = missRules(knobs);
  options.policy = defaultPolicy(executor->target());
  options.compile = compileOptions(knobs, executor->target());
  options.cache = openCache(knobs);
  options.capture = knobs.capture;
  options.note = [knobs](LogLevel level, const std::string &text) {
    level == LogLevel::Warning ? warnOnce(knobs, text) : note(knobs, level, text);
  };
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
