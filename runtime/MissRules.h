//===- MissRules.h - which misses are errors ------------------------------===//
//
// A kernel that is not in the cache is compiled, a schedule that no record holds is
// searched for: unless the environment forbids it. Then the miss is an error that
// says how to do ahead of time what was refused now.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_MISSRULES_H
#define LLA_RUNTIME_MISSRULES_H

#include "cache/ArtifactStore.h"
#include "runtime/CompileWorker.h"
#include "runtime/Knobs.h"

namespace lla {

struct MissRules {
  bool disableJit = false;     ///< LLA_DISABLE_JIT: nothing is compiled.
  bool assertCacheHit = false; ///< LLA_ASSERT_CACHE_HIT: likewise; the error says how the keys differ.
};
MissRules missRules(const Knobs &knobs);

/// What LLA_TUNE=strict makes of a problem without a record; `why` there is none.
llvm::Error missingRecord(const Problem &problem, llvm::StringRef why);

/// Success if a kernel that `store` (may be null) does not hold may be compiled. Fails with JitDisabled, naming the
/// command to run, or Miss, naming how `key` differs from the nearest one.
llvm::Error checkMayCompile(const MissRules &rules, const CompileRequest &request, const Key &key,
                            const ArtifactStore *store);

/// Success if a schedule for `problem` may be searched for on `device` ("cuda:1"). Fails with JitDisabled, naming the
/// command to run: a search compiles.
llvm::Error checkMaySearch(const MissRules &rules, const Problem &problem, llvm::StringRef device);

} // namespace lla
#endif
