//===- HostExecutor.cpp - kernels on the threads of this process ----------===//

#include "runtime/host/HostExecutor.h"
#include "runtime/Inputs.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "runtime/host/HostCeilings.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <sys/mman.h>

namespace lla {
namespace {

struct HostKernelCode : LoadedKernel {
  HostKernelCode(const Problem &problem, const Schedule &schedule, const Target &target,
                 std::unique_ptr<HostModule> module)
      : LoadedKernel(problem, schedule, resources(problem, schedule, target)), module(std::move(module)) {}
  std::unique_ptr<HostModule> module;
};

/// Pages of 2 MiB, where the system has them, save the address translations of a streaming read.
class HostBuffer : public Buffer {
public:
  static constexpr int64_t hugePage = 2 << 20, line = 256;

  static std::unique_ptr<Buffer> create(int64_t bytes) {
    int64_t alignment = bytes >= 2 * hugePage ? hugePage : line;
    if (bytes < 0 || bytes > std::numeric_limits<int64_t>::max() - alignment)
      return nullptr;
    int64_t rounded = std::max(bytes + alignment - 1, alignment) / alignment * alignment;
    void *memory = std::aligned_alloc(alignment, rounded);
    if (!memory)
      return nullptr;
    if (alignment == hugePage)
      madvise(memory, rounded, MADV_HUGEPAGE); // A hint: refusal costs speed only.
    return std::unique_ptr<Buffer>(new HostBuffer(memory, bytes));
  }
  ~HostBuffer() override { std::free(address); }

private:
  using Buffer::Buffer;
};

double microsecondsOf(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

} // namespace

HostExecutor::HostExecutor(const Target &target, Loader loader)
    : facts(target), loader(std::move(loader)), launcher(std::max<int64_t>(target.multiprocessors, 1)),
      team(launcher.threads()) {}

HostExecutor::~HostExecutor() = default;

llvm::Expected<std::unique_ptr<LoadedKernel>> HostExecutor::load(const Artifact &artifact, const Problem &problem,
                                                                 const Schedule &schedule) {
  if (artifact.kind != ArtifactKind::HostObject)
    return failure(FailureKind::Usage, "artifact: expected an object for the host, got code for a GPU");
  llvm::Expected<std::unique_ptr<HostModule>> module = loader(artifact);
  if (!module)
    return withKind(FailureKind::Execution, module.takeError());
  auto kernel = std::make_unique<HostKernelCode>(problem, schedule, facts, std::move(*module));
  if (llvm::Error error = launcher.reserveScratch(kernel->costs.sharedBytes))
    return error;
  return kernel;
}

llvm::Expected<std::unique_ptr<Buffer>> HostExecutor::allocate(int64_t bytes) {
  if (std::unique_ptr<Buffer> buffer = HostBuffer::create(bytes))
    return buffer;
  return failure(FailureKind::Execution, fmt::format("memory: expected {} bytes, got none", bytes));
}

llvm::Error HostExecutor::copyIn(void *device, const void *host, int64_t bytes, Stream) {
  if (bytes > 0)
    std::memcpy(device, host, bytes);
  return llvm::Error::success();
}

llvm::Error HostExecutor::copyOut(void *host, const void *device, int64_t bytes, Stream stream) {
  return copyIn(host, device, bytes, stream);
}

llvm::Error HostExecutor::fill(void *device, uint8_t value, int64_t bytes, Stream) {
  constexpr int64_t chunkBytes = 4 << 20;
  team.run((bytes + chunkBytes - 1) / chunkBytes, [&](int64_t chunk, unsigned) {
    int64_t begin = chunk * chunkBytes;
    std::memset(static_cast<char *>(device) + begin, value, std::min(chunkBytes, bytes - begin));
  });
  return llvm::Error::success();
}

llvm::Error HostExecutor::launch(const Launch &launch, Stream) {
  launcher.launch(static_cast<const HostKernelCode *>(launch.kernel)->module->kernel(), launch);
  return llvm::Error::success();
}

llvm::Error HostExecutor::fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) {
  constexpr int64_t rowsPerTask = 256;
  for (const InputFill &fill : inputFills(problem, tensors, seed)) {
    int64_t rows = rowCount(*fill.view);
    team.run((rows + rowsPerTask - 1) / rowsPerTask, [&](int64_t task, unsigned) {
      for (int64_t row = task * rowsPerTask, end = std::min(row + rowsPerTask, rows); row < end; ++row)
        fillInputRow(*fill.view, fill.which, fill.seed, row);
    });
  }
  return llvm::Error::success();
}

llvm::Expected<ErrorFigures> HostExecutor::compare(const Problem &problem, const AttentionTensors &tensors,
                                                   int64_t rows, uint64_t seed) {
  auto parallel = [&](int64_t count, llvm::function_ref<void(int64_t)> body) {
    team.run(count, [&](int64_t task, unsigned) { body(task); });
  };
  return compareWithReference(problem, tensors, sampleRows(problem, rows, seed, sequencesOf(tensors)),
                              parallel);
}

llvm::Expected<std::vector<std::vector<double>>> HostExecutor::time(llvm::ArrayRef<std::vector<Launch>> candidates,
                                                                    const TimingPolicy &policy) {
  using Clock = std::chrono::steady_clock;
  std::unique_ptr<Buffer> evictor;
  if (policy.cold) {
    llvm::Expected<std::unique_ptr<Buffer>> memory = allocate(2 * std::max<int64_t>(facts.l2Bytes, 1 << 20));
    if (!memory)
      return memory.takeError();
    evictor = std::move(*memory);
  }
  /// Microseconds of one launch, over `repeats` of them.
  auto sample = [&](llvm::ArrayRef<Launch> launches, int64_t repeats, llvm::Error &error) {
    Clock::duration spent{};
    for (int64_t repeat = 0; repeat < repeats && !error; ++repeat) {
      if (evictor)
        error = fill(evictor->data(), static_cast<uint8_t>(repeat), evictor->bytes(), nullptr);
      Clock::time_point start = Clock::now();
      if (!error)
        error = launch(launches[repeat % launches.size()], nullptr);
      spent += Clock::now() - start;
    }
    return microsecondsOf(spent) / static_cast<double>(repeats);
  };

  std::vector<std::vector<double>> times(candidates.size());
  std::vector<int64_t> repeats(candidates.size(), 1);
  for (int64_t round = -policy.warmup; round < policy.rounds; ++round)
    for (size_t i = 0; i < candidates.size(); ++i) {
      bool givenUp = !times[i].empty() && times[i].front() > policy.giveUpAbove;
      if (givenUp)
        continue;
      llvm::Error error = llvm::Error::success();
      (void)!error; // An unchecked success may not be assigned to.
      double microseconds = sample(candidates[i], repeats[i], error);
      if (error)
        return error;
      if (round >= 0)
        times[i].push_back(microseconds);
      else if (!policy.cold)
        repeats[i] = std::clamp<int64_t>(policy.sampleMicroseconds / std::max(microseconds, 0.1), 1, 10000);
    }
  return times;
}

llvm::Expected<Ceilings> HostExecutor::ceilings(int64_t bytes, ElementType) {
  std::lock_guard<std::mutex> lock(measuring);
  if (multiplyAdds == 0)
    multiplyAdds = measureMultiplyAdds(team, facts.vectorBits);
  double &bandwidth = bandwidths[bytes];
  if (bandwidth == 0 && bytes > 0) {
    llvm::Expected<std::unique_ptr<Buffer>> memory = allocate(bytes);
    if (!memory)
      return memory.takeError();
    if (llvm::Error error = fill((*memory)->data(), 0, bytes, nullptr)) // Or every page would be the same zeros.
      return error;
    bandwidth = measureReadBandwidth(team, (*memory)->data(), bytes, facts.vectorBits);
  }
  return Ceilings{bandwidth, multiplyAdds, nominalCeilings(facts).launchMicroseconds};
}

} // namespace lla
