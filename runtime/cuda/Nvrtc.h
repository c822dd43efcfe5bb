//===- Nvrtc.h - CUDA C++ compiled at run time ----------------------------===//
#ifndef LLA_RUNTIME_CUDA_NVRTC_H
#define LLA_RUNTIME_CUDA_NVRTC_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace lla::cuda {

/// Opens the first of `names` that is found: on the loader's path, else in lib64/ or lib/ of `toolkit` (may be empty),
/// else of the usual installation. Null: none. Never closed.
void *openToolkitLibrary(llvm::ArrayRef<const char *> names, const std::string &toolkit);

class Nvrtc {
public:
  /// Fails if there is no NVRTC; the message says what was looked for.
  static llvm::Expected<Nvrtc> open(const std::string &toolkit);

  /// "13.0".
  std::string version() const;
  /// What every compile is given besides the architecture.
  static llvm::ArrayRef<const char *> options();
  /// The cubin for a real architecture ("sm_90a"). Fails with the compiler's log.
  llvm::Expected<std::string> compileToCubin(const std::string &source, const std::string &arch) const;
  /// PTX for an architecture's features.
  llvm::Expected<std::string> compileToPtx(const std::string &source, const std::string &arch) const;

private:
  struct Functions;
  explicit Nvrtc(std::shared_ptr<const Functions> functions) : functions(std::move(functions)) {}
  llvm::Expected<std::string> compile(const std::string &source, const std::string &architecture, bool cubin) const;
  std::shared_ptr<const Functions> functions;
};

} // namespace lla::cuda
#endif
