//===- CompileCommand.cpp - `lla compile` ---------------------------------===//
//
// Three uses: make a kernel and keep it (in the cache, and as a file if asked),
// show the IR at a stage, and go on from a stage that was dumped before.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "tools/lla/Command.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct CompileFlags {
  ProblemFlags problems;
  TargetFlag target;
  ScheduleFlag schedule;
  PolicyFlag policy;
  OutputForm output = OutputForm::Text;
  std::string until, dumpDirectory, resumeFrom, outputDirectory, reproducer;
  bool timing = false, remarks = false;
};

std::string stageNames() {
  std::string names;
  for (Stage stage : {Stage::Problem, Stage::Algorithm, Stage::Tile, Stage::Target, Stage::LLVM, Stage::Assembly})
    names += (names.empty() ? "" : "|") + name(stage).str();
  return names;
}

void declare(CLI::App &command, CompileFlags &flags) {
  flags.problems.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/true);
  flags.schedule.addTo(command);
  flags.policy.addTo(command);
  command.add_option("--output-dir", flags.outputDirectory, "also write each kernel, or the stage, into this folder")
      ->type_name("DIR");
  command.add_option("--until", flags.until, "print the IR after a stage instead: " + stageNames())->type_name("STAGE");
  command
      .add_option("--resume-from", flags.resumeFrom,
                  "go on from the dumped IR of a stage (default: until assembly); no problem flags")
      ->type_name("FILE.mlir");
  command.add_option("--dump-dir", flags.dumpDirectory, "write the IR after each stage here (default: LLA_DUMP_DIR)")
      ->type_name("DIR");
  command.add_option("--reproducer", flags.reproducer, "where a failing pass leaves its input")->type_name("FILE");
  command.add_flag("--timing", flags.timing, "pass timing on standard error; compiles in this process");
  command.add_flag("--remarks", flags.remarks, "remarks that explain decisions, likewise");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

/// One kernel to make.
struct Unit {
  Problem problem;
  Target target;
  ScheduleAnswer schedule;
};

/// The schedules are those that a run would ask for, by LLA_TUNE.
llvm::Expected<std::vector<Unit>> unitsOf(const CompileFlags &flags, const Knobs &knobs, const Cache &cache) {
  llvm::Expected<std::vector<Problem>> problems = flags.problems.problems();
  if (!problems)
    return problems.takeError();
  llvm::Expected<std::vector<Target>> targets = flags.target.targets(knobs);
  if (!targets)
    return targets.takeError();
  std::vector<Unit> units;
  for (const Target &target : *targets) {
    llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(target);
    if (!policy)
      return policy.takeError();
    for (const Problem &problem : *problems) {
      llvm::Expected<ScheduleAnswer> schedule = flags.schedule.choose(knobs.tune, &cache, problem, target, *policy);
      if (!schedule)
        return schedule.takeError();
      units.push_back({problem, target, *schedule});
    }
  }
  return units;
}

CompileOptions optionsOf(const CompileFlags &flags, const Knobs &knobs, const Target &target) {
  CompileOptions options = compileOptions(knobs, target);
  if (!flags.dumpDirectory.empty())
    options.dumpDirectory = flags.dumpDirectory;
  options.reproducerPath = flags.reproducer;
  options.timing = flags.timing;
  options.remarks = flags.remarks;
  return options;
}

llvm::Expected<Stage> stageOf(const CompileFlags &flags) {
  if (flags.until.empty())
    return Stage::Assembly;
  if (std::optional<Stage> stage = parseStage(flags.until))
    return *stage;
  return fieldError("until", stageNames(), '"' + flags.until + '"');
}

/// To the output folder, or to standard output.
llvm::Error showStage(const CompileFlags &flags, const std::string &title, Stage stage,
                      llvm::Expected<std::string> ir) {
  if (!ir)
    return withKind(FailureKind::Compile, ir.takeError());
  if (flags.outputDirectory.empty()) {
    print(*ir);
    return llvm::Error::success();
  }
  const char *extension = stage == Stage::Assembly ? "s" : "mlir";
  return writeWhole(fmt::format("{}/{}-{}.{}", flags.outputDirectory, title, name(stage).str(), extension), *ir);
}

llvm::Error resume(const CompileFlags &flags, const Knobs &knobs) {
  llvm::Expected<Stage> until = stageOf(flags);
  if (!until)
    return until.takeError();
  if (flags.problems.causal || !flags.problems.values.empty() || !flags.problems.problemFile.empty() ||
      !flags.problems.problemsFile.empty() || !flags.problems.suiteName.empty() || flags.schedule.wasGiven ||
      !flags.target.names.empty())
    return fieldError("resume-from", "no problem, target or schedule beside it: the file holds them", "some");
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(flags.resumeFrom);
  if (!buffer)
    return fieldError(flags.resumeFrom, "a readable file", buffer.getError().message());
  return showStage(flags, "resumed", *until,
                   resumeStage((*buffer)->getBuffer(), *until, optionsOf(flags, knobs, hostTarget())));
}

llvm::Error showStages(const CompileFlags &flags, const Knobs &knobs, llvm::ArrayRef<Unit> units) {
  llvm::Expected<Stage> until = stageOf(flags);
  if (!until)
    return until.takeError();
  for (const Unit &unit : units)
    if (llvm::Error error = showStage(
            flags, unit.problem.kernelName() + "-" + unit.target.arch, *until,
            emitStage(unit.problem, unit.target, unit.schedule.schedule, *until, optionsOf(flags, knobs, unit.target))))
      return error;
  return llvm::Error::success();
}

ordered_json jsonOf(const Unit &unit, const Artifact &artifact, const std::string &kind, const std::string &digest,
                    const std::string &file) {
  const AssemblerReport &report = artifact.report;
  ordered_json object = {{"problem", jsonOf(unit.problem)},
                         {"target", unit.target.arch},
                         {"schedule", jsonOf(unit.schedule.schedule)},
                         {"schedule_source", name(unit.schedule.source).str()},
                         {"kernel", artifact.kernelName},
                         {"kind", kind},
                         {"bytes", artifact.bytes.size()},
                         {"registers", report.registers},
                         {"spill_bytes", report.spillBytes},
                         {"stack_bytes", report.stackBytes},
                         {"shared_bytes", report.sharedBytes},
                         {"warnings", report.warnings},
                         {"compile_ms", artifact.compileMilliseconds},
                         {"assemble_ms", artifact.assembleMilliseconds},
                         {"digest", digest}};
  if (!file.empty())
    object["file"] = file;
  return object;
}

std::string textOf(const ordered_json &made) {
  return fmt::format("{} {} for {}: {} bytes, {} registers, {} spilled bytes; compiled in {:.1f} ms, assembled in "
                     "{:.1f} ms\n  schedule  {} ({})\n  cache     {}\n{}",
                     made["kernel"].get<std::string>(), made["kind"].get<std::string>(),
                     made["target"].get<std::string>(), made["bytes"].dump(), made["registers"].dump(),
                     made["spill_bytes"].dump(), made["compile_ms"].get<double>(), made["assemble_ms"].get<double>(),
                     made["schedule"].dump(), made["schedule_source"].get<std::string>(),
                     made["digest"].get<std::string>(),
                     made.contains("file") ? "  file      " + made["file"].get<std::string>() + "\n" : "");
}

/// Compiles one kernel, always anew, and keeps it.
llvm::Expected<ordered_json> make(const CompileFlags &flags, const Knobs &knobs, const CompileWorkers &workers,
                                  Cache &cache, const Unit &unit) {
  CompileRequest request{unit.problem, unit.target, unit.schedule.schedule, optionsOf(flags, knobs, unit.target)};
  llvm::Expected<Artifact> artifact =
      flags.timing || flags.remarks ? compileInProcess(request) : workers.compile(request);
  if (!artifact)
    return withKind(FailureKind::Compile, artifact.takeError());
  Key key = artifactKey(unit.problem, unit.schedule.schedule, unit.target, toolchainOf(request.options, &cache));
  StoredArtifact stored = toStored(*artifact);
  llvm::Expected<StoredArtifact> kept = cache.artifacts.store(key, stored);
  if (!kept)
    return kept.takeError();
  std::string file;
  if (!flags.outputDirectory.empty()) {
    file = fmt::format("{}/{}-{}-{}.{}", flags.outputDirectory, artifact->kernelName, unit.target.arch,
                       key.digest().substr(0, 12), stored.kind);
    if (llvm::Error error = writeWhole(file, artifact->bytes))
      return std::move(error);
  }
  return jsonOf(unit, *artifact, stored.kind, key.digest(), file);
}

llvm::Error compileAll(const CompileFlags &flags, Knobs &knobs) {
  if (!flags.resumeFrom.empty())
    return resume(flags, knobs);
  std::shared_ptr<Cache> cache = openCache(knobs);
  llvm::Expected<std::vector<Unit>> units = unitsOf(flags, knobs, *cache);
  if (!units)
    return units.takeError();
  if (!flags.until.empty())
    return showStages(flags, knobs, *units);
  CompileWorkers workers(workerOptions(knobs));
  ordered_json results = ordered_json::array();
  for (const Unit &unit : *units) {
    if (interrupted())
      break;
    llvm::Expected<ordered_json> made = make(flags, knobs, workers, *cache, unit);
    if (!made)
      return made.takeError();
    if (flags.output == OutputForm::Text)
      print(textOf(*made));
    results.push_back(std::move(*made));
  }
  if (flags.output == OutputForm::Json)
    printJson(results);
  return llvm::Error::success();
}

} // namespace

void addCompile(Driver &driver) {
  driver.add<CompileFlags>(driver.app, "compile", "make kernels ahead of their use, or show a stage's IR", declare,
                           compileAll);
}

} // namespace lla
