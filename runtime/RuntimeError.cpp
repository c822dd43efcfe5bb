//===- RuntimeError.cpp - failures that callers tell apart ----------------===//

#include "runtime/RuntimeError.h"
#include "dialect/Spec/Fields.h"

namespace lla {
namespace {

constexpr NamedValue<FailureKind> kinds[] = {
    {FailureKind::Usage, "usage"},
    {FailureKind::Compile, "compile"},
    {FailureKind::Worker, "worker"},
    {FailureKind::Timeout, "timeout"},
    {FailureKind::Verification, "verification"},
    {FailureKind::NoDevice, "no-device"},
    {FailureKind::Miss, "miss"},
    {FailureKind::JitDisabled, "jit-disabled"},
    {FailureKind::NotPrepared, "not-prepared"},
    {FailureKind::Execution, "execution"},
};

} // namespace

char RuntimeError::ID = 0;

llvm::StringRef name(FailureKind kind) { return nameIn(kinds, kind); }

llvm::Error failure(FailureKind kind, std::string text) {
  return llvm::make_error<RuntimeError>(kind, std::move(text));
}

llvm::Error withKind(FailureKind kind, llvm::Error error) {
  if (!error || error.isA<RuntimeError>())
    return error;
  return failure(kind, llvm::toString(std::move(error)));
}

std::pair<FailureKind, std::string> describe(llvm::Error error) {
  FailureKind kind = FailureKind::Usage;
  llvm::Error rest = llvm::handleErrors(std::move(error), [&](std::unique_ptr<RuntimeError> typed) -> llvm::Error {
    kind = typed->kind;
    return llvm::Error(std::move(typed));
  });
  return {kind, llvm::toString(std::move(rest))};
}

} // namespace lla
