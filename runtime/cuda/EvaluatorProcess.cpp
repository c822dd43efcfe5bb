//===- EvaluatorProcess.cpp - candidates run in a child -------------------===//

#include "runtime/cuda/EvaluatorProcess.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>

namespace lla {
namespace {

/// What a child's end means for the candidate that it was busy with; nothing for failures of the evaluator itself.
std::optional<Outcome> outcomeOf(FailureKind kind) {
  switch (kind) {
  case FailureKind::Timeout:
    return Outcome::RunTimeout;
  case FailureKind::Worker:
  case FailureKind::Execution:
    return Outcome::RunFailed;
  default:
    return std::nullopt;
  }
}

} // namespace

EvaluatorProcess::EvaluatorProcess(const Problem &problem, std::shared_ptr<Executor> executor,
                                   const std::string &target, EvaluatorOptions given, EvaluatorProcessOptions process)
    : options(given), process(std::move(process)),
      open{problem, target, given.graphReplay, given.coldCache, given.verifiedRows, given.seed},
      compiler(problem, std::move(executor), [&] {
        given.compileAll = [this](llvm::ArrayRef<CompileRequest> requests) { return compileAndStore(requests); };
        return std::move(given);
      }()) {}

EvaluatorProcess::~EvaluatorProcess() {
  child.reset();
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

//===--- preparing ----------------------------------------------------------===//

llvm::Expected<std::vector<Preparation>> EvaluatorProcess::prepare(llvm::ArrayRef<Schedule> candidates) {
  return compiler.prepare(candidates);
}

std::vector<llvm::Expected<Artifact>> EvaluatorProcess::compileAndStore(llvm::ArrayRef<CompileRequest> requests) {
  std::vector<llvm::Expected<Artifact>> artifacts = options.compileAll(requests);
  for (size_t i = 0; i < requests.size(); ++i)
    if (artifacts[i])
      if (llvm::Error error = store(requests[i].schedule, *artifacts[i]))
        artifacts[i] = std::move(error);
  return artifacts;
}

llvm::Error EvaluatorProcess::store(const Schedule &schedule, const Artifact &artifact) {
  if (folder.empty()) {
    llvm::SmallString<128> path;
    if (std::error_code code = llvm::sys::fs::createUniqueDirectory("lla-candidates", path))
      return failure(FailureKind::Usage, "temporary folder: " + code.message());
    folder = path.str();
  }
  std::string directory = fmt::format("{}/{}", folder, directories.size());
  if (std::error_code code = llvm::sys::fs::create_directory(directory))
    return failure(FailureKind::Usage, directory + ": " + code.message());
  if (llvm::Error error = writeArtifact(artifact, directory))
    return error;
  directories[schedule] = directory;
  return llvm::Error::success();
}

//===--- the child ----------------------------------------------------------===//

llvm::Expected<EvaluatorReply> EvaluatorProcess::exchange(const EvaluatorRequest &request, double seconds) {
  if (llvm::Error error = child->sendLine(toJson(request)))
    return std::move(error);
  llvm::Expected<std::string> line = child->receiveLine(seconds);
  if (!line)
    return line.takeError();
  return parseEvaluatorReply(*line);
}

llvm::Error EvaluatorProcess::start() {
  llvm::Expected<ChildProcess> spawned = ChildProcess::spawn(process.command, /*withChannel=*/true);
  if (!spawned)
    return spawned.takeError();
  child.emplace(std::move(*spawned));
  ++started;
  llvm::Expected<EvaluatorReply> reply = exchange(open, process.startSeconds);
  // A child that cannot even open the device is no candidate's fault.
  auto [kind, text] =
      reply ? reply->failure.value_or(std::pair(FailureKind::Usage, std::string())) : describe(reply.takeError());
  if (text.empty())
    return llvm::Error::success();
  std::string said = child->errorTail().str();
  child.reset();
  return failure(FailureKind::NoDevice, "evaluator: " + text + (said.empty() ? "" : "\n" + said));
}

llvm::Expected<EvaluatorReply> EvaluatorProcess::ask(const EvaluatorRequest &request) {
  if (!child)
    if (llvm::Error error = start())
      return std::move(error);
  llvm::Expected<EvaluatorReply> reply = exchange(request, process.requestSeconds);
  if (reply && !reply->failure) {
    doubt = reply->doubt;
    if (reply->deviceLost)
      child.reset();
    return reply;
  }
  auto [kind, text] = reply ? *reply->failure : describe(reply.takeError());
  if (kind == FailureKind::Worker) {
    // The channel ended: how the process did tells more.
    constexpr double reapSeconds = 5;
    text = "evaluator child " + child->wait(reapSeconds).text();
    if (llvm::StringRef said = child->errorTail().trim(); !said.empty())
      text += ": " + said.str();
  }
  child.reset();
  return failure(kind, text);
}

//===--- verifying and racing -----------------------------------------------===//

llvm::Expected<Verification> EvaluatorProcess::verify(const Schedule &candidate) {
  if (isCancelled())
    return Verification{Outcome::Cancelled, "", 0};
  auto directory = directories.find(candidate);
  if (directory == directories.end())
    return failure(FailureKind::NotPrepared, fmt::format("schedule {}: not prepared", toText(candidate)));
  llvm::Expected<EvaluatorReply> reply = ask(VerifyRequest{{candidate, directory->second}});
  if (reply)
    return reply->verification;
  auto [kind, text] = describe(reply.takeError());
  if (std::optional<Outcome> outcome = outcomeOf(kind))
    return Verification{*outcome, text, 0};
  return failure(kind, text);
}

llvm::Expected<std::vector<Timing>> EvaluatorProcess::race(llvm::ArrayRef<Schedule> candidates,
                                                           const MeasureRequest &request) {
  RaceRequest race;
  race.measure = request;
  for (const Schedule &candidate : candidates) {
    auto directory = directories.find(candidate);
    if (directory == directories.end())
      return failure(FailureKind::NotPrepared, fmt::format("schedule {}: not prepared", toText(candidate)));
    race.candidates.push_back({candidate, directory->second});
  }
  llvm::Expected<EvaluatorReply> reply = ask(race);
  if (!reply)
    return reply.takeError();
  if (reply->timings.size() != candidates.size())
    return failure(FailureKind::Worker,
                   fmt::format("evaluator: expected {} timings, got {}", candidates.size(), reply->timings.size()));
  return std::move(reply->timings);
}

llvm::Expected<std::vector<Timing>> EvaluatorProcess::measure(llvm::ArrayRef<Schedule> candidates,
                                                              const MeasureRequest &request) {
  if (isCancelled())
    return std::vector<Timing>(candidates.size(), {Outcome::Cancelled, "", {}});
  llvm::Expected<std::vector<Timing>> together = race(candidates, request);
  if (together)
    return together;
  auto [kind, text] = describe(together.takeError());
  std::optional<Outcome> outcome = outcomeOf(kind);
  if (!outcome)
    return failure(kind, text);
  if (candidates.size() == 1)
    return std::vector<Timing>{{*outcome, text, {}}};

  // One of them took the child along. Each runs alone once; those that live race again.
  std::vector<Timing> timings(candidates.size());
  std::vector<Schedule> living;
  std::vector<size_t> places;
  for (size_t i = 0; i < candidates.size(); ++i) {
    llvm::Expected<std::vector<Timing>> alone = measure(candidates[i], MeasureRequest{});
    if (!alone)
      return alone;
    timings[i] = alone->front();
    if (timings[i].outcome != Outcome::Ok)
      continue;
    living.push_back(candidates[i]);
    places.push_back(i);
  }
  if (living.size() == candidates.size())
    return failure(kind, text + " (each candidate runs alone)");
  llvm::Expected<std::vector<Timing>> again = living.empty() ? std::vector<Timing>() : measure(living, request);
  if (!again)
    return again;
  for (size_t i = 0; i < places.size(); ++i)
    timings[places[i]] = std::move((*again)[i]);
  return timings;
}

Conditions EvaluatorProcess::conditions() const {
  Conditions conditions = compiler.conditions();
  conditions.doubt = doubt;
  return conditions;
}

} // namespace lla
