//===- Repetition.cpp - the same bits every time --------------------------===//

#include "Checks.h"
#include "PlacedTensors.h"
#include "Schedules.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>

namespace lla::numeric {
namespace {

/// Problems whose default schedules reach each kernel family: few and many rows, with and without a merge, levelled,
/// with a weigher. Large enough that a GPU is full; the host takes a quarter of the lengths.
std::vector<Problem> families(int64_t lengthDivisor) {
  Problem decode;
  decode.batch = 2;
  decode.queryHeads = 16;
  decode.kvHeads = 4;
  decode.context = 4000 / lengthDivisor;
  decode.headDim = 128;
  Problem softmax = decode;
  softmax.probe = Probe::None;
  softmax.state = true;
  Problem chunk = decode;
  chunk.queryLength = 4;
  chunk.causal = true;
  Problem causal;
  causal.mode = Mode::Prefill;
  causal.queryHeads = causal.kvHeads = 4;
  causal.context = 700 / lengthDivisor;
  causal.headDim = 64;
  causal.causal = causal.state = true;
  Problem full = causal;
  full.causal = false;
  full.headDim = 128;
  Problem window = causal;
  window.window = 150;
  Problem ragged = decode;
  ragged.batch = 7;
  ragged.ragged = true;
  Problem levelled = ragged; // Enough rows that CTAs divide the lengths among them.
  levelled.queryHeads = 28 * levelled.kvHeads;
  Problem paged = ragged;
  paged.pageSize = 48;
  Problem pagedPrefill = causal;
  pagedPrefill.batch = 3;
  pagedPrefill.ragged = true;
  pagedPrefill.pageSize = 64;
  Problem packed = causal;
  packed.batch = 3;
  packed.packedQueries = packed.packedKeys = true;
  Problem wide = causal;
  wide.batch = 2;
  wide.queryHeads = wide.kvHeads = 8;
  wide.headDim = 192;
  wide.state = false;
  std::vector<Problem> problems = {decode, softmax,  chunk, causal, full,         window,
                                   ragged, levelled, paged, wide,   pagedPrefill, packed};
  for (Problem &problem : problems)
    llvm::cantFail(normalize(problem));
  return problems;
}

/// Success if `launches` runs on one workspace give the bits of the first.
llvm::Error repeat(Workplace &place, const Problem &problem, const Schedule &schedule, int64_t launches) {
  Executor &executor = *place.executor;
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
  std::vector<std::string> first;
  for (int64_t launch = 0; launch < launches; ++launch) {
    std::vector<std::string> now;
    auto forEachOutput = [&](llvm::function_ref<llvm::Error(const TensorView &)> visit) -> llvm::Error {
      for (const NamedTensor &output : outputsOf(problem))
        if (llvm::Error error = visit(tensors->views().*output.member))
          return error;
      return llvm::Error::success();
    };
    if (llvm::Error error = forEachOutput([&](const TensorView &view) {
          return executor.fill(view.data, GuardedRegion::poison, view.spanBytes(), nullptr);
        }))
      return error;
    if (llvm::Error error = place.runAndWait(*plan, tensors->views(), *workspace))
      return error;
    if (llvm::Error error = forEachOutput([&](const TensorView &view) {
          std::string &bytes = now.emplace_back(view.spanBytes(), '\0');
          return executor.copyOut(bytes.data(), view.data, view.spanBytes(), nullptr);
        }))
      return error;
    if (launch == 0)
      first = std::move(now);
    else if (now != first)
      return llvm::createStringError(fmt::format("launch {} of {} gives other bits than the first", launch, launches));
  }
  return workspace->check(executor);
}

} // namespace

void checkRepetition(Workplace &place) {
  int64_t launches = place.isHost() ? 8 : 1000;
  for (const Problem &problem : families(place.isHost() ? 4 : 1)) {
    const Target &target = place.executor->target();
    std::vector<Schedule> schedules =
        schedulesOf(problem, ScheduleSet::Default, target, place.settings.seed, place.settings.samples);
    if (problem.mode == Mode::Decode)
      for (ScheduleSet set : {ScheduleSet::RandomSplits, ScheduleSet::Clusters})
        llvm::append_range(schedules, schedulesOf(problem, set, target, place.settings.seed, 0));
    else if (problem.headDim <= 128) // Wider ones are for the weigher that is their default.
      llvm::append_range(schedules, schedulesOf(problem, ScheduleSet::RingSplits, target, place.settings.seed, 0));
    for (const Schedule &schedule : schedules) {
      if (place.isLost)
        return;
      std::string what = fmt::format("problem {} schedule {}", toJson(problem), toText(schedule));
      if (llvm::Error error = repeat(place, problem, schedule, launches))
        place.report.failed("repetition", llvm::toString(std::move(error)) + "\n       " + what);
      else
        place.report.passed("repetition", what);
    }
  }
}

} // namespace lla::numeric
