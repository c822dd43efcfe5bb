//===- HostExecutor.h - kernels on the threads of this process ------------===//
#ifndef LLA_RUNTIME_HOST_HOSTEXECUTOR_H
#define LLA_RUNTIME_HOST_HOSTEXECUTOR_H

#include "runtime/Executor.h"
#include "runtime/host/HostLauncher.h"
#include <functional>
#include <map>
#include <mutex>

namespace lla {

class HostExecutor : public Executor {
public:
  /// How objects are loaded; tests give a function of their own.
  using Loader = std::function<llvm::Expected<std::unique_ptr<HostModule>>(const Artifact &)>;

  /// `target.multiprocessors` threads, the caller of `launch` included.
  explicit HostExecutor(const Target &target, Loader loader = HostModule::load);
  ~HostExecutor() override;

  const Target &target() const override { return facts; }
  llvm::Expected<std::unique_ptr<LoadedKernel>> load(const Artifact &artifact, const Problem &problem,
                                                     const Schedule &schedule) override;
  llvm::Expected<std::unique_ptr<Buffer>> allocate(int64_t bytes) override;
  llvm::Error copyIn(void *device, const void *host, int64_t bytes, Stream stream) override;
  llvm::Error copyOut(void *host, const void *device, int64_t bytes, Stream stream) override;
  llvm::Error fill(void *device, uint8_t value, int64_t bytes, Stream stream) override;
  llvm::Error launch(const Launch &launch, Stream stream) override;
  llvm::Error synchronize(Stream) override { return llvm::Error::success(); }
  llvm::Error fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) override;
  llvm::Expected<ErrorFigures> compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                       uint64_t seed) override;
  llvm::Expected<std::vector<std::vector<double>>> time(llvm::ArrayRef<std::vector<Launch>> candidates,
                                                        const TimingPolicy &policy) override;
  llvm::Expected<Ceilings> ceilings(int64_t bytes, ElementType dtype) override;

private:
  Target facts;
  Loader loader;
  HostLauncher launcher;
  ThreadTeam &team;

  std::mutex measuring;                 ///< Guards the two below.
  std::map<int64_t, double> bandwidths; ///< By bytes read.
  double multiplyAdds = 0;              ///< 0: not measured yet.
};

} // namespace lla
#endif
