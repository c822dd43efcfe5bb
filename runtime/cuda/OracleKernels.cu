//===- OracleKernels.cu - plain CUDA C++ that judges generated kernels ----===//
//
// Compiled at run time by NVRTC, a compiler that is not ours, without any header.
// Simple before fast: nothing here may share an idea with the kernels it judges.
//
//===----------------------------------------------------------------------===//

using namespace lla::oracle;
typedef unsigned long long Word;

//===--- elements -----------------------------------------------------------===//

/// Eight times the mantissa, times a power of two.
__device__ float widenByte(unsigned char bits) {
  int exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value = exponent ? ldexpf(8 + mantissa, exponent - 10) : ldexpf(mantissa, -9);
  if (exponent == 15 && mantissa == 7)
    value = __uint_as_float(0x7fffffffu);
  return bits & 0x80 ? -value : value;
}

__device__ float widen(const void *data, long long index, int element) {
  if (element == F32)
    return static_cast<const float *>(data)[index];
  if (element == E4M3)
    return widenByte(static_cast<const unsigned char *>(data)[index]);
  unsigned short bits = static_cast<const unsigned short *>(data)[index];
  if (element == BF16)
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

/// Bits of `value` rounded to nearest even in a 16-bit type.
__device__ unsigned short narrow(float value, int element) {
  unsigned short bits;
  if (element == F16) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
  }
  unsigned wide = __float_as_uint(value);
  if ((wide & 0x7fffffffu) > 0x7f800000u)
    return 0x7fff;
  return (wide + 0x7fff + ((wide >> 16) & 1)) >> 16;
}

/// e4m3 bits of `value` rounded to nearest even; what is beyond the largest becomes the largest.
__device__ unsigned char narrowByte(float value) {
  unsigned char sign = signbit(value) ? 0x80 : 0;
  float magnitude = fabsf(value);
  if (magnitude != magnitude)
    return sign | 0x7f;
  if (magnitude > 448)
    magnitude = 448;
  int exponent = magnitude < 0.015625f ? -6 : ilogbf(magnitude); // Of the smallest normal number.
  // A multiple of 16 is one of 8 of the next exponent, which counts eight codes more.
  int multiple = static_cast<int>(rintf(ldexpf(magnitude, 3 - exponent)));
  return sign | static_cast<unsigned char>((exponent + 6) * 8 + multiple);
}

__device__ float rounded(float value, int element) {
  if (element == F32)
    return value;
  unsigned short bits = narrow(value, element);
  return widen(&bits, 0, element);
}

__device__ void store(void *data, long long index, float value, int element) {
  if (element == F32)
    static_cast<float *>(data)[index] = value;
  else if (element == E4M3)
    static_cast<unsigned char *>(data)[index] = narrowByte(value);
  else
    static_cast<unsigned short *>(data)[index] = narrow(value, element);
}

//===--- random numbers -----------------------------------------------------===//

/// A bijection that spreads every input bit over all output bits (SplitMix64's finaliser).
__device__ Word mix(Word x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Standard normal, a function of (seed, index) alone (Box-Muller).
__device__ float normal(Word seed, Word index) {
  Word bits = mix(mix(seed) ^ index);
  float radius = (static_cast<unsigned>(bits >> 40) + 1) * (1.0f / 16777216.0f); // (0, 1]
  float angle = static_cast<unsigned>(bits & 0xffffff) * (1.0f / 16777216.0f);   // [0, 1)
  return sqrtf(-2.0f * logf(radius)) * cospif(2.0f * angle);
}

__device__ double sumOverWarp(double value) {
  for (int offset = 16; offset; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

/// One warp per row; lane l holds dims l, l + 32, ...
extern "C" __global__ void oracle_fill(Fill fill) {
  long long warp = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  long long warps = static_cast<long long>(gridDim.x) * blockDim.x / 32;
  int lane = threadIdx.x % 32;
  long long total = fill.batch * fill.rows * fill.heads;
  for (long long row = warp; row < total; row += warps) {
    long long head = row % fill.heads, position = row / fill.heads % fill.rows, sequence = row / fill.heads / fill.rows;
    long long base =
        sequence * fill.tensor.batchStride + position * fill.tensor.rowStride + head * fill.tensor.headStride;
    float factor = fill.scale;
    if (fill.normalise) {
      double squares = 0;
      for (long long dim = lane; dim < fill.headDim; dim += 32) {
        float value = normal(fill.seed, row * fill.headDim + dim);
        squares += value * value;
      }
      factor *= rsqrtf(static_cast<float>(sumOverWarp(squares) / fill.headDim));
    }
    for (long long dim = lane; dim < fill.headDim; dim += 32)
      store(fill.tensor.data, base + dim, factor * normal(fill.seed, row * fill.headDim + dim), fill.element);
  }
}

//===--- the operator -------------------------------------------------------===//

__device__ long long at(const Tensor &tensor, long long sequence, long long row, long long head) {
  return sequence * tensor.batchStride + row * tensor.rowStride + head * tensor.headStride;
}

/// A number that a caller may give wrongly, as kernels take it.
__device__ long long clamped(long long value, long long most) { return value < 0 ? 0 : value > most ? most : value; }

/// Rows of a sequence in a packed tensor of `total`; never more than `most`.
struct Span {
  long long first, count;
};
__device__ Span spanOf(const int *cuSeqlens, long long sequence, long long total, long long most) {
  long long first = clamped(cuSeqlens[sequence], total), next = clamped(cuSeqlens[sequence + 1], total);
  return {first, clamped(next - first, most)};
}

struct Row {
  long long sequence, position, head;
  long long batch, place; ///< Where it is in q, r and the outputs.
  long long rows;         ///< Of its sequence.
};

__device__ Row rowOf(const Attention &a, long long number) {
  Row row = {number / a.queryHeads / a.queryLength, number / a.queryHeads % a.queryLength, number % a.queryHeads};
  row.batch = row.sequence;
  row.place = row.position;
  row.rows = a.queryLength;
  if (a.cuSeqlensQ) {
    Span span = spanOf(a.cuSeqlensQ, row.sequence, a.queryRows, a.queryLength);
    row.batch = 0;
    row.place += span.first;
    row.rows = span.count;
  }
  return row;
}

__device__ long long atRow(const Tensor &tensor, const Row &row) { return at(tensor, row.batch, row.place, row.head); }

/// Where a key of a sequence is, in k or v.
__device__ long long atKey(const Attention &a, const Tensor &tensor, long long sequence, long long key,
                           long long head) {
  if (a.cuSeqlensK)
    return at(tensor, 0, clamped(a.cuSeqlensK[sequence], a.keyRows) + key, head);
  if (a.pageSize == 0)
    return at(tensor, sequence, key, head);
  long long page = a.pageTable[sequence * a.pageTableStride + key / a.pageSize];
  if (page < 0 || page >= a.pages)
    page = a.pages - 1;
  return at(tensor, page, key % a.pageSize, head);
}

constexpr int blockThreads = 128;
constexpr int mostDims = 256;

/// Combines one value of each thread; all get the result.
template <class Number, class Combine> __device__ Number overBlock(Number value, Number *scratch, Combine combine) {
  __syncthreads();
  scratch[threadIdx.x] = value;
  __syncthreads();
  for (int width = blockThreads / 2; width; width /= 2) {
    if (threadIdx.x < width)
      scratch[threadIdx.x] = combine(scratch[threadIdx.x], scratch[threadIdx.x + width]);
    __syncthreads();
  }
  return scratch[0];
}

/// Numbers of a row's result: o, and with state vbar, lse, tbar.
__device__ long long resultNumbers(const Attention &a) { return a.hasState ? 2 * a.headDim + 2 : a.headDim; }

/// One row of the output by one CTA. Three passes over the visible keys: the maximum, the sums that give tbar, and the
/// values. Accumulates in Number; `rounding` also rounds p and p (t - tbar) to the element type before they meet v, and
/// o to its own.
template <class Number> __device__ void forwardRow(const Attention &a, const Row &row, bool rounding, double *result) {
  __shared__ Number query[mostDims], probe[mostDims], weight[blockThreads], correction[blockThreads];
  int thread = threadIdx.x;
  for (int dim = thread; dim < a.headDim; dim += blockThreads) {
    query[dim] = widen(a.q.data, atRow(a.q, row) + dim, a.element);
    probe[dim] = a.hasProbe ? widen(a.r.data, atRow(a.r, row) + dim, a.element) : 0;
  }
  __syncthreads();

  long long kvHead = row.head / (a.queryHeads / a.kvHeads);
  Number keyScale = a.kScales ? a.kScales[kvHead * a.kScalesStride] : 1.0f;
  Number valueScale = a.vScales ? a.vScales[kvHead * a.vScalesStride] : 1.0f;
  long long most = a.cuSeqlensK ? spanOf(a.cuSeqlensK, row.sequence, a.keyRows, a.context).count : a.context;
  long long length = a.lengths ? clamped(a.lengths[row.sequence], most) : most;
  long long start = a.starts ? clamped(a.starts[row.sequence], length) : 0;
  long long end = a.causal ? clamped(length - row.rows + row.position + 1, length) : length;
  long long begin = a.window && end - a.window > start ? end - a.window : start;

  auto scores = [&](long long key, Number &s, Number &t) {
    long long base = atKey(a, a.k, row.sequence, key, kvHead);
    s = t = 0;
    for (int dim = 0; dim < a.headDim; ++dim) {
      Number value = keyScale * widen(a.k.data, base + dim, a.keyElement);
      s += query[dim] * value;
      t += probe[dim] * value;
    }
    s *= static_cast<Number>(a.scale);
  };
  auto larger = [](Number x, Number y) { return x > y || x != x ? x : y; }; // NaN stays.
  auto sum = [](Number x, Number y) { return x + y; };

  Number maximum = -__longlong_as_double(0x7ff0000000000000ll), s, t;
  for (long long key = begin + thread; key < end; key += blockThreads) {
    scores(key, s, t);
    maximum = larger(s, maximum);
  }
  maximum = overBlock(maximum, weight, larger);
  Number weights = 0, weighted = 0;
  for (long long key = begin + thread; key < end; key += blockThreads) {
    scores(key, s, t);
    Number p = exp(s - maximum);
    weights += p;
    weighted += p * t;
  }
  weights = overBlock(weights, weight, sum);
  weighted = overBlock(weighted, weight, sum);
  Number mean = begin < end ? weighted / weights : 0;

  // Thread d now owns dims d and d + 128 of the output, and one key of each tile of 128.
  Number value[2] = {0, 0}, correct[2] = {0, 0};
  for (long long tile = begin; tile < end; tile += blockThreads) {
    __syncthreads();
    if (tile + thread < end) {
      scores(tile + thread, s, t);
      Number p = exp(s - maximum) / weights;
      Number u = p * (t - mean);
      weight[thread] = rounding ? static_cast<Number>(rounded(p, a.element)) : p;
      correction[thread] = rounding ? static_cast<Number>(rounded(u, a.element)) : u;
    }
    __syncthreads();
    int keys = end - tile < blockThreads ? end - tile : blockThreads;
    for (int slot = 0; slot < 2; ++slot) {
      int dim = thread + slot * blockThreads;
      if (dim >= a.headDim)
        break;
      for (int key = 0; key < keys; ++key) {
        Number v = valueScale * widen(a.v.data, atKey(a, a.v, row.sequence, tile + key, kvHead) + dim, a.keyElement);
        value[slot] += weight[key] * v;
        correct[slot] += correction[key] * v;
      }
    }
  }
  for (int slot = 0; slot < 2; ++slot) {
    int dim = thread + slot * blockThreads;
    if (dim < a.headDim) {
      Number o = value[slot] - correct[slot];
      result[dim] = rounding ? static_cast<double>(rounded(o, a.outputElement)) : static_cast<double>(o);
      if (a.hasState)
        result[a.headDim + dim] = value[slot];
    }
  }
  if (a.hasState && thread == 0) {
    result[2 * a.headDim] = maximum + log(weights); // Of no key: -inf, as log(0) is.
    result[2 * a.headDim + 1] = mean;
  }
}

/// result[i] of the i-th of `rows`, in double precision.
extern "C" __global__ void __launch_bounds__(blockThreads) oracle_exact(Attention a, Rows rows, double *result) {
  for (long long i = blockIdx.x; i < rows.count; i += gridDim.x) {
    __syncthreads();
    forwardRow<double>(a, rowOf(a, rows.numbers[i]), false, result + i * resultNumbers(a));
  }
}

/// The same by the straightforward evaluation in fp32 that errors are judged against.
extern "C" __global__ void __launch_bounds__(blockThreads) oracle_baseline(Attention a, Rows rows, double *result) {
  for (long long i = blockIdx.x; i < rows.count; i += gridDim.x) {
    __syncthreads();
    forwardRow<float>(a, rowOf(a, rows.numbers[i]), true, result + i * resultNumbers(a));
  }
}

//===--- comparing ----------------------------------------------------------===//

/// Non-negative doubles are ordered as their bits are.
__device__ void raise(double *maximum, double value) {
  atomicMax(reinterpret_cast<Word *>(maximum), static_cast<Word>(__double_as_longlong(value)));
}

/// Largest difference of a state's tensor, and largest exact result. Equal infinities differ by nothing.
struct Worst {
  double difference, reference;
};
__device__ void look(Worst &worst, Word &nans, const Tensor &tensor, long long index, double expected) {
  double actual = static_cast<const float *>(tensor.data)[index];
  double difference = actual == expected ? 0 : fabs(actual - expected);
  if (difference != difference) {
    ++nans;
    return;
  }
  worst.difference = fmax(worst.difference, difference);
  if (!isinf(expected))
    worst.reference = fmax(worst.reference, fabs(expected));
}

/// Adds to `figures` what those rows of the outputs and of `baseline` differ by from `exact`.
extern "C" __global__ void __launch_bounds__(blockThreads)
    oracle_compare(Attention a, Rows rows, const double *exact, const double *baseline, Differences *figures) {
  __shared__ double scratch[blockThreads];
  Differences mine = {};
  Worst lse = {}, tbar = {}, vbar = {};
  for (long long i = blockIdx.x; i < rows.count; i += gridDim.x) {
    Row row = rowOf(a, rows.numbers[i]);
    const double *result = exact + i * resultNumbers(a);
    if (a.hasState) {
      for (int dim = threadIdx.x; dim < a.headDim; dim += blockThreads)
        look(vbar, mine.nans, a.vbar, atRow(a.vbar, row) + dim, result[a.headDim + dim]);
      if (threadIdx.x == 0) {
        look(lse, mine.nans, a.lse, atRow(a.lse, row), result[2 * a.headDim]);
        look(tbar, mine.nans, a.tbar, atRow(a.tbar, row), result[2 * a.headDim + 1]);
      }
    }
    long long base = atRow(a.o, row);
    for (int dim = threadIdx.x; dim < a.headDim; dim += blockThreads) {
      double expected = result[dim];
      double output = widen(a.o.data, base + dim, a.outputElement);
      double difference = fabs(output - expected), rough = fabs(baseline[i * resultNumbers(a) + dim] - expected);
      if (difference != difference) {
        ++mine.nans;
        continue;
      }
      mine.maxDifference = fmax(mine.maxDifference, difference);
      mine.squaredDifference += difference * difference;
      mine.maxBaseline = fmax(mine.maxBaseline, rough);
      mine.squaredBaseline += rough * rough;
      mine.maxReference = fmax(mine.maxReference, fabs(expected));
      mine.squaredReference += expected * expected;
    }
  }
  auto larger = [](double x, double y) { return fmax(x, y); };
  auto sum = [](double x, double y) { return x + y; };
  double total[] = {overBlock(mine.maxDifference, scratch, larger), overBlock(mine.squaredDifference, scratch, sum),
                    overBlock(mine.maxBaseline, scratch, larger),   overBlock(mine.squaredBaseline, scratch, sum),
                    overBlock(mine.maxReference, scratch, larger),  overBlock(mine.squaredReference, scratch, sum),
                    overBlock(vbar.difference, scratch, larger),    overBlock(vbar.reference, scratch, larger)};
  if (mine.nans)
    atomicAdd(&figures->nans, mine.nans);
  if (threadIdx.x)
    return;
  raise(&figures->maxDifference, total[0]);
  atomicAdd(&figures->squaredDifference, total[1]);
  raise(&figures->maxBaseline, total[2]);
  atomicAdd(&figures->squaredBaseline, total[3]);
  raise(&figures->maxReference, total[4]);
  atomicAdd(&figures->squaredReference, total[5]);
  raise(&figures->maxVbar, total[6]);
  raise(&figures->maxVbarReference, total[7]);
  raise(&figures->maxLse, lse.difference); // Thread 0 has looked at all of them.
  raise(&figures->maxLseReference, lse.reference);
  raise(&figures->maxTbar, tbar.difference);
  raise(&figures->maxTbarReference, tbar.reference);
}

/// Adds to `count` how many of `bytes` bytes differ between a and b; b null: from `value` (a red zone).
extern "C" __global__ void oracle_count_different(const unsigned char *a, const unsigned char *b, int value,
                                                  long long bytes, Word *count) {
  Word different = 0;
  long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < bytes; i += step)
    different += a[i] != (b ? b[i] : value);
  if (different)
    atomicAdd(count, different);
}

//===--- measuring ----------------------------------------------------------===//

extern "C" __global__ void oracle_empty() {}

/// Reads `vectors` 16-byte vectors, eight in flight per thread; `sink` is written practically never.
extern "C" __global__ void __launch_bounds__(256) oracle_read(const uint4 *data, long long vectors, unsigned *sink) {
  constexpr int inFlight = 8;
  long long chunk = 256 * inFlight;
  unsigned folded = 0;
  for (long long base = blockIdx.x * chunk; base < vectors; base += gridDim.x * chunk) {
    uint4 loaded[inFlight];
#pragma unroll
    for (int i = 0; i < inFlight; ++i) {
      long long index = base + i * 256 + threadIdx.x;
      loaded[i] = make_uint4(0, 0, 0, 0);
      if (index < vectors)
        asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(loaded[i].x), "=r"(loaded[i].y), "=r"(loaded[i].z), "=r"(loaded[i].w)
                     : "l"(data + index));
    }
#pragma unroll
    for (int i = 0; i < inFlight; ++i)
      folded ^= loaded[i].x ^ loaded[i].y ^ loaded[i].z ^ loaded[i].w;
  }
  if (folded == 0x2b992ddf)
    *sink = folded;
}

//===--- planted faults: controls for sanitizer runs ------------------------===//

/// Neighbours exchange through shared memory without a barrier.
extern "C" __global__ void planted_race(int *out) {
  __shared__ int slots[256];
  slots[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = slots[(threadIdx.x + 32) % 256];
}

/// Reads one element past the end of `data`.
extern "C" __global__ void planted_out_of_bounds(const int *data, long long elements, int *out) {
  out[threadIdx.x] = data[elements + threadIdx.x];
}
