//===- GraphCapture.cpp - Plan::run in a CUDA graph -----------------------===//

#include "Checks.h"

#if __has_include(<cuda.h>)

#include "PlacedTensors.h"
#include "Schedules.h"
#include "runtime/cuda/Device.h"
#include "llvm/ADT/ScopeExit.h"
#include <cstring>
#include <fmt/format.h>

namespace lla::numeric {
namespace {

/// A graph of what `enqueue` does on a stream, ready to be replayed there.
class CapturedGraph {
public:
  CapturedGraph(std::shared_ptr<const cuda::Device> device) : device(std::move(device)) {}
  ~CapturedGraph() {
    cuda::ContextScope scope(*device);
    if (executable)
      device->driver().cuGraphExecDestroy(executable);
    if (stream)
      device->driver().cuStreamDestroy(stream);
  }
  CapturedGraph(const CapturedGraph &) = delete;
  CapturedGraph &operator=(const CapturedGraph &) = delete;

  llvm::Error capture(llvm::function_ref<llvm::Error(Stream)> enqueue) {
    cuda::ContextScope scope(*device);
    const cuda::Driver &driver = device->driver();
    if (llvm::Error error = device->check(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate"))
      return error;
    // The strictest mode: anything that could synchronise or allocate is refused.
    if (llvm::Error error =
            device->check(driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "cuStreamBeginCapture"))
      return error;
    llvm::Error enqueued = enqueue(stream);
    CUgraph graph = nullptr;
    llvm::Error ended = device->check(driver.cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
    if (enqueued || ended)
      return llvm::joinErrors(std::move(enqueued), std::move(ended));
    llvm::Error made = device->check(driver.cuGraphInstantiateWithFlags(&executable, graph, 0), "cuGraphInstantiate");
    driver.cuGraphDestroy(graph);
    return made;
  }

  llvm::Error replay() {
    cuda::ContextScope scope(*device);
    if (llvm::Error error = device->check(device->driver().cuGraphLaunch(executable, stream), "cuGraphLaunch"))
      return error;
    return device->check(device->driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
  }

private:
  std::shared_ptr<const cuda::Device> device;
  CUstream stream = nullptr;
  CUgraphExec executable = nullptr;
};

/// Captures once, then lets new inputs into the same memory and compares a replay with an eager run on them.
llvm::Error captureAndReplay(Workplace &place, const Problem &problem, const Schedule &schedule) {
  Executor &executor = *place.executor;
  auto device = cuda::Device::open(0);
  if (!device)
    return device.takeError();
  llvm::Expected<Plan> plan = preparedPlan(place, problem, schedule);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Workspace> workspace = Workspace::create(executor, plan->resources());
  if (!workspace)
    return workspace.takeError();
  DenseInputs inputs = makeInputs(problem, InputKind::Normal, place.settings.seed);
  llvm::Expected<PlacedTensors> tensors = PlacedTensors::create(executor, problem, Arrangement::Dense, inputs);
  if (!tensors)
    return tensors.takeError();
  CapturedGraph graph(*device);
  auto enqueue = [&](Stream stream) {
    return plan->run(tensors->views(), workspace->data(), workspace->bytes(), stream);
  };
  if (llvm::Error error = graph.capture(enqueue))
    return error;
  constexpr int rounds = 20;
  const TensorView &o = tensors->views().o;
  std::vector<char> eager(o.spanBytes()), replayed(o.spanBytes());
  for (int round = 0; round < rounds; ++round) {
    // The same memory with other values, lengths among them: what the graph holds is addresses.
    if (llvm::Error error = executor.fillInputs(problem, tensors->views(), place.settings.seed + round))
      return error;
    if (llvm::Error error = executor.fillSequences(problem, tensors->views(), SequenceKind::Any, round))
      return error;
    // For rows that no sequence has now, and one had.
    if (llvm::Error error = executor.fill(o.data, GuardedRegion::poison, o.spanBytes(), nullptr))
      return error;
    if (llvm::Error error = executor.synchronize(nullptr))
      return error;
    if (llvm::Error error = place.runAndWait(*plan, tensors->views(), *workspace))
      return error;
    if (llvm::Error error = executor.copyOut(eager.data(), o.data, o.spanBytes(), nullptr))
      return error;
    if (llvm::Error error = executor.fill(o.data, GuardedRegion::poison, o.spanBytes(), nullptr))
      return error;
    if (llvm::Error error = executor.synchronize(nullptr))
      return error;
    if (llvm::Error error = graph.replay())
      return error;
    if (llvm::Error error = executor.copyOut(replayed.data(), o.data, o.spanBytes(), nullptr))
      return error;
    if (eager != replayed)
      return llvm::createStringError(fmt::format("replay {} gives other bits than an eager run", round));
  }
  return workspace->check(executor);
}

} // namespace

void checkGraphCapture(Workplace &place) {
  if (place.isHost())
    return;
  Problem decode;
  decode.queryHeads = 8;
  decode.kvHeads = 2;
  decode.context = 3000;
  decode.headDim = 128;
  Problem prefill;
  prefill.mode = Mode::Prefill;
  prefill.context = 300;
  prefill.headDim = 64;
  prefill.causal = true;
  Problem ragged = decode;
  ragged.batch = 9;
  ragged.ragged = true;
  Problem packed = prefill;
  packed.batch = 5;
  packed.packedQueries = packed.packedKeys = true;
  for (Problem problem : {decode, prefill, ragged, packed}) {
    llvm::cantFail(normalize(problem));
    ScheduleSet set = problem.mode == Mode::Decode ? ScheduleSet::RandomSplits : ScheduleSet::RingSplits;
    for (const Schedule &schedule : schedulesOf(problem, set, place.executor->target(), place.settings.seed, 0)) {
      std::string what = fmt::format("problem {} schedule {}", toJson(problem), toText(schedule));
      if (llvm::Error error = captureAndReplay(place, problem, schedule))
        place.report.failed("graph_capture", llvm::toString(std::move(error)) + "\n       " + what);
      else
        place.report.passed("graph_capture", what);
    }
  }
}

} // namespace lla::numeric

#else

void lla::numeric::checkGraphCapture(Workplace &place) {
  if (!place.isHost())
    place.report.skipped("graph_capture", "built without cuda.h");
}

#endif
