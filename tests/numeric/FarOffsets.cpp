//===- FarOffsets.cpp - offsets beyond 2^31 elements ----------------------===//
//
// Strides reach far while only the rows themselves are touched, so the host runs
// this with a few pages of memory. A product of 32-bit index and stride wraps at
// 2^31 (or 2^32) elements or bytes: the strides put tensors' ends beyond each.
//
//===----------------------------------------------------------------------===//

#include "CaseInputs.h"
#include "Checks.h"
#include "Schedules.h"
#include "runtime/Inputs.h"
#include <fmt/format.h>

namespace lla::numeric {
namespace {

constexpr int64_t far = (int64_t(1) << 31) + 512; ///< Elements, of an offset that 32 bits do not hold.

/// Which dimension of the tensors is stretched: the last index times its stride is `far` or more.
enum class Stretched { Batch, Row, Head };
const char *nameOf(Stretched dimension) {
  return dimension == Stretched::Batch ? "batch" : dimension == Stretched::Row ? "row" : "head";
}

Problem problemFor(Stretched dimension, Mode mode) {
  Problem problem;
  problem.mode = mode;
  problem.batch = 2;
  problem.kvHeads = 2;
  problem.queryHeads = 4;
  problem.context = 40;
  problem.headDim = 64;
  if (mode == Mode::Prefill || dimension == Stretched::Row)
    problem.queryLength = 40;
  problem.causal = mode == Mode::Prefill;
  problem.state = true;
  llvm::cantFail(normalize(problem));
  return problem;
}

/// Dense but for one dimension.
TensorView stretch(TensorView view, Stretched dimension) {
  size_t index = static_cast<size_t>(dimension);
  int64_t steps = std::max<int64_t>(view.sizes[index] - 1, 1);
  view.strides[index] = (far / steps + 63) / 64 * 64;
  return view;
}

class FarTensors {
public:
  static llvm::Expected<FarTensors> create(Executor &executor, const Problem &problem, Stretched dimension,
                                           const DenseInputs &inputs) {
    FarTensors tensors;
    AttentionTensors dense = denseTensors(problem);
    const std::pair<TensorView AttentionTensors::*, const std::vector<double> *> members[] = {
        {&AttentionTensors::q, &inputs.q},  {&AttentionTensors::r, &inputs.r}, {&AttentionTensors::k, &inputs.k},
        {&AttentionTensors::v, &inputs.v},  {&AttentionTensors::o, nullptr},   {&AttentionTensors::lse, nullptr},
        {&AttentionTensors::tbar, nullptr}, {&AttentionTensors::vbar, nullptr}};
    for (auto [member, values] : members) {
      TensorView &view = tensors.views.*member;
      view = stretch(dense.*member, dimension);
      llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(spanOf(view));
      if (!buffer)
        return buffer.takeError();
      view.data = (*buffer)->data();
      tensors.buffers.push_back(std::move(*buffer));
      if (values)
        if (llvm::Error error = tensors.write(executor, view, *values))
          return std::move(error);
    }
    return tensors;
  }

  llvm::Expected<Outputs> outputs(Executor &executor) const {
    Outputs all;
    for (auto [view, values] :
         {std::pair{&views.o, &all.o}, {&views.lse, &all.lse}, {&views.tbar, &all.tbar}, {&views.vbar, &all.vbar}})
      if (llvm::Error error = read(executor, *view, *values))
        return std::move(error);
    return all;
  }

  AttentionTensors views;

private:
  static int64_t spanOf(const TensorView &view) {
    TensorView sized = view;
    return sized.spanBytes();
  }
  /// A dense view of one row.
  static TensorView rowOf(void *data, const TensorView &view) {
    return denseView(data, view.dtype, {1, 1, 1, view.sizes[3]}, Layout::BSHD);
  }
  static llvm::Error read(Executor &executor, const TensorView &view, std::vector<double> &values) {
    int64_t dim = view.sizes[3];
    values.resize(view.elements());
    for (int64_t row = 0, rows = rowCount(view); row < rows; ++row) {
      std::vector<char> bytes(dim * elementBytes(view.dtype));
      if (llvm::Error error = executor.copyOut(bytes.data(), rowAddress(view, row), bytes.size(), nullptr))
        return error;
      readRow(rowOf(bytes.data(), view), 0, &values[row * dim]);
    }
    return llvm::Error::success();
  }
  llvm::Error write(Executor &executor, const TensorView &view, const std::vector<double> &values) {
    std::vector<char> bytes(view.sizes[3] * elementBytes(view.dtype));
    for (int64_t row = 0, rows = rowCount(view); row < rows; ++row) {
      writeRow(rowOf(bytes.data(), view), 0, &values[row * view.sizes[3]]);
      if (llvm::Error error = executor.copyIn(rowAddress(view, row), bytes.data(), bytes.size(), nullptr))
        return error;
    }
    return llvm::Error::success();
  }

  std::vector<std::unique_ptr<Buffer>> buffers;
};

llvm::Error runFar(Workplace &place, const Problem &problem, Stretched dimension, const Schedule &schedule) {
  Executor &executor = *place.executor;
  DenseInputs inputs = makeInputs(problem, InputKind::Normal, place.settings.seed);
  llvm::Expected<FarTensors> tensors = FarTensors::create(executor, problem, dimension, inputs);
  if (!tensors) {
    place.report.skipped("far_offsets", llvm::toString(tensors.takeError()));
    return llvm::Error::success();
  }
  llvm::Expected<Plan> plan = preparedPlan(place, problem, schedule);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Workspace> workspace = Workspace::create(executor, plan->resources());
  if (!workspace)
    return workspace.takeError();
  if (llvm::Error error = place.runAndWait(*plan, tensors->views, *workspace))
    return error;
  llvm::Expected<Outputs> outputs = tensors->outputs(executor);
  if (!outputs)
    return outputs.takeError();
  ErrorFigures figures = measure(problem, InputKind::Normal, *outputs, makeTruth(problem, inputs));
  if (std::string reason = judge(figures, problem, InputKind::Normal); !reason.empty())
    return llvm::createStringError(reason);
  return llvm::Error::success();
}

} // namespace

void checkFarOffsets(Workplace &place) {
  for (Mode mode : {Mode::Decode, Mode::Prefill})
    for (Stretched dimension : {Stretched::Batch, Stretched::Row, Stretched::Head}) {
      Problem problem = problemFor(dimension, mode);
      for (const Schedule &schedule :
           schedulesOf(problem, ScheduleSet::Default, place.executor->target(), place.settings.seed, 0)) {
        if (place.isLost)
          return;
        std::string what =
            fmt::format("{} stretched, problem {} schedule {}", nameOf(dimension), toJson(problem), toText(schedule));
        if (llvm::Error error = runFar(place, problem, dimension, schedule))
          place.report.failed("far_offsets", llvm::toString(std::move(error)) + "\n       " + what);
        else
          place.report.passed("far_offsets", what);
      }
    }
}

void checkLargeTensors(Workplace &place) {
  if (!place.settings.isLong)
    return place.report.skipped("large_tensors", "runs with --long");
  if (place.isHost())
    return place.report.skipped("large_tensors",
                                "filling 8 GiB takes the host minutes; far_offsets covers its offsets");
  Executor &executor = *place.executor;
  Problem problem;
  problem.kvHeads = 8;
  problem.queryHeads = 32;
  problem.headDim = 128;
  problem.context = far / (problem.kvHeads * problem.headDim) + 77;
  llvm::cantFail(normalize(problem));
  auto run = [&]() -> llvm::Error {
    AttentionTensors tensors = denseTensors(problem);
    std::vector<std::unique_ptr<Buffer>> buffers;
    for (TensorView *view : {&tensors.q, &tensors.r, &tensors.k, &tensors.v, &tensors.o}) {
      llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(view->spanBytes());
      if (!buffer) {
        place.report.skipped("large_tensors", llvm::toString(buffer.takeError()));
        return llvm::Error::success();
      }
      view->data = (*buffer)->data();
      buffers.push_back(std::move(*buffer));
    }
    llvm::Expected<Plan> plan = preparedPlan(place, problem, defaultSchedule(problem, executor.target()));
    if (!plan)
      return plan.takeError();
    llvm::Expected<Workspace> workspace = Workspace::create(executor, plan->resources());
    if (!workspace)
      return workspace.takeError();
    if (llvm::Error error = executor.fillInputs(problem, tensors, place.settings.seed))
      return error;
    if (llvm::Error error = place.runAndWait(*plan, tensors, *workspace))
      return error;
    llvm::Expected<ErrorFigures> figures = executor.compare(problem, tensors, 0, place.settings.seed);
    if (!figures)
      return figures.takeError();
    if (std::string reason = judge(*figures, problem, InputKind::Normal); !reason.empty())
      return llvm::createStringError(reason + ", judged by " + figures->oracle);
    place.report.passed("large_tensors", toJson(problem));
    return llvm::Error::success();
  };
  if (llvm::Error error = run())
    place.report.failed("large_tensors", llvm::toString(std::move(error)) + "\n       problem " + toJson(problem));
}

} // namespace lla::numeric
