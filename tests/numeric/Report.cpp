//===- Report.cpp - what came of a run ------------------------------------===//

#include "Report.h"
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

namespace lla::numeric {
namespace {

/// Interfaces: over a set of problems the RMS error is at most 1.3 times the straightforward evaluation's.
constexpr double setTolerance = 1.3;

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
  sums.baselineSquares += figures.baselineRms * figures.baselineRms;
  ++sums.problems;
}

bool Report::finish() {
  for (const auto &[set, sums] : sets) {
    if (sums.baselineSquares == 0)
      continue;
    double ratio = std::sqrt(sums.squares / sums.baselineSquares);
    std::string line = fmt::format("{}: RMS error {:.2f} times the straightforward evaluation's over {} runs", set,
                                   ratio, sums.problems);
    if (ratio <= setTolerance)
      print("     " + target + ": " + line);
    else
      failed("rms", fmt::format("{}, expected at most {}", line, setTolerance));
  }
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto &[reason, skip] : skips)
    print(fmt::format("skipped: {}: {} ({} times, first {})", target, reason, skip.count, skip.first));
  print(fmt::format("{}: {} comparisons right, {} failures", target, passes, failures));
  return failures == 0;
}

} // namespace lla::numeric
