//===- Defaults.h - what a problem means that leaves fields out -----------===//
//
// By one spelling of the same problem, plans of equal calls are found. Standard
// library only: frameworks' doors resolve the C API's struct by it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_DEFAULTS_H
#define LLA_DIALECT_SPEC_DEFAULTS_H

#include <cmath>
#include <cstdint>

namespace lla {

/// A window implies the causal mask. Without one, an only row sees every key either way: not causal.
inline bool resolvedCausal(bool causal, int64_t window, int64_t queryLength) {
  return window != 0 || (causal && queryLength != 1);
}

inline double defaultScale(int64_t headDim) { return 1 / std::sqrt(static_cast<double>(headDim)); }

} // namespace lla
#endif
