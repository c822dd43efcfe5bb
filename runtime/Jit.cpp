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

/// The command that compiles ahead what was refused at run time: flags are the JSON's fields.
std::string commandFor(const Problem &problem, const Schedule &schedule, const Target &target) {
  return fmt::format("echo '{}' > problem.json && lla compile --target {} --problem problem.json --schedule '{}'",
                     toJson(problem), target.arch, toText(schedule));
}

/// How a key differs from the stored one that is most like it.
std::string nearestKey(const ArtifactStore &store, const Key &key) {
  std::vector<Key::Difference> least;
  bool any = false;
  for (const ArtifactDirectory &layer : store.layers())
    for (const ArtifactEntry &entry : layer.entries()) {
      llvm::Expected<ArtifactMeta> meta = layer.meta(entry.digest);
      if (!meta) {
        llvm::consumeError(meta.takeError());
        continue;
      }
      std::vector<Key::Difference> differences = key.differences(meta->key);
      if (!any || differences.size() < least.size())
        least = std::move(differences);
      any = true;
    }
  if (!any)
    return "the cache holds no kernel";
  std::string text = "the nearest stored kernel differs in";
  for (const Key::Difference &difference : least)
    text += fmt::format(" {} (wanted \"{}\", stored \"{}\")", difference.name, difference.ours, difference.theirs);
  return text;
}

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
  const Cache *records = options.tune == TuneMode::Off ? nullptr : options.cache.get();
  ScheduleAnswer answer = chooseSchedule(records, problem, target, options.policy);
  if (options.tune == TuneMode::Strict && !answer.needsNoTuning)
    return failure(FailureKind::Miss,
                   fmt::format("LLA_TUNE=strict: expected a record of {}, got none ({})", key, answer.why));
  if (options.tune == TuneMode::Tune && !answer.needsNoTuning && options.tuner) {
    ++state->tunes;
    llvm::Expected<Schedule> tuned = options.tuner(problem);
    if (!tuned)
      return tuned.takeError();
    answer = {*tuned, ScheduleSource::Tuned, "", "searched in this process", true};
  }
  // A record may stem from an older formula; the default never fails this.
  if (llvm::Error error = checkFeasible(problem, answer.schedule, target))
    return withKind(FailureKind::Compile, std::move(error));
  std::lock_guard<std::mutex> mapLock(state->mutex);
  return state->decisions.emplace(key, std::move(answer)).first->second;
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
  std::call_once(state->toolchainRead, [&] { state->toolchain = toolchainOf(options.compile); });
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
  if (options.assertCacheHit)
    return failure(FailureKind::Miss, "LLA_ASSERT_CACHE_HIT: expected the kernel in the cache, got a miss; " +
                                          (options.cache ? nearestKey(options.cache->artifacts, key) : "no cache"));
  if (options.disableJit)
    return failure(FailureKind::JitDisabled,
                   "LLA_DISABLE_JIT: expected the kernel in the cache, got a miss; to compile it ahead: " +
                       commandFor(problem, schedule, device->target()));
  Stopwatch compiling;
  ++state->compiles;
  llvm::Expected<Artifact> artifact = options.compiler({problem, device->target(), schedule, options.compile});
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

std::shared_ptr<Cache> openCache(const Knobs &knobs) {
  CacheLocation location = resolveCacheLocation(knobs.cacheEnvironment());
  if (knobs.log >= LogLevel::Warning) {
    static std::once_flag said;
    std::call_once(said, [&] {
      for (const std::string &notice : location.notices)
        llvm::errs() << "lla: " << notice << "\n";
    });
  }
  return std::make_shared<Cache>(location, knobs.cacheBytes.bytes);
}

JitOptions jitOptions(const Knobs &knobs, std::shared_ptr<Executor> executor) {
  JitOptions options;
  options.tune = knobs.tune;
  options.disableJit = knobs.disableJit;
  options.assertCacheHit = knobs.assertCacheHit;
  options.policy = defaultPolicy(executor->target());
  options.compile = compileOptions(knobs, executor->target());
  options.cache = openCache(knobs);
  options.capture = knobs.capture;
  auto workers = std::make_shared<CompileWorkers>(workerOptions(knobs));
  options.compiler = [workers](const CompileRequest &request) { return workers->compile(request); };
  if (knobs.tune == TuneMode::Tune)
    options.tuner = [knobs, executor, cache = options.cache](const Problem &problem) {
      return tuneAndRecord(problem, executor, cache, knobs);
    };
  return options;
}

} // namespace lla
