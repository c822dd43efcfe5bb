//===- NVPTX.h - PTX from LLVM IR -----------------------------------------===//
#ifndef LLA_COMPILER_TARGET_NVPTX_H
#define LLA_COMPILER_TARGET_NVPTX_H

#include "dialect/Spec/Target.h"
#include "llvm/Support/Error.h"
#include <string>

namespace llvm {
class Module;
}

namespace lla {

/// Optimises `module` and emits PTX for `target.arch`. The PTX version is the lowest that the
/// architecture's instructions need, so that older drivers can assemble it.
llvm::Expected<std::string> emitPtx(llvm::Module &module, const Target &target);

} // namespace lla
#endif
