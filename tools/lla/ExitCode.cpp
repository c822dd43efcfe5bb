//===- ExitCode.cpp - how `lla` ends --------------------------------------===//

#include "tools/lla/ExitCode.h"

namespace lla {

const char *const exitCodeHelp = "Exit codes: 0 ok; 1 usage (flag, file, field, I/O); 2 compile failed or schedule "
                                 "infeasible; 3 verification failed;\n"
                                 "4 no device or driver too old; 5 not in the cache although it had to be; 130 "
                                 "interrupted (finished trials are kept).";

ExitCode exitCodeOf(FailureKind kind) {
  switch (kind) {
  case FailureKind::Usage:
  case FailureKind::NotPrepared:
  case FailureKind::Execution: // Mostly a problem that the device's memory does not hold.
    return UsageFailed;
  case FailureKind::Compile:
  case FailureKind::Worker:
  case FailureKind::Timeout:
    return CompileFailed;
  case FailureKind::Verification:
    return VerificationFailed;
  case FailureKind::NoDevice:
    return NoDeviceFound;
  case FailureKind::Miss:
  case FailureKind::JitDisabled:
    return StrictMiss;
  }
  return UsageFailed;
}

} // namespace lla
