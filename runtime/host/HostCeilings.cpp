//===- HostCeilings.cpp - what this CPU can do at most --------------------===//
//
// Two loops, each instantiated per vector width in a function that may use the
// instructions of that width; the caller's target says which the CPU has.
//
//===----------------------------------------------------------------------===//

#include "runtime/host/HostCeilings.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

namespace lla {
namespace {

template <int Bytes> struct Vector {
  typedef float Type __attribute__((vector_size(Bytes)));
};

/// Independent chains: enough to cover latency 4 at two units, few enough to stay in 16 registers.
constexpr int chains = 12;

/// Adds up memory, so that every byte has to arrive.
template <int Bytes> [[gnu::always_inline]] inline float readAll(const char *memory, int64_t bytes) {
  using Floats = typename Vector<Bytes>::Type;
  constexpr int streams = 8;
  Floats sums[streams] = {};
  int64_t step = streams * Bytes;
  for (int64_t at = 0; at + step <= bytes; at += step)
    for (int i = 0; i < streams; ++i) {
      Floats loaded;
      std::memcpy(&loaded, memory + at + i * Bytes, Bytes);
      sums[i] += loaded;
    }
  float total = 0;
  for (const Floats &sum : sums)
    for (unsigned lane = 0; lane < Bytes / sizeof(float); ++lane)
      total += sum[lane];
  return total;
}

template <int Bytes> [[gnu::always_inline]] inline float multiplyAdd(int64_t rounds, float factor) {
  using Floats = typename Vector<Bytes>::Type;
  Floats sums[chains] = {}, factors = Floats{} + factor, addends = Floats{} + 1.0f;
  for (int i = 0; i < chains; ++i)
    sums[i] += static_cast<float>(i);
  for (int64_t round = 0; round < rounds; ++round)
    for (Floats &sum : sums)
      sum = sum * factors + addends;
  Floats total = {};
  for (const Floats &sum : sums)
    total += sum;
  return total[0];
}

struct Loops {
  float (*read)(const char *memory, int64_t bytes);
  float (*multiplyAdds)(int64_t rounds, float factor);
  int lanes;
};

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512vl,avx512dq")]] float read512(const char *memory, int64_t bytes) {
  return readAll<64>(memory, bytes);
}
[[gnu::target("avx512f,avx512vl,avx512dq")]] float multiplyAdds512(int64_t rounds, float factor) {
  return multiplyAdd<64>(rounds, factor);
}
[[gnu::target("avx2,fma")]] float read256(const char *memory, int64_t bytes) { return readAll<32>(memory, bytes); }
[[gnu::target("avx2,fma")]] float multiplyAdds256(int64_t rounds, float factor) {
  return multiplyAdd<32>(rounds, factor);
}
#endif
float read128(const char *memory, int64_t bytes) { return readAll<16>(memory, bytes); }
float multiplyAdds128(int64_t rounds, float factor) { return multiplyAdd<16>(rounds, factor); }

Loops loopsOf(unsigned vectorBits) {
#if defined(__x86_64__)
  if (vectorBits >= 512)
    return {read512, multiplyAdds512, 16};
  if (vectorBits >= 256)
    return {read256, multiplyAdds256, 8};
#endif
  return {read128, multiplyAdds128, 4};
}

/// Least seconds of some passes, the first of which warms up.
template <class Pass> double bestSeconds(int passes, Pass pass) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < passes; ++i) {
    auto start = std::chrono::steady_clock::now();
    pass();
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

/// Keeps a result alive.
void use(float value) { asm volatile("" : : "x"(value)); }

} // namespace

double measureReadBandwidth(ThreadTeam &team, const void *memory, int64_t bytes, unsigned vectorBits) {
  constexpr int64_t chunkBytes = 1 << 20;
  constexpr double leastTotalBytes = 256 << 20;
  Loops loops = loopsOf(vectorBits);
  int64_t chunks = (bytes + chunkBytes - 1) / chunkBytes;
  // Small sizes are read again and again within one pass, or the hand-out of chunks would be measured.
  int64_t repeats = std::max<int64_t>(1, static_cast<int64_t>(leastTotalBytes / static_cast<double>(bytes) / 4));
  double seconds = bestSeconds(5, [&] {
    for (int64_t repeat = 0; repeat < repeats; ++repeat)
      team.run(chunks, [&](int64_t chunk, unsigned) {
        int64_t begin = chunk * chunkBytes;
        use(loops.read(static_cast<const char *>(memory) + begin, std::min(chunkBytes, bytes - begin)));
      });
  });
  return static_cast<double>(bytes) * static_cast<double>(repeats) / seconds;
}

double measureMultiplyAdds(ThreadTeam &team, unsigned vectorBits) {
  constexpr int64_t rounds = 1 << 20;
  Loops loops = loopsOf(vectorBits);
  double seconds = bestSeconds(
      5, [&] { team.run(team.size(), [&](int64_t task, unsigned) { use(loops.multiplyAdds(rounds, 0.5f)); }); });
  return 2.0 * chains * loops.lanes * rounds * team.size() / seconds;
}

} // namespace lla
