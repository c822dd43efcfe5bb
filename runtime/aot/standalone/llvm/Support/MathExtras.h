//===- MathExtras.h - LLVM's, on the standard library (Error.h says why) --===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_MATHEXTRAS_H
#define LLA_RUNTIME_AOT_STANDALONE_MATHEXTRAS_H

#include <cstdint>
#include <limits>

namespace llvm {

inline bool MulOverflow(int64_t a, int64_t b, int64_t &product) { return __builtin_mul_overflow(a, b, &product); }

inline uint64_t SaturatingMultiply(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<uint64_t>::max() : product;
}

} // namespace llvm
#endif
