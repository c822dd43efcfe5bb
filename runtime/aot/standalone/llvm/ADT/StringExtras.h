//===- StringExtras.h - LLVM's, on the standard library (Error.h says why) ===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_STRINGEXTRAS_H
#define LLA_RUNTIME_AOT_STANDALONE_STRINGEXTRAS_H

#include "llvm/ADT/StringRef.h"

namespace llvm {

template <class Range> std::string join(Range &&range, StringRef separator) {
  std::string all;
  for (const auto &one : range)
    (all += all.empty() ? std::string() : separator.str()) += one;
  return all;
}

} // namespace llvm
#endif
