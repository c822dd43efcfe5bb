//===- Status.cpp - errors as status codes --------------------------------===//

#include "runtime/capi/Status.h"
#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>

namespace lla::capi {
namespace {

thread_local std::string lastMessage;

lla_status statusOf(FailureKind kind) {
  switch (kind) {
  case FailureKind::Usage:
    return LLA_ERROR_USAGE;
  case FailureKind::Compile:
    return LLA_ERROR_COMPILE;
  case FailureKind::Worker:
    return LLA_ERROR_WORKER;
  case FailureKind::Timeout:
    return LLA_ERROR_TIMEOUT;
  case FailureKind::Verification:
    return LLA_ERROR_VERIFICATION;
  case FailureKind::NoDevice:
    return LLA_ERROR_NO_DEVICE;
  case FailureKind::Miss:
    return LLA_ERROR_MISS;
  case FailureKind::JitDisabled:
    return LLA_ERROR_JIT_DISABLED;
  case FailureKind::NotPrepared:
    return LLA_ERROR_NOT_PREPARED;
  case FailureKind::Execution:
    return LLA_ERROR_EXECUTION;
  }
  return LLA_ERROR_INTERNAL;
}

constexpr NamedValue<lla_status> names[] = {{LLA_OK, "ok"},
                                            {LLA_ERROR_USAGE, "usage"},
                                            {LLA_ERROR_HANDLE, "handle"},
                                            {LLA_ERROR_NOT_PREPARED, "not-prepared"},
                                            {LLA_ERROR_NO_DEVICE, "no-device"},
                                            {LLA_ERROR_EXECUTION, "execution"},
                                            {LLA_ERROR_COMPILE, "compile"},
                                            {LLA_ERROR_WORKER, "worker"},
                                            {LLA_ERROR_TIMEOUT, "timeout"},
                                            {LLA_ERROR_MISS, "miss"},
                                            {LLA_ERROR_JIT_DISABLED, "jit-disabled"},
                                            {LLA_ERROR_VERIFICATION, "verification"},
                                            {LLA_ERROR_CANCELLED, "cancelled"},
                                            {LLA_ERROR_MEMORY, "memory"},
                                            {LLA_ERROR_INTERNAL, "internal"}};

} // namespace

lla_status fail(lla_status status, const std::string &message) noexcept {
  try {
    lastMessage = message;
  } catch (const std::bad_alloc &) {
    lastMessage.clear();
  }
  return status;
}

std::pair<lla_status, std::string> split(llvm::Error error) {
  if (!error)
    return {LLA_OK, ""};
  auto [kind, message] = describe(std::move(error));
  return {statusOf(kind), std::move(message)};
}

lla_status toStatus(llvm::Error error) noexcept {
  if (!error)
    return LLA_OK;
  auto [status, message] = split(std::move(error));
  return fail(status, message);
}

lla_status badHandle(const char *kind, const void *handle) noexcept {
  return guarded([&] {
    return fail(LLA_ERROR_HANDLE, handle ? fmt::format("{0}: expected a {0} that exists, got {1}, which was destroyed "
                                                       "or is no {0}",
                                                       kind, fmt::ptr(handle))
                                         : fmt::format("{0}: expected a {0}, got null", kind));
  });
}

llvm::Error checkPointer(const char *name, const void *pointer) {
  return pointer ? llvm::Error::success()
                 : failure(FailureKind::Usage, fmt::format("{}: expected an address, got null", name));
}

lla_status tooMany(const char *kind) noexcept {
  return guarded([&] {
    return fail(LLA_ERROR_MEMORY, fmt::format("{0}: expected fewer than 2^20 that exist, got one more", kind));
  });
}

} // namespace lla::capi

const char *lla_status_name(lla_status status) {
  int number = lla::capi::numberOf(status);
  for (const auto &[value, name] : lla::capi::names)
    if (value == number)
      return name;
  return "unknown";
}

const char *lla_last_error(void) { return lla::capi::lastMessage.c_str(); }
