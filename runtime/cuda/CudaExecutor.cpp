//===- CudaExecutor.cpp - one GPU as an executor --------------------------===//
//
// The launch path (launch) touches no lock, no heap and no file (LaunchKernel.h).
// Everything else may block. Oracle, timer and
// eviction buffer are made when first asked for, under one lock per executor.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/CudaExecutor.h"
#include "runtime/RuntimeError.h"
#include "runtime/UserCache.h"
#include "runtime/cuda/GemmYardstick.h"
#include "runtime/cuda/LaunchKernel.h"
#include "runtime/cuda/Oracle.h"
#include "runtime/cuda/Throttle.h"
#include "runtime/cuda/Timer.h"
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <thread>

namespace lla {
namespace cuda {
namespace {

class CudaKernel : public LoadedKernel {
public:
  CudaKernel(const Problem &problem, const Schedule &schedule, const Resources &costs, std::unique_ptr<Module> module,
             CUfunction entry)
      : LoadedKernel(problem, schedule, costs), entry(entry), maps(makeTensorMapCache(schedule)),
        module(std::move(module)) {}
  const CUfunction entry;
  const std::unique_ptr<TensorMapCache> maps;

private:
  std::unique_ptr<Module> module;
};

class CudaBuffer : public Buffer {
public:
  CudaBuffer(Memory memory, int64_t bytes) : Buffer(memory.data(), bytes), memory(std::move(memory)) {}

private:
  Memory memory;
};

CUstream streamOf(Stream stream) { return static_cast<CUstream>(stream); }
CUdeviceptr addressOf(const void *pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

double medianOf(std::vector<double> samples) {
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

class CudaExecutor : public Executor {
public:
  CudaExecutor(std::shared_ptr<const Device> device, const Knobs &knobs) : device(std::move(device)), knobs(knobs) {}

  const Target &target() const override { return device->target(); }
  llvm::Expected<std::unique_ptr<LoadedKernel>> load(const Artifact &artifact, const Problem &problem,
                                                     const Schedule &schedule) override;
  llvm::Expected<std::unique_ptr<Buffer>> allocate(int64_t bytes) override;
  llvm::Error copyIn(void *to, const void *from, int64_t bytes, Stream stream) override;
  llvm::Error copyOut(void *to, const void *from, int64_t bytes, Stream stream) override;
  llvm::Error fill(void *to, uint8_t value, int64_t bytes, Stream stream) override;
  llvm::Error launch(const Launch &launch, Stream stream) override;
  llvm::Error synchronize(Stream stream) override;
  llvm::Error fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) override;
  llvm::Expected<ErrorFigures> compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                       uint64_t seed) override;
  llvm::Expected<std::vector<std::vector<double>>> time(llvm::ArrayRef<std::vector<Launch>> candidates,
                                                        const TimingPolicy &policy) override;
  double yardstickFlops() const override { return GemmYardstick::flops; }
  std::string doubt() const override { return throttleReason(*device); }
  llvm::Expected<Ceilings> ceilings(int64_t bytes, ElementType dtype) override;

private:
  const Driver &driver() const { return device->driver(); }
  llvm::Error check(CUresult result, const char *call) const { return device->check(result, call); }
  /// Null without NVRTC, which is not asked for twice. Needs `lock`.
  Oracle *oracle();
  /// Needs `lock`.
  llvm::Expected<Timer *> timer();
  /// Reads (without an oracle: writes) twice the last-level cache's size.
  llvm::Error evict(CUstream stream);
  llvm::Expected<Memory> readable(int64_t bytes);
  llvm::Expected<double> readRate(int64_t bytes);
  llvm::Expected<double> multiplyRate(ElementType dtype);

  std::shared_ptr<const Device> device;
  const Knobs knobs;

  std::mutex lock; ///< Of all that follows.
  bool triedOracle = false;
  std::unique_ptr<Oracle> judge;
  std::unique_ptr<Memory> evictionBuffer;
  std::unique_ptr<Timer> stopwatch;
  std::map<int64_t, double> readRates;
  std::map<ElementType, double> multiplyRates;
  std::chrono::steady_clock::time_point restsUntil; ///< Nothing is timed before.
};

//===--- kernels and memory -------------------------------------------------===//

llvm::Expected<std::unique_ptr<LoadedKernel>> CudaExecutor::load(const Artifact &artifact, const Problem &problem,
                                                                 const Schedule &schedule) {
  llvm::Expected<std::unique_ptr<Module>> module = Module::load(device, artifact.kind, artifact.bytes);
  if (!module)
    return module.takeError();
  Resources costs = resources(problem, schedule, target());
  llvm::Expected<CUfunction> entry =
      (*module)->kernel(artifact.kernelName, costs.threads, mostSharedBytes(costs, schedule, target()),
                        schedule.cluster);
  if (!entry)
    return entry.takeError();
  return std::make_unique<CudaKernel>(problem, schedule, costs, std::move(*module), *entry);
}

llvm::Expected<std::unique_ptr<Buffer>> CudaExecutor::allocate(int64_t bytes) {
  llvm::Expected<Memory> memory = Memory::allocate(device, bytes);
  if (!memory)
    return memory.takeError();
  return std::make_unique<CudaBuffer>(std::move(*memory), bytes);
}

llvm::Error CudaExecutor::copyIn(void *to, const void *from, int64_t bytes, Stream stream) {
  if (bytes == 0)
    return llvm::Error::success();
  ContextScope scope(*device);
  if (llvm::Error error =
          check(driver().cuMemcpyHtoDAsync(addressOf(to), from, bytes, streamOf(stream)), "cuMemcpyHtoDAsync"))
    return error;
  return check(driver().cuStreamSynchronize(streamOf(stream)), "cuStreamSynchronize");
}

llvm::Error CudaExecutor::copyOut(void *to, const void *from, int64_t bytes, Stream stream) {
  if (bytes == 0)
    return llvm::Error::success();
  ContextScope scope(*device);
  if (llvm::Error error =
          check(driver().cuMemcpyDtoHAsync(to, addressOf(from), bytes, streamOf(stream)), "cuMemcpyDtoHAsync"))
    return error;
  return check(driver().cuStreamSynchronize(streamOf(stream)), "cuStreamSynchronize");
}

llvm::Error CudaExecutor::fill(void *to, uint8_t value, int64_t bytes, Stream stream) {
  return cuda::fill(*device, to, value, bytes, streamOf(stream));
}

//===--- launching ----------------------------------------------------------===//

llvm::Error CudaExecutor::launch(const Launch &launch, Stream stream) {
  const auto &kernel = static_cast<const CudaKernel &>(*launch.kernel);
  return launchKernel(*device, kernel.entry, kernel.problem, kernel.schedule, kernel.costs, kernel.maps.get(), launch,
                      streamOf(stream));
}

llvm::Error CudaExecutor::synchronize(Stream stream) {
  ContextScope scope(*device);
  return check(driver().cuStreamSynchronize(streamOf(stream)), "cuStreamSynchronize");
}

//===--- judging ------------------------------------------------------------===//

Oracle *CudaExecutor::oracle() {
  if (!triedOracle) {
    triedOracle = true;
    llvm::Expected<std::unique_ptr<Oracle>> created =
        Oracle::create(device, knobs.cudaHome, &openCache(knobs)->artifacts);
    // Without one the host's reference judges, and every ErrorFigures says so.
    if (created)
      judge = std::move(*created);
    else
      llvm::consumeError(created.takeError());
  }
  return judge.get();
}

llvm::Error CudaExecutor::fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) {
  if (!problem.isMerge()) {
    std::lock_guard<std::mutex> guard(lock);
    if (Oracle *with = oracle())
      return with->fillInputs(problem, tensors, seed);
  }
  return Executor::fillInputs(problem, tensors, seed);
}

llvm::Expected<ErrorFigures> CudaExecutor::compare(const Problem &problem, const AttentionTensors &tensors,
                                                   int64_t rows, uint64_t seed) {
  // A merge is a few operations per element: the host's reference looks at all of it as fast.
  if (!problem.isMerge()) {
    std::lock_guard<std::mutex> guard(lock);
    if (Oracle *with = oracle())
      return with->compare(problem, tensors, rows, seed);
  }
  return Executor::compare(problem, tensors, rows, seed);
}

//===--- measuring ----------------------------------------------------------===//

llvm::Error CudaExecutor::evict(CUstream stream) {
  int64_t bytes = 2 * target().l2Bytes;
  // A read leaves nothing to be written back while the next kernel runs.
  if (judge)
    return judge->read(evictionBuffer->data(), bytes, stream);
  ContextScope scope(*device);
  return check(driver().cuMemsetD8Async(evictionBuffer->address(), 0, bytes, stream), "cuMemsetD8Async");
}

llvm::Expected<Timer *> CudaExecutor::timer() {
  if (stopwatch)
    return stopwatch.get();
  oracle();
  llvm::Expected<Memory> buffer = Memory::allocate(device, 2 * target().l2Bytes);
  if (!buffer)
    return buffer.takeError();
  evictionBuffer = std::make_unique<Memory>(std::move(*buffer));
  llvm::Expected<std::unique_ptr<Timer>> created =
      Timer::create(device, [this](CUstream stream) { return evict(stream); });
  if (!created)
    return created.takeError();
  stopwatch = std::move(*created);
  return stopwatch.get();
}

llvm::Expected<std::vector<std::vector<double>>> CudaExecutor::time(llvm::ArrayRef<std::vector<Launch>> candidates,
                                                                    const TimingPolicy &policy) {
  std::lock_guard<std::mutex> guard(lock);
  llvm::Expected<Timer *> with = timer();
  if (!with)
    return with.takeError();
  std::this_thread::sleep_until(restsUntil);
  std::vector<Candidate> functions(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i)
    for (const Launch &one : candidates[i])
      functions[i].push_back([this, &one](CUstream stream) { return launch(one, stream); });
  std::optional<Memory> buffer;
  std::unique_ptr<GemmYardstick> gemm;
  if (policy.readBeside && judge) {
    int64_t bytes = std::max<int64_t>(policy.readBeside / 16 * 16, 16);
    llvm::Expected<Memory> memory = readable(bytes);
    if (!memory)
      return memory.takeError();
    buffer.emplace(std::move(*memory));
    functions.push_back(
        {[this, &buffer, bytes](CUstream stream) { return judge->read(buffer->data(), bytes, stream); }});
  } else if (policy.multiplyBeside) {
    llvm::Expected<std::unique_ptr<GemmYardstick>> made =
        GemmYardstick::create(device, knobs.cudaHome, *policy.multiplyBeside);
    if (made) {
      gemm = std::move(*made);
      functions.push_back({[&gemm](CUstream stream) { return gemm->multiply(stream); }});
    } else {
      llvm::consumeError(made.takeError()); // Without cuBLAS there is no yardstick.
    }
  }
  return (*with)->time(functions, policy);
}

/// Products draw so much power that for a while after them clocks are lower: what is timed next, B=1 above all, would
/// be up to 15 % slower (an H100; after a second no more).
constexpr std::chrono::seconds rest(1);

/// Memory that holds something else than zeros, which may be stored compressed.
llvm::Expected<Memory> CudaExecutor::readable(int64_t bytes) {
  llvm::Expected<Memory> buffer = Memory::allocate(device, bytes);
  if (!buffer)
    return buffer;
  ContextScope scope(*device);
  if (llvm::Error error = check(driver().cuMemsetD8Async(buffer->address(), 0x5a, bytes, nullptr), "cuMemsetD8Async"))
    return std::move(error);
  return buffer;
}

llvm::Expected<double> CudaExecutor::readRate(int64_t bytes) {
  llvm::Expected<Timer *> with = timer();
  if (!with)
    return with.takeError();
  if (!judge)
    return device->information().nominalBytesPerSecond();
  llvm::Expected<Memory> buffer = readable(bytes);
  if (!buffer)
    return buffer.takeError();
  LaunchFunction read = [&](CUstream stream) { return judge->read(buffer->data(), bytes, stream); };
  auto samples = (*with)->time({{read}}, TimingPolicy());
  if (!samples)
    return samples.takeError();
  return bytes * 1e6 / medianOf(samples->front());
}

llvm::Expected<double> CudaExecutor::multiplyRate(ElementType dtype) {
  llvm::Expected<Timer *> with = timer();
  if (!with)
    return with.takeError();
  llvm::Expected<std::unique_ptr<GemmYardstick>> gemm = GemmYardstick::create(device, knobs.cudaHome, dtype);
  if (!gemm)
    return gemm.takeError();
  TimingPolicy policy;
  policy.graph = false; // cuBLAS may allocate at its first calls.
  policy.rounds = 4; // Few: they heat the card.
  policy.sampleMicroseconds = 5000;
  LaunchFunction multiply = [&](CUstream stream) { return (*gemm)->multiply(stream); };
  auto samples = (*with)->time({{multiply}}, policy);
  if (!samples)
    return samples.takeError();
  restsUntil = std::chrono::steady_clock::now() + rest;
  return GemmYardstick::flops * 1e6 / medianOf(samples->front());
}

llvm::Expected<Ceilings> CudaExecutor::ceilings(int64_t bytes, ElementType dtype) {
  std::lock_guard<std::mutex> guard(lock);
  bytes = std::max<int64_t>(bytes / 16 * 16, 16);
  if (!readRates.count(bytes)) {
    llvm::Expected<double> rate = readRate(bytes);
    if (!rate)
      return rate.takeError();
    readRates[bytes] = *rate;
  }
  if (!multiplyRates.count(dtype)) {
    llvm::Expected<double> rate = multiplyRate(dtype);
    // Without cuBLAS there is no yardstick: 0 says so.
    multiplyRates[dtype] = rate ? *rate : 0;
    if (!rate)
      llvm::consumeError(rate.takeError());
  }
  return Ceilings{readRates[bytes], multiplyRates[dtype]};
}

} // namespace
} // namespace cuda

llvm::Expected<std::unique_ptr<Executor>> openCudaExecutor(int ordinal, const Knobs &knobs) {
  llvm::Expected<std::shared_ptr<const cuda::Device>> device = cuda::Device::open(ordinal);
  if (!device)
    return device.takeError();
  return std::make_unique<cuda::CudaExecutor>(std::move(*device), knobs);
}

llvm::Expected<int> cudaDeviceCount() { return cuda::Device::count(); }

} // namespace lla
