//===- Host.h - machine code for the CPU ----------------------------------===//
#ifndef LLA_COMPILER_TARGET_HOST_H
#define LLA_COMPILER_TARGET_HOST_H

#include "dialect/Spec/Target.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir {
class OpPassManager;
}
namespace llvm {
class Module;
}

namespace lla {

/// From what convert-tile-to-vector leaves to the LLVM dialect. Runs on a module; needs the
/// dialects' ConvertToLLVM interfaces registered.
void buildHostLLVMPipeline(mlir::OpPassManager &pm);

enum class HostOutput { Object, Assembly };

/// Optimises `module` and emits a relocatable object (bytes) or assembly (text) for CPUs of
/// `target.vectorBits`: on x86-64 the psABI level that has them (v4, v3, v2), so that an object runs on
/// every such machine; elsewhere this machine's CPU. Fails if LLVM has no such target.
llvm::Expected<std::string> emitHostCode(llvm::Module &module, const Target &target, HostOutput output);

} // namespace lla
#endif
