//===- TensorView.cpp - tensors of the caller, by address and strides -----===//
//
// Nothing here allocates unless it fails: the checks are part of a launch.
//
//===----------------------------------------------------------------------===//

#include "runtime/TensorView.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <numeric>

namespace lla {
namespace {

constexpr const char *dimensionNames[] = {"batch", "row", "head", "dim"};
constexpr int64_t vectorLoadBytes = 16; ///< Widest load of a GPU thread, and a tensor map's unit.

struct NamedView {
  const char *name;
  const TensorView *view;
};

int64_t strideBytes(const TensorView &view, unsigned dimension) {
  return view.strides[dimension] * elementBytes(view.dtype);
}

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

/// One dimension against its planned size: exactly, or at most.
llvm::Error checkSize(NamedView tensor, unsigned dimension, int64_t planned, bool upTo) {
  int64_t size = tensor.view->sizes[dimension];
  if (size == planned || (upTo && size >= 0 && size < planned))
    return llvm::Error::success();
  return usage(fmt::format("{}.{}: expected {}{}, got {}", tensor.name, dimensionNames[dimension],
                           upTo ? "at most " : "", planned, size));
}

llvm::Error checkSameSizes(NamedView tensor, NamedView model) {
  for (unsigned dimension = 0; dimension < 4; ++dimension)
    if (tensor.view->sizes[dimension] != model.view->sizes[dimension])
      return usage(fmt::format("{}.{}: expected {} as in {}, got {}", tensor.name, dimensionNames[dimension],
                               model.view->sizes[dimension], model.name, tensor.view->sizes[dimension]));
  return llvm::Error::success();
}

llvm::Error checkShape(NamedView tensor, const Problem &planned, int64_t rows, int64_t heads) {
  if (tensor.view->dtype != planned.dtype)
    return usage(fmt::format("{}.dtype: expected {}, got {}", tensor.name, name(planned.dtype).str(),
                             name(tensor.view->dtype).str()));
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
  for (unsigned dimension = 0; dimension < 4; ++dimension) {
    int64_t offset = 0;
    if (__builtin_mul_overflow(view.sizes[dimension] - 1, view.strides[dimension], &offset) ||
        __builtin_add_overflow(reach, offset, &reach))
      return false;
  }
  return reach <= std::numeric_limits<int64_t>::max() / 8;
}

llvm::Error checkStrides(NamedView tensor, int64_t alignment) {
  const TensorView &view = *tensor.view;
  if (view.strides[3] != 1)
    return usage(fmt::format("{}.stride(dim): expected 1, got {}", tensor.name, view.strides[3]));
  for (unsigned dimension = 0; dimension < 3; ++dimension) {
    if (view.sizes[dimension] <= 1)
      continue; // Never multiplied by more than 0.
    int64_t stride = view.strides[dimension];
    if (stride < 0)
      return usage(fmt::format("{}.stride({}): expected >= 0, got {}", tensor.name, dimensionNames[dimension], stride));
    if (strideBytes(view, dimension) % alignment)
      return usage(fmt::format("{}.stride({}): expected a multiple of {} bytes, got {} elements", tensor.name,
                               dimensionNames[dimension], alignment, stride));
  }
  if (!isAddressable(view))
    return usage(fmt::format("{}.stride: expected offsets below 2^60 elements, got more", tensor.name));
  return llvm::Error::success();
}

llvm::Error checkAddress(NamedView tensor, TargetKind target) {
  const TensorView &view = *tensor.view;
  if (view.empty())
    return llvm::Error::success();
  if (!view.data)
    return usage(fmt::format("{}.data: expected an address, got null", tensor.name));
  int64_t alignment = target == TargetKind::Cuda ? vectorLoadBytes : elementBytes(view.dtype);
  if (reinterpret_cast<uintptr_t>(view.data) % alignment)
    return usage(fmt::format("{}.data: expected an address aligned to {} bytes, got {}", tensor.name, alignment,
                             fmt::ptr(view.data)));
  return checkStrides(tensor, alignment);
}

/// The view's dimensions with more than one element, innermost (least stride) first.
struct SortedDimensions {
  unsigned order[4], count = 0;

  explicit SortedDimensions(const TensorView &view) {
    for (unsigned dimension = 0; dimension < 4; ++dimension)
      if (view.sizes[dimension] > 1)
        order[count++] = dimension;
    std::sort(order, order + count, [&](unsigned a, unsigned b) { return view.strides[a] < view.strides[b]; });
  }
};

/// True if no two index tuples share an element. Sufficient, not necessary: each stride steps over all that
/// lies within the smaller ones.
bool addressesEachElementOnce(const TensorView &view) {
  SortedDimensions dimensions(view);
  int64_t reach = 1;
  for (unsigned i = 0; i < dimensions.count; ++i) {
    unsigned dimension = dimensions.order[i];
    if (view.strides[dimension] < reach)
      return false;
    reach += (view.sizes[dimension] - 1) * view.strides[dimension];
  }
  return true;
}

/// Bytes spanned by the dimensions whose stride is below `period`; the others' strides go into `divisor`.
int64_t spanBelow(const TensorView &view, int64_t period, int64_t &divisor) {
  int64_t span = elementBytes(view.dtype);
  for (unsigned dimension = 0; dimension < 4; ++dimension) {
    if (view.sizes[dimension] <= 1)
      continue;
    int64_t stride = strideBytes(view, dimension);
    if (stride < period)
      span += (view.sizes[dimension] - 1) * stride;
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

bool spansDisjoint(const void *a, int64_t bytesA, const void *b, int64_t bytesB) {
  uintptr_t beginA = reinterpret_cast<uintptr_t>(a), beginB = reinterpret_cast<uintptr_t>(b);
  return beginA + bytesA <= beginB || beginB + bytesB <= beginA;
}

/// r takes part only with a probe.
template <class Visit> llvm::Error forEachInput(const Problem &problem, const AttentionTensors &tensors, Visit visit) {
  for (NamedView input : {NamedView{"q", &tensors.q}, {"r", &tensors.r}, {"k", &tensors.k}, {"v", &tensors.v}})
    if (input.view != &tensors.r || problem.hasProbe())
      if (llvm::Error error = visit(input))
        return error;
  return llvm::Error::success();
}

llvm::Error overlap(const char *a, const char *b) {
  return usage(fmt::format("{}: expected memory of its own, got an overlap with {}", a, b));
}

llvm::Error checkWorkspace(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                           int64_t bytes) {
  if (bytes == 0)
    return llvm::Error::success();
  if (!workspace)
    return usage(fmt::format("workspace: expected {} bytes, got null", bytes));
  constexpr uintptr_t alignment = 256;
  if (reinterpret_cast<uintptr_t>(workspace) % alignment)
    return usage(
        fmt::format("workspace: expected an address aligned to {} bytes, got {}", alignment, fmt::ptr(workspace)));
  auto check = [&](NamedView tensor) {
    bool disjoint =
        tensor.view->empty() || spansDisjoint(workspace, bytes, tensor.view->data, tensor.view->spanBytes());
    return disjoint ? llvm::Error::success() : overlap("workspace", tensor.name);
  };
  if (llvm::Error error = forEachInput(problem, tensors, check))
    return error;
  return check({"o", &tensors.o});
}

} // namespace

int64_t TensorView::spanBytes() const {
  if (empty())
    return 0;
  int64_t last = 0;
  for (unsigned dimension = 0; dimension < 4; ++dimension)
    last += (sizes[dimension] - 1) * strides[dimension];
  return (last + 1) * elementBytes(dtype);
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
  TensorView query =
      denseView(nullptr, problem.dtype, {problem.batch, problem.queryLength, problem.queryHeads, problem.headDim},
                problem.layout);
  TensorView key = denseView(nullptr, problem.dtype, {problem.batch, problem.context, problem.kvHeads, problem.headDim},
                             problem.layout);
  return {query, query, key, key, query};
}

bool mayOverlap(const TensorView &a, const TensorView &b) {
  if (a.empty() || b.empty() || spansDisjoint(a.data, a.spanBytes(), b.data, b.spanBytes()))
    return false;
  for (const TensorView *view : {&a, &b})
    for (unsigned dimension = 0; dimension < 3; ++dimension)
      if (view->sizes[dimension] > 1 && view->strides[dimension] > 0 &&
          disjointWithin(a, b, strideBytes(*view, dimension)))
        return false;
  return true;
}

llvm::Expected<Problem> problemOf(const Problem &planned, const AttentionTensors &tensors) {
  NamedView q{"q", &tensors.q}, k{"k", &tensors.k};
  if (llvm::Error error = checkShape(q, planned, planned.queryLength, planned.queryHeads))
    return error;
  Problem actual = planned;
  actual.batch = tensors.q.sizes[0];
  actual.queryLength = tensors.q.sizes[1];
  actual.context = tensors.k.sizes[1];
  if (llvm::Error error = checkShape(k, planned, planned.context, planned.kvHeads))
    return error;
  if (llvm::Error error = checkSize(k, 0, actual.batch, /*upTo=*/false))
    return error;
  if (planned.hasProbe())
    if (llvm::Error error = checkSameSizes({"r", &tensors.r}, q))
      return error;
  if (llvm::Error error = checkSameSizes({"v", &tensors.v}, k))
    return error;
  if (llvm::Error error = checkSameSizes({"o", &tensors.o}, q))
    return error;
  for (NamedView tensor : {NamedView{"r", &tensors.r}, {"v", &tensors.v}, {"o", &tensors.o}})
    if (tensor.view->dtype != planned.dtype && (tensor.view != &tensors.r || planned.hasProbe()))
      return usage(fmt::format("{}.dtype: expected {}, got {}", tensor.name, name(planned.dtype).str(),
                               name(tensor.view->dtype).str()));
  return actual;
}

llvm::Error checkAddresses(const Problem &problem, const AttentionTensors &tensors, const void *workspace,
                           int64_t workspaceBytes, TargetKind target) {
  NamedView o{"o", &tensors.o};
  auto check = [&](NamedView tensor) { return checkAddress(tensor, target); };
  if (llvm::Error error = forEachInput(problem, tensors, check))
    return error;
  if (llvm::Error error = check(o))
    return error;
  if (!addressesEachElementOnce(tensors.o))
    return usage("o.stride: expected each element to have an address of its own, got elements that share one");
  auto apart = [&](NamedView input) {
    return mayOverlap(*input.view, *o.view) ? overlap("o", input.name) : llvm::Error::success();
  };
  if (llvm::Error error = forEachInput(problem, tensors, apart))
    return error;
  return checkWorkspace(problem, tensors, workspace, workspaceBytes);
}

} // namespace lla
