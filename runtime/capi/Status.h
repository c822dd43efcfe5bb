//===- Status.h - errors as status codes ----------------------------------===//
#ifndef LLA_RUNTIME_CAPI_STATUS_H
#define LLA_RUNTIME_CAPI_STATUS_H

#include "runtime/capi/lla.h"
#include "llvm/Support/Error.h"
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace lla::capi {

/// An enumeration of lla.h by its number: from C it may be any, which C++ may not load as the enumeration.
template <class Enum> int numberOf(const Enum &value) {
  int number;
  static_assert(sizeof(number) == sizeof(value));
  std::memcpy(&number, &value, sizeof(number));
  return number;
}

/// Keeps the message for lla_last_error of this thread, and gives the status.
lla_status fail(lla_status status, const std::string &message) noexcept;
/// Likewise of an error; success is LLA_OK.
lla_status toStatus(llvm::Error error) noexcept;
/// The two parts of an error, for others than the last error.
std::pair<lla_status, std::string> split(llvm::Error error);

/// The status of a handle that a table does not find.
lla_status badHandle(const char *kind, const void *handle) noexcept;
/// Of a table that takes no more of a kind.
lla_status tooMany(const char *kind) noexcept;
/// Success unless an argument is null.
llvm::Error checkPointer(const char *name, const void *pointer);

/// Runs the body of a function of the API: nothing leaves it by an exception.
template <class Body> lla_status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return fail(LLA_ERROR_MEMORY, "memory: expected enough for this call, got none");
  } catch (const std::exception &exception) {
    return fail(LLA_ERROR_INTERNAL, exception.what());
  } catch (...) {
    return fail(LLA_ERROR_INTERNAL, "an exception of unknown type");
  }
}

} // namespace lla::capi
#endif
