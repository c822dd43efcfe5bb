//===- SelfTest.h - what works on this machine's GPUs ---------------------===//
//
// Needs neither cuda.h to include nor a driver to link.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_SELFTEST_H
#define LLA_RUNTIME_CUDA_SELFTEST_H

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace lla {

struct Knobs;

/// One line of a report.
struct Check {
  std::string name;
  bool ok = false;
  std::string reason; ///< What was found, or why it does not work.
};

/// Driver, each GPU (memory, a launch), NVRTC, cuBLAS; in this order. Never fails.
std::vector<Check> cudaChecks(const Knobs &knobs);

/// Runs a kernel with a fault on purpose on GPU `ordinal`: "race" or "out-of-bounds". A control for sanitizer runs: a
/// sanitizer that reports nothing here proves nothing elsewhere.
llvm::Error plantFault(int ordinal, const std::string &fault, const Knobs &knobs);

} // namespace lla
#endif
