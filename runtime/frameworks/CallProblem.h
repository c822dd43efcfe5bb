//===- CallProblem.h - the problem that a call's tensors make -------------===//
#ifndef LLA_RUNTIME_FRAMEWORKS_CALLPROBLEM_H
#define LLA_RUNTIME_FRAMEWORKS_CALLPROBLEM_H

#include "runtime/capi/lla.h"
#include <iterator>
#include <string>

namespace lla::frameworks {

/// A tensor argument: where it goes, whether it is written, and whether each call has it.
struct Argument {
  const char *name;
  const lla_tensor *lla_tensors::*member;
  bool isWritten;
  bool isRequired = false;
};

inline constexpr Argument attentionArguments[] = {
    {"q", &lla_tensors::q, false, true},
    {"r", &lla_tensors::r, false},
    {"k", &lla_tensors::k, false, true},
    {"v", &lla_tensors::v, false, true},
    {"out", &lla_tensors::o, true, true},
    {"lse", &lla_tensors::lse, true},
    {"tbar", &lla_tensors::tbar, true},
    {"vbar", &lla_tensors::vbar, true},
    {"lengths", &lla_tensors::lengths, false},
    {"starts", &lla_tensors::starts, false},
    {"page_table", &lla_tensors::page_table, false},
    {"cu_seqlens_q", &lla_tensors::cu_seqlens_q, false},
    {"cu_seqlens_k", &lla_tensors::cu_seqlens_k, false},
    {"k_scales", &lla_tensors::k_scales, false},
    {"v_scales", &lla_tensors::v_scales, false},
};
/// The last of them are of fp8 keys and values; before them are the places of packed sequences.
inline constexpr size_t scaleArguments = 2, packedArguments = std::size(attentionArguments) - scaleArguments,
                        unpackedArguments = packedArguments - 2;

inline constexpr Argument mergeArguments[] = {
    {"part_o", &lla_tensors::part_o, false, true},
    {"part_lse", &lla_tensors::part_lse, false, true},
    {"part_tbar", &lla_tensors::part_tbar, false, true},
    {"part_vbar", &lla_tensors::part_vbar, false, true},
    {"out", &lla_tensors::o, true, true},
    {"lse", &lla_tensors::lse, true},
    {"tbar", &lla_tensors::tbar, true},
    {"vbar", &lla_tensors::vbar, true},
};

/// Every tensor that some call has, once: callers that name theirs need not say what they call.
inline constexpr size_t argumentCount = std::size(attentionArguments) + 4;
constexpr const Argument &argumentAt(size_t i) {
  return i < std::size(attentionArguments) ? attentionArguments[i] : mergeArguments[i - std::size(attentionArguments)];
}

/// A type as messages name it: "fp64", "int8", "bool".
std::string nameOf(lla_data_type type);

/// A call of up to 16 query rows of each sequence is a decode step.
lla_mode attentionMode(int64_t queryLength);

/// Rows and keys that a packed sequence has at most; 0: as many as there are of all.
struct Longest {
  int64_t queries = 0, keys = 0;
};

// The sizes of these tensors are the problem's maxima; mask, window and scale are the caller's to add. The answer is
// empty, or says what is wrong: "name: expected X, got Y". Only shapes and types are looked at.
std::string attentionProblem(const lla_tensors &tensors, bool isBhsd, Longest longest, lla_problem &problem);
std::string mergeProblem(const lla_tensors &tensors, bool isBhsd, lla_problem &problem);
/// Of the one or, where parts are given, the other.
std::string callProblem(const lla_tensors &tensors, bool isBhsd, Longest longest, lla_problem &problem);

} // namespace lla::frameworks
#endif
