//===- ExitCode.h - how `lla` ends ----------------------------------------===//
#ifndef LLA_TOOLS_LLA_EXITCODE_H
#define LLA_TOOLS_LLA_EXITCODE_H

#include "runtime/RuntimeError.h"

namespace lla {

enum ExitCode {
  Success = 0,
  UsageFailed = 1,        ///< A flag, file, field or environment variable; I/O; too little memory.
  CompileFailed = 2,      ///< An infeasible schedule too.
  VerificationFailed = 3, ///< A kernel computed something wrong.
  NoDeviceFound = 4,      ///< Or too old a driver.
  StrictMiss = 5,         ///< A record or kernel that had to be in the cache is not.
  Interrupted = 130,
};

ExitCode exitCodeOf(FailureKind kind);

/// The codes as `--help` lists them.
extern const char *const exitCodeHelp;

} // namespace lla
#endif
