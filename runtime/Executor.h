//===- Executor.h - one device that runs kernels --------------------------===//
//
// The seam between what is run and where: host threads or one CUDA device. An
// executor belongs to one device; every method may be called from any thread.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_EXECUTOR_H
#define LLA_RUNTIME_EXECUTOR_H

#include "autotune/CostModel.h"
#include "compiler/Artifact.h"
#include "runtime/Inputs.h"
#include "runtime/Launch.h"
#include "llvm/ADT/ArrayRef.h"
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace lla {

struct Knobs;

/// A CUstream, or null: the default stream. The host ignores it and is done when a call returns.
using Stream = void *;

/// A kernel that can be launched on the executor that loaded it; keeps what it needs of it alive.
class LoadedKernel {
public:
  LoadedKernel(const Problem &problem, const Schedule &schedule, const Resources &costs)
      : problem(problem), schedule(schedule), costs(costs) {}
  virtual ~LoadedKernel() = default;

  const Problem problem; ///< As planned: its batch and lengths are maxima.
  const Schedule schedule;
  const Resources costs; ///< Of `problem`; a launch's grid may be smaller.
};

/// Memory of a device; freed by the destructor.
class Buffer {
public:
  virtual ~Buffer() = default;
  void *data() const { return address; }
  int64_t bytes() const { return size; }

protected:
  Buffer(void *address, int64_t size) : address(address), size(size) {}
  void *address;
  int64_t size;
};

/// One launch, complete.
struct Launch : LaunchRecord {
  const LoadedKernel *kernel = nullptr;
};

/// Output against the oracle, over the rows looked at.
struct ErrorFigures {
  double relative = 0;         ///< max|o - ref| / max|ref|; NaN if anything was NaN.
  double rms = 0;              ///< RMS(o - ref) / RMS(ref).
  double baselineRelative = 0; ///< The same of the straightforward evaluation (Reference.h, baselineForward).
  double baselineRms = 0;
  double maxReference = 0;
  /// With state, the largest error of each: of lse and tbar over max(1, max|ref|), of vbar over max|ref|; 0 without.
  double lse = 0, tbar = 0, vbar = 0;
  int64_t rows = 0; ///< (sequence, row, head)s compared.
  bool allRows = false;
  std::string oracle; ///< "host reference" or "NVRTC".
};

struct TimingPolicy {
  bool graph = true;               ///< CUDA: replay a graph of launches; else eager launches. The host ignores it.
  bool cold = false;               ///< Evict the last-level cache before each launch.
  int64_t warmup = 3;              ///< Rounds that are not counted.
  int64_t rounds = 10;             ///< Samples of each candidate.
  double sampleMicroseconds = 200; ///< Warm launches are repeated until a sample takes about this long.
  /// A candidate whose first round takes longer gets no further rounds; microseconds.
  double giveUpAbove = std::numeric_limits<double>::infinity();
  /// CUDA: what bounds a candidate takes turns with them, as one more: a streaming read of so many bytes, or else the
  /// matrix product (GemmYardstick) of a type. Only one of them: the product heats the card and empties its cache.
  /// Without an oracle or cuBLAS there are no samples of it.
  int64_t readBeside = 0;
  std::optional<ElementType> multiplyBeside;
};

class Executor {
public:
  virtual ~Executor() = default;

  /// What `openExecutor` opened, e.g. "cuda:1"; another process opens the same device by it. Empty if this
  /// executor was made otherwise.
  const std::string &name() const { return spelling; }

  /// Facts of this device. Never fails, never changes.
  virtual const Target &target() const = 0;

  /// Loads an artifact compiled for (problem, schedule) on this target and sets the kernel's attributes; may block.
  /// Fails (Usage, NoDevice, Execution) on bytes that do not load or limits that the device refuses.
  virtual llvm::Expected<std::unique_ptr<LoadedKernel>> load(const Artifact &artifact, const Problem &problem,
                                                             const Schedule &schedule) = 0;

  /// Memory aligned to at least 256 bytes, contents undefined. Fails if there is not enough; 0 bytes are legal.
  virtual llvm::Expected<std::unique_ptr<Buffer>> allocate(int64_t bytes) = 0;

  /// Host to device, device to host, and set every byte; ordered on `stream`. copyOut and copyIn return when
  /// the host memory may be touched again. Fail (Execution) on a device fault only.
  virtual llvm::Error copyIn(void *device, const void *host, int64_t bytes, Stream stream) = 0;
  virtual llvm::Error copyOut(void *host, const void *device, int64_t bytes, Stream stream) = 0;
  virtual llvm::Error fill(void *device, uint8_t value, int64_t bytes, Stream stream) = 0;

  /// Enqueues one kernel (the host runs it to the end). Never allocates, loads, compiles or synchronises; legal
  /// under graph capture. An empty grid does nothing. Concurrent launches need workspaces of their own.
  virtual llvm::Error launch(const Launch &launch, Stream stream) = 0;

  /// Waits for `stream` and reports any fault of earlier work on it.
  virtual llvm::Error synchronize(Stream stream) = 0;

  /// Fills a problem's inputs with seeded random values (Inputs.h): RMS-normalised q, r, k (r halved), normal v and
  /// parts, rounded to dtype. The default generates on the host (Inputs.h) and copies.
  virtual llvm::Error fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed);

  /// Fills the index views that have an address with `makeSequences`; `tensors` are denseTensors(problem) with data.
  llvm::Error fillSequences(const Problem &problem, const AttentionTensors &tensors, SequenceKind kind, uint64_t seed);

  /// Judges the outputs by code that our compiler did not produce, on up to `rows` rows chosen from `seed` (0: all).
  /// Synchronises. The default copies to the host and asks Oracle.h. Fails on a fault, not on wrong values.
  virtual llvm::Expected<ErrorFigures> compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                               uint64_t seed);

  /// Times candidates interleaved (A B A B ...): microseconds per launch, [candidate][round]; one sample only if
  /// it was given up; then those of what is timed beside, if anything. Each candidate is a list of launches of the same
  /// work on rotated buffers, at least one. Holds the device for itself meanwhile; one thread at a time. Fails on a
  /// fault.
  virtual llvm::Expected<std::vector<std::vector<double>>> time(llvm::ArrayRef<std::vector<Launch>> candidates,
                                                                const TimingPolicy &policy) = 0;

  /// Why times taken now should not be certified (throttled, shared card); empty: nothing seen. Never fails.
  virtual std::string doubt() const { return ""; }

  /// Multiply-adds (counted twice) of the matrix product that `time` can take beside; 0 if it takes nothing beside.
  virtual double yardstickFlops() const { return 0; }

  /// What the device does at most, the denominators of rooflines: a streaming read of `bytes`, multiply-adds of
  /// `dtype`. Measured once per argument and remembered. Fails if memory does not suffice.
  virtual llvm::Expected<Ceilings> ceilings(int64_t bytes, ElementType dtype) = 0;

private:
  friend llvm::Expected<std::unique_ptr<Executor>> openExecutor(llvm::StringRef target, const Knobs &knobs);
  std::string spelling;
};

/// What a launch on `tensors` is given. `problem` is problemOf(planned, tensors); the grid follows its sizes.
Launch makeLaunch(const LoadedKernel &kernel, const Problem &problem, const AttentionTensors &tensors, void *workspace,
                  const Target &target);

/// "host" (or host:THREADS), "cuda", "cuda:1". An architecture's name has no device: fails with NoDevice.
llvm::Expected<std::unique_ptr<Executor>> openExecutor(llvm::StringRef target, const Knobs &knobs);
/// "cuda" if a usable GPU is present, else "host".
std::string bestTarget(const Knobs &knobs);

} // namespace lla
#endif
