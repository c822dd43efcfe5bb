//===- Report.cpp - `lla report` ------------------------------------------===//
//
// How good the dispatch is that records give: each tuned shape is asked for as if it
// had not been tuned, and what comes out is looked up among the times that its tuning
// took, in the record or in the trial log; or (--measure) timed beside the winner.
//
//===----------------------------------------------------------------------===//

#include "autotune/Dispatch.h"
#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include "runtime/Tuning.h"
#include "runtime/UserCache.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Search.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/Table.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>
#include <set>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct ReportFlags {
  bool dispatch = false, measure = false;
  std::vector<std::string> records, heldOut;
  TargetFlag target;
  KnobFlags knobs;
  unsigned rounds = 32;
  OutputForm output = OutputForm::Text;
};

void declare(CLI::App &command, ReportFlags &flags) {
  command.add_flag("--dispatch", flags.dispatch, "the regret of the schedules that shapes without a record get");
  command
      .add_option("--records", flags.records,
                  "JSON lines of `lla cache export` that the dispatch learns from (default: all records of the cache)")
      ->type_name("FILE");
  command
      .add_option("--held-out", flags.heldOut,
                  "JSON lines of records that the dispatch is asked for and does not see (default: each of its own, "
                  "one at a time)")
      ->type_name("FILE");
  command.add_flag("--measure", flags.measure, "time what no tuning timed, beside the winner, on the target");
  command.add_option("--rounds", flags.rounds, "samples of each schedule with --measure (default: 32)")
      ->check(CLI::Range(1u, 100000u));
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.knobs.addSeed(command);
  flags.knobs.addJobs(command);
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv});
}

llvm::Expected<std::vector<Record>> readRecords(llvm::ArrayRef<std::string> files) {
  RecordScan all;
  for (const std::string &file : files) {
    auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(file);
    if (!buffer)
      return fieldError(file, "a readable file", buffer.getError().message());
    all.append(parseRecordLines((*buffer)->getBuffer(), file));
  }
  if (!all.faults.empty())
    return failure(FailureKind::Usage, "records: expected good ones, got " + toText(all.faults.front()));
  return std::move(all.records);
}

/// The first layer's record of each key.
std::vector<Record> recordsOf(const Cache &cache) {
  std::vector<Record> records;
  std::set<std::string> seen;
  for (const std::unique_ptr<RecordLayer> &layer : cache.records.layers())
    for (Record &record : layer->all().records)
      if (seen.insert(record.key().text()).second)
        records.push_back(std::move(record));
  return records;
}

/// What an answer costs at its shape.
struct Line {
  HeldOut heldOut;
  double best = 0, microseconds = 0; ///< Of the winner and of the answer, taken alike; 0: the answer was not timed.
  const char *source = "-";          ///< Where the answer's time is from.

  bool isTimed() const { return microseconds > 0; }
  double regret() const { return microseconds / best - 1; }
};

/// From the trial log of the shape's own tuning, if it is there; the winner as it was timed with it.
void lookUp(const Cache &cache, const Target &target, Line &line) {
  const Record &record = *line.heldOut.record;
  std::string path = trialLogPath(cache, record.problem, target, record.policy);
  if (path.empty() || !llvm::sys::fs::exists(path))
    return;
  llvm::Expected<TrialLog> log = readTrialLog(path);
  if (!log)
    return llvm::consumeError(log.takeError()); // As good as none.
  double best = 0, answer = 0;
  for (const Trial &trial : log->trials)
    if (trial.isOk() && !trial.samples.empty()) {
      best = trial.schedule == record.schedule ? trial.cost() : best;
      answer = trial.schedule == line.heldOut.answer.schedule ? trial.cost() : answer;
    }
  if (best > 0 && answer > 0)
    line.best = best, line.microseconds = answer, line.source = "log";
}

/// Compiles, compares with the oracle and times the answer beside the winner.
llvm::Error measure(const ReportFlags &flags, const Knobs &knobs, const Device &device, std::shared_ptr<Cache> cache,
                    Line &line) {
  const Record &record = *line.heldOut.record;
  const Schedule schedules[] = {record.schedule, line.heldOut.answer.schedule};
  EvaluatorOptions options = evaluatorOptions(knobs, device.target(), record.policy, cache);
  options.cancelled = &interrupted();
  std::unique_ptr<Evaluator> evaluator = makeEvaluator(record.problem, device.executor, std::move(options), knobs);
  auto fail = [&](FailureKind kind, const Schedule &schedule, const std::string &reason) {
    return failure(kind, fmt::format("{} [{}]: {}", titleOf(record.problem), toText(schedule), reason));
  };
  llvm::Expected<std::vector<Preparation>> prepared = evaluator->prepare(schedules);
  if (!prepared)
    return prepared.takeError();
  for (auto [schedule, code] : llvm::zip_equal(schedules, *prepared)) {
    if (code.outcome != Outcome::Ok)
      return fail(FailureKind::Compile, schedule, code.reason);
    llvm::Expected<Verification> verification = evaluator->verify(schedule);
    if (!verification)
      return verification.takeError();
    if (verification->outcome != Outcome::Ok)
      return fail(FailureKind::Verification, schedule, verification->reason);
  }
  MeasureRequest request;
  request.rounds = flags.rounds;
  llvm::Expected<std::vector<Timing>> timings = evaluator->measure(schedules, request);
  if (!timings)
    return timings.takeError();
  for (auto [schedule, timing] : llvm::zip_equal(schedules, *timings))
    if (timing.outcome != Outcome::Ok)
      return fail(FailureKind::Verification, schedule, timing.reason);
  line.best = median((*timings)[0].microseconds);
  line.microseconds = median((*timings)[1].microseconds);
  line.source = "measured";
  return llvm::Error::success();
}

llvm::Expected<std::vector<Line>> linesOf(const ReportFlags &flags, const Knobs &knobs, const Target &target,
                                          const Device *device, std::shared_ptr<Cache> cache,
                                          llvm::ArrayRef<HeldOut> heldOut) {
  std::vector<Line> lines;
  for (const HeldOut &one : heldOut) {
    if (interrupted())
      break;
    Line line{one, one.record->microseconds};
    if (std::optional<double> known = timeOf(*one.record, one.answer.schedule))
      line.microseconds = *known, line.source = "record";
    else
      lookUp(*cache, target, line);
    if (!line.isTimed() && device)
      if (llvm::Error error = measure(flags, knobs, *device, cache, line))
        return std::move(error);
    lines.push_back(line);
  }
  return lines;
}

struct Summary {
  int64_t timed = 0;
  double mean = 0, most = 0;
  const Line *worst = nullptr;
};

Summary summarise(llvm::ArrayRef<Line> lines) {
  Summary summary;
  for (const Line &line : lines) {
    if (!line.isTimed())
      continue;
    ++summary.timed;
    summary.mean += line.regret();
    if (!summary.worst || line.regret() > summary.most) {
      summary.most = line.regret();
      summary.worst = &line;
    }
  }
  if (summary.timed)
    summary.mean /= static_cast<double>(summary.timed);
  return summary;
}

std::string shareText(double share) { return fmt::format("{:.1f} %", 100 * share); }

ordered_json jsonOf(llvm::ArrayRef<Line> lines, const Summary &summary) {
  ordered_json shapes = ordered_json::array();
  for (const Line &line : lines) {
    const HeldOut &one = line.heldOut;
    ordered_json shape = {{"problem", jsonOf(one.record->problem)},
                          {"policy", toText(one.record->policy)},
                          {"neighbours", one.neighbours},
                          {"source", one.answer.isDefault ? "default" : "dispatch"},
                          {"schedule", toText(one.answer.schedule)},
                          {"winner", toText(one.record->schedule)},
                          {"expected_regret", one.answer.regret}};
    if (line.isTimed())
      shape.update({{"time_from", line.source},
                    {"median_us", line.microseconds},
                    {"best_us", line.best},
                    {"regret", line.regret()}});
    shapes.push_back(std::move(shape));
  }
  ordered_json object = {{"shapes", shapes}, {"timed", summary.timed}};
  if (summary.timed)
    object.update({{"mean_regret", summary.mean}, {"max_regret", summary.most}});
  return object;
}

Table tableOf(llvm::ArrayRef<Line> lines) {
  Table table({"problem", "policy", "around", "chosen", "time", "best", "regret", "expected", "time from"});
  for (const Line &line : lines) {
    const HeldOut &one = line.heldOut;
    table.add({titleOf(one.record->problem), toText(one.record->policy), std::to_string(one.neighbours),
               one.answer.isDefault ? "default" : "dispatch", timeText(line.microseconds), timeText(line.best),
               line.isTimed() ? shareText(line.regret()) : "-", shareText(one.answer.regret), line.source});
  }
  return table;
}

std::string textOf(llvm::ArrayRef<Line> lines, const Summary &summary) {
  std::string text = tableOf(lines).text();
  if (summary.timed)
    text +=
        fmt::format("regret of {} held-out shapes: mean {}, at most {} ({})\n", summary.timed, shareText(summary.mean),
                    shareText(summary.most), titleOf(summary.worst->heldOut.record->problem));
  if (size_t untimed = lines.size() - summary.timed)
    text += fmt::format("{} shapes' schedules were timed by no tuning; --measure times them\n", untimed);
  return text;
}

/// Where the records are of, unless somebody says otherwise.
llvm::Expected<Target> targetOf(const ReportFlags &flags, const Knobs &knobs, llvm::ArrayRef<Record> records) {
  std::set<std::string> classes;
  for (const Record &record : records)
    classes.insert(record.deviceClass);
  if (flags.target.names.empty() && classes.size() == 1)
    return targetOfClass(*classes.begin());
  return flags.target.target(knobs);
}

llvm::Error report(const ReportFlags &flags, Knobs &knobs) {
  if (!flags.dispatch)
    return failure(FailureKind::Usage, "report: expected --dispatch, got nothing to report");
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  std::shared_ptr<Cache> cache = openCache(knobs);
  llvm::Expected<std::vector<Record>> known = flags.records.empty() ? recordsOf(*cache) : readRecords(flags.records);
  if (!known)
    return known.takeError();
  llvm::Expected<std::vector<Record>> asked = flags.heldOut.empty() ? *known : readRecords(flags.heldOut);
  if (!asked)
    return asked.takeError();
  std::optional<Device> device;
  if (flags.measure) {
    llvm::Expected<Device> opened = flags.target.device(knobs);
    if (!opened)
      return opened.takeError();
    device = std::move(*opened);
  }
  llvm::Expected<Target> target = device ? device->target() : targetOf(flags, knobs, *asked);
  if (!target)
    return target.takeError();
  std::vector<HeldOut> heldOut = holdOut(*asked, *known, *target);
  if (heldOut.empty())
    return failure(FailureKind::Usage, fmt::format("records: expected some of {}, got {} of other devices",
                                                   deviceClass(*target), asked->size()));
  llvm::Expected<std::vector<Line>> lines = linesOf(flags, knobs, *target, device ? &*device : nullptr, cache, heldOut);
  if (!lines)
    return lines.takeError();
  Summary summary = summarise(*lines);
  if (flags.output == OutputForm::Json)
    printJson(jsonOf(*lines, summary));
  else
    print(flags.output == OutputForm::Csv ? tableOf(*lines).csv() : textOf(*lines, summary));
  return llvm::Error::success();
}

} // namespace

void addReport(Driver &driver) {
  driver.add<ReportFlags>(driver.app, "report", "how good what was learned from records is", declare, report);
}

} // namespace lla
