//===- Evaluator.cpp - names of outcomes ----------------------------------===//

#include "autotune/Evaluator.h"
#include "dialect/Spec/Fields.h"

namespace lla {
namespace {

constexpr NamedValue<Outcome> outcomes[] = {
    {Outcome::Ok, "ok"},
    {Outcome::Infeasible, "infeasible"},
    {Outcome::CompileFailed, "compile-failed"},
    {Outcome::CompileTimeout, "compile-timeout"},
    {Outcome::CompileCrashed, "compile-crashed"},
    {Outcome::Spilled, "spilled"},
    {Outcome::WrongResult, "wrong-result"},
    {Outcome::RunFailed, "run-failed"},
    {Outcome::RunTimeout, "run-timeout"},
    {Outcome::Cancelled, "cancelled"},
};

} // namespace

llvm::StringRef name(Outcome outcome) { return nameIn(outcomes, outcome); }
std::optional<Outcome> parseOutcome(llvm::StringRef text) { return valueIn(outcomes, text); }

Evaluator::~Evaluator() = default;

} // namespace lla
