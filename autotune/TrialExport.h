//===- TrialExport.h - trials for other programs --------------------------===//
#ifndef LLA_AUTOTUNE_TRIALEXPORT_H
#define LLA_AUTOTUNE_TRIALEXPORT_H

#include "autotune/Trial.h"

namespace lla {

/// Kernel Tuner's results schema (T4 1.0.0). Times in milliseconds, as there.
std::string toT4(llvm::ArrayRef<Trial> trials);

/// One row per trial, a header row first: the schedule's fields in table order, then
/// outcome, median_us, low_us, high_us, error, registers, spill_bytes, shared_bytes, workspace_bytes,
/// compile_ms, reason. Times of failures are empty. Quoted as RFC 4180 asks.
std::string toCsv(llvm::ArrayRef<Trial> trials);

} // namespace lla
#endif
