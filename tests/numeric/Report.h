//===- Report.h - what came of a run --------------------------------------===//
#ifndef LLA_TESTS_NUMERIC_REPORT_H
#define LLA_TESTS_NUMERIC_REPORT_H

#include "runtime/Executor.h"
#include <map>
#include <mutex>
#include <string>

namespace lla::numeric {

/// Counts outcomes and prints failures as they come; thread-safe. Each target has its own.
class Report {
public:
  Report(std::string target, bool verbose) : target(std::move(target)), verbose(verbose) {}

  /// One comparison went well.
  void passed(const std::string &name, const std::string &detail);
  void failed(const std::string &name, const std::string &detail);
  /// Printed once per reason at the end; not a failure.
  void skipped(const std::string &name, const std::string &reason);
  /// Errors of 16-bit outputs belong to the set of their dtype and inputs, whose RMS is judged as a whole.
  void addToSet(const std::string &set, const ErrorFigures &figures);

  /// Judges the sets, prints the summary. True if nothing failed.
  bool finish();

private:
  struct ErrorSet {
    double squares = 0, baselineSquares = 0; ///< Of relative RMS errors.
    int64_t problems = 0;
  };
  struct Skip {
    int64_t count = 0;
    std::string first;
  };
  void judgeSet(const std::string &set, const ErrorSet &sums);

  const std::string target;
  const bool verbose;
  std::mutex mutex;
  int64_t passes = 0, failures = 0;
  std::map<std::string, ErrorSet> sets;
  std::map<std::string, Skip> skips; ///< By reason.
};

} // namespace lla::numeric
#endif
