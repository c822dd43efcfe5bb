//===- AotVerify.h - the kernels of a library against the oracle ----------===//
#ifndef LLA_TOOLS_LLA_AOTVERIFY_H
#define LLA_TOOLS_LLA_AOTVERIFY_H

#include "runtime/Knobs.h"
#include "llvm/Support/Error.h"

namespace lla {

/// Runs each problem of a shared library on each kind of device that is here, through the library's functions: on the
/// host with the kernel for each width of vectors that this CPU has, on a GPU with the one that the library picks there
/// (not the PTX, nor other GPUs' code), and compares
/// `rows` rows (0: all) of each output with an independent reference; prints a line for each. Fails with
/// Verification on a wrong one, with NoDevice if nothing runs here, with Usage on what is no such library.
llvm::Error verifyLibrary(const std::string &path, const Knobs &knobs, int64_t rows);

} // namespace lla
#endif
