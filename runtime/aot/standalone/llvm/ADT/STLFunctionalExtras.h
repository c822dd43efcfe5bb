//===- STLFunctionalExtras.h - LLVM's, on the standard library ------------===//
#ifndef LLA_RUNTIME_AOT_STANDALONE_STLFUNCTIONALEXTRAS_H
#define LLA_RUNTIME_AOT_STANDALONE_STLFUNCTIONALEXTRAS_H

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace llvm {

template <class Signature> class function_ref;

/// A callable of the caller's, which lives longer than this.
template <class Result, class... Arguments> class function_ref<Result(Arguments...)> {
public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, function_ref>)
  function_ref(Callable &&callable)
      : object(const_cast<void *>(static_cast<const void *>(std::addressof(callable)))),
        call([](void *object, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable> *>(object))(std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const { return call(object, std::forward<Arguments>(arguments)...); }

private:
  void *object;
  Result (*call)(void *object, Arguments...);
};

} // namespace llvm
#endif
