//===- Artifact.h - a compiled kernel -------------------------------------===//
#ifndef LLA_COMPILER_ARTIFACT_H
#define LLA_COMPILER_ARTIFACT_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Resources.h"
#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Target.h"
#include <memory>
#include <string>

namespace lla {

enum class ArtifactKind { Cubin, Ptx, HostObject };

/// What the assembler said; zeros where no assembler ran.
struct AssemblerReport {
  int64_t registers = 0, spillBytes = 0, stackBytes = 0, sharedBytes = 0;
  std::string warnings;  ///< Any C75xx line, verbatim.
};

struct Artifact {
  ArtifactKind kind = ArtifactKind::HostObject;
  std::string kernelName;      ///< The entry's symbol.
  std::string bytes;           ///< Cubin, PTX text, or relocatable object.
  AssemblerReport report;
  double compileMilliseconds = 0, assembleMilliseconds = 0;
};

struct KernelArguments;
using HostKernel = void (*)(const KernelArguments *, int32_t gridX, int32_t gridY, void *scratch);

/// A host object loaded into this process; the code lives as long as this does.
class HostModule {
public:
  static llvm::Expected<std::unique_ptr<HostModule>> load(const Artifact &artifact);
  virtual ~HostModule() = default;
  HostKernel kernel() const { return entry; }
protected:
  HostKernel entry = nullptr;
};

} // namespace lla
#endif
