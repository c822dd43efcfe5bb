//===- Explain.cpp - `lla explain` ----------------------------------------===//
//
// Everything that led to a kernel: why this schedule, what it costs by the closed
// forms, what bounds it, what each stage of the compiler made, what the assembler
// said, and how the other candidates of its search fared.
//
//===----------------------------------------------------------------------===//

#include "autotune/CostModel.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/IrStatistics.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/Search.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/Table.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct ExplainFlags {
  ProblemFlags problem;
  TargetFlag target;
  ScheduleFlag schedule;
  PolicyFlag policy;
  OutputForm output = OutputForm::Text;
  std::string log;
  bool remarks = false;
};

void declare(CLI::App &command, ExplainFlags &flags) {
  flags.problem.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.schedule.addTo(command);
  flags.policy.addTo(command);
  command.add_option("--log", flags.log, "trial log of the search (default: that of the cache)")->type_name("FILE");
  command.add_flag("--remarks", flags.remarks, "the compiler's own remarks, on standard error");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

struct Subject {
  Problem problem;
  Target target;
  MeasurementPolicy policy;
  std::shared_ptr<Cache> cache;
  ScheduleAnswer schedule;
};

llvm::Expected<Subject> subjectOf(const ExplainFlags &flags, const Knobs &knobs) {
  llvm::Expected<Problem> problem = flags.problem.problem();
  if (!problem)
    return problem.takeError();
  llvm::Expected<Target> target = flags.target.target(knobs);
  if (!target)
    return target.takeError();
  llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(*target);
  if (!policy)
    return policy.takeError();
  std::shared_ptr<Cache> cache = openCache(knobs);
  llvm::Expected<ScheduleAnswer> schedule = flags.schedule.choose(knobs.tune, cache.get(), *problem, *target, *policy);
  if (!schedule)
    return schedule.takeError();
  return Subject{*problem, *target, *policy, cache, *schedule};
}

ordered_json resourcesOf(const Subject &subject) {
  const Schedule &schedule = subject.schedule.schedule;
  Resources costs = resources(subject.problem, schedule, subject.target);
  return {{"threads", costs.threads},
          {"registers_per_thread_estimate", costs.registersPerThread},
          {"register_limit", subject.target.isHost() ? 0 : registerLimit(schedule, subject.target)},
          {"shared_bytes", costs.sharedBytes},
          {"launch_shared_bytes", launchedSharedBytes(costs, schedule, costs.grid, subject.target)},
          {"workspace_bytes", costs.workspaceBytes},
          {"rows_per_head", costs.rowsPerHead},
          {"row_tiles", costs.rowTiles},
          {"grid", {costs.grid.x, costs.grid.y}},
          {"resident_ctas", residentCtas(subject.problem, schedule, subject.target)}};
}

/// By the closed-form model on the architecture's published figures: an explanation, not a measurement.
ordered_json predictionOf(const Subject &subject) {
  Prediction prediction =
      predict(subject.problem, subject.schedule.schedule, subject.target, nominalCeilings(subject.target));
  return {{"bound_by", prediction.bound()},
          {"total_us", prediction.total},
          {"memory_us", prediction.memory},
          {"products_us", prediction.products},
          {"elementwise_us", prediction.elementwise},
          {"chain_us", prediction.chain},
          {"launch_us", prediction.launch},
          {"merge_us", prediction.merge},
          {"fill", prediction.fill},
          {"waves", prediction.waves}};
}

/// In a worker first: an input that ends LLVM must not end this process half-way through its answer.
llvm::Expected<ordered_json> assemblerOf(const Subject &subject, const CompileOptions &options, const Knobs &knobs) {
  llvm::Expected<Artifact> artifact =
      CompileWorkers(workerOptions(knobs))
          .compile({subject.problem, subject.target, subject.schedule.schedule, options});
  if (!artifact)
    return withKind(FailureKind::Compile, artifact.takeError());
  const AssemblerReport &report = artifact->report;
  return ordered_json{{"kernel", artifact->kernelName},
                      {"kind", toStored(*artifact).kind},
                      {"bytes", artifact->bytes.size()},
                      {"assembler", subject.target.isHost()     ? "LLVM"
                                    : options.ptxasPath.empty() ? "none found: the driver assembles the PTX"
                                                                : ptxasVersion(options.ptxasPath)},
                      {"registers", report.registers},
                      {"spill_bytes", report.spillBytes},
                      {"stack_bytes", report.stackBytes},
                      {"static_shared_bytes", report.sharedBytes},
                      {"warnings", report.warnings},
                      {"compile_ms", artifact->compileMilliseconds},
                      {"assemble_ms", artifact->assembleMilliseconds}};
}

llvm::Expected<ordered_json> stagesOf(const Subject &subject, const CompileOptions &options) {
  ordered_json stages = ordered_json::array();
  constexpr size_t shownOperations = 8;
  for (Stage stage : {Stage::Problem, Stage::Algorithm, Stage::Tile, Stage::Target, Stage::LLVM, Stage::Assembly}) {
    CompileOptions stageOptions = options;
    stageOptions.remarks = options.remarks && stage == Stage::Assembly; // Each remark once.
    llvm::Expected<std::string> text =
        emitStage(subject.problem, subject.target, subject.schedule.schedule, stage, stageOptions);
    if (!text)
      return withKind(FailureKind::Compile, text.takeError());
    bool isAssembly = stage == Stage::Assembly;
    IrStatistics statistics = isAssembly ? countInstructions(*text) : countOperations(*text);
    ordered_json top = ordered_json::object();
    for (const auto &[operation, count] : statistics.top(shownOperations))
      top[operation] = count;
    stages.push_back({{"stage", name(stage).str()},
                      {"lines", statistics.lines},
                      {"bytes", statistics.bytes},
                      {isAssembly ? "instructions" : "operations", statistics.total()},
                      {"most_frequent", top}});
  }
  return stages;
}

ordered_json scheduleOf(const Subject &subject) {
  return {{"fields", jsonOf(subject.schedule.schedule)},
          {"source", name(subject.schedule.source).str()},
          {"layer", subject.schedule.layer},
          {"why", subject.schedule.why},
          {"default", toText(defaultSchedule(subject.problem, subject.target))}};
}

/// The record, if this very problem was tuned; else null.
ordered_json recordOf(const Subject &subject) {
  Match match = subject.cache->match(subject.problem, subject.target, subject.policy);
  return match.grade == MatchGrade::Exact ? jsonOf(match.record) : ordered_json(nullptr);
}

struct Failures {
  int64_t count = 0;
  std::string example;
};

/// How the search's candidates fared; null without a log.
llvm::Expected<ordered_json> searchOf(const ExplainFlags &flags, const Subject &subject) {
  std::string path =
      flags.log.empty() ? trialLogPath(*subject.cache, subject.problem, subject.target, subject.policy) : flags.log;
  if (path.empty() || (flags.log.empty() && !llvm::sys::fs::exists(path)))
    return nullptr;
  llvm::Expected<TrialLog> log = readTrialLog(path);
  if (!log)
    return withKind(FailureKind::Usage, log.takeError());
  std::map<std::string, Failures> failures;
  std::vector<const Trial *> right;
  for (const Trial &trial : log->trials) {
    if (trial.isOk()) {
      right.push_back(&trial);
      continue;
    }
    Failures &entry = failures[name(trial.outcome).str()];
    if (entry.count++ == 0)
      entry.example = fmt::format("[{}]: {}", toText(trial.schedule), trial.reason);
  }
  llvm::stable_sort(right, [](const Trial *a, const Trial *b) { return a->cost() < b->cost(); });
  ordered_json rejected = ordered_json::object();
  for (const auto &[outcome, entry] : failures)
    rejected[outcome] = {{"candidates", entry.count}, {"example", entry.example}};
  ordered_json raced = ordered_json::array();
  for (const RaceSamples &race : log->races)
    raced.push_back({{"schedule", toText(race.schedule)},
                     {"median_us", median(race.samples)},
                     {"rounds", race.samples.size()},
                     {"won", log->winner && *log->winner == race.schedule}});
  ordered_json slower = ordered_json::array();
  constexpr size_t shownTrials = 10;
  for (const Trial *trial : llvm::ArrayRef(right).take_front(shownTrials))
    slower.push_back({{"schedule", toText(trial->schedule)},
                      {"median_us", trial->cost()},
                      {"behind_fastest", trial->cost() / right.front()->cost() - 1},
                      {"registers", trial->registers},
                      {"error", trial->error}});
  return ordered_json{{"log", path},          {"trials", log->trials.size()}, {"right", right.size()},
                      {"rejected", rejected}, {"fastest_in_search", slower},  {"race", raced}};
}

ordered_json infeasibleOf(const Subject &subject) {
  SearchSpace space = SearchSpace::enumerate(subject.problem, subject.target);
  ordered_json reasons = ordered_json::array();
  for (const Rejection &rejection : space.rejections())
    reasons.push_back({{"check", rejection.check}, {"schedules", rejection.schedules}, {"example", rejection.example}});
  return {{"product", space.productSize()}, {"feasible", space.size()}, {"turned_away", reasons}};
}

/// "name value" lines of an object's scalars.
std::string linesOf(const char *title, const ordered_json &object) {
  std::string text = fmt::format("{}\n", title);
  for (const auto &[field, value] : object.items())
    if (!value.is_object() || field == "fields")
      text += fmt::format("  {:<30} {}\n", field,
                          value.is_string()         ? value.get<std::string>()
                          : value.is_number_float() ? fmt::format("{:.4g}", value.get<double>())
                                                    : value.dump());
  return text;
}

std::string stageText(const ordered_json &stages) {
  Table table({"stage", "lines", "ops", "most frequent"});
  for (const ordered_json &stage : stages) {
    std::string top;
    for (const auto &[operation, count] : stage["most_frequent"].items())
      top += fmt::format("{}{} {}", top.empty() ? "" : ", ", count.dump(), operation);
    const ordered_json &total = stage.contains("operations") ? stage["operations"] : stage["instructions"];
    table.add({stage["stage"].get<std::string>(), stage["lines"].dump(), total.dump(), top});
  }
  return "stages\n" + table.text();
}

std::string searchText(const ordered_json &search) {
  if (search.is_null())
    return "search\n  never tuned here: `lla tune` with the same flags\n";
  std::string text = fmt::format("search\n  {} candidates, {} right; log {}\n", search["trials"].dump(),
                                 search["right"].dump(), search["log"].get<std::string>());
  for (const auto &[outcome, entry] : search["rejected"].items())
    text += fmt::format("  {} {}, e.g. {}\n", entry["candidates"].dump(), outcome, entry["example"].get<std::string>());
  Table fastest({"in the search", "behind", "registers", "error", "schedule"});
  for (const ordered_json &trial : search["fastest_in_search"])
    fastest.add({timeText(trial["median_us"].get<double>()), percentText(trial["behind_fastest"].get<double>()),
                 trial["registers"].dump(),
                 trial["error"].is_number() ? errorText(trial["error"].get<double>()) : "nan",
                 trial["schedule"].get<std::string>()});
  Table race({"in the race", "rounds", "", "schedule"});
  for (const ordered_json &contender : search["race"])
    race.add({timeText(contender["median_us"].is_number() ? contender["median_us"].get<double>() : 0),
              contender["rounds"].dump(), contender["won"].get<bool>() ? "won" : "",
              contender["schedule"].get<std::string>()});
  return text + fastest.text() + (race.empty() ? "" : race.text());
}

std::string infeasibleText(const ordered_json &space) {
  std::string text = fmt::format("space\n  {} combinations, {} feasible; turned away by closed form:\n",
                                 space["product"].dump(), space["feasible"].dump());
  for (const ordered_json &reason : space["turned_away"])
    text += fmt::format("  {:>9} {}\n", reason["schedules"].dump(), reason["example"].get<std::string>());
  return text;
}

llvm::Error explain(const ExplainFlags &flags, Knobs &knobs) {
  llvm::Expected<Subject> subject = subjectOf(flags, knobs);
  if (!subject)
    return subject.takeError();
  CompileOptions options = compileOptions(knobs, subject->target);
  llvm::Expected<ordered_json> assembler = assemblerOf(*subject, options, knobs);
  if (!assembler)
    return assembler.takeError();
  options.remarks = flags.remarks;
  llvm::Expected<ordered_json> stages = stagesOf(*subject, options);
  if (!stages)
    return stages.takeError();
  llvm::Expected<ordered_json> search = searchOf(flags, *subject);
  if (!search)
    return search.takeError();
  ordered_json all = {{"problem", jsonOf(subject->problem)}, {"target", jsonOf(subject->target)},
                      {"schedule", scheduleOf(*subject)},    {"resources", resourcesOf(*subject)},
                      {"predicted", predictionOf(*subject)}, {"stages", std::move(*stages)},
                      {"code", std::move(*assembler)},       {"measured", recordOf(*subject)},
                      {"space", infeasibleOf(*subject)},     {"search", std::move(*search)}};
  if (flags.output == OutputForm::Json) {
    printJson(all);
    return llvm::Error::success();
  }
  print(fmt::format("{} on {} ({})\n", titleOf(subject->problem), subject->target.arch, subject->target.deviceName));
  print(linesOf("schedule", all["schedule"]) + linesOf("resources", all["resources"]) +
        linesOf("predicted, by closed form on published figures", all["predicted"]) + stageText(all["stages"]) +
        linesOf("code", all["code"]));
  if (!all["measured"].is_null())
    print(linesOf("measured", all["measured"]));
  print(searchText(all["search"]) + infeasibleText(all["space"]));
  return llvm::Error::success();
}

} // namespace

void addExplain(Driver &driver) {
  driver.add<ExplainFlags>(driver.app, "explain", "what was decided for a problem, and why", declare, explain);
}

} // namespace lla
