//===- SmallVector.h - LLVM's, on the standard library (Error.h says why) -===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_SMALLVECTOR_H
#define LLA_RUNTIME_AOT_STANDALONE_SMALLVECTOR_H

#include <array>
#include <vector>

namespace llvm {

/// Allocates only for more than `inlined` elements: a launch has at most so many.
template <class T, unsigned inlined> class SmallVector {
public:
  void push_back(const T &element) {
    if (count == inlined)
      many.assign(few.begin(), few.end());
    if (count >= inlined)
      many.push_back(element);
    else
      few[count] = element;
    ++count;
  }
  size_t size() const { return count; }
  T *begin() { return count > inlined ? many.data() : few.data(); }
  T *end() { return begin() + count; }
  const T *begin() const { return count > inlined ? many.data() : few.data(); }
  const T *end() const { return begin() + count; }
  T &operator[](size_t i) { return begin()[i]; }
  const T &operator[](size_t i) const { return begin()[i]; }

private:
  std::array<T, inlined> few = {};
  std::vector<T> many; ///< All of them, once they are too many.
  size_t count = 0;
};

} // namespace llvm
#endif
