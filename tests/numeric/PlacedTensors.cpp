//===- PlacedTensors.cpp - one call's tensors in an executor's memory -----===//

#include "PlacedTensors.h"
#include "PagedKeys.h"
#include "runtime/Inputs.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/STLExtras.h"
#include <cstring>

namespace lla::numeric {
namespace {

/// Strides and reach of one tensor, all in elements.
struct Place {
  TensorView view;     ///< Without an address.
  int64_t offset = 0;  ///< Of the first element.
  int64_t partner = 0; ///< Interleaved: from k to v.
  int64_t elements = 0;
};

/// A GPU's loads want 16 bytes; the host's take any element.
int64_t gapOf(Arrangement arrangement, const Target &target, ElementType type = ElementType::BF16) {
  if (arrangement != Arrangement::Padded)
    return 0;
  constexpr int64_t loadBytes = 16;
  return target.isHost() ? 3 : loadBytes / std::min(elementBytes(type), 2u);
}

/// `shape` says type and sizes.
Place placeOf(const Problem &problem, const TensorView &shape, int64_t gap, int64_t capacity, bool interleaved) {
  Place place;
  int64_t rows = shape.sizes[1], heads = shape.sizes[2];
  int64_t pieces = interleaved ? 2 : 1, dim = shape.sizes[3] + gap;
  int64_t rowStride, headStride, batchStride;
  if (problem.layout == Layout::BSHD) {
    headStride = dim;
    place.partner = heads * dim;
    rowStride = pieces * heads * dim + gap;
    batchStride = (rows + capacity) * rowStride + gap;
  } else {
    place.partner = dim;
    rowStride = pieces * dim;
    headStride = (rows + capacity) * rowStride + gap;
    batchStride = heads * headStride + gap;
  }
  place.view = {nullptr, shape.dtype, shape.sizes, {batchStride, rowStride, headStride, 1}};
  place.view.shards = shape.shards;
  place.view.shardStride = shape.sizes[0] * batchStride + gap;
  place.offset = gap;
  place.elements = gap + shape.shards * place.view.shardStride;
  return place;
}

} // namespace

llvm::Expected<PlacedTensors> PlacedTensors::create(Executor &executor, const Problem &problem, Arrangement arrangement,
                                                    const DenseInputs &inputs) {
  int64_t gap = gapOf(arrangement, executor.target());
  int64_t keyGap = gapOf(arrangement, executor.target(), problem.keyType()), keySize = elementBytes(problem.keyType());
  constexpr int64_t spareKeys = 37;
  bool isPaged = problem.pageSize != 0;
  PagedKeys paged = isPaged ? PagedKeys::of(problem, inputs) : PagedKeys();
  const std::vector<double> &k = isPaged ? paged.k : inputs.k, &v = isPaged ? paged.v : inputs.v;
  AttentionTensors shapes = denseTensors(problem);
  if (isPaged)
    shapes.k.sizes[0] = paged.pages;
  Place query = placeOf(problem, shapes.q, gap, 0, false);
  bool interleaved = arrangement == Arrangement::Interleaved;
  Place key = placeOf(problem, shapes.k, keyGap, arrangement == Arrangement::Capacity ? spareKeys : 0, interleaved);
  PlacedTensors tensors;
  auto add = [&](TensorView &view, const Place &place, const std::vector<double> &values) -> llvm::Error {
    view = place.view;
    if (llvm::Error error = tensors.addRegion(executor, place.elements * elementBytes(view.dtype)))
      return error;
    return tensors.write(executor, view, tensors.regions.size() - 1, place.offset * elementBytes(view.dtype), values);
  };
  for (const NamedTensor &output : outputsOf(problem)) {
    TensorView &view = tensors.device.*output.member;
    Place place = placeOf(problem, shapes.*output.member, gap, 0, false);
    if (llvm::Error error = add(view, place, {}))
      return std::move(error);
    tensors.outputCopies.push_back(view);
    tensors.outputCopies.back().data = tensors.regions.back().copy() + place.offset * elementBytes(view.dtype);
    tensors.outputNames.push_back(output.name);
  }
  if (problem.isMerge()) {
    const Outputs &parts = inputs.parts;
    const std::vector<double> *const values[] = {&parts.o, &parts.lse, &parts.tbar, &parts.vbar};
    for (auto [input, part] : llvm::zip_equal(inputsOf(problem), values))
      if (llvm::Error error =
              add(tensors.device.*input.member, placeOf(problem, shapes.*input.member, gap, 0, false), *part))
        return std::move(error);
    return tensors;
  }
  if (llvm::Error error = add(tensors.device.q, query, inputs.q))
    return std::move(error);
  if (problem.hasProbe())
    if (llvm::Error error = add(tensors.device.r, query, inputs.r))
      return std::move(error);
  for (auto [view, scales] : {std::pair{&AttentionTensors::kScales, &inputs.kScales},
                              {&AttentionTensors::vScales, &inputs.vScales}}) {
    if (scales->empty())
      continue;
    shapes.kScales.sizes[2] = static_cast<int64_t>(scales->size());
    if (llvm::Error error = add(tensors.device.*view, placeOf(problem, shapes.kScales, gap, 0, false), *scales))
      return std::move(error);
  }
  if (llvm::Error error = tensors.addIndices(executor, tensors.device.lengths, inputs.lengths, 1, 0))
    return std::move(error);
  if (llvm::Error error = tensors.addIndices(executor, tensors.device.starts, inputs.starts, 1, 0))
    return std::move(error);
  if (llvm::Error error = tensors.addIndices(executor, tensors.device.cuSeqlensQ, inputs.cuSeqlensQ, 1, 0))
    return std::move(error);
  if (llvm::Error error = tensors.addIndices(executor, tensors.device.cuSeqlensK, inputs.cuSeqlensK, 1, 0))
    return std::move(error);
  if (llvm::Error error = tensors.addIndices(executor, tensors.device.pageTable, paged.table, paged.each, gap))
    return std::move(error);
  if (llvm::Error error = add(tensors.device.k, key, k))
    return std::move(error);
  if (!interleaved) {
    if (llvm::Error error = add(tensors.device.v, key, v))
      return std::move(error);
    return tensors;
  }
  tensors.device.v = key.view;
  if (llvm::Error error = tensors.write(executor, tensors.device.v, tensors.regions.size() - 1,
                                        (key.offset + key.partner) * keySize, v))
    return std::move(error);
  return tensors;
}

llvm::Error PlacedTensors::addRegion(Executor &executor, int64_t bytes) {
  llvm::Expected<GuardedRegion> region = GuardedRegion::create(executor, bytes);
  if (!region)
    return region.takeError();
  regions.push_back(std::move(*region));
  return llvm::Error::success();
}

llvm::Error PlacedTensors::addIndices(Executor &executor, IndexView &view, const std::vector<int32_t> &numbers,
                                      int64_t each, int64_t gap) {
  if (numbers.empty())
    return llvm::Error::success();
  view.sequences = static_cast<int64_t>(numbers.size()) / each;
  view.each = each;
  view.stride = each + gap;
  if (llvm::Error error = addRegion(executor, view.spanBytes()))
    return error;
  GuardedRegion &region = regions.back();
  for (int64_t sequence = 0; sequence < view.sequences; ++sequence)
    std::memcpy(region.copy() + sequence * view.stride * sizeof(int32_t), &numbers[sequence * each],
                each * sizeof(int32_t));
  view.data = reinterpret_cast<const int32_t *>(region.device());
  return region.upload(executor);
}

/// Puts `values` (none: nothing) into the region's copy, points `view` at the device and uploads.
llvm::Error PlacedTensors::write(Executor &executor, TensorView &view, size_t region, int64_t offset,
                                 const std::vector<double> &values) {
  view.data = regions[region].copy() + offset;
  for (int64_t row = 0, rows = values.empty() ? 0 : rowCount(view); row < rows; ++row)
    writeRow(view, row, &values[row * view.sizes[3]]);
  view.data = regions[region].device() + offset;
  return regions[region].upload(executor);
}

llvm::Error PlacedTensors::poisonOutputs(Executor &executor) {
  for (size_t i = 0; i < outputCopies.size(); ++i)
    if (llvm::Error error = regions[i].upload(executor))
      return error;
  return llvm::Error::success();
}

llvm::Expected<Outputs> PlacedTensors::outputs(Executor &executor) {
  Outputs all;
  std::vector<double> *const members[] = {&all.o, &all.lse, &all.tbar, &all.vbar};
  for (size_t i = 0; i < outputCopies.size(); ++i) {
    llvm::Expected<std::vector<double>> values = output(executor, i, outputNames[i]);
    if (!values)
      return values.takeError();
    *members[i] = std::move(*values);
  }
  for (size_t i = outputCopies.size(); i < regions.size(); ++i)
    if (llvm::Error error = regions[i].expectUnchanged(executor, "an input"))
      return std::move(error);
  return all;
}

llvm::Expected<std::vector<double>> PlacedTensors::output(Executor &executor, size_t index, const std::string &name) {
  GuardedRegion &region = regions[index];
  llvm::Expected<std::vector<char>> bytes = region.download(executor);
  if (!bytes)
    return failure(FailureKind::Verification, name + ": " + llvm::toString(bytes.takeError()));
  TensorView written = outputCopies[index];
  written.data = bytes->data() + (static_cast<char *>(written.data) - region.copy());
  std::vector<double> values(written.elements());
  for (int64_t row = 0, rows = rowCount(written); row < rows; ++row) {
    readRow(written, row, &values[row * written.sizes[3]]);
    std::memset(rowAddress(written, row), GuardedRegion::poison, written.sizes[3] * elementBytes(written.dtype));
  }
  for (size_t i = 0; i < bytes->size(); ++i)
    if (static_cast<unsigned char>((*bytes)[i]) != GuardedRegion::poison)
      return failure(FailureKind::Verification, name + ": a write between its rows");
  return values;
}

} // namespace lla::numeric
