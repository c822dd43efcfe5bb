//===- Workplace.h - a device and how the checks use it -------------------===//
#ifndef LLA_TESTS_NUMERIC_WORKPLACE_H
#define LLA_TESTS_NUMERIC_WORKPLACE_H

#include "GuardedRegion.h"
#include "Report.h"
#include "runtime/Plan.h"
#include <atomic>
#include <map>
#include <mutex>

namespace lla::numeric {

struct Settings {
  uint64_t seed = 1;
  bool isLong = false;
  int64_t samples = 4;          ///< Random schedules per load path.
  int64_t randomProblems = 240; ///< Beside the list.
  std::string ptxas;            ///< Empty: the driver assembles.
};

/// What a plan runs in: counters zeroed once, partial states poisoned, since they may hold anything.
class Workspace {
public:
  static llvm::Expected<Workspace> create(Executor &executor, const Resources &costs);
  void *data() const { return region.bytes() ? region.device() : nullptr; }
  int64_t bytes() const { return region.bytes(); }
  /// Fails with Verification if a counter did not wrap to 0, or a red zone changed.
  llvm::Error check(Executor &executor) const;

private:
  Workspace(GuardedRegion region, int64_t counterBytes) : region(std::move(region)), counterBytes(counterBytes) {}
  GuardedRegion region;
  int64_t counterBytes;
};

/// Kernels of this process by the key that the cache has for them: problems of one key share the code, as they would
/// from the cache.
class KernelMemory {
public:
  llvm::Expected<Artifact> compile(const CompileRequest &request);
  /// Compiled so far.
  int64_t size() const { return compiled; }

private:
  struct Slot {
    std::mutex making;
    std::optional<Artifact> artifact;
  };
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Slot>> slots;
  std::atomic<int64_t> compiled = 0;
};

/// What every check gets.
struct Workplace {
  std::shared_ptr<Executor> executor;
  std::shared_ptr<KernelMemory> kernels;
  std::shared_ptr<Jit> jit; ///< Compiles in this process, remembers kernels in memory only.
  Report &report;
  const Settings &settings;
  /// A kernel faulted: nothing runs on this device any more.
  std::atomic<bool> isLost = false;
  std::atomic<int64_t> launches = 0;
  std::atomic<bool> isRunning = false; ///< A launch has not ended yet.

  Workplace(std::shared_ptr<Executor> executor, Report &report, const Settings &settings);
  bool isHost() const { return executor->target().isHost(); }

  /// Runs to the end. One launch at a time, so that a fault is blamed on the right one.
  llvm::Error runAndWait(const Plan &plan, const AttentionTensors &tensors, const Workspace &workspace);
  /// Problem and schedule of the latest launch.
  std::string inFlight() const;

private:
  std::mutex running;
  mutable std::mutex naming; ///< Of `latest`, which is read while a launch hangs.
  std::string latest;
};

/// Prepared, or an error that says what was to be compiled.
llvm::Expected<Plan> preparedPlan(Workplace &place, const Problem &problem, const Schedule &schedule);

} // namespace lla::numeric
#endif
