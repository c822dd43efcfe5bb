//===- Bench.cpp - `lla bench` --------------------------------------------===//
//
// The default schedule, the one that the cache answers with, and the caller's,
// timed interleaved; between them what the device reaches under the same clocks: the
// time to read the same bytes, and the time of as many multiply-adds in a product. Of
// a ragged problem, bytes and multiply-adds are those of the lengths that are timed
// (random, by --seed).
//
//===----------------------------------------------------------------------===//

#include "runtime/Jit.h"
#include "runtime/RuntimeError.h"
#include "runtime/Tuning.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Ratios.h"
#include "tools/lla/Rivals.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/Table.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct BenchFlags {
  ProblemFlags problems;
  TargetFlag target;
  ScheduleFlag schedule;
  PolicyFlag policy;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  unsigned rounds = 32;
  std::string reference;
};

void declare(CLI::App &command, BenchFlags &flags) {
  flags.problems.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.schedule.addTo(command);
  flags.policy.addTo(command);
  flags.knobs.addSeed(command);
  flags.knobs.addJobs(command);
  command.add_option("--rounds", flags.rounds, "samples of each schedule (default: 32)")
      ->check(CLI::Range(1u, 100000u));
  command
      .add_option(
          "--reference", flags.reference,
          "JSON file with other kernels' times (rows, other, training_causal_ms) to show beside, and to compare "
          "with")
      ->type_name("FILE");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv, OutputForm::Markdown});
}

/// A schedule on the bench.
struct Entry {
  std::string name; ///< "default", "tuned", "dispatch", "given".
  Schedule schedule;
  Verification verification;
  Estimate time; ///< Microseconds.
};

struct BenchRow {
  Problem problem;
  std::vector<Entry> entries;
  double bytes = 0, flops = 0;             ///< Of the inputs that were timed.
  double readFloor = 0, multiplyFloor = 0; ///< Microseconds; 0: not known.
  Conditions conditions;

  double bound() const { return std::max(readFloor, multiplyFloor); }
  const Entry *entry(llvm::StringRef name) const {
    auto found = llvm::find_if(entries, [&](const Entry &entry) { return entry.name == name; });
    return found == entries.end() ? nullptr : &*found;
  }
  /// What a caller gets who asks for no schedule.
  const Entry &answer() const {
    for (const char *name : {"tuned", "dispatch"})
      if (const Entry *known = entry(name))
        return *known;
    return entries.front();
  }
};

/// The schedules to time, each once.
llvm::Expected<std::vector<Entry>> entriesOf(const BenchFlags &flags, Jit &jit, const Problem &problem) {
  const Target &target = jit.executor().target();
  std::vector<Entry> entries = {{"default", defaultSchedule(problem, target), {}, {}}};
  llvm::Expected<ScheduleAnswer> known = jit.decide(problem);
  if (!known)
    return known.takeError();
  if (known->source == ScheduleSource::Exact || known->source == ScheduleSource::Tuned)
    entries.push_back({"tuned", known->schedule, {}, {}});
  else if (known->source == ScheduleSource::Dispatch)
    entries.push_back({"dispatch", known->schedule, {}, {}});
  if (!flags.schedule.wasGiven)
    return entries;
  llvm::Expected<ScheduleAnswer> given = flags.schedule.given(problem, target);
  if (!given)
    return given.takeError();
  entries.push_back({"given", given->schedule, {}, {}});
  return entries;
}

/// Compiles, then compares with the oracle: nothing is timed that is wrong.
llvm::Error qualify(Evaluator &evaluator, std::vector<Entry> &entries) {
  std::vector<Schedule> schedules;
  for (const Entry &entry : entries)
    schedules.push_back(entry.schedule);
  llvm::Expected<std::vector<Preparation>> prepared = evaluator.prepare(schedules);
  if (!prepared)
    return prepared.takeError();
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string &entryName = entries[i].name;
    if (const Preparation &code = (*prepared)[i]; code.outcome != Outcome::Ok)
      return failure(FailureKind::Compile, fmt::format("{} schedule: {}", entryName, code.reason));
    llvm::Expected<Verification> verification = evaluator.verify(entries[i].schedule);
    if (!verification)
      return verification.takeError();
    if (verification->outcome != Outcome::Ok)
      return failure(FailureKind::Verification, fmt::format("{} schedule: {}", entryName, verification->reason));
    entries[i].verification = *verification;
  }
  return llvm::Error::success();
}

llvm::Error timeEntries(KernelEvaluator &evaluator, BenchRow &row, unsigned rounds) {
  std::vector<Schedule> schedules;
  for (const Entry &entry : row.entries)
    if (!llvm::is_contained(schedules, entry.schedule))
      schedules.push_back(entry.schedule);
  MeasureRequest request;
  request.rounds = rounds;
  llvm::Expected<BoundedTimings> measured = evaluator.measureBesideBounds(schedules, request);
  if (!measured)
    return measured.takeError();
  row.bytes = measured->bytes;
  row.flops = measured->flops;
  row.readFloor = measured->readMicroseconds;
  row.multiplyFloor = measured->multiplyMicroseconds;
  for (Entry &entry : row.entries) {
    const Timing &timing = measured->timings[llvm::find(schedules, entry.schedule) - schedules.begin()];
    if (timing.outcome != Outcome::Ok)
      return failure(FailureKind::Verification, fmt::format("{} schedule: {}", entry.name, timing.reason));
    entry.time = estimate(timing.microseconds);
  }
  return llvm::Error::success();
}

llvm::Expected<BenchRow> benchOne(const BenchFlags &flags, const Knobs &knobs, const Device &device,
                                  const JitOptions &kernels, Jit &jit, const Problem &problem) {
  BenchRow row;
  row.problem = problem;
  llvm::Expected<std::vector<Entry>> entries = entriesOf(flags, jit, problem);
  if (!entries)
    return entries.takeError();
  row.entries = std::move(*entries);
  EvaluatorOptions options = evaluatorOptions(knobs, device.target(), kernels.policy, kernels.cache);
  options.cancelled = &interrupted();
  KernelEvaluator evaluator(problem, device.executor, std::move(options));
  if (llvm::Error error = qualify(evaluator, row.entries))
    return std::move(error);
  if (llvm::Error error = timeEntries(evaluator, row, flags.rounds))
    return std::move(error);
  row.conditions = evaluator.conditions();
  return row;
}

ordered_json jsonOf(const BenchRow &row, const Device &device, const Rivals &rivals) {
  ordered_json object = {{"problem", jsonOf(row.problem)},
                         {"target", jsonOf(device.target())},
                         {"bytes", row.bytes},
                         {"flops", row.flops},
                         {"read_floor_us", row.readFloor},
                         {"multiply_floor_us", row.multiplyFloor},
                         {"graph_replay", row.conditions.graphReplay},
                         {"cold_cache", row.conditions.coldCache},
                         {"doubt", row.conditions.doubt}};
  ordered_json schedules = ordered_json::object();
  for (const Entry &entry : row.entries)
    schedules[entry.name] = {{"schedule", toText(entry.schedule)},
                             {"median_us", entry.time.median},
                             {"low_us", entry.time.low},
                             {"high_us", entry.time.high},
                             {"samples", entry.time.samples},
                             {"error", entry.verification.error},
                             {"gigabytes_per_second", row.bytes / entry.time.median / 1e3},
                             {"tflops", row.flops / entry.time.median / 1e6},
                             {"share_of_bound", row.bound() / entry.time.median}};
  object["schedules"] = schedules;
  if (auto times = rivals.timesOf(row.problem); !times.empty())
    object["reference_us"] = times;
  return object;
}

Table tableOf(llvm::ArrayRef<BenchRow> rows, const Rivals &rivals) {
  std::vector<Problem> problems;
  for (const BenchRow &row : rows)
    problems.push_back(row.problem);
  std::vector<std::string> names;
  for (const char *name : {"default", "tuned", "dispatch", "given"})
    if (llvm::any_of(rows, [&](const BenchRow &row) { return row.entry(name); }))
      names.push_back(name);
  std::vector<std::string> kernels = rivals.kernelsFor(problems);
  std::vector<std::string> header = {"problem"};
  header.insert(header.end(), names.begin(), names.end());
  for (const char *name : {"GB/s", "TFLOP/s", "error", "read floor", "multiply floor", "of bound"})
    header.push_back(name);
  header.insert(header.end(), kernels.begin(), kernels.end());
  Table table(header);
  for (const BenchRow &row : rows) {
    const Entry &best =
        *llvm::min_element(row.entries, [](const Entry &a, const Entry &b) { return a.time.median < b.time.median; });
    std::vector<std::string> cells = {titleOf(row.problem)};
    for (const std::string &name : names)
      cells.push_back(row.entry(name) ? timeText(row.entry(name)->time.median) : "-");
    cells.push_back(fmt::format("{:.1f}", row.bytes / best.time.median / 1e3));
    cells.push_back(fmt::format("{:.3f}", row.flops / best.time.median / 1e6));
    cells.push_back(errorText(best.verification.error));
    cells.push_back(timeText(row.readFloor));
    cells.push_back(timeText(row.multiplyFloor));
    cells.push_back(percentText(row.bound() / best.time.median));
    std::map<std::string, double> times = rivals.timesOf(row.problem);
    for (const std::string &kernel : kernels)
      cells.push_back(times.count(kernel) ? timeText(times[kernel]) : "-");
    table.add(std::move(cells));
  }
  return table;
}

/// Times over ours, of all problems together: of each other kernel, of the fastest of those that compute this operator
/// and of any, and of the default schedule.
Table summaryOf(llvm::ArrayRef<BenchRow> rows, const Rivals &rivals) {
  std::vector<std::pair<std::string, Ratios>> all;
  auto ratiosOf = [&](const std::string &what) -> Ratios & {
    auto known = llvm::find_if(all, [&](const auto &one) { return one.first == what; });
    return known == all.end() ? all.emplace_back(what, Ratios()).second : known->second;
  };
  for (const BenchRow &row : rows) {
    double ours = row.answer().time.median, fastest = 0, fastestAlike = 0;
    std::string title = titleOf(row.problem);
    if (&row.answer() != &row.entries.front())
      ratiosOf("default schedule").add(title, row.entries.front().time.median / ours);
    for (const auto &[kernel, time] : rivals.timesOf(row.problem)) {
      ratiosOf(kernel).add(title, time / ours);
      fastest = fastest > 0 ? std::min(fastest, time) : time;
      if (Rivals::isOfThisOperator(kernel))
        fastestAlike = fastestAlike > 0 ? std::min(fastestAlike, time) : time;
    }
    if (fastestAlike > 0)
      ratiosOf("fastest of this operator").add(title, fastestAlike / ours);
    if (fastest > 0)
      ratiosOf("fastest of all").add(title, fastest / ours);
  }
  llvm::sort(all, [](const auto &a, const auto &b) { return a.first < b.first; });
  Table table({"time over ours", "problems", "geometric mean", "least", "of", "most", "of"});
  for (const auto &[what, ratios] : all)
    table.add({what, std::to_string(ratios.count()), fmt::format("{:.2f}", ratios.geometricMean()),
               fmt::format("{:.2f}", ratios.least().ratio), ratios.least().name,
               fmt::format("{:.2f}", ratios.most().ratio), ratios.most().name});
  return table;
}

void printRows(llvm::ArrayRef<BenchRow> rows, const Device &device, const Rivals &rivals, OutputForm form) {
  if (form == OutputForm::Json) {
    ordered_json results = ordered_json::array();
    for (const BenchRow &row : rows)
      results.push_back(jsonOf(row, device, rivals));
    return printJson(results);
  }
  if (rows.empty())
    return;
  Table table = tableOf(rows, rivals), summary = summaryOf(rows, rivals);
  if (form == OutputForm::Csv)
    return print(table.csv());
  bool isMarkdown = form == OutputForm::Markdown;
  print(isMarkdown ? table.markdown() : table.text());
  if (!summary.empty())
    print("\n" + (isMarkdown ? summary.markdown() : summary.text()));
}

llvm::Error benchAll(const BenchFlags &flags, Knobs &knobs) {
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  llvm::Expected<std::vector<Problem>> problems = flags.problems.problems();
  if (!problems)
    return problems.takeError();
  llvm::Expected<Rivals> rivals = flags.reference.empty() ? Rivals() : Rivals::read(flags.reference);
  if (!rivals)
    return rivals.takeError();
  llvm::Expected<Device> device = flags.target.device(knobs);
  if (!device)
    return device.takeError();
  llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(device->target());
  if (!policy)
    return policy.takeError();
  JitOptions kernels = jitOptions(knobs, device->executor);
  kernels.policy = *policy;
  Jit jit(device->executor, kernels);
  std::vector<BenchRow> rows;
  llvm::Error failed = llvm::Error::success();
  for (const Problem &problem : *problems) {
    if (interrupted())
      break;
    llvm::Expected<BenchRow> row = benchOne(flags, knobs, *device, kernels, jit, problem);
    if (row) {
      rows.push_back(std::move(*row));
      continue;
    }
    if (problems->size() == 1 || interrupted()) {
      llvm::consumeError(std::move(failed));
      failed = row.takeError();
      break;
    }
    // The others have times all the same; the first failure decides the exit code.
    auto [kind, text] = describe(row.takeError());
    llvm::errs() << "lla: " << titleOf(problem) << ": " << text << "\n";
    if (!failed)
      failed = failure(kind, fmt::format("{}: no times", titleOf(problem)));
  }
  printRows(rows, *device, *rivals, flags.output);
  return failed;
}

} // namespace

void addBench(Driver &driver) {
  driver.add<BenchFlags>(driver.app, "bench", "time schedules beside what the device can do at most", declare,
                         benchAll);
}

} // namespace lla
