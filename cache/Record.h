//===- Record.h - what a tuning found -------------------------------------===//
//
// The fastest schedule seen for a problem on a class of devices, its time, and the
// circumstances. One line of JSON.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_RECORD_H
#define LLA_CACHE_RECORD_H

#include "cache/Key.h"

namespace lla {

/// A schedule that the tuning tried, and its median.
struct TimedSchedule {
  Schedule schedule;
  double microseconds = 0;
  bool operator==(const TimedSchedule &) const = default;
};

struct Record {
  // What the record is filed under.
  Problem problem;         ///< Normalised.
  std::string deviceClass; ///< `deviceClass(target)` of the target it was measured on.
  MeasurementPolicy policy;
  int64_t family = kernelFamilyVersion;

  // What was found.
  Schedule schedule;
  double microseconds = 0;                 ///< Median; positive.
  double low = 0, high = 0;                ///< Confidence interval around it, microseconds.
  double defaultMicroseconds = 0;          ///< The default schedule's median; 0: not measured.
  double error = 0;                        ///< Against the oracle, relative to max|reference|.
  double roofline = 0;                     ///< Share of the device's bound, 0..1; 0: not known.
  int64_t trials = 0;                      ///< Candidates that were tried.
  std::vector<TimedSchedule> alternatives; ///< Others that came close: what a dispatch for other shapes weighs.

  // Information; decides nothing but which of two records is newer.
  std::string device, driver;
  int64_t clockMegahertz = 0; ///< 0: not known.
  std::string doubt;          ///< Why the times should not be relied on; empty: no reason seen.
  int64_t when = 0;           ///< Seconds since 1970, UTC.
  std::string tool;           ///< Version of what measured.

  Key key() const { return recordKey(problem, deviceClass, policy, family); }
  bool operator==(const Record &) const = default;
};

/// Every constraint of a record that is about to be kept; the message names the field.
llvm::Error checkRecord(const Record &record);

/// One line without its end; `parseRecord` is its inverse.
std::string toJson(const Record &record);
llvm::Expected<Record> parseRecord(llvm::StringRef json);
/// Of a line as `toJson` writes it, only what the record is filed under, which is in front: to read all takes several
/// times as long. Nothing of a line that is otherwise, which says nothing of whether it is good.
std::optional<Record> parseRecordFront(llvm::StringRef json);

/// Of two records with one key: true if `challenger` replaces `holder`. The newer one does; of one second, the faster.
/// A total order, so that merging is the same in any order and any number of times.
bool replaces(const Record &challenger, const Record &holder);

/// A bad entry that a reader left out.
struct EntryFault {
  std::string path;
  int64_t line = 0; ///< From 1; 0: the file as a whole.
  std::string reason;
};
/// "path:line: reason".
std::string toText(const EntryFault &fault);

/// Schedules that a record's own problem and device do not allow: a hand or an older program wrote them. Of devices and
/// kernel families that this program does not know nothing is said.
std::vector<std::string> infeasibleSchedules(const Record &record);

/// What could be read, and what not.
struct RecordScan {
  std::vector<Record> records;
  std::vector<EntryFault> faults;

  void append(RecordScan other);
};

/// Records one per line; empty lines are skipped. `source` names the text in faults.
RecordScan parseRecordLines(llvm::StringRef text, llvm::StringRef source);

} // namespace lla
#endif
