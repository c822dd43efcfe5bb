//===- Suites.h - problems that are asked for by name ---------------------===//
#ifndef LLA_TOOLS_LLA_SUITES_H
#define LLA_TOOLS_LLA_SUITES_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Target.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace lla {

/// "decode": the eight rows that the operator's authors publish. "prefill": causal, 16 heads. "grid": decode of 1..2048
/// heads over 128..32768 keys, 207 problems. "pretuned": what shipped records should be of, decode with groups 1, 4 and
/// 8 (those of a GPU may be fewer, or more); "pretuned-mha": its group 1. Fails naming `suite`.
llvm::Expected<std::vector<Problem>> suite(llvm::StringRef name);
/// "decode|prefill|...".
std::string suiteNames();

/// A problem under the name of what it comes from.
struct NamedProblem {
  std::string name;
  Problem problem;
};
/// Attention of three real models, in sizes that the target can chew.
std::vector<NamedProblem> modelProblems(const Target &target);

} // namespace lla
#endif
