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

llvm::Expected<TrialLogHeader> parseHeader(const ordered_json &line) {
  if (line.value("kind", "") != "header")
    return llvm::createStringError("trial log: the first line is no header");
  if (int64_t version = line.value("log_version", int64_t(0)); version != logVersion)
    return fieldError("log_version", std::to_string(logVersion), std::to_string(version));
  llvm::Expected<Problem> problem = parseProblem(line.at("problem").dump());
  if (!problem)
    return problem.takeError();
  llvm::Expected<Target> target = parseTarget(line.at("target").dump());
  if (!target)
    return target.takeError();
  TrialLogHeader header{*problem, *target, line.value("compiler", ""), {}, line.value("strategy", "")};
  header.conditions = {line.value("graph_replay", false), line.value("cold_cache", false), line.value("doubt", "")};
  header.seed = line.value("seed", uint64_t(0));
  header.spaceSize = line.value("space", int64_t(0));
  header.productSize = line.value("product", int64_t(0));
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
  ordered_json line = ordered_json::parse(text.begin(), text.end());
  std::string kind = line.at("kind").get<std::string>();
  if (kind == "trial") {
    llvm::Expected<Trial> trial = parseTrial(text);
    if (!trial)
      return trial.takeError();
    addTrial(log, std::move(*trial));
    return llvm::Error::success();
  }
  if (kind != "race" && kind != "winner")
    return fieldError("kind", "trial|race|winner", '"' + kind + '"');
  llvm::Expected<Schedule> schedule = parseScheduleText(line.at("schedule").get<std::string>());
  if (!schedule)
    return schedule.takeError();
  if (kind == "winner")
    log.winner = *schedule;
  else
    log.races.push_back({*schedule, line.at("samples_us").get<std::vector<double>>()});
  return llvm::Error::success();
}

llvm::Error fileError(llvm::StringRef path, std::error_code failure) {
  return llvm::createStringError(failure, fmt::format("{}: {}", path.str(), failure.message()));
}

/// True for an empty file too.
llvm::Expected<bool> endsInNewline(llvm::StringRef path) {
  uint64_t size = 0;
  if (std::error_code failure = llvm::sys::fs::file_size(path, size))
    return fileError(path, failure);
  if (size == 0)
    return true;
  auto last = llvm::MemoryBuffer::getFileSlice(path, 1, size - 1);
  if (!last)
    return fileError(path, last.getError());
  return (*last)->getBuffer() == "\n";
}

/// Runs `read`, which may throw as nlohmann/json does.
template <class Read> llvm::Error guarded(Read read) {
  try {
    return read();
  } catch (const ordered_json::exception &error) {
    return llvm::createStringError(error.what());
  }
}

} // namespace

llvm::Expected<TrialLog> parseTrialLog(llvm::StringRef text) {
  auto [first, rest] = text.split('\n');
  TrialLog log;
  llvm::Error fault = guarded([&, head = first]() -> llvm::Error {
    llvm::Expected<TrialLogHeader> header = parseHeader(ordered_json::parse(head.begin(), head.end()));
    if (!header)
      return header.takeError();
    log.header = std::move(*header);
    return llvm::Error::success();
  });
  if (fault)
    return llvm::createStringError("trial log, line 1: " + llvm::toString(std::move(fault)));
  for (int64_t number = 2; !rest.empty(); ++number) {
    bool isWhole = rest.contains('\n');
    auto [line, remainder] = rest.split('\n');
    rest = remainder;
    if (line.trim().empty())
      continue;
    if (llvm::Error error = guarded([&, line = line] { return readLine(log, line); })) {
      std::string why = llvm::toString(std::move(error));
      log.complaints.push_back(fmt::format("line {}: {}", number, isWhole ? why : "truncated, " + why));
    }
  }
  return log;
}

llvm::Expected<TrialLog> readTrialLog(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fileError(path, buffer.getError());
  llvm::Expected<TrialLog> log = parseTrialLog((*buffer)->getBuffer());
  if (!log)
    return llvm::createStringError(fmt::format("{}: {}", path.str(), llvm::toString(log.takeError())));
  return log;
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
    return fileError(path, failure);
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
    return fileError(path, failure);
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
