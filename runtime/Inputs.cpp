//===- Inputs.cpp - seeded random tensors and sequences -------------------===//

#include "runtime/Inputs.h"
#include "dialect/Spec/Reference.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace lla {
namespace {

constexpr int64_t mostDims = 256;

/// splitmix64: every seed gives an independent stream, which is all that is needed of it.
struct Generator {
  uint64_t state;

  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  int64_t below(int64_t end) { return static_cast<int64_t>(next() % static_cast<uint64_t>(end)); }

  /// Two independent standard normals (Box and Muller); the first uniform is in (0, 1].
  void normalPair(double &a, double &b) {
    uint64_t bits = next();
    float u = (static_cast<float>(bits >> 40) + 1.0f) * 0x1p-24f;
    float angle = static_cast<float>(bits & 0xffffff) * (0x1p-24f * 6.2831853f);
    float radius = std::sqrt(-2.0f * std::log(u));
    a = radius * std::cos(angle);
    b = radius * std::sin(angle);
  }
};

Generator generatorOf(uint64_t seed, InputTensor which, int64_t row) {
  Generator outer{seed * 4 + static_cast<uint64_t>(which)};
  return {outer.next() ^ Generator{static_cast<uint64_t>(row)}.next()};
}

void normaliseRms(double *values, int64_t dims, double rms) {
  double squares = 0;
  for (int64_t i = 0; i < dims; ++i)
    squares += values[i] * values[i];
  double factor = squares > 0 ? rms / std::sqrt(squares / static_cast<double>(dims)) : 0;
  for (int64_t i = 0; i < dims; ++i)
    values[i] *= factor;
}

void fillLengths(const Problem &problem, SequenceKind kind, Generator &generator, SequenceNumbers &numbers) {
  constexpr int64_t oneInSoMany = 8;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    int64_t length = problem.context, start = 0;
    if (kind == SequenceKind::Busy) {
      length = 1 + generator.below(problem.context);
    } else {
      length = generator.below(oneInSoMany) == 0 ? 0 : generator.below(problem.context + 1);
      start = sequence % 2 ? generator.below(length + 1) : 0;
    }
    numbers.lengths.push_back(static_cast<int32_t>(length));
    numbers.starts.push_back(static_cast<int32_t>(start));
  }
}

/// Sequences of these sizes one behind the other in a tensor of `total` rows, with up to `gap` rows before the first.
std::vector<int32_t> placesOf(const std::vector<int64_t> &sizes, int64_t total, int64_t gap, Generator &generator) {
  int64_t place = std::min(gap, total - std::accumulate(sizes.begin(), sizes.end(), int64_t(0)));
  place = place > 0 ? generator.below(place + 1) : 0;
  std::vector<int32_t> places = {static_cast<int32_t>(place)};
  for (int64_t size : sizes)
    places.push_back(static_cast<int32_t>(place += size));
  return places;
}

/// Lengths are known.
void fillPlaces(const Problem &problem, SequenceKind kind, Generator &generator, SequenceNumbers &numbers) {
  constexpr int64_t oneInSoMany = 8, gap = 5;
  std::vector<int64_t> rows, keys;
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    int64_t length = numbers.lengths[sequence];
    if (kind == SequenceKind::Busy) {
      rows.push_back(std::max<int64_t>(length * problem.queryLength / problem.context, 1));
      keys.push_back(length);
    } else {
      rows.push_back(generator.below(oneInSoMany) == 0 ? 0 : generator.below(problem.queryLength + 1));
      keys.push_back(sequence % 2 ? length : length + generator.below(problem.context - length + 1));
    }
  }
  int64_t before = kind == SequenceKind::Busy ? 0 : gap;
  if (problem.packedQueries) {
    numbers.queryRows = problem.batch * problem.queryLength;
    numbers.cuSeqlensQ = placesOf(rows, numbers.queryRows, before, generator);
  }
  if (problem.packedKeys) {
    numbers.keyRows = problem.batch * problem.context;
    numbers.cuSeqlensK = placesOf(keys, numbers.keyRows, before, generator);
  }
}

void fillPages(const Problem &problem, Generator &generator, SequenceNumbers &numbers) {
  numbers.pagesEach = (problem.context + problem.pageSize - 1) / problem.pageSize;
  int64_t total = problem.batch * numbers.pagesEach;
  for (int64_t page = 0; page < total; ++page) {
    int64_t place = generator.below(page + 1); // Each order alike.
    numbers.pages.push_back(static_cast<int32_t>(page));
    std::swap(numbers.pages[place], numbers.pages.back());
  }
  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    int64_t keys = numbers.lengths.empty() ? problem.context : numbers.lengths[sequence];
    int64_t used = (keys + problem.pageSize - 1) / problem.pageSize;
    auto first = numbers.pages.begin() + sequence * numbers.pagesEach;
    std::fill(first + used, first + numbers.pagesEach, -1);
  }
}

} // namespace

SequenceNumbers makeSequences(const Problem &problem, SequenceKind kind, uint64_t seed) {
  Generator generator{seed};
  SequenceNumbers numbers;
  if (problem.ragged)
    fillLengths(problem, kind, generator, numbers);
  if (problem.packedQueries || problem.packedKeys)
    fillPlaces(problem, kind, generator, numbers);
  if (problem.pageSize)
    fillPages(problem, generator, numbers);
  return numbers;
}

std::vector<InputFill> inputFills(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) {
  if (problem.isMerge()) // Seeds of their own: the tensors differ, and are all of one kind.
    return {{&tensors.partO, InputTensor::V, 4 * seed},
            {&tensors.partLse, InputTensor::V, 4 * seed + 1},
            {&tensors.partTbar, InputTensor::V, 4 * seed + 2},
            {&tensors.partVbar, InputTensor::V, 4 * seed + 3}};
  std::vector<InputFill> fills = {
      {&tensors.q, InputTensor::Q, seed}, {&tensors.k, InputTensor::K, seed}, {&tensors.v, InputTensor::V, seed}};
  if (problem.hasProbe())
    fills.push_back({&tensors.r, InputTensor::R, seed});
  if (problem.hasKeyScales()) {
    fills.push_back({&tensors.kScales, InputTensor::KScale, seed});
    fills.push_back({&tensors.vScales, InputTensor::VScale, seed});
  }
  return fills;
}

int64_t rowCount(const TensorView &view) { return view.shards * view.sizes[0] * view.sizes[1] * view.sizes[2]; }

void *rowAddress(const TensorView &view, int64_t row) {
  int64_t head = row % view.sizes[2];
  int64_t position = row / view.sizes[2] % view.sizes[1];
  int64_t sequence = row / view.sizes[2] / view.sizes[1] % view.sizes[0];
  int64_t shard = row / view.sizes[2] / view.sizes[1] / view.sizes[0];
  int64_t offset =
      shard * view.shardStride + sequence * view.strides[0] + position * view.strides[1] + head * view.strides[2];
  return static_cast<char *>(view.data) + offset * elementBytes(view.dtype);
}

void fillInputRow(const TensorView &view, InputTensor which, uint64_t seed, int64_t row) {
  Generator generator = generatorOf(seed, which, row);
  double values[mostDims];
  if (which == InputTensor::KScale || which == InputTensor::VScale) {
    constexpr int64_t steps = 1024;
    double scale = 0.5 + static_cast<double>(generator.below(steps)) / steps;
    values[0] = which == InputTensor::VScale && generator.below(2) ? -scale : scale;
    return writeRow(view, row, values);
  }
  int64_t dims = std::min(view.sizes[3], mostDims);
  double odd;
  for (int64_t i = 0; i < dims; i += 2)
    generator.normalPair(values[i], i + 1 < dims ? values[i + 1] : odd);
  if (which != InputTensor::V)
    normaliseRms(values, dims, which == InputTensor::R ? 0.5 : 1.0);
  writeRow(view, row, values);
}

void readRow(const TensorView &view, int64_t row, double *values) {
  const void *address = rowAddress(view, row);
  for (int64_t i = 0; i < view.sizes[3]; ++i)
    switch (view.dtype) {
    case ElementType::F32:
      values[i] = static_cast<const float *>(address)[i];
      break;
    case ElementType::BF16:
    case ElementType::F16:
      values[i] = fromBits16(view.dtype, static_cast<const uint16_t *>(address)[i]);
      break;
    case ElementType::F8E4M3:
      values[i] = fromBitsE4M3(static_cast<const uint8_t *>(address)[i]);
      break;
    }
}

void writeRow(const TensorView &view, int64_t row, const double *values) {
  void *address = rowAddress(view, row);
  for (int64_t i = 0; i < view.sizes[3]; ++i)
    switch (view.dtype) {
    case ElementType::F32:
      static_cast<float *>(address)[i] = static_cast<float>(values[i]);
      break;
    case ElementType::BF16:
    case ElementType::F16:
      static_cast<uint16_t *>(address)[i] = toBits16(view.dtype, values[i]);
      break;
    case ElementType::F8E4M3:
      static_cast<uint8_t *>(address)[i] = toBitsE4M3(values[i]);
      break;
    }
}

} // namespace lla
