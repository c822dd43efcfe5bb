//===- Ptxas.h - cubin from PTX -------------------------------------------===//
#ifndef LLA_COMPILER_TARGET_PTXAS_H
#define LLA_COMPILER_TARGET_PTXAS_H

#include "compiler/Artifact.h"

namespace lla {

struct Assembled {
  std::string cubin;
  AssemblerReport report;
};

/// Runs the CUDA toolkit's assembler. Fails with its message if it refuses or cannot be run.
llvm::Expected<Assembled> assemblePtx(llvm::StringRef ptx, llvm::StringRef arch, llvm::StringRef ptxasPath);

/// Registers, spills, stack and C75xx warnings from the text of `ptxas -v`.
AssemblerReport parseAssemblerReport(llvm::StringRef text);

} // namespace lla
#endif
