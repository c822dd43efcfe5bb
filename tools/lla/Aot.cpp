//===- Aot.cpp - `lla aot` ------------------------------------------------===//
//
// Compiles every problem for every target, needing none of the devices, and makes a
// library of the kernels (AotLibrary.h). Where a GPU is among the targets, each
// problem also gets portable PTX, for GPUs that are newer than all of them; for the
// host, code for each width of vectors, so that it matters not whose CPU made it.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/Fields.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "runtime/Tuning.h"
#include "runtime/UserCache.h"
#include "tools/lla/AotLibrary.h"
#include "tools/lla/AotVerify.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct AotFlags {
  ProblemFlags problems;
  std::vector<std::string> targets;
  ScheduleFlag schedule;
  bool staticSizes = false;
  PolicyFlag policy;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  std::string directory, name, form = "shared", cc = "cc", library;
  int64_t rows = 64;
};

void declare(CLI::App &command, AotFlags &flags) {
  flags.problems.addTo(command);
  command
      .add_option("--target", flags.targets,
                  "host, or an architecture (sm_90a), which needs no GPU; may be repeated (default: "
                  "LLA_CUDA_ARCH_LIST)")
      ->allow_extra_args(false)
      ->type_name("TARGET");
  flags.schedule.addTo(command);
  command.add_flag("--static-sizes", flags.staticSizes,
                   "build each problem's batch, heads, rows and keys into its kernel: faster where a launch takes "
                   "microseconds, and plans of the library are then of these very sizes (NAME_attention rounds sizes "
                   "up, so that it finds powers of two only)");
  flags.policy.addTo(command);
  flags.knobs.addJobs(command);
  flags.knobs.addSeed(command);
  command.add_option("--output-dir", flags.directory, "folder that gets lib, include and the manifest")
      ->type_name("DIR");
  command.add_option("--name", flags.name, "of the library, and what its functions begin with: a C identifier");
  command.add_option("--form", flags.form, "shared: linked by a C compiler; static: needs none (default: shared)")
      ->check(CLI::IsMember({"shared", "static"}));
  command.add_option("--cc", flags.cc, "the C compiler that links the shared form (default: cc)")->type_name("PATH");
  const std::vector<CLI::Option *> making = command.get_options([&](CLI::Option *option) {
    return option != command.get_help_ptr() && !option->check_lname("seed");
  });
  CLI::Option *verify =
      command
          .add_option("--verify", flags.library,
                      "instead: run each problem of a shared library on what is here, on the host with the kernel for "
                      "each width of vectors that this CPU has, on a GPU with the one that the library picks, and "
                      "compare with an independent reference")
          ->type_name("LIB");
  for (CLI::Option *option : making)
    verify->excludes(option);
  command
      .add_option("--rows", flags.rows,
                  "with --verify: rows that the host's reference looks at; 0: all (default: 64; a GPU's oracle looks "
                  "at all it can)")
      ->check(CLI::NonNegativeNumber)
      ->needs(verify);
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

llvm::Error checkName(llvm::StringRef name) {
  auto isIdentifier = [](llvm::StringRef text) {
    auto mayBe = [](char c) { return llvm::isAlnum(c) || c == '_'; };
    return !text.empty() && !llvm::isDigit(text.front()) && llvm::all_of(text, mayBe);
  };
  if (!isIdentifier(name))
    return fieldError("name", "a C identifier", '"' + name.str() + '"');
  if (name == "lla" || name.starts_with("lla_"))
    return fieldError("name", "one that does not begin as liblla's functions (lla_)", '"' + name.str() + '"');
  return llvm::Error::success();
}

/// Each once, in the order given.
llvm::Expected<std::vector<std::string>> targetNames(const AotFlags &flags, const Knobs &knobs) {
  std::vector<std::string> names;
  auto add = [&](llvm::StringRef name) {
    if (!name.empty() && !llvm::is_contained(names, name))
      names.push_back(name.str());
  };
  for (const std::string &name : flags.targets)
    add(name);
  if (names.empty()) {
    llvm::SmallVector<llvm::StringRef> listed;
    llvm::StringRef(knobs.cudaArchList).split(listed, ',');
    for (llvm::StringRef name : listed)
      add(name.trim());
  }
  if (names.empty())
    return fieldError("target", "at least one (--target, or LLA_CUDA_ARCH_LIST)", "none");
  return names;
}

/// A kernel to make.
struct Unit {
  Problem problem;
  Target target;
  ScheduleAnswer schedule;
  CompileOptions options;
};

llvm::Expected<Unit> unitOf(const AotFlags &flags, const Knobs &knobs, const Cache &cache, const Problem &problem,
                            const Target &target, bool isFloor) {
  llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(target);
  if (!policy)
    return policy.takeError();
  llvm::Expected<ScheduleAnswer> schedule =
      isFloor ? ScheduleAnswer{defaultSchedule(problem, target), ScheduleSource::Default, "", "portable", true}
              : flags.schedule.choose(knobs.tune, &cache, problem, target, *policy);
  if (!schedule)
    return schedule.takeError();
  schedule->schedule.staticSizes |= flags.staticSizes;
  if (llvm::Error error = checkFeasible(problem, schedule->schedule, target))
    return failure(FailureKind::Compile,
                   fmt::format("{} on {}: {}", titleOf(problem), target.arch, llvm::toString(std::move(error))));
  Unit unit{problem, target, *schedule, compileOptions(knobs, target)};
  if (isFloor)
    unit.options.ptxasPath.clear();
  else if (!target.isHost() && unit.options.ptxasPath.empty())
    return failure(FailureKind::Compile,
                   fmt::format("ptxas: expected one, to make cubins for {}, got none; tools/setup gets it, CUDA_HOME "
                               "names a toolkit that has it",
                               target.arch));
  return unit;
}

/// What the host's code is made for: on x86-64 every width, else this machine's.
std::vector<Target> hostTargets(const Target &host) {
#if defined(__x86_64__)
  std::vector<Target> targets;
  for (unsigned bits : {512u, 256u, 128u}) {
    targets.push_back(host);
    targets.back().vectorBits = bits;
  }
  return targets;
#else
  return {host};
#endif
}

/// Every problem, each once, on every target that takes it, or on all if none does; then the floor.
llvm::Expected<std::vector<Unit>> unitsOf(const AotFlags &flags, const Knobs &knobs, const Cache &cache,
                                          llvm::ArrayRef<std::string> names) {
  llvm::Expected<std::vector<Problem>> given = flags.problems.problems();
  if (!given)
    return given.takeError();
  std::vector<Problem> problems;
  for (const Problem &problem : *given)
    if (!llvm::is_contained(problems, problem))
      problems.push_back(problem);
  std::vector<std::pair<Target, bool>> targets; ///< And whether it is the floor.
  bool hasGpu = false;
  for (const std::string &name : names) {
    llvm::Expected<Target> target = namedTarget(name);
    if (!target)
      return failure(FailureKind::Usage,
                     "target: expected host or an architecture; " + llvm::toString(target.takeError()));
    hasGpu |= !target->isHost();
    for (const Target &one : target->isHost() ? hostTargets(*target) : std::vector<Target>{*target})
      targets.push_back({one, false});
  }
  if (hasGpu)
    targets.push_back({*namedTarget("sm_80"), true});
  auto isTaken = [&](const Problem &problem) {
    return llvm::any_of(targets, [&](const auto &one) { return runsOn(problem, one.first); });
  };
  std::vector<Unit> units;
  for (const auto &[target, isFloor] : targets)
    for (const Problem &problem : problems) {
      if (!runsOn(problem, target) && isTaken(problem)) {
        if (!isFloor)
          warnOnce(knobs, fmt::format("{} is left out for {}, which has no kernels of that type", titleOf(problem),
                                      target.arch));
        continue;
      }
      llvm::Expected<Unit> unit = unitOf(flags, knobs, cache, problem, target, isFloor);
      if (!unit)
        return unit.takeError();
      units.push_back(std::move(*unit));
    }
  return units;
}

/// The kernels of all units. Compiled whatever LLA_DISABLE_JIT says: that is what this command is for.
llvm::Expected<std::vector<Artifact>> compileAll(const Knobs &knobs, std::shared_ptr<Cache> cache,
                                                 llvm::ArrayRef<Unit> units) {
  std::vector<CompileRequest> requests;
  for (const Unit &unit : units)
    requests.push_back({unit.problem, unit.target, unit.schedule.schedule, unit.options});
  WorkerOptions options = workerOptions(knobs);
  options.jobs = knobs.jobs;
  BatchCompileFunction compile =
      cachedBatchCompiler(std::make_shared<CompileWorkers>(options), std::move(cache), MissRules());
  std::vector<Artifact> all;
  std::string fault; ///< The first.
  std::vector<llvm::Expected<Artifact>> results = compile(requests);
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      all.push_back(std::move(*results[i]));
      continue;
    }
    std::string text = llvm::toString(results[i].takeError());
    if (fault.empty())
      fault = fmt::format("{} on {}: {}", titleOf(requests[i].problem), requests[i].target.arch, text);
  }
  if (!fault.empty())
    return failure(FailureKind::Compile, fault);
  return all;
}

/// The compiler's path: as given, or found on PATH.
llvm::Expected<std::string> findCompiler(const std::string &cc, const Knobs &knobs) {
  if (llvm::StringRef(cc).contains('/')) {
    if (llvm::sys::fs::can_execute(cc))
      return cc;
  } else {
    for (const std::string &folder : knobs.searchPath)
      if (std::string path = folder + "/" + cc; llvm::sys::fs::can_execute(path))
        return path;
  }
  return failure(FailureKind::Usage,
                 fmt::format("cc: expected a C compiler, which links the shared form, got no \"{}\"; --cc names "
                             "another, and --form static needs none",
                             cc));
}

/// "sm_90a", "host/512", "ptx".
std::string placeOf(const LibraryKernel &kernel) {
  if (kernel.target.isHost())
    return fmt::format("host/{}", kernel.target.vectorBits);
  return kernel.artifact.kind == ArtifactKind::Ptx ? "ptx" : kernel.target.arch;
}

std::string textOf(const LibraryPlan &plan, const AotFlags &flags, bool isShared) {
  std::string file = fmt::format("{}/lib/lib{}.{}", flags.directory, plan.name, isShared ? "so" : "a");
  uint64_t bytes = 0;
  (void)llvm::sys::fs::file_size(file, bytes);
  std::string text = fmt::format("{} kernels, {}: {}\n", plan.kernels.size(), bytesText(bytes), file);
  for (const LibraryKernel &kernel : plan.kernels)
    text += fmt::format("  {:<8} {}  [{}] ({})\n", placeOf(kernel), titleOf(kernel.problem),
                        toText(kernel.schedule.schedule), name(kernel.schedule.source).str());
  return text;
}

/// A library of the other form would stay there, older than the header, package and manifest that both have.
llvm::Error checkFolder(const AotFlags &flags, bool isShared) {
  std::string other = fmt::format("{}/lib/lib{}.{}", flags.directory, flags.name, isShared ? "a" : "so");
  if (!llvm::sys::fs::exists(other))
    return llvm::Error::success();
  return fieldError("output-dir", fmt::format("a folder without lib{} in another form than {}", flags.name, flags.form),
                    other + "; remove it, or name another folder");
}

llvm::Error makeLibrary(const AotFlags &flags, const Knobs &knobs) {
  if (flags.directory.empty())
    return fieldError("output-dir", "a folder", "none");
  if (llvm::Error error = checkName(flags.name))
    return error;
  llvm::Expected<std::vector<std::string>> names = targetNames(flags, knobs);
  if (!names)
    return names.takeError();
  bool isShared = flags.form == "shared";
  if (llvm::Error error = checkFolder(flags, isShared))
    return error;
  std::string cc;
  if (isShared) { // Before compiling for minutes.
    llvm::Expected<std::string> found = findCompiler(flags.cc, knobs);
    if (!found)
      return found.takeError();
    cc = *found;
  }
  std::shared_ptr<Cache> cache = openCache(knobs);
  llvm::Expected<std::vector<Unit>> units = unitsOf(flags, knobs, *cache, *names);
  if (!units)
    return units.takeError();
  llvm::Expected<std::vector<Artifact>> artifacts = compileAll(knobs, cache, *units);
  if (!artifacts)
    return artifacts.takeError();
  if (interrupted()) // Nothing is written.
    return llvm::Error::success();
  LibraryPlan plan{flags.name, *names, {}, ""};
  for (size_t i = 0; i < units->size(); ++i) {
    Unit &unit = (*units)[i];
    if (!unit.options.ptxasPath.empty())
      plan.ptxasVersion = toolchainOf(unit.options, cache.get()).ptxasVersion;
    plan.kernels.push_back({unit.problem, unit.target, unit.schedule, std::move((*artifacts)[i])});
  }
  if (llvm::Error error = isShared ? writeShared(plan, flags.directory, cc, knobs.temporary)
                                   : writeStatic(plan, flags.directory))
    return error;
  if (llvm::Error error = writeInterface(plan, flags.directory, isShared))
    return error;
  if (flags.output == OutputForm::Json)
    printJson(manifestOf(plan));
  else
    print(textOf(plan, flags, isShared));
  return llvm::Error::success();
}

llvm::Error aot(const AotFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  if (flags.library.empty())
    return makeLibrary(flags, knobs);
  if (flags.output != OutputForm::Text)
    return fieldError("output", "text with --verify", "json");
  return verifyLibrary(flags.library, knobs, flags.rows);
}

} // namespace

void addAot(Driver &driver) {
  driver.add<AotFlags>(driver.app, "aot", "make a library of kernels that needs nothing at run time", declare, aot);
}

} // namespace lla
