//===- Oracle.h - generated kernels judged by another compiler's code -----===//
//
// Plain CUDA C++ helper kernels (OracleKernels.cu), compiled by NVRTC when a
// device first needs them, and kept in the artifact cache: the naive operator, seeded inputs, comparisons, read
// bandwidth. A candidate that our compiler made is never judged by code that our
// compiler made.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_ORACLE_H
#define LLA_RUNTIME_CUDA_ORACLE_H

#include "cache/ArtifactStore.h"
#include "runtime/Executor.h"
#include "runtime/cuda/Module.h"
#include "runtime/cuda/Nvrtc.h"

namespace lla::cuda {

/// OracleArguments.h and OracleKernels.cu, as NVRTC gets them.
extern const char *const oracleSource;

/// The helpers for an architecture: from `store` (may be null), else compiled, and kept there.
llvm::Expected<std::string> oracleCubin(const Nvrtc &nvrtc, const std::string &arch, ArtifactStore *store);

enum class PlantedFault { Race, OutOfBounds };

class Oracle {
public:
  /// Loads the helpers; about a second if they have to be compiled. Fails if there is no NVRTC.
  static llvm::Expected<std::unique_ptr<Oracle>> create(std::shared_ptr<const Device> device,
                                                        const std::string &toolkit, ArtifactStore *store);

  /// Seeded q, r, k, v: q, r, k rows of RMS 1 (r of RMS 1/2), v standard normal. Synchronises.
  llvm::Error fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed);
  /// See Executor::compare. Synchronises.
  llvm::Expected<ErrorFigures> compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                       uint64_t seed);
  /// Bytes of [a, a + bytes) that differ from those at b; b null: from `value`. Synchronises.
  llvm::Expected<int64_t> countDifferent(const void *a, const void *b, uint8_t value, int64_t bytes);

  /// Enqueues a read of `bytes` bytes by plain loads at full bandwidth.
  llvm::Error read(const void *data, int64_t bytes, CUstream stream) const;
  /// Enqueues a kernel that does nothing.
  llvm::Error empty(CUstream stream) const;
  /// Launches a kernel with a fault on purpose, for a sanitizer to find. Synchronises.
  llvm::Error plant(PlantedFault fault);

private:
  struct Kernels {
    CUfunction fill, exact, baseline, compare, countDifferent, empty, read, race, outOfBounds;
  };
  Oracle(std::shared_ptr<const Device> device, std::unique_ptr<Module> module, Memory scratch)
      : device(std::move(device)), module(std::move(module)), scratch(std::move(scratch)) {}
  llvm::Error resolve();
  /// `arguments` are the kernel's parameters in order.
  template <class... Arguments>
  llvm::Error launch(CUfunction kernel, int64_t ctas, int64_t threads, CUstream stream, Arguments... arguments) const;
  llvm::Error fillScales(const AttentionTensors &tensors, uint64_t seed);
  llvm::Error synchronize() const;
  /// From device memory, after all that runs. Synchronises.
  llvm::Error copyOut(void *to, const void *from, int64_t bytes) const;

  std::shared_ptr<const Device> device;
  std::unique_ptr<Module> module;
  Memory scratch; ///< Results that kernels add to.
  Kernels kernels = {};
};

} // namespace lla::cuda
#endif
