//===- EvaluatorProtocol.h - lines between tuner and evaluator child ------===//
//
// One JSON object per line and direction, each request answered before the next.
// Code travels as files: an artifact's directory is named, not sent.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_EVALUATORPROTOCOL_H
#define LLA_RUNTIME_CUDA_EVALUATORPROTOCOL_H

#include "autotune/Evaluator.h"
#include "runtime/RuntimeError.h"
#include <variant>

namespace lla {

/// Opens the device; first and once.
struct OpenRequest {
  Problem problem;
  std::string target; ///< "cuda:0"
  bool graphReplay = true, coldCache = false;
  int64_t verifiedRows = 0;
  uint64_t seed = 0;
};

/// A candidate and where writeArtifact has put its code.
struct StoredCandidate {
  Schedule schedule;
  std::string directory;
};

struct VerifyRequest {
  StoredCandidate candidate;
};

struct RaceRequest {
  std::vector<StoredCandidate> candidates;
  MeasureRequest measure;
};

using EvaluatorRequest = std::variant<OpenRequest, VerifyRequest, RaceRequest>;

struct EvaluatorReply {
  /// Set if the evaluator can go on no longer; the rest is empty then.
  std::optional<std::pair<FailureKind, std::string>> failure;
  Verification verification;
  std::vector<Timing> timings;
  std::string doubt;       ///< Conditions::doubt.
  bool deviceLost = false; ///< The candidate's fault took the context with it: the child ends after this line.
};

/// Without a line break.
std::string toJson(const EvaluatorRequest &request);
std::string toJson(const EvaluatorReply &reply);
/// Fail with Worker on anything that the functions above do not write.
llvm::Expected<EvaluatorRequest> parseEvaluatorRequest(llvm::StringRef line);
llvm::Expected<EvaluatorReply> parseEvaluatorReply(llvm::StringRef line);

} // namespace lla
#endif
