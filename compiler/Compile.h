//===- Compile.h - from a problem and a schedule to an artifact -----------===//
//
// The compiler's whole interface: no MLIR type appears in it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_COMPILE_H
#define LLA_COMPILER_COMPILE_H

#include "compiler/Artifact.h"

namespace lla {

/// Landmarks of the pipeline, in order; see compiler/Pipelines.h.
enum class Stage { Problem, Algorithm, Tile, Target, LLVM, Assembly };
llvm::StringRef name(Stage);
std::optional<Stage> parseStage(llvm::StringRef);

struct CompileOptions {
  std::string dumpDirectory;  ///< Each stage's IR is written here as NN-stage.mlir; empty: nowhere.
  std::string ptxasPath;      ///< Empty: PTX is the artifact (the driver assembles it).
  std::string reproducerPath; ///< Written when a pass fails; empty: none.
  bool timing = false;        ///< Pass timing to stderr.
  bool remarks = false;       ///< Remarks that explain decisions, to stderr.
};

/// Compiles one kernel. Fails with a message if the schedule is infeasible or a pass fails.
/// An internal error of LLVM ends the process: callers that must survive run this in a worker.
llvm::Expected<Artifact> compile(const Problem &problem, const Target &target, const Schedule &schedule,
                                 const CompileOptions &options = {});

/// The IR (text) after `until`: MLIR for Problem..LLVM, PTX or host assembly for Assembly.
llvm::Expected<std::string> emitStage(const Problem &problem, const Target &target, const Schedule &schedule,
                                      Stage until, const CompileOptions &options = {});

/// Continues from a dumped stage's text (any of Problem..LLVM) to `until`.
llvm::Expected<std::string> resumeStage(llvm::StringRef ir, Stage until, const CompileOptions &options = {});

/// Changes whenever generated code may change: part of an artifact's key.
std::string compilerFingerprint();
/// "22.1.8", and ptxas' version line ("" if it cannot run).
std::string llvmVersion();
std::string ptxasVersion(llvm::StringRef ptxasPath);

} // namespace lla
#endif
