//===- Toolkit.h - what takes part in making code -------------------------===//
#ifndef LLA_RUNTIME_TOOLKIT_H
#define LLA_RUNTIME_TOOLKIT_H

#include "cache/Key.h"
#include "compiler/Compile.h"
#include "runtime/Knobs.h"

namespace lla {

/// ptxas of $CUDA_HOME, of ../cuda beside this program, on PATH, or of /usr/local/cuda; empty: none.
std::string findPtxas(const Knobs &knobs);

/// How to compile for a target: dumps as the environment says, ptxas for a GPU.
CompileOptions compileOptions(const Knobs &knobs, const Target &target);

/// What an artifact's key says of its making. Runs ptxas, hence is asked for once.
Toolchain toolchainOf(const CompileOptions &options);

} // namespace lla
#endif
