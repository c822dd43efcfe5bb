//===- CallProblem.h - the problem that a call's tensors make -------------===//
#ifndef LLA_RUNTIME_FRAMEWORKS_CALLPROBLEM_H
#define LLA_RUNTIME_FRAMEWORKS_CALLPROBLEM_H

#include "runtime/capi/lla.h"
#include <string>

namespace lla::frameworks {

/// A tensor argument: where it goes, and whether it is written.
struct Argument {
  const char *name;
  const lla_tensor *lla_tensors::*member;
  bool isWritten;
};

inline constexpr Argument attentionArguments[] = {
    {"q", &lla_tensors::q, false},
    {"r", &lla_tensors::r, false},
    {"k", &lla_tensors::k, false},
    {"v", &lla_tensors::v, false},
    {"out", &lla_tensors::o, true},
    {"lse", &lla_tensors::lse, true},
    {"tbar", &lla_tensors::tbar, true},
    {"vbar", &lla_tensors::vbar, true},
    {"lengths", &lla_tensors::lengths, false},
    {"starts", &lla_tensors::starts, false},
    {"page_table", &lla_tensors::page_table, false},
};

// The sizes of these tensors are the problem's maxima; mask, window and scale are the caller's to add. The answer is
// empty, or says what is wrong: "name: expected X, got Y". Only shapes and types are looked at.
std::string attentionProblem(const lla_tensors &tensors, bool isBhsd, lla_problem &problem);
std::string mergeProblem(const lla_tensors &tensors, bool isBhsd, lla_problem &problem);

} // namespace lla::frameworks
#endif
