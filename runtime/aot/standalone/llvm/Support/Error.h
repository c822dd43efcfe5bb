//===- Error.h - LLVM's error values, on the standard library -------------===//
//
// The runtime of ahead-of-time libraries is made of the same sources as the rest
// (problems, costs, the checks of a call, launches), but must not bring LLVM into
// its users' programs: three lines that use llvm/Support are 1.6 MB and thousands
// of symbols. So those sources are compiled a second time, against this folder,
// which has the few names of LLVM that they use and nothing else: what is not here
// does not compile, and so does not creep in.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_ERROR_H
#define LLA_RUNTIME_AOT_STANDALONE_ERROR_H

#include "llvm/ADT/StringRef.h"
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace llvm {

class raw_ostream {
public:
  raw_ostream &operator<<(StringRef more) {
    text += more;
    return *this;
  }
  std::string text;
};

class ErrorInfoBase {
public:
  virtual ~ErrorInfoBase() = default;
  virtual void log(raw_ostream &stream) const = 0;
  virtual std::error_code convertToErrorCode() const = 0;
  virtual const void *dynamicClassID() const = 0;
};

/// A kind of error; `This::ID` is a static member whose address tells it from others.
template <class This> class ErrorInfo : public ErrorInfoBase {
public:
  const void *dynamicClassID() const override { return &This::ID; }
};

class StringError : public ErrorInfo<StringError> {
public:
  static inline char ID = 0;
  explicit StringError(std::string text) : text(std::move(text)) {}
  void log(raw_ostream &stream) const override { stream << text; }
  std::error_code convertToErrorCode() const override { return {}; }

private:
  std::string text;
};

class [[nodiscard]] Error {
public:
  using Payload = std::unique_ptr<ErrorInfoBase>;

  static Error success() { return Error(nullptr); }
  explicit Error(Payload payload) : payload(std::move(payload)) {}
  explicit operator bool() const { return payload != nullptr; }
  template <class Kind> bool isA() const { return payload && payload->dynamicClassID() == &Kind::ID; }
  Payload take() { return std::move(payload); }

private:
  Payload payload; ///< Null: success.
};

template <class Kind, class... Arguments> Error make_error(Arguments &&...arguments) {
  return Error(std::make_unique<Kind>(std::forward<Arguments>(arguments)...));
}
inline Error createStringError(std::string text) { return make_error<StringError>(std::move(text)); }
inline std::error_code inconvertibleErrorCode() { return std::make_error_code(std::errc::not_supported); }
inline void consumeError(Error) {}

inline std::string toString(Error error) {
  raw_ostream stream;
  if (Error::Payload payload = error.take())
    payload->log(stream);
  return std::move(stream.text);
}

/// Gives an error of the kind that `handler` takes to it; others pass.
template <class Handler> Error handleErrors(Error error, Handler handler) {
  auto give = [&]<class Kind>(Error (Handler::*)(std::unique_ptr<Kind>) const) {
    if (!error.isA<Kind>())
      return std::move(error);
    return handler(std::unique_ptr<Kind>(static_cast<Kind *>(error.take().release())));
  };
  return give(&Handler::operator());
}

template <class T> class [[nodiscard]] Expected {
public:
  Expected(Error &&error) : state(error.take()) {}
  template <class Other>
    requires(std::is_convertible_v<Other, T> && !std::is_same_v<std::remove_cvref_t<Other>, Expected>)
  Expected(Other &&value) : state(std::in_place_index<0>, std::forward<Other>(value)) {}

  explicit operator bool() const { return state.index() == 0; }
  T &operator*() { return *std::get_if<0>(&state); }
  const T &operator*() const { return *std::get_if<0>(&state); }
  T *operator->() { return std::get_if<0>(&state); }
  const T *operator->() const { return std::get_if<0>(&state); }
  Error takeError() { return *this ? Error::success() : Error(std::move(*std::get_if<1>(&state))); }

private:
  std::variant<T, Error::Payload> state;
};

} // namespace llvm
#endif
