//===- StringRef.h - LLVM's, on the standard library (Error.h says why) ---===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_STRINGREF_H
#define LLA_RUNTIME_AOT_STANDALONE_STRINGREF_H

#include <string>
#include <string_view>
#include <utility>

namespace llvm {

class StringRef : public std::string_view {
public:
  using std::string_view::string_view;
  StringRef(std::string_view text) : std::string_view(text) {}
  StringRef(const std::string &text) : std::string_view(text) {}

  std::string str() const { return std::string(*this); }
  /// Before and after the first separator; all and nothing without one.
  template <class Separator> std::pair<StringRef, StringRef> split(Separator separator) const {
    std::string_view between = textOf(separator);
    size_t at = find(between);
    if (at == npos)
      return {*this, StringRef()};
    return {substr(0, at), substr(at + between.size())};
  }
  template <class Predicate> StringRef take_until(Predicate isEnd) const {
    size_t length = 0;
    while (length < size() && !isEnd((*this)[length]))
      ++length;
    return substr(0, length);
  }

private:
  static std::string_view textOf(const char &character) { return {&character, 1}; }
  static std::string_view textOf(std::string_view text) { return text; }
};

} // namespace llvm
#endif
