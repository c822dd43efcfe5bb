//===- Toolkit.cpp - what takes part in making code -----------------------===//

#include "runtime/Toolkit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace lla {

std::string findPtxas(const Knobs &knobs) {
  PathList places;
  if (!knobs.cudaHome.empty())
    places.push_back(knobs.cudaHome + "/bin");
  llvm::SmallString<256> executable;
  if (!llvm::sys::fs::real_path("/proc/self/exe", executable))
    places.push_back((llvm::sys::path::parent_path(executable) + "/../cuda/bin").str());
  places.insert(places.end(), knobs.searchPath.begin(), knobs.searchPath.end());
  places.push_back("/usr/local/cuda/bin");
  for (const std::string &place : places)
    if (std::string path = place + "/ptxas"; llvm::sys::fs::can_execute(path))
      return path;
  return "";
}

CompileOptions compileOptions(const Knobs &knobs, const Target &target) {
  CompileOptions options;
  options.dumpDirectory = knobs.dumpDirectory;
  if (!target.isHost())
    options.ptxasPath = findPtxas(knobs);
  return options;
}

Toolchain toolchainOf(const CompileOptions &options) {
  Toolchain toolchain;
  toolchain.fingerprint = compilerFingerprint();
  toolchain.llvmVersion = llvmVersion();
  if (!options.ptxasPath.empty())
    toolchain.ptxasVersion = ptxasVersion(options.ptxasPath);
  return toolchain;
}

} // namespace lla
