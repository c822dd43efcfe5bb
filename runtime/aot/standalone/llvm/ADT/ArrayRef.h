//===- ArrayRef.h - LLVM's, on the standard library (Error.h says why) ----===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_ARRAYREF_H
#define LLA_RUNTIME_AOT_STANDALONE_ARRAYREF_H

#include <initializer_list>
#include <span>
#include <vector>

namespace llvm {

template <class T> class ArrayRef : public std::span<const T> {
  using Base = std::span<const T>;

public:
  using Base::Base;
  ArrayRef(std::initializer_list<T> elements) : Base(elements.begin(), elements.size()) {}

  ArrayRef drop_front(size_t count = 1) const { return ArrayRef(this->data() + count, this->size() - count); }
  ArrayRef drop_back(size_t count = 1) const { return ArrayRef(this->data(), this->size() - count); }
};
template <class T, size_t count> ArrayRef(const T (&)[count]) -> ArrayRef<T>;
template <class T> ArrayRef(const T *, size_t) -> ArrayRef<T>;
template <class T> ArrayRef(const std::vector<T> &) -> ArrayRef<T>;

} // namespace llvm
#endif
