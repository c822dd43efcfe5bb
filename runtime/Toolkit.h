//===- Toolkit.h - what takes part in making code -------------------------===//
#ifndef LLA_RUNTIME_TOOLKIT_H
#define LLA_RUNTIME_TOOLKIT_H

#include "cache/Cache.h"
#include "compiler/Compile.h"
#include "runtime/Knobs.h"

namespace lla {

/// ptxas of $CUDA_HOME, of ../cuda beside this program, on PATH, or of /usr/local/cuda; empty: none.
std::string findPtxas(const Knobs &knobs);

/// How to compile for a target: dumps as the environment says, ptxas for a GPU.
CompileOptions compileOptions(const Knobs &knobs, const Target &target);

/// What an artifact's key says of its making. Runs ptxas, which takes longer than loading a kernel, unless `cache` (may
/// be null) remembers what this very file said of itself.
Toolchain toolchainOf(const CompileOptions &options, const Cache *cache);

} // namespace lla
#endif
