//===- EvaluatorChild.cpp - the process that holds the context ------------===//

#include "runtime/cuda/EvaluatorChild.h"
#include "runtime/KernelEvaluator.h"
#include <cerrno>
#include <unistd.h>

namespace lla {
namespace {

/// Lines over a pair of descriptors, which it does not own.
class LineChannel {
public:
  LineChannel(int in, int out) : in(in), out(out) {}

  /// False at the end of input.
  bool read(std::string &line) {
    size_t end;
    while ((end = buffered.find('\n')) == std::string::npos) {
      char chunk[4096];
      ssize_t count = ::read(in, chunk, sizeof chunk);
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        return false;
      buffered.append(chunk, count);
    }
    line = buffered.substr(0, end);
    buffered.erase(0, end + 1);
    return true;
  }

  /// False if nobody listens.
  bool write(std::string line) {
    line += '\n';
    for (size_t sent = 0; sent < line.size();) {
      ssize_t count = ::write(out, line.data() + sent, line.size() - sent);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return false;
      sent += count;
    }
    return true;
  }

private:
  int in, out;
  std::string buffered;
};

/// One child's state; a visitor over requests.
class Session {
public:
  explicit Session(const OpenEvaluator &open) : open(open) {}

  llvm::Expected<EvaluatorReply> operator()(const OpenRequest &request) {
    llvm::Expected<ServedEvaluator> opened = open(request);
    if (!opened)
      return opened.takeError();
    served = std::move(*opened);
    return finish({});
  }

  llvm::Expected<EvaluatorReply> operator()(const VerifyRequest &request) {
    EvaluatorReply reply;
    llvm::Expected<std::vector<Preparation>> prepared = prepare(request.candidate);
    if (!prepared)
      return prepared.takeError();
    const Preparation &preparation = prepared->front();
    if (preparation.outcome != Outcome::Ok) {
      reply.verification = {Outcome::RunFailed, preparation.reason, 0};
      return finish(std::move(reply));
    }
    llvm::Expected<Verification> verification = served.evaluator->verify(request.candidate.schedule);
    if (!verification)
      return verification.takeError();
    reply.verification = *verification;
    return finish(std::move(reply));
  }

  llvm::Expected<EvaluatorReply> operator()(const RaceRequest &request) {
    EvaluatorReply reply;
    std::vector<Schedule> schedules;
    std::vector<size_t> places;
    reply.timings.resize(request.candidates.size());
    for (size_t i = 0; i < request.candidates.size(); ++i) {
      llvm::Expected<std::vector<Preparation>> prepared = prepare(request.candidates[i]);
      if (!prepared)
        return prepared.takeError();
      if (prepared->front().outcome != Outcome::Ok) {
        reply.timings[i] = {Outcome::RunFailed, prepared->front().reason, {}};
        continue;
      }
      schedules.push_back(request.candidates[i].schedule);
      places.push_back(i);
    }
    llvm::Expected<std::vector<Timing>> timings = served.evaluator->measure(schedules, request.measure);
    if (!timings)
      return timings.takeError();
    for (size_t i = 0; i < places.size(); ++i)
      reply.timings[places[i]] = std::move((*timings)[i]);
    return finish(std::move(reply));
  }

  bool isDeviceLost() const { return served.isDeviceLost && served.isDeviceLost(); }

private:
  llvm::Expected<std::vector<Preparation>> prepare(const StoredCandidate &candidate) {
    if (!served.evaluator)
      return failure(FailureKind::Worker, "evaluator: expected the request to open a device first");
    (*served.directories)[candidate.schedule] = candidate.directory;
    return served.evaluator->prepare(candidate.schedule);
  }

  EvaluatorReply finish(EvaluatorReply reply) const {
    reply.doubt = served.evaluator->conditions().doubt;
    reply.deviceLost = isDeviceLost();
    return reply;
  }

  const OpenEvaluator &open;
  ServedEvaluator served;
};

llvm::Expected<ServedEvaluator> openOnDevice(const OpenRequest &request) {
  llvm::Expected<Knobs> knobs = Knobs::fromEnvironment();
  if (!knobs)
    return knobs.takeError();
  llvm::Expected<std::unique_ptr<Executor>> opened = openExecutor(request.target, *knobs);
  if (!opened)
    return opened.takeError();
  std::shared_ptr<Executor> executor = std::move(*opened);
  ServedEvaluator served;
  served.directories = std::make_shared<std::map<Schedule, std::string>>();
  served.isDeviceLost = [executor] {
    llvm::Error error = executor->synchronize(nullptr);
    bool isLost = bool(error);
    llvm::consumeError(std::move(error));
    return isLost;
  };
  EvaluatorOptions options;
  options.graphReplay = request.graphReplay;
  options.coldCache = request.coldCache;
  options.verifiedRows = request.verifiedRows;
  options.seed = request.seed;
  // Compiled before, by the process that asks.
  options.compileAll = [directories = served.directories](llvm::ArrayRef<CompileRequest> requests) {
    std::vector<llvm::Expected<Artifact>> artifacts;
    for (const CompileRequest &one : requests)
      artifacts.push_back(readArtifact(directories->at(one.schedule)));
    return artifacts;
  };
  served.evaluator = std::make_unique<KernelEvaluator>(request.problem, executor, std::move(options));
  return served;
}

} // namespace

int serveEvaluator(int in, int out, const OpenEvaluator &open) {
  constexpr int served = 0, senseless = 1, deviceLost = 3;
  LineChannel channel(in, out);
  Session session(open);
  std::string line;
  while (channel.read(line)) {
    llvm::Expected<EvaluatorRequest> request = parseEvaluatorRequest(line);
    llvm::Expected<EvaluatorReply> reply =
        request ? std::visit(session, *request) : llvm::Expected<EvaluatorReply>(request.takeError());
    if (!reply) {
      EvaluatorReply failed;
      failed.failure = describe(reply.takeError());
      channel.write(toJson(failed));
      return senseless;
    }
    if (!channel.write(toJson(*reply)))
      return served;
    if (reply->deviceLost)
      return deviceLost;
  }
  return served;
}

int cudaEvaluatorChild(int in, int out) { return serveEvaluator(in, out, openOnDevice); }

} // namespace lla
