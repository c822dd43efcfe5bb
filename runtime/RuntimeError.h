//===- RuntimeError.h - failures that callers tell apart ------------------===//
//
// Most errors need only a message. Those on which a caller acts (exit codes, C
// status codes, "prepare it first") carry a kind.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_RUNTIMEERROR_H
#define LLA_RUNTIME_RUNTIMEERROR_H

#include "llvm/Support/Error.h"
#include <string>

namespace lla {

enum class FailureKind {
  Usage,        ///< A bad file, field, tensor or environment variable.
  Compile,      ///< The compiler refused, or the schedule is infeasible.
  Worker,       ///< A compile worker crashed or wrote garbage.
  Timeout,      ///< A compile worker hung.
  Verification, ///< A kernel computed something wrong.
  NoDevice,     ///< No such device, no driver, or a driver too old.
  Miss,         ///< Strict mode, and no record or artifact.
  JitDisabled,  ///< LLA_DISABLE_JIT, and a compile would be needed.
  NotPrepared,  ///< Plan::run before Plan::prepare.
  Execution,    ///< The device reported a fault.
};
llvm::StringRef name(FailureKind);

class RuntimeError : public llvm::ErrorInfo<RuntimeError> {
public:
  static char ID;
  RuntimeError(FailureKind kind, std::string text) : kind(kind), text(std::move(text)) {}
  void log(llvm::raw_ostream &stream) const override { stream << text; }
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

  const FailureKind kind;
  const std::string text;
};

llvm::Error failure(FailureKind kind, std::string text);
/// The same message under `kind`, unless it has a kind already. Success stays success.
llvm::Error withKind(FailureKind kind, llvm::Error error);
/// The kind of a failure, `Usage` if it carries none, and its message; takes the error.
std::pair<FailureKind, std::string> describe(llvm::Error error);

} // namespace lla
#endif
