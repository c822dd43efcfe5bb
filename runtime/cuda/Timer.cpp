//===- Timer.cpp - times of launches, interleaved -------------------------===//

#include "runtime/cuda/Timer.h"
#include <algorithm>
#include <cmath>

namespace lla::cuda {

constexpr int64_t mostLaunchesPerSample = 2000;

//===--- a row of launches, to be run as one --------------------------------===//

class Timer::Sequence {
public:
  virtual ~Sequence() = default;
  virtual llvm::Error run(CUstream stream) const = 0;
  int64_t launches = 0;

  class Eager;
  class Graph;
};

class Timer::Sequence::Eager : public Timer::Sequence {
public:
  explicit Eager(std::vector<const LaunchFunction *> functions) : functions(std::move(functions)) {}
  llvm::Error run(CUstream stream) const override {
    for (const LaunchFunction *function : functions)
      if (llvm::Error error = (*function)(stream))
        return error;
    return llvm::Error::success();
  }

private:
  std::vector<const LaunchFunction *> functions;
};

class Timer::Sequence::Graph : public Timer::Sequence {
public:
  static llvm::Expected<std::unique_ptr<Sequence>> capture(const Device &device, const Eager &launches,
                                                           CUstream stream) {
    const Driver &driver = device.driver();
    if (llvm::Error error = device.check(driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
                                         "cuStreamBeginCapture"))
      return std::move(error);
    llvm::Error launched = launches.run(stream);
    // The capture has to end even if a launch was refused.
    CUgraph graph = nullptr;
    llvm::Error ended = device.check(driver.cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
    if (launched || ended) {
      if (graph)
        driver.cuGraphDestroy(graph);
      return llvm::joinErrors(std::move(launched), std::move(ended));
    }
    std::unique_ptr<Graph> result(new Graph(device));
    llvm::Error error =
        device.check(driver.cuGraphInstantiateWithFlags(&result->executable, graph, 0), "cuGraphInstantiateWithFlags");
    driver.cuGraphDestroy(graph);
    if (error)
      return std::move(error);
    return result;
  }
  ~Graph() override {
    if (executable)
      device.driver().cuGraphExecDestroy(executable);
  }
  llvm::Error run(CUstream stream) const override {
    return device.check(device.driver().cuGraphLaunch(executable, stream), "cuGraphLaunch");
  }

private:
  explicit Graph(const Device &device) : device(device) {}
  const Device &device;
  CUgraphExec executable = nullptr;
};

//===--- the timer ----------------------------------------------------------===//

llvm::Expected<std::unique_ptr<Timer>> Timer::create(std::shared_ptr<const Device> device, LaunchFunction evict) {
  std::unique_ptr<Timer> timer(new Timer(std::move(device), std::move(evict)));
  const Device &on = *timer->device;
  ContextScope scope(on);
  // Not the default stream: that one cannot be captured.
  if (llvm::Error error =
          on.check(on.driver().cuStreamCreate(&timer->stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate"))
    return std::move(error);
  for (CUevent *event : {&timer->begin, &timer->end})
    if (llvm::Error error = on.check(on.driver().cuEventCreate(event, CU_EVENT_DEFAULT), "cuEventCreate"))
      return std::move(error);
  return timer;
}

Timer::~Timer() {
  ContextScope scope(*device);
  for (CUevent event : {begin, end})
    if (event)
      device->driver().cuEventDestroy(event);
  if (stream)
    device->driver().cuStreamDestroy(stream);
}

llvm::Expected<std::unique_ptr<Timer::Sequence>> Timer::repeat(const Candidate &launches, int64_t passes, bool graph) {
  std::vector<const LaunchFunction *> functions;
  for (int64_t pass = 0; pass < passes; ++pass)
    for (const LaunchFunction &launch : launches)
      functions.push_back(&launch);
  int64_t count = functions.size();
  std::unique_ptr<Sequence> sequence;
  auto eager = std::make_unique<Sequence::Eager>(std::move(functions));
  if (graph) {
    llvm::Expected<std::unique_ptr<Sequence>> captured = Sequence::Graph::capture(*device, *eager, stream);
    if (!captured)
      return captured.takeError();
    sequence = std::move(*captured);
  } else {
    sequence = std::move(eager);
  }
  sequence->launches = count;
  return sequence;
}

llvm::Expected<double> Timer::elapsed(const Sequence &sequence) {
  const Driver &driver = device->driver();
  if (llvm::Error error = sequence.run(stream))
    return std::move(error);
  if (llvm::Error error = device->check(driver.cuEventRecord(begin, stream), "cuEventRecord"))
    return std::move(error);
  if (llvm::Error error = sequence.run(stream))
    return std::move(error);
  if (llvm::Error error = device->check(driver.cuEventRecord(end, stream), "cuEventRecord"))
    return std::move(error);
  if (llvm::Error error = device->check(driver.cuEventSynchronize(end), "cuEventSynchronize"))
    return std::move(error);
  float milliseconds = 0;
  if (llvm::Error error = device->check(driver.cuEventElapsedTime(&milliseconds, begin, end), "cuEventElapsedTime"))
    return std::move(error);
  return milliseconds;
}

llvm::Expected<int64_t> Timer::passesFor(const Candidate &launches, const TimingPolicy &policy) {
  // Eager: what is launched once to be measured need not be captured first.
  llvm::Expected<std::unique_ptr<Sequence>> once = repeat(launches, 1, /*graph=*/false);
  if (!once)
    return once.takeError();
  llvm::Expected<double> milliseconds = elapsed(**once);
  if (!milliseconds)
    return milliseconds.takeError();
  double microseconds = std::max(*milliseconds * 1e3, 0.1);
  int64_t most = std::max<int64_t>(mostLaunchesPerSample / static_cast<int64_t>(launches.size()), 1);
  return std::clamp<int64_t>(std::llround(policy.sampleMicroseconds / microseconds), 1, most);
}

llvm::Expected<std::vector<std::vector<double>>> Timer::time(const std::vector<Candidate> &candidates,
                                                             const TimingPolicy &policy) {
  ContextScope scope(*device);
  // Work of other streams, input fills for instance, is not part of any sample.
  if (llvm::Error error = device->check(device->driver().cuCtxSynchronize(), "cuCtxSynchronize"))
    return std::move(error);

  // Per candidate what is timed, and (cold) the evictions that are to be taken off it.
  std::vector<std::unique_ptr<Sequence>> timed, evictions;
  std::vector<Candidate> evicting(policy.cold ? candidates.size() : 0);
  for (size_t i = 0; i < candidates.size(); ++i) {
    for (const LaunchFunction &launch : policy.cold ? candidates[i] : Candidate())
      evicting[i].insert(evicting[i].end(), {evict, launch});
    const Candidate &launches = policy.cold ? evicting[i] : candidates[i];
    llvm::Expected<int64_t> passes = passesFor(launches, policy);
    if (!passes)
      return passes.takeError();
    llvm::Expected<std::unique_ptr<Sequence>> sequence = repeat(launches, *passes, policy.graph);
    if (!sequence)
      return sequence.takeError();
    timed.push_back(std::move(*sequence));
    if (!policy.cold)
      continue;
    timed.back()->launches /= 2;
    llvm::Expected<std::unique_ptr<Sequence>> eviction = repeat({evict}, timed.back()->launches, policy.graph);
    if (!eviction)
      return eviction.takeError();
    evictions.push_back(std::move(*eviction));
  }

  std::vector<std::vector<double>> samples(candidates.size());
  auto isGivenUp = [&](size_t i) { return !samples[i].empty() && samples[i].front() > policy.giveUpAbove; };
  for (int64_t round = -policy.warmup; round < policy.rounds; ++round) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (isGivenUp(i))
        continue;
      llvm::Expected<double> milliseconds = elapsed(*timed[i]);
      if (!milliseconds)
        return milliseconds.takeError();
      if (policy.cold) {
        llvm::Expected<double> eviction = elapsed(*evictions[i]);
        if (!eviction)
          return eviction.takeError();
        *milliseconds = std::max(*milliseconds - *eviction, 0.0);
      }
      if (round >= 0)
        samples[i].push_back(*milliseconds * 1e3 / timed[i]->launches);
    }
  }
  return samples;
}

} // namespace lla::cuda
