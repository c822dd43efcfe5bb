//===- TrialLog.cpp - an append-only record of a search -------------------===//

#include "autotune/TrialLog.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lla {
namespace {

using nlohmann::ordered_json;

constexpr int64_t logVersion = 1;

std::string lineOf(const ordered_json &object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string headerLine(const TrialLogHeader &header) {
  return lineOf({{"kind", "header"},
                 {"log_version", logVersion},
                 {"problem", ordered_json::parse(toJson(header.problem))},
                 {"target", ordered_json::parse(toJson(header.target))},
                 {"compiler", header.compiler},
                 {"graph_replay", header.conditions.graphReplay},
                 {"cold_cache", header.conditions.coldCache},
                 {"doubt", header.conditions.doubt},
                 {"strategy", header.strategy},
                 {"seed", header.seed},
                 {"space", header.spaceSize},
                 {"product", header.productSize}});
}

llvm::Expected<TrialLogHeader> parseHeader(llvm::StringRef line) {
  TrialLogHeader header;
  std::string kind;
  int64_t version = 0;
  FieldReader reader("header", line);
  reader.allowOthers();
  if (!reader.text("kind", kind))
    reader.fail("kind", "header", "nothing");
  else if (kind != "header")
    reader.fail("kind", "header", '"' + kind + '"');
  if (!reader.integer("log_version", version))
    reader.fail("log_version", std::to_string(logVersion), "nothing");
  else if (version != logVersion)
    reader.fail("log_version", std::to_string(logVersion), std::to_string(version));
  reader.nested("problem", header.problem, readProblem);
  reader.nested("target", header.target, parseTarget);
  reader.text("compiler", header.compiler);
  reader.boolean("graph_replay", header.conditions.graphReplay);
  reader.boolean("cold_cache", header.conditions.coldCache);
  reader.text("doubt", header.conditions.doubt);
  reader.text("strategy", header.strategy);
  reader.natural("seed", header.seed);
  reader.integer("space", header.spaceSize);
  reader.integer("product", header.productSize);
  if (llvm::Error error = reader.finish())
    return error;
  return header;
}

void addTrial(TrialLog &log, Trial trial) {
  auto earlier = llvm::find_if(log.trials, [&](const Trial &other) { return other.schedule == trial.schedule; });
  if (earlier != log.trials.end())
    *earlier = std::move(trial);
  else
    log.trials.push_back(std::move(trial));
}

llvm::Error readLine(TrialLog &log, llvm::StringRef text) {
  std::string kind, schedule;
  std::vector<double> samples;
  FieldReader reader("line", text);
  reader.allowOthers();
  if (!reader.text("kind", kind))
    reader.fail("kind", "trial|race|winner", "nothing");
  if (kind == "trial") {
    llvm::Expected<Trial> trial = parseTrial(text);
    if (!trial)
      return trial.takeError();
    addTrial(log, std::move(*trial));
    return llvm::Error::success();
  }
  if (kind != "race" && kind != "winner")
    reader.fail("kind", "trial|race|winner", '"' + kind + '"');
  if (!reader.text("schedule", schedule))
    reader.fail("schedule", "the candidate's fields", "nothing");
  if (kind == "race" && !reader.numbers("samples_us", samples))
    reader.fail("samples_us", "an array of numbers", "nothing");
  if (llvm::Error error = reader.finish())
    return error;
  llvm::Expected<Schedule> parsed = parseScheduleText(schedule);
  if (!parsed)
    return fieldError("schedule", "a valid one", llvm::toString(parsed.takeError()));
  if (kind == "winner")
    log.winner = *parsed;
  else
    log.races.push_back({*parsed, std::move(samples)});
  return llvm::Error::success();
}

llvm::Error fileError(llvm::StringRef path, const char *expected, std::error_code failure) {
  return fieldError(path, expected, failure.message());
}
constexpr const char *readable = "a trial log that can be read", *writable = "a trial log that can be written";

/// Read, not mapped: a file that shrinks meanwhile is short, not fatal.
llvm::Expected<std::string> readText(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                            /*IsVolatile=*/true);
  if (!buffer)
    return fileError(path, readable, buffer.getError());
  return (*buffer)->getBuffer().str();
}

/// True for an empty file too.
llvm::Expected<bool> endsInNewline(llvm::StringRef path) {
  uint64_t size = 0;
  if (std::error_code failure = llvm::sys::fs::file_size(path, size))
    return fileError(path, readable, failure);
  if (size == 0)
    return true;
  auto last = llvm::MemoryBuffer::getFileSlice(path, 1, size - 1);
  if (!last)
    return fileError(path, readable, last.getError());
  return (*last)->getBuffer() == "\n";
}

} // namespace

llvm::Expected<TrialLog> parseTrialLog(llvm::StringRef text) {
  auto [first, rest] = text.split('\n');
  TrialLog log;
  llvm::Expected<TrialLogHeader> header = parseHeader(first);
  if (!header)
    return llvm::createStringError("trial log, line 1: " + llvm::toString(header.takeError()));
  log.header = std::move(*header);
  for (int64_t number = 2; !rest.empty(); ++number) {
    bool isWhole = rest.contains('\n');
    auto [line, remainder] = rest.split('\n');
    rest = remainder;
    if (line.trim().empty())
      continue;
    if (llvm::Error error = readLine(log, line)) {
      std::string why = llvm::toString(std::move(error));
      log.complaints.push_back(fmt::format("line {}: {}", number, isWhole ? why : "truncated, " + why));
    }
  }
  return log;
}

llvm::Expected<TrialLog> readTrialLog(llvm::StringRef path) {
  llvm::Expected<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  llvm::Expected<TrialLog> log = parseTrialLog(*text);
  if (!log)
    return llvm::createStringError(fmt::format("{}: {}", path.str(), llvm::toString(log.takeError())));
  return log;
}

llvm::Expected<bool> isTornAtHeader(llvm::StringRef path) {
  llvm::Expected<std::string> text = readText(path);
  if (!text)
    return text.takeError();
  std::string opening = lineOf({{"kind", "header"}, {"log_version", logVersion}});
  opening.pop_back(); // What every header begins with.
  llvm::StringRef whole = *text;
  return !whole.contains('\n') && (whole.starts_with(opening) || llvm::StringRef(opening).starts_with(whole));
}

llvm::Error checkSameExperiment(const TrialLogHeader &logged, const TrialLogHeader &wanted) {
  auto differs = [](const char *what, const std::string &expected, const std::string &got) {
    return fieldError(std::string("trial log: ") + what, expected, got);
  };
  if (!(logged.problem == wanted.problem))
    return differs("problem", toJson(wanted.problem), toJson(logged.problem));
  if (deviceClass(logged.target) != deviceClass(wanted.target))
    return differs("target", deviceClass(wanted.target), deviceClass(logged.target));
  if (logged.compiler != wanted.compiler)
    return differs("compiler", wanted.compiler, logged.compiler);
  auto policy = [](const Conditions &c) {
    return fmt::format("{},{}", c.graphReplay ? "graph" : "eager", c.coldCache ? "cold" : "warm");
  };
  if (policy(logged.conditions) != policy(wanted.conditions))
    return differs("policy", policy(wanted.conditions), policy(logged.conditions));
  return llvm::Error::success();
}

TrialLogWriter::TrialLogWriter(std::unique_ptr<llvm::raw_fd_ostream> stream) : stream(std::move(stream)) {}
TrialLogWriter::TrialLogWriter(TrialLogWriter &&) = default;
TrialLogWriter::~TrialLogWriter() {
  // Every write was checked; an error that shows only on closing must not end the process.
  if (stream)
    stream->clear_error();
}

llvm::Expected<TrialLogWriter> TrialLogWriter::create(llvm::StringRef path, const TrialLogHeader &header) {
  std::error_code failure;
  auto stream = std::make_unique<llvm::raw_fd_ostream>(path, failure, llvm::sys::fs::CD_CreateNew);
  if (failure)
    return fileError(path, writable, failure);
  TrialLogWriter writer(std::move(stream));
  if (llvm::Error error = writer.writeLine(headerLine(header)))
    return error;
  return writer;
}

llvm::Expected<TrialLogWriter> TrialLogWriter::append(llvm::StringRef path) {
  llvm::Expected<bool> complete = endsInNewline(path);
  if (!complete)
    return complete.takeError();
  std::error_code failure;
  auto stream = std::make_unique<llvm::raw_fd_ostream>(path, failure, llvm::sys::fs::CD_OpenExisting,
                                                       llvm::sys::fs::FA_Write, llvm::sys::fs::OF_Append);
  if (failure)
    return fileError(path, writable, failure);
  TrialLogWriter writer(std::move(stream));
  if (!*complete)
    if (llvm::Error error = writer.writeLine(""))
      return error;
  return writer;
}

llvm::Error TrialLogWriter::writeLine(std::string line) {
  *stream << line + '\n';
  stream->flush();
  if (!stream->has_error())
    return llvm::Error::success();
  std::error_code failure = stream->error();
  stream->clear_error();
  return llvm::createStringError(failure, "trial log: " + failure.message());
}

llvm::Error TrialLogWriter::write(const Trial &trial) { return writeLine(toJson(trial)); }

llvm::Error TrialLogWriter::write(const RaceResult &race) {
  for (const Contender &contender : race.contenders) {
    ordered_json line = {{"kind", "race"},
                         {"schedule", toText(contender.trial.schedule)},
                         {"incumbent", contender.isIncumbent},
                         {"why_left", contender.whyLeft},
                         {"samples_us", contender.samples}};
    if (llvm::Error error = writeLine(lineOf(line)))
      return error;
  }
  if (!race.winner)
    return llvm::Error::success();
  return writeLine(lineOf({{"kind", "winner"}, {"schedule", toText(race.contenders[*race.winner].trial.schedule)}}));
}

} // namespace lla
