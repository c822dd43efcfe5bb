//===- ProblemFlags.h - problems on the command line ----------------------===//
//
// The flags are the fields of a problem's JSON form and are read as JSON, so that
// a value gets the same error whichever way it came. Counts may be ranges
// (Range.h): each combination is a problem.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_PROBLEMFLAGS_H
#define LLA_TOOLS_LLA_PROBLEMFLAGS_H

#include "dialect/Spec/Problem.h"
#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lla {

struct ProblemFlags {
  std::map<std::string, std::string> values; ///< By field; only what was given.
  bool causal = false, state = false, ragged = false, packedQueries = false, packedKeys = false;
  std::string problemFile, problemsFile, suiteName;
  std::string part; ///< "2/5": of every five problems the second.

  void addTo(CLI::App &command);
  /// Those of the one source that was given, normalised. Fails naming the field (and the line of a file).
  llvm::Expected<std::vector<Problem>> problems() const;
  /// The one problem; several are an error.
  llvm::Expected<Problem> problem() const;
  /// Likewise; fields that the flags leave out are taken from `defaults`.
  llvm::Expected<Problem> problem(const nlohmann::json &defaults) const;

private:
  llvm::Expected<std::vector<Problem>> allProblems() const;
};

/// "decode B=32 H=32/8 L=8192 D=128 bf16", with all that differs from the default after it.
std::string titleOf(const Problem &problem);

} // namespace lla
#endif
