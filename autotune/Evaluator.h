//===- Evaluator.h - the seam between search and machine ------------------===//
//
// What the tuner asks of whoever can compile and run candidates: the runtime, a
// trial log (ReplayEvaluator.h), or a synthetic cost in tests. A candidate that
// fails, hangs or faults the device is an Outcome; an llvm::Error means that the
// evaluator itself can go on no longer (no device, no memory), and ends the search.
//
// Threads: the tuner calls from one thread, one call at a time. Parallel compiling,
// and any lock on the device or the cache, are inside the evaluator.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_EVALUATOR_H
#define LLA_AUTOTUNE_EVALUATOR_H

#include "dialect/Spec/Schedule.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <limits>
#include <string>
#include <vector>

namespace lla {

/// How a candidate fared. All but Ok and Cancelled are final and logged.
enum class Outcome {
  Ok,
  Infeasible,    ///< Refused by the compiler's own check.
  CompileFailed, ///< A pass or the assembler reported an error.
  CompileTimeout,
  CompileCrashed, ///< The worker died.
  Spilled,        ///< Compiles, but spills registers while others do not: never run.
  WrongResult,    ///< Off the oracle by more than the tolerance, or a red zone was written.
  RunFailed,      ///< The launch failed or faulted the device.
  RunTimeout,
  Cancelled ///< Not finished because the user interrupted.
};
llvm::StringRef name(Outcome);
std::optional<Outcome> parseOutcome(llvm::StringRef);

/// What compiling told.
struct Preparation {
  Outcome outcome = Outcome::Ok;
  std::string reason;                                     ///< Empty if Ok.
  int64_t registers = 0, spillBytes = 0, sharedBytes = 0; ///< The assembler's figures; 0 where none ran.
  double compileMilliseconds = 0;                         ///< 0: came from the artifact cache.
};

/// What comparing with the oracle told.
struct Verification {
  Outcome outcome = Outcome::Ok;
  std::string reason;
  double error = 0; ///< Relative to max|reference|; NaN if the result holds one.
};

/// One time per round.
struct Timing {
  Outcome outcome = Outcome::Ok;
  std::string reason;
  std::vector<double> microseconds; ///< In the order of the rounds.
};

struct MeasureRequest {
  unsigned rounds = 1;
  /// A candidate whose first round takes longer needs no further rounds; microseconds.
  double giveUpAbove = std::numeric_limits<double>::infinity();
};

/// What the times were taken under: part of a record's key (the first two) and of its honesty.
struct Conditions {
  bool graphReplay = false; ///< Else launched one by one.
  bool coldCache = false;   ///< The last-level cache is flushed before each launch.
  std::string doubt;        ///< Why the figures should not be certified (throttled, shared card); empty: nothing seen.
};

class Evaluator {
public:
  virtual ~Evaluator();

  /// Compiles all candidates, in parallel where possible, and returns one answer each, in order.
  /// A prepared candidate stays usable until the evaluator is destroyed; preparing it again is
  /// legal and cheap. Runs nothing on the device.
  /// Outcomes: Ok, Infeasible, CompileFailed, CompileTimeout, CompileCrashed, Cancelled.
  virtual llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) = 0;

  /// Runs one prepared candidate at the problem's full size and compares with the oracle.
  /// Before it returns from a fault, the device is usable again for the other candidates.
  /// Outcomes: Ok, WrongResult, RunFailed, RunTimeout, Cancelled.
  virtual llvm::Expected<Verification> verify(const Schedule &candidate) = 0;

  /// Times prepared and verified candidates interleaved (A B A B): sample i of every candidate was taken
  /// in round i, so that they can be compared in pairs. Each Ok timing has `rounds` samples, or one
  /// if it was given up. The evaluator warms up first and rotates its buffers; if one candidate
  /// faults, it takes the others' rounds again.
  /// Outcomes: Ok, RunFailed, RunTimeout, Cancelled.
  virtual llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                                      const MeasureRequest &request) = 0;

  /// Never fails; `doubt` may change while measuring.
  virtual Conditions conditions() const = 0;
};

} // namespace lla
#endif
