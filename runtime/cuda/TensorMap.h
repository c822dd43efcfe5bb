//===- TensorMap.h - how the copy engine sees q, r, k and v ---------------===//
//
// A kernel with load = ring takes its inputs as tensor maps. Their geometry is a
// pure function of the launch; encoding is host arithmetic, so it is legal under
// graph capture.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_TENSORMAP_H
#define LLA_RUNTIME_CUDA_TENSORMAP_H

#include "dialect/Spec/KernelArguments.h"
#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Schedule.h"
#include "runtime/cuda/Driver.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace lla::cuda {

/// One tensor of a map in elements, as the launch record has it.
struct TensorMapSource {
  const char *name;
  void *base;
  int64_t batch, rows, heads; ///< Paged: pages, rows of a page; packed: 1, rows of all sequences.
  int64_t rowStride, headStride, batchStride;
  int64_t boxColumns; ///< Of a panel.
  int64_t tileRows;
  int64_t group = 1;     ///< Heads whose rows interleave in a tile,
  int64_t queryRows = 1; ///< and rows of each query row in it: behind the group's, zeros.
};

/// One map, as cuTensorMapEncodeTiled takes it: dimensions are (dim, row, head, sequence or page), or of interleaved
/// heads (dim, head of the group, row, group, sequence). Of packed tensors there is one sequence.
struct TensorMapGeometry {
  void *base = nullptr;
  ElementType dtype = ElementType::BF16;
  cuuint32_t rank = 0;
  cuuint64_t sizes[5] = {};
  cuuint64_t strideBytes[4] = {}; ///< Of all dimensions but the first.
  cuuint32_t box[5] = {};
};

/// Most that a kernel takes.
constexpr int maximumTensorMaps = 6;

/// The maps of a launch in the order of the kernel's parameters: q, r (with a probe), k, v, then, of a ragged or paged
/// problem, k and v in boxes of one row. Fails with the tensor's name if an address or a stride is no multiple of 16
/// bytes or out of the copy engine's range.
llvm::Expected<llvm::SmallVector<TensorMapGeometry, maximumTensorMaps>>
tensorMapGeometry(const Problem &problem, const Schedule &schedule, const KernelArguments &arguments);

/// Likewise one by one: first what the maps are made of, which checks nothing, then the map of one, which checks it.
llvm::SmallVector<TensorMapSource, maximumTensorMaps>
tensorMapSources(const Problem &problem, const Schedule &schedule, const KernelArguments &arguments);
llvm::Expected<TensorMapGeometry> tensorMapGeometry(const Problem &problem, const TensorMapSource &source);

/// A swizzle as wide as a box, zeros beyond the edges, L2 promotion of 128 bytes.
DeviceFault encode(const Driver &driver, const TensorMapGeometry &geometry, CUtensorMap &map);

} // namespace lla::cuda
#endif
