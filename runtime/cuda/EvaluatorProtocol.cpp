//===- EvaluatorProtocol.cpp - lines between tuner and evaluator child ----===//

#include "runtime/cuda/EvaluatorProtocol.h"
#include <cmath>
#include <nlohmann/json.hpp>

namespace lla {
namespace {

using Json = nlohmann::json;

/// Thrown and caught in this file only, where nlohmann/json throws too.
struct Malformed {
  std::string text;
};

template <class Value> Value valueOf(llvm::Expected<Value> value) {
  if (!value)
    throw Malformed{llvm::toString(value.takeError())};
  return std::move(*value);
}

/// JSON has no infinity and no NaN: null stands for the one that a field may hold.
Json numberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double numberOr(const Json &value, double otherwise) { return value.is_null() ? otherwise : value.get<double>(); }

Outcome outcomeIn(const Json &json) {
  std::string text = json.at("outcome");
  std::optional<Outcome> outcome = parseOutcome(text);
  if (!outcome)
    throw Malformed{"outcome: got \"" + text + '"'};
  return *outcome;
}

Json encode(const StoredCandidate &candidate) {
  return {{"schedule", Json::parse(toJson(candidate.schedule))}, {"directory", candidate.directory}};
}

StoredCandidate candidateIn(const Json &json) {
  return {valueOf(parseSchedule(json.at("schedule").dump())), json.at("directory")};
}

Json encode(const OpenRequest &request) {
  return {{"open", Json::parse(toJson(request.problem))},
          {"target", request.target},
          {"graph", request.graphReplay},
          {"cold", request.coldCache},
          {"rows", request.verifiedRows},
          {"seed", request.seed}};
}

Json encode(const VerifyRequest &request) { return {{"verify", encode(request.candidate)}}; }

Json encode(const RaceRequest &request) {
  Json candidates = Json::array();
  for (const StoredCandidate &candidate : request.candidates)
    candidates.push_back(encode(candidate));
  return {{"race", std::move(candidates)},
          {"rounds", request.measure.rounds},
          {"give_up_above", numberOrNull(request.measure.giveUpAbove)}};
}

EvaluatorRequest requestIn(const Json &json) {
  if (json.contains("open")) {
    OpenRequest request;
    request.problem = valueOf(parseProblem(json.at("open").dump()));
    request.target = json.at("target");
    request.graphReplay = json.at("graph");
    request.coldCache = json.at("cold");
    request.verifiedRows = json.at("rows");
    request.seed = json.at("seed");
    return request;
  }
  if (json.contains("verify"))
    return VerifyRequest{candidateIn(json.at("verify"))};
  RaceRequest request;
  for (const Json &candidate : json.at("race"))
    request.candidates.push_back(candidateIn(candidate));
  request.measure.rounds = json.at("rounds");
  request.measure.giveUpAbove = numberOr(json.at("give_up_above"), std::numeric_limits<double>::infinity());
  return request;
}

Json encode(const Timing &timing) {
  return {{"outcome", name(timing.outcome).str()}, {"reason", timing.reason}, {"microseconds", timing.microseconds}};
}

EvaluatorReply replyIn(const Json &json) {
  EvaluatorReply reply;
  if (json.contains("failure")) {
    reply.failure = {static_cast<FailureKind>(json.at("kind").get<int>()), json.at("failure")};
    return reply;
  }
  const Json &verification = json.at("verification");
  reply.verification = {outcomeIn(verification), verification.at("reason"),
                        numberOr(verification.at("error"), std::numeric_limits<double>::quiet_NaN())};
  for (const Json &timing : json.at("timings"))
    reply.timings.push_back({outcomeIn(timing), timing.at("reason"), timing.at("microseconds")});
  reply.doubt = json.at("doubt");
  reply.deviceLost = json.at("device_lost");
  return reply;
}

/// What `read` makes of a line; whatever is wrong with it becomes an error.
template <class Message> llvm::Expected<Message> parse(llvm::StringRef line, Message (*read)(const Json &)) {
  try {
    return read(Json::parse(line.begin(), line.end()));
  } catch (const Json::exception &error) {
    return failure(FailureKind::Worker, std::string("evaluator: expected a protocol line: ") + error.what());
  } catch (const Malformed &error) {
    return failure(FailureKind::Worker, "evaluator: expected a protocol line: " + error.text);
  }
}

/// Reasons quote what others wrote: bytes that are no UTF-8 are replaced.
std::string textOf(const Json &json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

} // namespace

std::string toJson(const EvaluatorRequest &request) {
  return textOf(std::visit([](const auto &one) { return encode(one); }, request));
}

std::string toJson(const EvaluatorReply &reply) {
  if (reply.failure)
    return textOf({{"failure", reply.failure->second}, {"kind", static_cast<int>(reply.failure->first)}});
  Json timings = Json::array();
  for (const Timing &timing : reply.timings)
    timings.push_back(encode(timing));
  return textOf({{"verification",
                  {{"outcome", name(reply.verification.outcome).str()},
                   {"reason", reply.verification.reason},
                   {"error", numberOrNull(reply.verification.error)}}},
                 {"timings", std::move(timings)},
                 {"doubt", reply.doubt},
                 {"device_lost", reply.deviceLost}});
}

llvm::Expected<EvaluatorRequest> parseEvaluatorRequest(llvm::StringRef line) { return parse(line, requestIn); }
llvm::Expected<EvaluatorReply> parseEvaluatorReply(llvm::StringRef line) { return parse(line, replyIn); }

} // namespace lla
