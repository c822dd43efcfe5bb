//===- Trial.h - one candidate's story ------------------------------------===//
#ifndef LLA_AUTOTUNE_TRIAL_H
#define LLA_AUTOTUNE_TRIAL_H

#include "autotune/Evaluator.h"
#include "autotune/Measurement.h"

namespace lla {

/// What a search learned about one schedule: how far it came, and why not further.
struct Trial {
  Schedule schedule;
  Outcome outcome = Outcome::Ok;
  std::string reason; ///< Empty if Ok.
  int64_t registers = 0, spillBytes = 0, sharedBytes = 0;
  int64_t workspaceBytes = 0; ///< By the resource formula.
  double compileMilliseconds = 0;
  double error = 0;            ///< Against the oracle, relative to max|reference|; 0 if never compared.
  std::vector<double> samples; ///< Microseconds, as seen in the search (the race takes its own).

  bool isOk() const { return outcome == Outcome::Ok; }
  /// What a strategy minimises: the median in microseconds, infinity for a failure.
  double cost() const;
  Estimate time() const { return estimate(samples); }
};

/// One line of JSON; `parseTrial` is its inverse (unknown fields are ignored, so that old readers
/// can read newer logs). Not-a-number is written as null.
std::string toJson(const Trial &trial);
llvm::Expected<Trial> parseTrial(llvm::StringRef json);

} // namespace lla
#endif
