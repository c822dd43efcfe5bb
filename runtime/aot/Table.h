//===- Table.h - what an ahead-of-time library holds ----------------------===//
//
// `lla aot` writes a library's data as one block, without pointers, and the runtime
// inside the library reads it where it lies. Both come from one build of `lla`, so
// the structs below need no version: a library never meets another's runtime.
//
//     TableHeader | TableKernel[kernels] | texts, each ended by 0 | code of GPUs
//
// Places are bytes from the block's beginning. Host code is linked in; the block
// has its number in `lla_aot_host_kernels`.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_AOT_TABLE_H
#define LLA_RUNTIME_AOT_TABLE_H

#include "compiler/Artifact.h"
#include "runtime/capi/lla.h"
#include <type_traits>

namespace lla::aot {

struct TableHeader {
  int64_t kernels;       ///< Entries that follow.
  int64_t name;          ///< Of the library.
  int64_t manifest;      ///< JSON.
  int64_t architectures; ///< As `lla aot` took them, for messages: "--target host --target sm_90a".
};

/// One problem on one architecture. Several may have the same code.
struct TableKernel {
  lla_problem problem; ///< Normalised; its shape is what the schedule was chosen for.
  Schedule schedule;
  ArtifactKind kind;
  int32_t major, minor;    ///< Of a GPU: the compute capability that it was made for.
  int32_t isSpecific;      ///< Runs on that very capability (sm_90a); else on later minors too, PTX on all later.
  int32_t vectorBits;      ///< Of the host: that a CPU needs to have.
  int32_t hostKernel;      ///< Likewise: which.
  int64_t code, codeBytes; ///< Of a GPU. PTX has a 0 behind it.
  int64_t symbol, scheduleText, scheduleSource, scheduleReason; ///< Texts.
};
static_assert(std::is_trivially_copyable_v<TableKernel>);

constexpr int64_t tableAlignment = 64;

} // namespace lla::aot

extern "C" {
/// The block, and the host's kernels. Their names, as all that begin so, get the library's name for "lla_aot".
extern const char lla_aot_table[];
extern const lla::HostKernel lla_aot_host_kernels[];
}
#endif
