//===- STLExtras.h - LLVM's, on the standard library (Error.h says why) ---===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_STLEXTRAS_H
#define LLA_RUNTIME_AOT_STANDALONE_STLEXTRAS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>
#include <optional>

namespace llvm {

template <class Range, class Predicate> bool all_of(Range &&range, Predicate predicate) {
  return std::all_of(std::begin(range), std::end(range), predicate);
}
template <class Range, class Element> bool is_contained(Range &&range, const Element &element) {
  return std::find(std::begin(range), std::end(range), element) != std::end(range);
}
template <class Container, class Range> void append_range(Container &container, Range &&range) {
  for (auto &&element : range)
    container.push_back(element);
}

} // namespace llvm
#endif
