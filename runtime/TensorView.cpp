//===- TensorView.cpp - tensors of the caller, by address and strides -----===//
//
// Nothing here allocates unless it fails: the checks are part of a launch.
//
//===----------------------------------------------------------------------===//

#include "runtime/TensorView.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <limits>
#include <numeric>

namespace lla {
namespace {

/// Dimension 4 is the outermost: shards.
constexpr const char *dimensionNames[] = {"batch", "row", "head", "dim", "shard"};
constexpr unsigned dimensions = 5;
constexpr int64_t vectorLoadBytes = 16; ///< Widest load of a GPU thread, and a tensor map's unit.

int64_t sizeOf(const TensorView &view, unsigned dimension) {
  return dimension < 4 ? view.sizes[dimension] : view.shards;
}
int64_t strideOf(const TensorView &view, unsigned dimension) {
  return dimension < 4 ? view.strides[dimension] : view.shardStride;
}

struct NamedView {
  const char *name;
  const TensorView *view;
};

int64_t strideBytes(const TensorView &view, unsigned dimension) {
  return strideOf(view, dimension) * elementBytes(view.dtype);
}

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

/// One dimension against its planned size: exactly, or at most.
llvm::Error checkSize(NamedView tensor, unsigned dimension, int64_t planned, bool upTo) {
  int64_t size = sizeOf(*tensor.view, dimension);
  if (size == planned || (upTo && size >= 0 && size < planned))
    return llvm::Error::success();
  return usage(fmt::format("{}.{}: expected {}{}, got {}", tensor.name, dimensionNames[dimension],
                           !upTo      ? ""
                           : size < 0 ? "0.."
                                      : "at most ",
                           planned, size));
}

constexpr unsigned rowDimensions[] = {0, 1, 2}, allDimensions[] = {0, 1, 2, 3};

llvm::Error checkSameSizes(NamedView tensor, NamedView model, llvm::ArrayRef<unsigned> which = allDimensions) {
  for (unsigned dimension : which)
    if (tensor.view->sizes[dimension] != model.view->sizes[dimension])
      return usage(fmt::format("{}.{}: expected {} as in {}, got {}", tensor.name, dimensionNames[dimension],
                               model.view->sizes[dimension], model.name, tensor.view->sizes[dimension]));
  return llvm::Error::success();
}

llvm::Error checkType(NamedView tensor, ElementType expected) {
  if (tensor.view->dtype == expected)
    return llvm::Error::success();
  return usage(
      fmt::format("{}.dtype: expected {}, got {}", tensor.name, name(expected).str(), name(tensor.view->dtype).str()));
}

llvm::Error checkShape(NamedView tensor, const Problem &planned, ElementType type, int64_t rows, int64_t heads) {
  if (llvm::Error error = checkType(tensor, type))
    return error;
  if (llvm::Error error = checkSize(tensor, 0, planned.batch, /*upTo=*/true))
    return error;
  if (llvm::Error error = checkSize(tensor, 1, rows, /*upTo=*/true))
    return error;
  if (llvm::Error error = checkSize(tensor, 2, heads, /*upTo=*/false))
    return error;
  return checkSize(tensor, 3, planned.headDim, /*upTo=*/false);
}

/// Byte offsets fit 63 bits, so that nothing after this can overflow.
bool isAddressable(const TensorView &view) {
  int64_t reach = 1;
  for (unsigned dimension = 0; dimension < dimensions; ++dimension) {
    int64_t offset = 0;
    if (__builtin_mul_overflow(sizeOf(view, dimension) - 1, strideOf(view, dimension), &offset) ||
        __builtin_add_overflow(reach, offset, &reach))
      return false;
  }
  return reach <= std::numeric_limits<int64_t>::max() / 8;
}

/// A power of two: a division each would be a third of a launch's checks.
bool isMultiple(uint64_t bytes, int64_t alignment) { return (bytes & (alignment - 1)) == 0; }

llvm::Error checkStrides(NamedView tensor, int64_t alignment) {
  const TensorView &view = *tensor.view;
  if (view.sizes[3] > 1 && view.strides[3] != 1)
    return usage(fmt::format("{}.stride(dim): expected 1, got {}", tensor.name, view.strides[3]));
  constexpr unsigned stepped[] = {0, 1, 2, 4};
  auto isStepped = [&](unsigned dimension) { return sizeOf(view, dimension) > 1; }; // Else multiplied by 0 at most.
  for (unsigned dimension : stepped)
    if (int64_t stride = strideOf(view, dimension); isStepped(dimension) && stride < 0)
      return usage(fmt::format("{}.stride({}): expected >= 0, got {}", tensor.name, dimensionNames[dimension], stride));
  if (!isAddressable(view)) // Before a stride is multiplied.
    return usage(fmt::format("{}.stride: expected offsets below 2^60 elements, got more", tensor.name));
  for (unsigned dimension : stepped)
    if (isStepped(dimension) && !isMultiple(strideBytes(view, dimension), alignment))
      return usage(fmt::format("{}.stride({}): expected a multiple of {} bytes, got {} elements", tensor.name,
                               dimensionNames[dimension], alignment, strideOf(view, dimension)));
  return llvm::Error::success();
}

llvm::Error checkAddress(NamedView tensor, TargetKind target) {
  const TensorView &view = *tensor.view;
  if (view.empty())
    return llvm::Error::success();
  if (!view.data)
    return usage(fmt::format("{}.data: expected an address, got null", tensor.name));
  bool isByVectors = target == TargetKind::Cuda && view.sizes[3] > 1;
  int64_t alignment = isByVectors ? vectorLoadBytes : elementBytes(view.dtype);
  if (!isMultiple(reinterpret_cast<uintptr_t>(view.data), alignment))
    return usage(fmt::format("{}.data: expected an address aligned to {} bytes, got {}", tensor.name, alignment,
                             fmt::ptr(view.data)));
  return checkStrides(tensor, alignment);
}

/// The view's dimensions with more than one element, innermost (least stride) first.
struct SortedDimensions {
  unsigned order[dimensions], count = 0;

  explicit SortedDimensions(const TensorView &view) {
    for (unsigned dimension = 0; dimension < dimensions; ++dimension)
      if (sizeOf(view, dimension) > 1)
        order[count++] = dimension;
    std::sort(order, order + count, [&](unsigned a, unsigned b) { return strideOf(view, a) < strideOf(view, b); });
  }
};

/// True if no two index tuples share an element. Sufficient, not necessary: each stride steps over all that
/// lies within the smaller ones.
bool addressesEachElementOnce(const TensorView &view) {
  SortedDimensions sorted(view);
  int64_t reach = 1;
  for (unsigned i = 0; i < sorted.count; ++i) {
    unsigned dimension = sorted.order[i];
    if (strideOf(view, dimension) < reach)
      return false;
    reach += (sizeOf(view, dimension) - 1) * strideOf(view, dimension);
  }
  return true;
}

/// Bytes spanned by the dimensions whose stride is below `period`; the others' strides go into `divisor`.
int64_t spanBelow(const TensorView &view, int64_t period, int64_t &divisor) {
  int64_t span = elementBytes(view.dtype);
  for (unsigned dimension = 0; dimension < dimensions; ++dimension) {
    if (sizeOf(view, dimension) <= 1)
      continue;
    int64_t stride = strideBytes(view, dimension);
    if (stride < period)
      span += (sizeOf(view, dimension) - 1) * stride;
    else
      divisor = std::gcd(divisor, stride);
  }
  return span;
}

/// Both views repeat every g bytes, g the common divisor of all strides of at least `period`. They are disjoint
/// if their shares of one repetition are.
bool disjointWithin(const TensorView &a, const TensorView &b, int64_t period) {
  int64_t divisor = 0;
  int64_t spanA = spanBelow(a, period, divisor), spanB = spanBelow(b, period, divisor);
  if (divisor == 0)
    return false; // Nothing repeats: the spans themselves were compared already.
  int64_t distance =
      static_cast<int64_t>((reinterpret_cast<uintptr_t>(b.data) - reinterpret_cast<uintptr_t>(a.data))) % divisor;
  distance = (distance + divisor) % divisor;
  return spanA <= distance && spanB <= divisor - distance;
}

template <class Visit>
llvm::Error forEach(llvm::ArrayRef<NamedTensor> names, const AttentionTensors &tensors, Visit visit) {
  for (const NamedTensor &one : names)
    if (llvm::Error error = visit(NamedView{one.name, &(tensors.*one.member)}))
      return error;
  return llvm::Error::success();
}

template <class Visit> llvm::Error forEachInput(const Problem &problem, const AttentionTensors &tensors, Visit visit) {
  return forEach(inputsOf(problem), tensors, visit);
}
template <class Visit> llvm::Error forEachOutput(const Problem &problem, const AttentionTensors &tensors, Visit visit) {
  return forEach(outputsOf(problem), tensors, visit);
}

llvm::Error overlap(const char *a, const char *b) {
  return usage(fmt::format("{}: expected memory of its own, got an overlap with {}", a, b));
}

llvm::Error checkWorkspace(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                           int64_t bytes) {
  if (bytes == 0)
    return llvm::Error::success();
  if (llvm::Error error = checkWorkspaceAddress(workspace, bytes))
    return error;
  auto check = [&](NamedView tensor) {
    bool disjoint =
        tensor.view->empty() || spansDisjoint(workspace, bytes, tensor.view->data, tensor.view->spanBytes());
    return disjoint ? llvm::Error::success() : overlap("workspace", tensor.name);
  };
  if (llvm::Error error = forEachInput(problem, tensors, check))
    return error;
  return forEachOutput(problem, tensors, check);
}

/// `output` addresses each element once and has memory of its own.
llvm::Error checkOutput(const Problem &problem, const AttentionTensors &tensors, NamedView output) {
  if (output.view->empty()) // Whatever its strides are: those of row-major order are 0 then.
    return llvm::Error::success();
  if (!addressesEachElementOnce(*output.view))
    return usage(fmt::format(
        "{}.stride: expected each element to have an address of its own, got elements that share one", output.name));
  auto apart = [&](NamedView other) {
    bool isItself = other.view == output.view;
    return !isItself && mayOverlap(*other.view, *output.view) ? overlap(output.name, other.name)
                                                              : llvm::Error::success();
  };
  if (llvm::Error error = forEachInput(problem, tensors, apart))
    return error;
  return forEachOutput(problem, tensors, apart);
}

/// lse, tbar and vbar of the rows of `model`.
llvm::Error checkStateShapes(NamedView lse, NamedView tbar, NamedView vbar, NamedView model) {
  for (NamedView rows : {lse, tbar}) {
    if (llvm::Error error = checkType(rows, ElementType::F32))
      return error;
    if (llvm::Error error = checkSameSizes(rows, model, rowDimensions))
      return error;
    if (llvm::Error error = checkSize(rows, 3, 1, /*upTo=*/false))
      return error;
  }
  if (llvm::Error error = checkType(vbar, ElementType::F32))
    return error;
  return checkSameSizes(vbar, model);
}

/// o, and with state lse, tbar and vbar, beside `model`.
llvm::Error checkOutputShapes(const Problem &planned, const AttentionTensors &tensors, NamedView model) {
  NamedView o{"o", &tensors.o};
  if (llvm::Error error = checkSameSizes(o, model))
    return error;
  if (llvm::Error error = checkType(o, planned.outputType()))
    return error;
  if (planned.state)
    if (llvm::Error error =
            checkStateShapes({"lse", &tensors.lse}, {"tbar", &tensors.tbar}, {"vbar", &tensors.vbar}, model))
      return error;
  auto isWhole = [](NamedView output) { return checkSize(output, 4, 1, /*upTo=*/false); };
  return forEachOutput(planned, tensors, isWhole);
}

llvm::Expected<Problem> problemOfMerge(const Problem &planned, const AttentionTensors &tensors) {
  NamedView part{"part_o", &tensors.partO};
  if (llvm::Error error = checkShape(part, planned, planned.dtype, planned.queryLength, planned.queryHeads))
    return std::move(error);
  if (llvm::Error error = checkSize(part, 4, planned.shards, /*upTo=*/true))
    return std::move(error);
  Problem actual = planned;
  actual.batch = tensors.partO.sizes[0];
  actual.queryLength = tensors.partO.sizes[1];
  actual.shards = tensors.partO.shards;
  if (llvm::Error error = checkIndexSizes(actual, tensors))
    return std::move(error);
  if (llvm::Error error = checkStateShapes({"part_lse", &tensors.partLse}, {"part_tbar", &tensors.partTbar},
                                           {"part_vbar", &tensors.partVbar}, part))
    return std::move(error);
  auto hasShards = [&](NamedView tensor) { return checkSize(tensor, 4, actual.shards, /*upTo=*/false); };
  if (llvm::Error error = forEachInput(planned, tensors, hasShards))
    return std::move(error);
  if (llvm::Error error = checkOutputShapes(planned, tensors, part))
    return std::move(error);
  return actual;
}

constexpr NamedTensor inputNames[] = {
    {"q", &AttentionTensors::q}, {"k", &AttentionTensors::k}, {"v", &AttentionTensors::v}, {"r", &AttentionTensors::r}};
constexpr NamedTensor scaledInputNames[] = {{"q", &AttentionTensors::q},
                                            {"k", &AttentionTensors::k},
                                            {"v", &AttentionTensors::v},
                                            {"k_scales", &AttentionTensors::kScales},
                                            {"v_scales", &AttentionTensors::vScales},
                                            {"r", &AttentionTensors::r}};
constexpr NamedTensor partNames[] = {{"part_o", &AttentionTensors::partO},
                                     {"part_lse", &AttentionTensors::partLse},
                                     {"part_tbar", &AttentionTensors::partTbar},
                                     {"part_vbar", &AttentionTensors::partVbar}};
constexpr NamedTensor outputNames[] = {{"o", &AttentionTensors::o},
                                       {"lse", &AttentionTensors::lse},
                                       {"tbar", &AttentionTensors::tbar},
                                       {"vbar", &AttentionTensors::vbar}};

/// The pools of a paged call: any number of pages that 32 bits can name.
llvm::Error checkPool(NamedView tensor, const Problem &planned) {
  constexpr int64_t mostPages = std::numeric_limits<int32_t>::max();
  if (int64_t pages = tensor.view->sizes[0]; pages < 0 || pages > mostPages)
    return usage(fmt::format("{}.batch: expected 0..{} pages, got {}", tensor.name, mostPages, pages));
  if (tensor.view->sizes[1] != planned.pageSize)
    return usage(fmt::format("{}.row: expected {} rows in a page, got {}", tensor.name, planned.pageSize,
                             tensor.view->sizes[1]));
  Problem anyPages = planned;
  anyPages.batch = tensor.view->sizes[0];
  return checkShape(tensor, anyPages, planned.keyType(), planned.pageSize, planned.kvHeads);
}

/// A packed tensor is a batch of one; 32 bits count its rows, of `together` heads each, and a tile's behind them.
llvm::Error checkPacked(NamedView tensor, const Problem &planned, ElementType type, int64_t heads, int64_t together) {
  if (llvm::Error error = checkSize(tensor, 0, 1, /*upTo=*/false))
    return error;
  constexpr int64_t tile = 4096, most = std::numeric_limits<int32_t>::max() - tile;
  return checkShape(tensor, planned, type, most / together, heads);
}

/// Batch and query length of a call, by its q.
llvm::Error readQueries(const Problem &planned, const AttentionTensors &tensors, Problem &actual) {
  NamedView q{"q", &tensors.q};
  actual.batch = tensors.q.sizes[0];
  actual.queryLength = tensors.q.sizes[1];
  if (!planned.packedQueries)
    return checkShape(q, planned, planned.dtype, planned.queryLength, planned.queryHeads);
  // Of a group's heads a tile may have as many rows as a power of two (`rowsPerQuery`).
  int64_t together = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(planned.group())));
  if (llvm::Error error = checkPacked(q, planned, planned.dtype, planned.queryHeads, together))
    return error;
  llvm::Expected<int64_t> batch = packedBatch(planned, tensors);
  if (!batch)
    return batch.takeError();
  actual.batch = *batch;
  actual.queryLength = std::min(planned.queryLength, actual.queryLength);
  return llvm::Error::success();
}

/// Keys that a paged call can have.
int64_t contextOf(const Problem &planned, const AttentionTensors &tensors) {
  if (tensors.k.sizes[0] == 0)
    return 0;
  int64_t pages = std::max<int64_t>(tensors.pageTable.each, 0);
  return pages > planned.context / planned.pageSize ? planned.context : pages * planned.pageSize;
}

/// Context of a call, by its k; the batch is known.
llvm::Error readKeys(const Problem &planned, const AttentionTensors &tensors, Problem &actual) {
  NamedView k{"k", &tensors.k};
  if (planned.pageSize) {
    actual.context = contextOf(planned, tensors);
    return checkPool(k, planned);
  }
  actual.context = tensors.k.sizes[1];
  if (planned.packedKeys) {
    actual.context = std::min(planned.context, actual.context);
    return checkPacked(k, planned, planned.keyType(), planned.kvHeads, 1);
  }
  if (llvm::Error error = checkShape(k, planned, planned.keyType(), planned.context, planned.kvHeads))
    return error;
  return checkSize(k, 0, actual.batch, /*upTo=*/false);
}

/// Factors of fp8 keys and values that are given: one, or one of each KV head.
llvm::Error checkScales(const Problem &planned, const AttentionTensors &tensors) {
  for (NamedView scales : {NamedView{"k_scales", &tensors.kScales}, {"v_scales", &tensors.vScales}}) {
    if (!planned.hasKeyScales() || scales.view->empty())
      continue;
    if (llvm::Error error = checkType(scales, ElementType::F32))
      return error;
    for (unsigned dimension : {0u, 1u, 3u, 4u})
      if (llvm::Error error = checkSize(scales, dimension, 1, /*upTo=*/false))
        return error;
    if (int64_t heads = scales.view->sizes[2]; heads != 1 && heads != planned.kvHeads)
      return usage(fmt::format("{}.head: expected 1 or {}, got {}", scales.name, planned.kvHeads, heads));
  }
  return llvm::Error::success();
}

} // namespace

bool spansDisjoint(const void *a, int64_t bytesA, const void *b, int64_t bytesB) {
  uintptr_t beginA = reinterpret_cast<uintptr_t>(a), beginB = reinterpret_cast<uintptr_t>(b);
  return beginA + bytesA <= beginB || beginB + bytesB <= beginA;
}

llvm::ArrayRef<NamedTensor> inputsOf(const Problem &problem) {
  if (problem.isMerge())
    return partNames;
  llvm::ArrayRef<NamedTensor> names = inputNames;
  if (problem.hasKeyScales())
    names = scaledInputNames;
  return names.drop_back(problem.hasProbe() ? 0 : 1);
}

llvm::ArrayRef<NamedTensor> outputsOf(const Problem &problem) {
  return llvm::ArrayRef(outputNames).drop_back(problem.state ? 0 : 3);
}

int64_t TensorView::spanBytes() const {
  if (empty())
    return 0;
  int64_t last = (shards - 1) * shardStride;
  for (unsigned dimension = 0; dimension < 4; ++dimension)
    last += (sizes[dimension] - 1) * strides[dimension];
  return (last + 1) * elementBytes(dtype);
}

TensorView shardOf(const TensorView &view, int64_t shard) {
  TensorView one = view;
  one.shards = 1;
  one.data = static_cast<char *>(view.data) + shard * view.shardStride * elementBytes(view.dtype);
  return one;
}

TensorView denseView(void *data, ElementType dtype, std::array<int64_t, 4> sizes, Layout layout) {
  auto [batch, row, head, dim] = sizes;
  TensorView view{data, dtype, sizes, {}};
  if (layout == Layout::BSHD)
    view.strides = {row * head * dim, head * dim, dim, 1};
  else
    view.strides = {head * row * dim, dim, row * dim, 1};
  return view;
}

AttentionTensors denseTensors(const Problem &problem) {
  auto ofQueries = [&](ElementType dtype, int64_t dim) {
    std::array<int64_t, 4> sizes = {problem.batch, problem.queryLength, problem.queryHeads, dim};
    if (problem.packedQueries)
      sizes = {1, problem.batch * problem.queryLength, problem.queryHeads, dim};
    return denseView(nullptr, dtype, sizes, problem.layout);
  };
  AttentionTensors tensors;
  tensors.o = ofQueries(problem.outputType(), problem.headDim);
  if (problem.state) {
    tensors.lse = tensors.tbar = ofQueries(ElementType::F32, 1);
    tensors.vbar = ofQueries(ElementType::F32, problem.headDim);
  }
  if (problem.isMerge()) {
    auto stacked = [&](TensorView shard) {
      shard.shardStride = shard.elements();
      shard.shards = problem.shards;
      return shard;
    };
    tensors.partO = tensors.partVbar = stacked(tensors.vbar);
    tensors.partLse = tensors.partTbar = stacked(tensors.lse);
    return tensors;
  }
  tensors.q = ofQueries(problem.dtype, problem.headDim);
  setDenseIndices(problem, tensors);
  std::array<int64_t, 4> keySizes = {problem.batch, problem.context, problem.kvHeads, problem.headDim};
  if (problem.pageSize) {
    keySizes[0] = problem.batch * tensors.pageTable.each;
    keySizes[1] = problem.pageSize;
  }
  if (problem.packedKeys) {
    keySizes[0] = 1;
    keySizes[1] = problem.batch * problem.context;
  }
  tensors.k = tensors.v = denseView(nullptr, problem.keyType(), keySizes, problem.layout);
  if (problem.hasKeyScales())
    tensors.kScales = tensors.vScales =
        denseView(nullptr, ElementType::F32, {1, 1, problem.kvHeads, 1}, problem.layout);
  if (problem.hasProbe())
    tensors.r = tensors.q;
  return tensors;
}

bool mayOverlap(const TensorView &a, const TensorView &b) {
  int64_t bytesA = a.spanBytes(), bytesB = b.spanBytes();
  if (bytesA == 0 || bytesB == 0 || spansDisjoint(a.data, bytesA, b.data, bytesB))
    return false;
  for (const TensorView *view : {&a, &b})
    for (unsigned dimension : {0u, 1u, 2u, 4u})
      if (sizeOf(*view, dimension) > 1 && strideOf(*view, dimension) > 0 &&
          disjointWithin(a, b, strideBytes(*view, dimension)))
        return false;
  return true;
}

llvm::Expected<Problem> problemOf(const Problem &planned, const AttentionTensors &tensors) {
  if (planned.isMerge())
    return problemOfMerge(planned, tensors);
  NamedView q{"q", &tensors.q}, k{"k", &tensors.k};
  Problem actual = planned;
  if (llvm::Error error = readQueries(planned, tensors, actual))
    return error;
  if (llvm::Error error = checkIndexSizes(actual, tensors))
    return error;
  if (llvm::Error error = readKeys(planned, tensors, actual))
    return error;
  if (planned.hasProbe())
    if (llvm::Error error = checkSameSizes({"r", &tensors.r}, q))
      return error;
  if (llvm::Error error = checkSameSizes({"v", &tensors.v}, k))
    return error;
  if (llvm::Error error = checkOutputShapes(planned, tensors, q))
    return error;
  if (planned.hasProbe())
    if (llvm::Error error = checkType({"r", &tensors.r}, planned.dtype))
      return error;
  if (llvm::Error error = checkType({"v", &tensors.v}, planned.keyType()))
    return error;
  if (llvm::Error error = checkScales(planned, tensors))
    return error;
  return actual;
}

llvm::Error checkAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                           int64_t workspaceBytes, TargetKind target) {
  auto check = [&](NamedView tensor) { return checkAddress(tensor, target); };
  if (llvm::Error error = forEachInput(problem, tensors, check))
    return error;
  if (llvm::Error error = forEachOutput(problem, tensors, check))
    return error;
  auto isItsOwn = [&](NamedView output) { return checkOutput(problem, tensors, output); };
  if (llvm::Error error = forEachOutput(problem, tensors, isItsOwn))
    return error;
  if (llvm::Error error = checkIndexAddresses(problem, tensors, workspace, workspaceBytes))
    return error;
  return checkWorkspace(problem, tensors, workspace, workspaceBytes);
}

llvm::Error checkWorkspaceAddress(const void *workspace, int64_t bytes) {
  if (bytes == 0)
    return llvm::Error::success();
  if (!workspace)
    return usage(fmt::format("workspace: expected {} bytes, got null", bytes));
  constexpr uintptr_t alignment = 256;
  if (reinterpret_cast<uintptr_t>(workspace) % alignment)
    return usage(
        fmt::format("workspace: expected an address aligned to {} bytes, got {}", alignment, fmt::ptr(workspace)));
  return llvm::Error::success();
}

} // namespace lla
