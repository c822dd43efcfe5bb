//===- Report.cpp - what came of a run ------------------------------------===//

#include "Report.h"
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

namespace lla::numeric {
namespace {

/// Interfaces: over a set of problems the RMS error is at most 1.3 times the straightforward evaluation's.
constexpr double setTolerance = 1.3;
/// A single run may have 1.5 times that by chance. Two such ones decide over no set of so many; smaller sets are judged
/// together.
constexpr int64_t leastRuns = 8;
/// RMS error that fp32 itself costs either. Where a row's weight is all of one key, and the output fp32, the
/// straightforward evaluation rounds nothing to 16 bits, and has no more than this.
constexpr double singleRms = 1e-6;

void print(const std::string &line) { std::puts(line.c_str()); }

} // namespace

void Report::passed(const std::string &name, const std::string &detail) {
  std::lock_guard<std::mutex> lock(mutex);
  ++passes;
  if (verbose)
    print(fmt::format("ok   {}: {}: {}", target, name, detail));
}

void Report::failed(const std::string &name, const std::string &detail) {
  std::lock_guard<std::mutex> lock(mutex);
  ++failures;
  print(fmt::format("FAIL {}: {}: {}", target, name, detail));
}

void Report::skipped(const std::string &name, const std::string &reason) {
  std::lock_guard<std::mutex> lock(mutex);
  Skip &skip = skips[reason];
  if (skip.count++ == 0)
    skip.first = name;
}

void Report::addToSet(const std::string &set, const ErrorFigures &figures) {
  if (!std::isfinite(figures.rms)) // Failed on its own already.
    return;
  std::lock_guard<std::mutex> lock(mutex);
  ErrorSet &sums = sets[set];
  sums.squares += figures.rms * figures.rms;
  sums.baselineSquares += figures.baselineRms * figures.baselineRms + singleRms * singleRms;
  ++sums.problems;
}

void Report::judgeSet(const std::string &set, const ErrorSet &sums) {
  double ratio = std::sqrt(sums.squares / sums.baselineSquares);
  std::string line = fmt::format("{}: RMS error {:.2f} times the straightforward evaluation's over {} runs", set, ratio,
                                 sums.problems);
  if (sums.problems < leastRuns)
    print(fmt::format("     {}: {}: too few to judge, expected at least {}", target, line, leastRuns));
  else if (ratio <= setTolerance)
    print("     " + target + ": " + line);
  else
    failed("rms", fmt::format("{}, expected at most {}", line, setTolerance));
}

bool Report::finish() {
  ErrorSet small;
  int64_t smallSets = 0;
  for (const auto &[set, sums] : sets) {
    if (sums.problems >= leastRuns) {
      judgeSet(set, sums);
      continue;
    }
    ++smallSets; // Each run counts as much, whatever its type.
    small.problems += sums.problems;
    small.squares += sums.squares / sums.baselineSquares * static_cast<double>(sums.problems);
    small.baselineSquares += static_cast<double>(sums.problems);
  }
  if (smallSets)
    judgeSet(fmt::format("{} sets of fewer than {} runs", smallSets, leastRuns), small);
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto &[reason, skip] : skips)
    print(fmt::format("skipped: {}: {} ({} times, first {})", target, reason, skip.count, skip.first));
  print(fmt::format("{}: {} comparisons right, {} failures", target, passes, failures));
  return failures == 0;
}

} // namespace lla::numeric
