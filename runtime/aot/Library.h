//===- Library.h - the kernels of this library, and which of them to use --===//
#ifndef LLA_RUNTIME_AOT_LIBRARY_H
#define LLA_RUNTIME_AOT_LIBRARY_H

#include "dialect/Spec/Problem.h"
#include "runtime/aot/Table.h"

namespace lla::aot {

inline const TableHeader &header() { return *reinterpret_cast<const TableHeader *>(lla_aot_table); }
inline const char *textAt(int64_t place) { return lla_aot_table + place; }

/// A device as far as the choice of code goes.
struct Capability {
  bool isHost = true;
  int64_t vectorBits = 0; ///< Of the host's CPU.
  int64_t major = 0, minor = 0;
};

/// What `lla aot --target` takes for code that runs there, whether or not that lla knows it.
std::string targetOf(Capability device);

/// The kernel for a normalised problem: of those that solve it and run on the device, those made most closely for that
/// device; of them, the one of the nearest shape. Fails with Miss, naming the command that makes a library with it.
llvm::Expected<const TableKernel *> findKernel(const Problem &problem, Capability device);

/// Success if the library has code for such a device at all. Fails with NoDevice.
llvm::Error checkHasCode(Capability device);

} // namespace lla::aot
#endif
