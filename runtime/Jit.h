//===- Jit.h - from a problem to a kernel that can be launched ------------===//
//
//   get(problem) = memory -> schedule -> artifact cache -> compile -> load
//
// A problem is first given a schedule (records: exact, dispatch; default; or a
// search, by LLA_TUNE), then looked up as an artifact, whose key holds that
// schedule. Every answer says where it came from.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_JIT_H
#define LLA_RUNTIME_JIT_H

#include "runtime/CompileWorker.h"
#include "runtime/Executor.h"
#include "runtime/MissRules.h"
#include "runtime/ScheduleChoice.h"
#include "runtime/UserCache.h"
#include <functional>
#include <memory>

namespace lla {

/// Where the code came from.
enum class CodeSource { Memory, Cache, Compiled };
llvm::StringRef name(CodeSource);

struct JitAnswer {
  std::shared_ptr<const LoadedKernel> kernel;
  ScheduleAnswer schedule;
  CodeSource code = CodeSource::Memory;
  AssemblerReport report;         ///< Of the compile, remembered with the artifact.
  double compileMilliseconds = 0; ///< Spent in this call.
  double loadMilliseconds = 0;
  std::string notice; ///< What went wrong without doing harm, e.g. that the cache is full.
};

/// Sums over all calls so far; milliseconds of wall clock.
struct JitStatistics {
  int64_t memoryHits = 0, artifactHits = 0;
  int64_t misses = 0; ///< Kernels found nowhere: compiled, or refused.
  int64_t compiles = 0, compileFailures = 0, loadFailures = 0;
  double artifactMilliseconds = 0, compileMilliseconds = 0;          ///< To find an artifact, and to make one.
  double artifactLoadMilliseconds = 0, compiledLoadMilliseconds = 0; ///< To load them.
  /// Decisions, each problem once: by an exact record, by a near one, by none.
  int64_t exactSchedules = 0, dispatchedSchedules = 0, defaultSchedules = 0;
  int64_t tunes = 0;
  double tuneMilliseconds = 0;
};

/// Takes a message; called from any thread.
using NoteFunction = std::function<void(LogLevel level, const std::string &text)>;
/// Searches a schedule for `problem` on this executor, measured as `policy` says, and records it.
using TuneFunction = std::function<llvm::Expected<Schedule>(const Problem &problem, const MeasurementPolicy &policy)>;

struct JitOptions {
  TuneMode tune = TuneMode::Cache;
  MissRules misses;
  MeasurementPolicy policy; ///< Of the records that are looked at.
  CompileOptions compile;
  CompileFunction compiler;     ///< How a miss is compiled; see CompileWorkers.
  TuneFunction tuner;           ///< Needed with TuneMode::Tune only.
  std::shared_ptr<Cache> cache; ///< May be null: no records, and kernels in memory only.
  std::string capture;          ///< File that gets the problems asked for and how often; empty: none.
  NoteFunction note;            ///< Told of each compile, search and load, and of a capture that fails; may be null.
};
/// As the environment says: cache opened, compiles in workers, tuning as in Tuning.h.
JitOptions jitOptions(const Knobs &knobs, std::shared_ptr<Executor> executor);

class Jit {
public:
  Jit(std::shared_ptr<Executor> executor, JitOptions options);
  ~Jit();

  /// The schedule that `get` would use. Fails with Miss in strict mode; may search with TuneMode::Tune, or fails with
  /// JitDisabled where that is refused. Remembers what it said.
  llvm::Expected<ScheduleAnswer> decide(const Problem &problem);
  /// A loaded kernel. Blocks while it compiles; threads that want the same kernel share one compile.
  llvm::Expected<JitAnswer> get(const Problem &problem);
  /// Likewise with a schedule of the caller's.
  llvm::Expected<JitAnswer> get(const Problem &problem, const ScheduleAnswer &schedule);

  JitStatistics statistics() const;
  Executor &executor() const { return *device; }

private:
  struct Slot;
  struct State;
  /// From the cache, or compiled; fills in what the answer says of it.
  llvm::Expected<Artifact> obtain(const Problem &problem, const Schedule &schedule, JitAnswer &answer);
  llvm::Expected<StoredArtifact> make(const Problem &problem, const Schedule &schedule, const Key &key,
                                      JitAnswer &answer);
  void note(LogLevel level, const std::string &text) const;

  std::shared_ptr<Executor> device;
  JitOptions options;
  std::unique_ptr<State> state;
};

} // namespace lla
#endif
