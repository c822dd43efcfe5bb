//===- OracleArguments.h - what the oracle's kernels are given ------------===//
//
// Compiled twice: into this program, and by NVRTC in front of OracleKernels.cu.
// Hence no include, and only types whose size both compilers agree on.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_ORACLEARGUMENTS_H
#define LLA_RUNTIME_CUDA_ORACLEARGUMENTS_H

namespace lla::oracle {

enum Element { F32 = 0, BF16 = 1, F16 = 2, E4M3 = 3 };

/// A (sequence, row, head, dim) tensor; strides in elements.
struct Tensor {
  void *data;
  long long batchStride, rowStride, headStride;
};

struct Attention {
  Tensor q, r, k, v, o;
  Tensor lse, tbar, vbar; ///< fp32; with state.
  long long batch, queryLength, queryHeads, kvHeads, context, headDim;
  long long window; ///< 0: none.
  const int *lengths, *starts; ///< Of each sequence; null: context, 0.
  const int *pageTable;        ///< Paged: k and v are (page, row, head, dim).
  long long pageTableStride, pageSize; ///< Page numbers between sequences; rows of a page, 0: not paged.
  long long pages;                     ///< That k and v have; a number of none means the last.
  const int *cuSeqlensQ, *cuSeqlensK;  ///< First row of each sequence in q, in k, and of one more; null: not packed.
  long long queryRows, keyRows;        ///< Of packed tensors.
  const float *kScales, *vScales; ///< Factors of k and v by KV head; null: 1.
  long long kScalesStride, vScalesStride;
  double scale;
  int element, outputElement, keyElement; ///< Of q and r; of o; of k and v.
  int causal, hasProbe, hasState;
};

/// The rows looked at: numbers over (sequence, row, head).
struct Rows {
  const long long *numbers;
  long long count;
};

/// What fills a tensor of `rows` rows per sequence and head.
struct Fill {
  Tensor tensor;
  long long batch, rows, heads, headDim;
  unsigned long long seed;
  float scale;
  int normalise; ///< Rows have RMS 1 before `scale`.
  int element, padding;
};

struct Differences {
  double maxDifference, squaredDifference; ///< Of the output against the exact result; maximum, sum of squares.
  double maxBaseline, squaredBaseline;     ///< Of the straightforward evaluation against the exact result.
  double maxReference, squaredReference;   ///< Of the exact result itself.
  unsigned long long nans;                 ///< Outputs or results that are no number.
  double maxLse, maxLseReference;          ///< Of the state: difference and exact result, infinities aside.
  double maxTbar, maxTbarReference;
  double maxVbar, maxVbarReference;
};

} // namespace lla::oracle
#endif
