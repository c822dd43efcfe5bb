//===- numeric-test.cpp - the conformance list on this machine's devices --===//
//
//   numeric-test                          the quick list, on the host and on a GPU if there is one
//   numeric-test --target cuda --long     everything, on the GPU
//   numeric-test --case masks --verbose   cases and checks whose name holds "masks"
//   numeric-test --compile sm_90a         every kernel of the list as far as the assembler, no device needed
//   numeric-test --target cuda --random 10000 --seed 7     that many random problems, instead of the list
//
// Exit code 0 if all that ran was right, 1 otherwise. Without a GPU its part is
// one line, "skipped: no CUDA device (reason)".
//
//===----------------------------------------------------------------------===//

#include "CaseRun.h"
#include "Checks.h"
#include "Schedules.h"
#include "runtime/Knobs.h"
#include "runtime/Toolkit.h"
#include "runtime/host/HostExecutor.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fmt/format.h>
#include <thread>

using namespace lla;
using namespace lla::numeric;

namespace {

struct Options {
  std::string target = "all", ptxas;
  std::string architecture;               ///< Compile for it and run nothing; empty: run.
  std::vector<std::string> only, without; ///< Parts of names.
  bool verbose = false, list = false, driverAssembles = false;
  unsigned jobs = 0, vectorBits = 0;
  int64_t random = 0, first = 0; ///< So many random problems and no list; 0: the list, and a few of them.
  Settings settings;

  bool wants(const std::string &name) const {
    auto matches = [&](const std::string &part) { return name.find(part) != std::string::npos; };
    return (only.empty() || std::any_of(only.begin(), only.end(), matches)) &&
           std::none_of(without.begin(), without.end(), matches);
  }
};

/// The list, then the random problems, those that are wanted.
std::vector<Case> casesOf(const Options &options, const Target &target) {
  std::vector<Case> all = conformanceCases(), chosen;
  std::vector<Case> random = randomCases(options.settings.seed, 0, options.settings.randomProblems, target);
  all.insert(all.end(), random.begin(), random.end());
  for (const Case &entry : all)
    if (options.wants(entry.name) && (entry.tier == Tier::Quick || options.settings.isLong))
      chosen.push_back(entry);
  return chosen;
}

/// Ends the process if a launch does not: a hung GPU answers to nothing else.
class Watchdog {
public:
  explicit Watchdog(Workplace &place) : place(place), thread([this] { watch(); }) {}
  ~Watchdog() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      isDone = true;
    }
    wake.notify_all();
    thread.join();
  }

private:
  static constexpr std::chrono::seconds patience{120};

  void watch() {
    std::unique_lock<std::mutex> lock(mutex);
    int64_t seen = -1;
    while (!wake.wait_for(lock, patience, [&] { return isDone; })) {
      int64_t now = place.launches;
      if (now == seen && place.isRunning) {
        std::printf("FAIL: a launch did not end within %lld s; running: %s\n", static_cast<long long>(patience.count()),
                    place.inFlight().c_str());
        std::fflush(stdout);
        std::_Exit(1);
      }
      seen = now;
    }
  }

  Workplace &place;
  std::mutex mutex;
  std::condition_variable wake;
  bool isDone = false;
  std::thread thread;
};

/// Visits 0 .. count-1, `jobs` at a time.
void inParallel(int64_t count, unsigned jobs, llvm::function_ref<void(int64_t)> visit) {
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t i; (i = next++) < count;)
      visit(i);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < jobs; ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
}

/// Visits every case, `jobs` at a time.
void forEachCase(const std::vector<Case> &cases, unsigned jobs, llvm::function_ref<void(const Case &)> visit) {
  inParallel(static_cast<int64_t>(cases.size()), jobs, [&](int64_t i) {
    llvm::PrettyStackTraceFormat trace("numeric case %s", cases[i].name.c_str());
    visit(cases[i]);
  });
}

/// Runs the random problems that are asked for; those of one kernel follow each other.
void runRandom(Workplace &place, const Options &options) {
  int64_t end = options.first + options.random, firstFamily = options.first / problemsPerKernel;
  int64_t families = (end - 1) / problemsPerKernel + 1 - firstFamily;
  inParallel(families, options.jobs, [&](int64_t family) {
    int64_t from = std::max((firstFamily + family) * problemsPerKernel, options.first);
    int64_t to = std::min((firstFamily + family + 1) * problemsPerKernel, end);
    std::vector<Case> cases = randomCases(options.settings.seed, from, to - from, place.executor->target());
    forEachCase(cases, 1, [&](const Case &entry) { runCase(place, entry); });
  });
}

void runList(Workplace &place, const Options &options) {
  forEachCase(casesOf(options, place.executor->target()), options.jobs,
              [&](const Case &entry) { runCase(place, entry); });
  for (const DeviceCheck &check : deviceChecks)
    if (options.wants(check.name) && !place.isLost)
      check.run(place);
}

/// True if all was right.
bool runOn(std::shared_ptr<Executor> executor, const char *name, const Options &options) {
  auto start = std::chrono::steady_clock::now();
  Report report(name, options.verbose);
  Workplace place(std::move(executor), report, options.settings);
  std::string what = options.random
                         ? fmt::format("random problems {}..{}", options.first, options.first + options.random - 1)
                         : "the list";
  std::printf("%s: %s, --seed %llu, code from %s\n", name, what.c_str(),
              static_cast<unsigned long long>(options.settings.seed),
              place.isHost()                   ? "LLVM"
              : options.settings.ptxas.empty() ? "the driver"
                                               : options.settings.ptxas.c_str());
  Watchdog watchdog(place);
  if (options.random)
    runRandom(place, options);
  else
    runList(place, options);
  bool isRight = report.finish();
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%s: %s on %lld kernels, %lld launches, %.1f s\n", name, what.c_str(),
              static_cast<long long>(place.kernels->size()), static_cast<long long>(place.launches), seconds.count());
  return isRight;
}

bool runOnHost(const Options &options) {
  Target target = hostTarget(2); // Two threads, so that tasks of one launch meet on every machine.
  if (options.vectorBits)
    target.vectorBits = options.vectorBits;
  bool isAlgebraRight = true;
  if (!options.random && options.wants("state_algebra")) {
    Report algebra("host", options.verbose);
    checkStateAlgebra(algebra, options.settings);
    isAlgebraRight = algebra.finish();
  }
  return runOn(std::make_shared<HostExecutor>(target), "host", options) && isAlgebraRight;
}

bool runOnCuda(const Options &options, const Knobs &knobs) {
  llvm::Expected<std::unique_ptr<Executor>> executor = openExecutor("cuda", knobs);
  if (!executor) {
    std::printf("skipped: no CUDA device (%s)\n", llvm::toString(executor.takeError()).c_str());
    return true;
  }
  return runOn(std::move(*executor), "cuda", options);
}

/// Compiles what would run on an architecture.
bool compileFor(const Target &target, const Options &options) {
  Report report(target.arch, options.verbose);
  CompileOptions compileOptions;
  compileOptions.ptxasPath = options.settings.ptxas;
  KernelMemory kernels;
  std::vector<Case> cases = options.random ? randomCases(options.settings.seed, options.first, options.random, target)
                                           : casesOf(options, target);
  forEachCase(cases, options.jobs, [&](const Case &entry) {
    if (entry.problem.dtype == ElementType::F32 && !entry.problem.isMerge() && !target.isHost())
      return report.skipped(entry.name, "fp32 runs on the host only");
    std::vector<Schedule> schedules = entry.given;
    if (schedules.empty())
      schedules = schedulesOf(entry.problem, entry.schedules, target, options.settings.seed, options.settings.samples);
    for (const Schedule &schedule : schedules) {
      std::string what = fmt::format("problem {} schedule {}", toJson(entry.problem), toText(schedule));
      llvm::Expected<Artifact> artifact = kernels.compile({entry.problem, target, schedule, compileOptions});
      if (artifact)
        report.passed(entry.name, fmt::format("{:.0f} ms, {} registers, {} bytes spilled: {}",
                                              artifact->compileMilliseconds + artifact->assembleMilliseconds,
                                              artifact->report.registers, artifact->report.spillBytes, what));
      else
        report.failed(entry.name, llvm::toString(artifact.takeError()) + "\n       " + what);
    }
  });
  bool isRight = report.finish();
  std::printf("%s: %lld kernels\n", target.arch.c_str(), static_cast<long long>(kernels.size()));
  return isRight;
}

/// The first of the wanted names that no case, with these settings, and no check has; null if all are of some.
const std::string *unknownName(const Options &options) {
  std::vector<std::string> names = {"state_algebra"};
  Options all = options;
  all.only.clear();
  for (const Case &entry : casesOf(all, hostTarget()))
    names.push_back(entry.name);
  for (const DeviceCheck &check : deviceChecks)
    names.push_back(check.name);
  for (const std::string &part : options.only)
    if (llvm::none_of(names, [&](const std::string &name) { return name.find(part) != std::string::npos; }))
      return &part;
  return nullptr;
}

int run(Options &options) {
  llvm::Expected<Knobs> knobs = Knobs::fromEnvironment();
  if (!knobs) {
    std::fprintf(stderr, "numeric-test: %s\n", llvm::toString(knobs.takeError()).c_str());
    return 1;
  }
  if (!options.driverAssembles)
    options.settings.ptxas = options.ptxas.empty() ? findPtxas(*knobs) : options.ptxas;
  if (options.settings.isLong) {
    options.settings.samples = 24;
    options.settings.randomProblems *= 10;
  }
  if (const std::string *name = options.random ? nullptr : unknownName(options)) { // A run of nothing would be right.
    std::fprintf(stderr, "numeric-test: case: expected a part of a name of --list, or of a check's, got \"%s\"\n",
                 name->c_str());
    return 1;
  }
  if (options.jobs == 0)
    options.jobs = std::max(1u, std::thread::hardware_concurrency());
  if (options.list) {
    for (const Case &entry : casesOf(options, hostTarget()))
      std::puts(entry.name.c_str());
    return 0;
  }
  if (!options.architecture.empty())
    return compileFor(llvm::cantFail(namedTarget(options.architecture)), options) ? 0 : 1;
  bool isRight = true;
  if (options.target != "cuda")
    isRight &= runOnHost(options);
  if (options.target != "host")
    isRight &= runOnCuda(options, *knobs);
  std::puts(isRight ? "numeric-test: all right" : "numeric-test: FAILED");
  return isRight ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  llvm::sys::PrintStackTraceOnErrorSignal(argv[0]);
  llvm::EnablePrettyStackTrace();
  std::setvbuf(stdout, nullptr, _IOLBF, 0); // A crash must not take the lines before it along.
  Options options;
  CLI::App app{"Runs the conformance list (tests/numeric/Cases.def) on this machine's devices"};
  app.add_option("--target", options.target, "where: host, cuda or all")->check(CLI::IsMember({"host", "cuda", "all"}));
  app.add_option("--compile", options.architecture, "only compile the list, for an architecture, e.g. sm_90a")
      ->check([](const std::string &arch) {
        llvm::Expected<Target> target = namedTarget(arch);
        return target ? "" : llvm::toString(target.takeError());
      });
  app.add_option("--case", options.only, "only cases and checks whose name holds this; may repeat");
  app.add_option("--without", options.without, "leave out cases and checks whose name holds this; may repeat");
  app.add_option("--random", options.random, "run so many random problems, every capability mixed, and no list")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 40));
  app.add_option("--first", options.first, "number of the first random problem")
      ->check(CLI::Range(int64_t(0), int64_t(1) << 40));
  app.add_flag("--long", options.settings.isLong, "the long list too, more random problems and schedules");
  app.add_option("--seed", options.settings.seed, "of inputs, random problems and sampled schedules");
  app.add_option("--jobs", options.jobs, "cases side by side (default: one per CPU)");
  app.add_option("--vector-bits", options.vectorBits, "of host kernels, at most what this CPU has")
      ->check(CLI::IsMember({128, 256, 512}));
  app.add_option("--ptxas", options.ptxas, "assembler to use (default: as the product finds it)");
  app.add_flag("--driver-jit", options.driverAssembles, "let the driver assemble PTX");
  app.add_flag("--list", options.list, "print the cases' names and stop");
  app.add_flag("--verbose", options.verbose, "print what was right, too");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
