//===- TrialLog.h - an append-only record of a search ---------------------===//
//
// JSON lines: a header, one line per finished trial, then the race's samples and
// the winner. Lines are only ever added, each in one write, so that a crash costs the last line
// at most; the reader skips what it cannot read and says so. A log whose header was
// torn holds nothing. `--resume` continues a log, `replay` answers from it
// (ReplayEvaluator.h).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_TRIALLOG_H
#define LLA_AUTOTUNE_TRIALLOG_H

#include "autotune/Race.h"
#include "autotune/Trial.h"
#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Target.h"
#include <memory>

namespace llvm {
class raw_fd_ostream;
}

namespace lla {

/// What a log's times belong to. Seed, strategy and space are information: a log may be
/// continued with others.
struct TrialLogHeader {
  Problem problem;
  Target target;
  std::string compiler; ///< Fingerprint of whatever generated the code.
  Conditions conditions;
  std::string strategy;
  uint64_t seed = 0;
  int64_t spaceSize = 0;   ///< Feasible schedules.
  int64_t productSize = 0; ///< Before pruning.
};

/// Race samples of one contender.
struct RaceSamples {
  Schedule schedule;
  std::vector<double> samples; ///< Microseconds, by round.
};

struct TrialLog {
  TrialLogHeader header;
  std::vector<Trial> trials; ///< Of a schedule logged twice, the later.
  std::vector<RaceSamples> races;
  std::optional<Schedule> winner;
  std::vector<std::string> complaints; ///< "line 7: ..." for each line that was skipped.
};

/// Fails if the file cannot be read, or has no header of this version.
llvm::Expected<TrialLog> readTrialLog(llvm::StringRef path);
/// The same on text.
llvm::Expected<TrialLog> parseTrialLog(llvm::StringRef text);

/// True if the file holds no more than the beginning of a header, without its line's end: whoever wrote it died before
/// the first trial, and the log may be begun anew. Fails if the file cannot be read.
llvm::Expected<bool> isTornAtHeader(llvm::StringRef path);

/// Success if trials under `logged` are valid under `wanted` too: same problem, device class, compiler and
/// conditions. Otherwise names what differs.
llvm::Error checkSameExperiment(const TrialLogHeader &logged, const TrialLogHeader &wanted);

class TrialLogWriter {
public:
  /// Starts a new log; an existing file is an error.
  static llvm::Expected<TrialLogWriter> create(llvm::StringRef path, const TrialLogHeader &header);
  /// Continues an existing log. A truncated last line is closed, and stays.
  static llvm::Expected<TrialLogWriter> append(llvm::StringRef path);
  TrialLogWriter(TrialLogWriter &&);
  ~TrialLogWriter();

  /// Each fails if the line cannot be written (disk full).
  llvm::Error write(const Trial &trial);
  llvm::Error write(const RaceResult &race);

private:
  explicit TrialLogWriter(std::unique_ptr<llvm::raw_fd_ostream> stream);
  llvm::Error writeLine(std::string line);

  std::unique_ptr<llvm::raw_fd_ostream> stream;
};

} // namespace lla
#endif
