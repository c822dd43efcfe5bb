//===- Toolkit.cpp - what takes part in making code -----------------------===//

#include "runtime/Toolkit.h"
#include "cache/Files.h"
#include "cache/Publication.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>

namespace lla {
namespace {

/// Changes whenever somebody installs another ptxas there; empty if there is none.
std::string identityOf(const std::string &ptxas) {
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(ptxas, status))
    return "";
  return fmt::format("{} {} {} {} {}", ptxas, status.getUniqueID().getDevice(), status.getUniqueID().getFile(),
                     status.getSize(), status.getLastModificationTime().time_since_epoch().count());
}

/// CACHE/v1/toolkits/DIGEST holds a version and, on a line of its own, the digest of it and of whose it is.
std::string rememberedVersion(const std::string &ptxas, const Cache *cache) {
  std::string identity = identityOf(ptxas);
  if (!cache || cache->location.writable.empty() || identity.empty())
    return ptxasVersion(ptxas);
  constexpr int64_t largestVersion = 4096;
  std::string schema = joinPath(cache->location.writable, cacheSchemaFolder);
  std::string place = joinPath(joinPath(schema, "toolkits"), sha256(identity));
  llvm::Expected<std::string> kept = readRegularFile(AT_FDCWD, place, largestVersion);
  if (kept) {
    auto [version, digest] = llvm::StringRef(*kept).split('\n');
    if (digest == sha256(identity + version.str()))
      return version.str();
  } else {
    llvm::consumeError(kept.takeError());
  }
  std::string version = ptxasVersion(ptxas);
  if (!version.empty()) // What cannot be kept is asked again.
    llvm::consumeError(publishFile(joinPath(schema, "staging"), place, version + "\n" + sha256(identity + version)));
  return version;
}

} // namespace

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

Toolchain toolchainOf(const CompileOptions &options, const Cache *cache) {
  Toolchain toolchain;
  toolchain.fingerprint = compilerFingerprint();
  toolchain.llvmVersion = llvmVersion();
  if (!options.ptxasPath.empty())
    toolchain.ptxasVersion = rememberedVersion(options.ptxasPath, cache);
  return toolchain;
}

} // namespace lla
