//===- ContextParallel.cpp - shards of the keys apart, then merged --------===//
//
// What context parallelism does: the keys in parts that different devices would
// hold, the same queries on each, and the results joined. Parts are random, some of
// them empty; merges are of all at once, of merges, and in any order.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "PlacedTensors.h"
#include "runtime/Inputs.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <random>

namespace lla::numeric {
namespace {

/// Keys [begin, end) of each shard.
using Shards = std::vector<KeyRange>;

Shards randomShards(int64_t context, int64_t count, std::mt19937_64 &random) {
  std::vector<int64_t> cuts = {0, context};
  for (int64_t i = 1; i < count; ++i)
    cuts.push_back(std::uniform_int_distribution<int64_t>(0, context)(random));
  cuts.push_back(cuts.back()); // At least one shard has no key.
  std::sort(cuts.begin(), cuts.end());
  Shards shards;
  for (size_t i = 0; i + 1 < cuts.size(); ++i)
    shards.push_back({cuts[i], cuts[i + 1]});
  std::shuffle(shards.begin(), shards.end(), random);
  return shards;
}

Problem mergeOf(const Problem &problem, int64_t shards) {
  Problem merge;
  merge.mode = Mode::Merge;
  merge.batch = problem.batch;
  merge.queryHeads = merge.kvHeads = problem.queryHeads;
  merge.queryLength = problem.queryLength;
  merge.headDim = problem.headDim;
  merge.dtype = ElementType::F32;
  merge.layout = problem.layout;
  merge.shards = shards;
  llvm::cantFail(normalize(merge));
  return merge;
}

constexpr std::pair<TensorView AttentionTensors::*, TensorView AttentionTensors::*> partsAndOutputs[] = {
    {&AttentionTensors::partO, &AttentionTensors::o},
    {&AttentionTensors::partLse, &AttentionTensors::lse},
    {&AttentionTensors::partTbar, &AttentionTensors::tbar},
    {&AttentionTensors::partVbar, &AttentionTensors::vbar}};

/// Device memory of one merge: partial results, and the merged one.
class MergeMemory {
public:
  /// Dense and poisoned; or, with a `stride`, o and vbar of shards that many elements apart.
  static llvm::Expected<MergeMemory> create(Workplace &place, const Problem &problem, int64_t shards,
                                            int64_t stride = 0) {
    MergeMemory memory(place, mergeOf(problem, shards));
    if (stride)
      memory.tensors.partO.shardStride = memory.tensors.partVbar.shardStride = stride;
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(memory.merge), outputsOf(memory.merge)})
      for (const NamedTensor &one : names) {
        TensorView &view = memory.tensors.*one.member;
        llvm::Expected<std::unique_ptr<Buffer>> buffer = place.executor->allocate(view.spanBytes());
        if (!buffer)
          return buffer.takeError();
        view.data = (*buffer)->data();
        if (!stride)
          if (llvm::Error error = place.executor->fill(view.data, GuardedRegion::poison, view.spanBytes(), nullptr))
            return std::move(error);
        memory.buffers.push_back(std::move(*buffer));
      }
    return memory;
  }

  /// `views` with the outputs of one shard in place of its own.
  AttentionTensors withOutputs(AttentionTensors views, int64_t shard) const {
    for (auto [part, output] : partsAndOutputs)
      views.*output = shardOf(tensors.*part, shard);
    return views;
  }

  /// Copies a shard's results from another merge: its merged one, or (`from` >= 0) one of its parts.
  llvm::Error copyShard(int64_t shard, const MergeMemory &other, int64_t from) {
    for (auto [part, output] : partsAndOutputs) {
      TensorView to = shardOf(tensors.*part, shard);
      const TensorView source = from < 0 ? other.tensors.*output : shardOf(other.tensors.*part, from);
      std::vector<char> bytes(to.spanBytes());
      if (llvm::Error error = place.executor->copyOut(bytes.data(), source.data, bytes.size(), nullptr))
        return error;
      if (llvm::Error error = place.executor->copyIn(to.data, bytes.data(), bytes.size(), nullptr))
        return error;
    }
    return llvm::Error::success();
  }

  llvm::Error writeShard(int64_t shard, const Outputs &values) {
    const std::vector<double> *sources[] = {&values.o, &values.lse, &values.tbar, &values.vbar};
    for (auto [pair, source] : llvm::zip_equal(partsAndOutputs, sources)) {
      TensorView to = shardOf(tensors.*pair.first, shard), copy = to;
      std::vector<char> bytes(to.spanBytes());
      copy.data = bytes.data();
      for (int64_t row = 0, rows = rowCount(copy); row < rows; ++row)
        writeRow(copy, row, &(*source)[row * copy.sizes[3]]);
      if (llvm::Error error = place.executor->copyIn(to.data, bytes.data(), bytes.size(), nullptr))
        return error;
    }
    return llvm::Error::success();
  }

  /// Launches the merge and reads what it wrote.
  llvm::Expected<Outputs> run() {
    llvm::Expected<Plan> plan = preparedPlan(place, merge, defaultSchedule(merge, place.executor->target()));
    if (!plan)
      return plan.takeError();
    llvm::Expected<Workspace> workspace = Workspace::create(*place.executor, plan->resources());
    if (!workspace)
      return workspace.takeError();
    if (llvm::Error error = place.runAndWait(*plan, tensors, *workspace))
      return std::move(error);
    return read(tensors);
  }

  /// The outputs among `views`, dense (batch, row, head, dim).
  llvm::Expected<Outputs> read(const AttentionTensors &views) const {
    Outputs outputs;
    std::vector<double> *const members[] = {&outputs.o, &outputs.lse, &outputs.tbar, &outputs.vbar};
    for (auto [pair, values] : llvm::zip_equal(partsAndOutputs, members)) {
      const TensorView &view = views.*pair.second;
      TensorView copy = view;
      std::vector<char> bytes(view.spanBytes());
      if (llvm::Error error = place.executor->copyOut(bytes.data(), view.data, bytes.size(), nullptr))
        return std::move(error);
      copy.data = bytes.data();
      values->resize(view.elements());
      for (int64_t row = 0, rows = rowCount(copy); row < rows; ++row)
        readRow(copy, row, &(*values)[row * copy.sizes[3]]);
    }
    return outputs;
  }

private:
  MergeMemory(Workplace &place, const Problem &merge) : place(place), merge(merge), tensors(denseTensors(merge)) {}

  Workplace &place;
  Problem merge;
  AttentionTensors tensors;
  std::vector<std::unique_ptr<Buffer>> buffers;
};

/// Largest difference of two results, each tensor over its largest value (lse and tbar: or 1); NaN and infinities that
/// do not agree give NaN.
double differenceOf(const Outputs &a, const Outputs &b) {
  double worst = 0;
  struct {
    const std::vector<double> &x, &y;
    double least;
  } const all[] = {{a.o, b.o, 0}, {a.lse, b.lse, 1}, {a.tbar, b.tbar, 1}, {a.vbar, b.vbar, 0}};
  for (const auto &[x, y, least] : all) {
    double largest = 0, magnitude = least;
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i] == y[i])
        continue;
      largest = std::isfinite(x[i] - y[i]) ? std::max(largest, std::abs(x[i] - y[i])) : NAN;
      magnitude = std::max(magnitude, std::abs(y[i]));
      if (std::isnan(largest))
        return NAN;
    }
    worst = std::max(worst, largest == 0 ? 0 : largest / magnitude);
  }
  return worst;
}

llvm::Error expectClose(const Outputs &actual, const Outputs &expected, double limit, const char *what) {
  double difference = differenceOf(actual, expected);
  if (difference <= limit) // False for NaN.
    return llvm::Error::success();
  return llvm::createStringError(
      fmt::format("{}: differs by {:.2e}, expected at most {:.0e}", what, difference, limit));
}

constexpr double rounding = 4e-6; ///< Of fp32, over a few shards.

/// Merges in two levels and another order: what a tree over devices does.
llvm::Expected<Outputs> mergeNested(Workplace &place, const Problem &problem, const MergeMemory &flat, int64_t count,
                                    std::mt19937_64 &random) {
  std::vector<int64_t> order(count);
  for (int64_t i = 0; i < count; ++i)
    order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  int64_t inner = std::uniform_int_distribution<int64_t>(1, count)(random);
  llvm::Expected<MergeMemory> first = MergeMemory::create(place, problem, inner);
  if (!first)
    return first.takeError();
  llvm::Expected<MergeMemory> second = MergeMemory::create(place, problem, count - inner + 1);
  if (!second)
    return second.takeError();
  for (int64_t i = 0; i < count; ++i)
    if (llvm::Error error =
            i < inner ? first->copyShard(i, flat, order[i]) : second->copyShard(i - inner + 1, flat, order[i]))
      return std::move(error);
  llvm::Expected<Outputs> merged = first->run();
  if (!merged)
    return merged.takeError();
  if (llvm::Error error = second->copyShard(0, *first, /*from=*/-1))
    return std::move(error);
  return second->run();
}

/// One problem's keys in shards that are computed by kernels, and merged by one.
llvm::Error checkShards(Workplace &place, const Problem &problem, InputKind kind, uint64_t seed) {
  std::mt19937_64 random(seed);
  DenseInputs inputs = makeInputs(problem, kind, seed);
  Truth truth = makeTruth(problem, inputs);
  llvm::Expected<PlacedTensors> tensors = PlacedTensors::create(*place.executor, problem, Arrangement::Dense, inputs);
  if (!tensors)
    return tensors.takeError();
  llvm::Expected<Plan> plan = preparedPlan(place, problem, defaultSchedule(problem, place.executor->target()));
  if (!plan)
    return plan.takeError();
  llvm::Expected<Workspace> workspace = Workspace::create(*place.executor, plan->resources());
  if (!workspace)
    return workspace.takeError();

  Shards shards = randomShards(problem.context, std::uniform_int_distribution<int64_t>(1, 6)(random), random);
  int64_t count = static_cast<int64_t>(shards.size());
  llvm::Expected<MergeMemory> memory = MergeMemory::create(place, problem, count);
  if (!memory)
    return memory.takeError();
  for (int64_t i = 0; i < count; ++i) {
    AttentionTensors views = memory->withOutputs(tensors->views(), i);
    for (TensorView *view : {&views.k, &views.v}) {
      view->data = static_cast<char *>(view->data) + shards[i].begin * view->strides[1] * elementBytes(view->dtype);
      view->sizes[1] = shards[i].end - shards[i].begin;
    }
    if (llvm::Error error = place.runAndWait(*plan, views, *workspace))
      return error;
  }
  llvm::Expected<Outputs> merged = memory->run();
  if (!merged)
    return merged.takeError();
  if (std::string reason = judge(measure(problem, kind, *merged, truth), problem, kind); !reason.empty())
    return llvm::createStringError("merged: " + reason);

  if (llvm::Error error = place.runAndWait(*plan, tensors->views(), *workspace))
    return error;
  llvm::Expected<Outputs> whole = tensors->outputs(*place.executor);
  if (!whole)
    return whole.takeError();
  double limit = problem.dtype == ElementType::F32 ? 2e-5 : 1e-2;
  if (llvm::Error error = expectClose(*merged, *whole, limit, "against the whole"))
    return error;
  llvm::Expected<Outputs> nested = mergeNested(place, problem, *memory, count, random);
  if (!nested)
    return nested.takeError();
  return expectClose(*nested, *merged, rounding, "merges of merges");
}

/// The results of shards [begin, end) of the keys in double precision.
Outputs exactResults(const Problem &problem, const DenseInputs &inputs, KeyRange keys) {
  Problem part = problem;
  part.context = keys.end - keys.begin;
  DenseInputs slice = inputs;
  int64_t keySize = problem.kvHeads * problem.headDim;
  for (auto [to, from] : {std::pair{&slice.k, &inputs.k}, {&slice.v, &inputs.v}}) {
    to->clear();
    for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
      auto first = from->begin() + sequence * problem.context * keySize;
      to->insert(to->end(), first + keys.begin * keySize, first + keys.end * keySize);
    }
  }
  States states = referenceStates(part, slice.q, slice.r, slice.k, slice.v);
  return {referenceForward(part, slice.q, slice.r, slice.k, slice.v), states.lse, states.tbar, states.vbar};
}

/// Parts that are exact but for their rounding to fp32 give the whole but for that.
llvm::Error checkExactParts(Workplace &place, const Problem &problem, InputKind kind, uint64_t seed,
                            int64_t stride = 0) {
  std::mt19937_64 random(seed);
  DenseInputs inputs = makeInputs(problem, kind, seed);
  Shards shards = randomShards(problem.context, stride ? 2 : 5, random);
  int64_t count = static_cast<int64_t>(shards.size());
  llvm::Expected<MergeMemory> memory = MergeMemory::create(place, problem, count, stride);
  if (!memory)
    return memory.takeError();
  for (int64_t i = 0; i < count; ++i)
    if (llvm::Error error = memory->writeShard(i, exactResults(problem, inputs, shards[i])))
      return error;
  llvm::Expected<Outputs> merged = memory->run();
  if (!merged)
    return merged.takeError();
  Outputs whole = exactResults(problem, inputs, {0, problem.context});
  return expectClose(*merged, whole, rounding, "exact parts");
}

/// One shard, and empty ones around it whatever they hold, come out bit by bit; only empty ones, as empty.
llvm::Error checkNeutral(Workplace &place, const Problem &problem, uint64_t seed) {
  DenseInputs inputs = makeInputs(problem, InputKind::Normal, seed);
  Outputs exact = exactResults(problem, inputs, {0, problem.context}), empty = exact;
  std::fill(empty.lse.begin(), empty.lse.end(), -INFINITY);
  for (std::vector<double> *values : {&empty.o, &empty.tbar, &empty.vbar})
    std::fill(values->begin(), values->end(), NAN);
  for (int64_t at : {int64_t(0), int64_t(2), int64_t(4), int64_t(-1)}) { // Where the shard is; -1: nowhere.
    llvm::Expected<MergeMemory> memory = MergeMemory::create(place, problem, 5);
    if (!memory)
      return memory.takeError();
    for (int64_t i = 0; i < 5; ++i)
      if (llvm::Error error = memory->writeShard(i, i == at ? exact : empty))
        return error;
    llvm::Expected<Outputs> merged = memory->run();
    if (!merged)
      return merged.takeError();
    Outputs expected = exact;
    for (auto [values, nothing] :
         {std::pair{&expected.o, 0.0}, {&expected.tbar, 0.0}, {&expected.vbar, 0.0}, {&expected.lse, -INFINITY}})
      for (double &value : *values)
        value = at < 0 ? nothing : static_cast<float>(value);
    if (llvm::Error error = expectClose(*merged, expected, 0, at < 0 ? "no shard" : "one shard among empty ones"))
      return error;
  }
  return llvm::Error::success();
}

/// Problems of which each row sees all keys: any part of them is a problem of its own.
std::vector<Problem> problems(bool isHost) {
  std::vector<Problem> all;
  for (ElementType dtype : {ElementType::F32, ElementType::BF16, ElementType::F16})
    for (Probe probe : {Probe::Given, Probe::None})
      for (int64_t dim : {64, 72, 128}) {
        Problem problem;
        problem.dtype = dtype;
        problem.probe = probe;
        problem.headDim = dim;
        problem.batch = 2;
        problem.queryHeads = 4;
        problem.kvHeads = 2;
        problem.context = 500;
        problem.state = true;
        problem.outputDtype = ElementType::F32;
        all.push_back(problem);
        problem.mode = Mode::Prefill;
        problem.context = 150;
        problem.queryLength = 70;
        problem.layout = Layout::BHSD;
        all.push_back(problem);
      }
  for (Problem &problem : all)
    llvm::cantFail(normalize(problem));
  llvm::erase_if(all, [&](const Problem &problem) { return !isHost && problem.dtype == ElementType::F32; });
  return all;
}

} // namespace

void checkContextParallel(Workplace &place) {
  uint64_t seed = place.settings.seed * 1000;
  auto report = [&](const Problem &problem, InputKind kind, const char *what, llvm::Error error) {
    if (error)
      place.report.failed("context_parallel",
                          fmt::format("{}\n       {}, {}, problem {}, seed {}", llvm::toString(std::move(error)), what,
                                      name(kind), toJson(problem), seed));
    else
      place.report.passed("context_parallel", fmt::format("{}, {} {}", what, name(kind), toJson(problem)));
  };
  for (const Problem &problem : problems(place.isHost())) {
    for (InputKind kind : {InputKind::Normal, InputKind::LargeProbe, InputKind::OffsetKeys, InputKind::GrowingScores}) {
      if (place.isLost)
        return;
      report(problem, kind, "shards", checkShards(place, problem, kind, ++seed));
      report(problem, kind, "exact parts", checkExactParts(place, problem, kind, ++seed));
    }
    report(problem, InputKind::Normal, "neutral parts", checkNeutral(place, problem, ++seed));
  }
  // Three shards, all but the first beyond 2^31 elements; little of the memory is touched.
  constexpr int64_t far = (int64_t(1) << 31) + 512;
  Problem problem = problems(place.isHost()).front();
  report(problem, InputKind::Normal, "far shards", checkExactParts(place, problem, InputKind::Normal, ++seed, far));
}

} // namespace lla::numeric
