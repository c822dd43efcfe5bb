//===- TensorMap.cpp - how the copy engine sees q, r, k and v -------------===//

#include "runtime/cuda/TensorMap.h"
#include "dialect/Spec/Resources.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace lla::cuda {
namespace {

static_assert(sizeof(CUtensorMap) == 128 && alignof(CUtensorMap) % 64 == 0, "as kernels take them");

constexpr int64_t alignmentBytes = 16;
constexpr int64_t strideLimitBytes = int64_t(1) << 40;
constexpr int64_t boxRowLimit = 256;

using Source = TensorMapSource;

llvm::Error outOfRange(const Source &source, const char *what, const std::string &expected, int64_t got) {
  return failure(FailureKind::Usage, fmt::format("{}: {}: expected {}, got {}", source.name, what, expected, got));
}

llvm::Expected<cuuint64_t> strideBytes(const Source &source, const char *what, int64_t elements, int64_t elementSize) {
  int64_t bytes = elements * elementSize;
  if (bytes < 0 || bytes >= strideLimitBytes || bytes % alignmentBytes)
    return outOfRange(source, what, fmt::format("a multiple of {} below 2^40", alignmentBytes), bytes);
  return bytes;
}

} // namespace

llvm::Expected<TensorMapGeometry> tensorMapGeometry(const Problem &problem, const Source &source) {
  TensorMapGeometry map;
  int64_t elementSize = elementBytes(problem.dtype);
  if (int64_t misplaced = reinterpret_cast<uintptr_t>(source.base) % alignmentBytes)
    return outOfRange(source, "address", fmt::format("a multiple of {}", alignmentBytes), misplaced);
  if (source.tileRows < 1 || source.tileRows > boxRowLimit)
    return outOfRange(source, "rows of a tile", fmt::format("1..{}", boxRowLimit), source.tileRows);
  map.base = source.base;
  map.dtype = problem.dtype;
  map.rank = 1;
  map.sizes[0] = problem.headDim;
  map.box[0] = source.boxColumns;
  struct Dimension {
    const char *stride;
    int64_t size, elements, box;
  };
  llvm::SmallVector<Dimension, 4> dimensions;
  if (source.group > 1)
    dimensions.push_back({"head stride in bytes", source.group, source.headStride, source.queryRows});
  dimensions.push_back({"row stride in bytes", source.rows, source.rowStride, source.tileRows / source.queryRows});
  dimensions.push_back({"head stride in bytes", source.heads / source.group, source.headStride * source.group, 1});
  dimensions.push_back({"batch stride in bytes", source.batch, source.batchStride, 1});
  for (const Dimension &dimension : dimensions) {
    // A dimension of one element is never stepped over: its stride may be anything, so a legal one stands in for it.
    int64_t elements = dimension.size > 1 ? dimension.elements : problem.headDim;
    llvm::Expected<cuuint64_t> bytes = strideBytes(source, dimension.stride, elements, elementSize);
    if (!bytes)
      return bytes.takeError();
    map.strideBytes[map.rank - 1] = *bytes;
    // An empty dimension has no map: a kernel that finds no key issues no copy.
    map.sizes[map.rank] = std::max<int64_t>(dimension.size, 1);
    map.box[map.rank++] = dimension.box;
  }
  return map;
}

llvm::SmallVector<TensorMapSource, maximumTensorMaps>
tensorMapSources(const Problem &problem, const Schedule &schedule, const KernelArguments &a) {
  auto queries = [&](const char *name, void *base, int64_t rowStride, int64_t headStride, int64_t batchStride) {
    return Source{name,
                  base,
                  problem.packedQueries ? 1 : a.batch,
                  problem.packedQueries ? a.query_rows : a.query_length,
                  problem.queryHeads,
                  rowStride,
                  headStride,
                  batchStride,
                  keyPanelColumns(problem, schedule),
                  schedule.rows,
                  packsGroup(problem, schedule) ? problem.group() : 1,
                  rowsPerQuery(problem, schedule)};
  };
  bool isPaged = problem.pageSize != 0;
  int64_t keyBatch = isPaged ? a.pages : problem.packedKeys ? 1 : a.batch;
  int64_t keyRows = isPaged ? problem.pageSize : problem.packedKeys ? a.key_rows : a.context;
  auto keys = [&](int64_t boxRows) {
    return std::array{Source{"k", a.k, keyBatch, keyRows, problem.kvHeads, a.k_row_stride, a.k_head_stride,
                             a.k_batch_stride, keyPanelColumns(problem, schedule), boxRows},
                      Source{"v", a.v, keyBatch, keyRows, problem.kvHeads, a.v_row_stride, a.v_head_stride,
                             a.v_batch_stride, valuePanelColumns(problem, schedule), boxRows}};
  };
  llvm::SmallVector<Source, maximumTensorMaps> sources;
  sources.push_back(queries("q", a.q, a.q_row_stride, a.q_head_stride, a.q_batch_stride));
  if (problem.hasProbe())
    sources.push_back(queries("r", a.r, a.r_row_stride, a.r_head_stride, a.r_batch_stride));
  llvm::append_range(sources, keys(rowsPerKeyCopy(problem, schedule)));
  if (problem.ragged || isPaged)
    llvm::append_range(sources, keys(/*boxRows=*/1));
  return sources;
}

llvm::Expected<llvm::SmallVector<TensorMapGeometry, maximumTensorMaps>>
tensorMapGeometry(const Problem &problem, const Schedule &schedule, const KernelArguments &arguments) {
  llvm::SmallVector<TensorMapGeometry, maximumTensorMaps> maps;
  for (const Source &source : tensorMapSources(problem, schedule, arguments)) {
    llvm::Expected<TensorMapGeometry> map = tensorMapGeometry(problem, source);
    if (!map)
      return map.takeError();
    maps.push_back(*map);
  }
  return maps;
}

DeviceFault encode(const Driver &driver, const TensorMapGeometry &geometry, CUtensorMap &map) {
  CUtensorMapDataType type = geometry.dtype == ElementType::F16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                                : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  bool isNarrow = geometry.box[0] < panelColumns;
  const cuuint32_t elementStrides[] = {1, 1, 1, 1, 1};
  return driver.explain(driver.cuTensorMapEncodeTiled(
                            &map, type, geometry.rank, geometry.base, geometry.sizes, geometry.strideBytes,
                            geometry.box, elementStrides, CU_TENSOR_MAP_INTERLEAVE_NONE,
                            isNarrow ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B,
                            CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                        "cuTensorMapEncodeTiled");
}

} // namespace lla::cuda
