//===- Timer.h - times of launches, interleaved ---------------------------===//
//
// Candidates take turns (A B A B), so that whatever slows the device down slows
// all of them. A sample is one replay of a graph of launches between two events;
// the replay before it is not timed and keeps the device busy while the host
// enqueues, so that no sample holds a gap of the host's.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_TIMER_H
#define LLA_RUNTIME_CUDA_TIMER_H

#include "runtime/Executor.h"
#include "runtime/cuda/Device.h"
#include <functional>

namespace lla::cuda {

/// Enqueues one kernel.
using LaunchFunction = std::function<llvm::Error(CUstream)>;
/// Launches of the same work, on rotated buffers; at least one.
using Candidate = std::vector<LaunchFunction>;

class Timer {
public:
  /// `evict` replaces what the last-level cache holds; needed for cold times only.
  static llvm::Expected<std::unique_ptr<Timer>> create(std::shared_ptr<const Device> device, LaunchFunction evict);
  ~Timer();
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;

  /// Microseconds per launch, [candidate][round]; one round only if it is given up. A cold sample is the time of
  /// launches with an eviction before each, less that of the evictions alone.
  llvm::Expected<std::vector<std::vector<double>>> time(const std::vector<Candidate> &candidates,
                                                        const TimingPolicy &policy);

private:
  class Sequence;
  Timer(std::shared_ptr<const Device> device, LaunchFunction evict)
      : device(std::move(device)), evict(std::move(evict)) {}

  /// Milliseconds of `sequence`, after one run of it that is not timed.
  llvm::Expected<double> elapsed(const Sequence &sequence);
  /// `passes` times through `launches`.
  llvm::Expected<std::unique_ptr<Sequence>> repeat(const Candidate &launches, int64_t passes, bool graph);
  /// As many passes as a sample of the policy's length takes.
  llvm::Expected<int64_t> passesFor(const Candidate &launches, const TimingPolicy &policy);

  std::shared_ptr<const Device> device;
  LaunchFunction evict;
  CUstream stream = nullptr;
  CUevent begin = nullptr, end = nullptr;
};

} // namespace lla::cuda
#endif
