//===- Carried.h - what `lla` carries to put into libraries ---------------===//
#ifndef LLA_RUNTIME_AOT_CARRIED_H
#define LLA_RUNTIME_AOT_CARRIED_H

#include "llvm/ADT/StringRef.h"

namespace lla::aot {

/// The runtime as a relocatable object; its global names begin with "lla_aot".
llvm::StringRef carriedRuntime();
/// runtime/aot/library.h, whose names do likewise, and runtime/capi/lla.h.
llvm::StringRef carriedHeader();
llvm::StringRef carriedStructs();

} // namespace lla::aot
#endif
