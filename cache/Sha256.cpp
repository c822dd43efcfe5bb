//===- Sha256.cpp - digests of kernels ------------------------------------===//
//
// A kernel that is found in the cache is digested before it is loaded, which is most of
// what finding one costs: kernels have 100 KB and more. LLVM's code takes three times
// as long as the instructions that x86 CPUs have for it.
//
//===----------------------------------------------------------------------===//

#include "cache/Key.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include <array>
#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace lla {
namespace {

#if defined(__x86_64__)

/// FIPS 180-4: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
alignas(16) constexpr uint32_t roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<uint32_t, 8>;
constexpr size_t blockBytes = 64;

bool hasInstructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  bool hasSse41 = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1);
  return hasSse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/// Whole blocks into the state. The instructions want it as (A B E F) and (C D G H), the first in the highest lane.
__attribute__((target("sha,sse4.1"))) void compress(State &state, const uint8_t *bytes, size_t blocks) {
  auto load = [](const void *from) __attribute__((target("sha,sse4.1"))) {
    return _mm_loadu_si128(static_cast<const __m128i *>(from));
  };
  const __m128i bigEndian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i cdab = _mm_shuffle_epi32(load(&state[0]), 0xb1), efgh = _mm_shuffle_epi32(load(&state[4]), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; blocks > 0; --blocks, bytes += blockBytes) {
    __m128i abefBefore = abef, cdghBefore = cdgh, words[4];
    for (int i = 0; i < 4; ++i)
      words[i] = _mm_shuffle_epi8(load(bytes + 16 * i), bigEndian);
    for (int i = 0; i < 16; ++i) { // Four rounds each; then the words of four rounds that come sixteen later.
      __m128i sum = _mm_add_epi32(words[i % 4], load(roundConstants + 4 * i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      __m128i last = words[(i + 3) % 4];
      __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(words[i % 4], words[(i + 1) % 4]),
                                   _mm_alignr_epi8(last, words[(i + 2) % 4], 4));
      words[i % 4] = _mm_sha256msg2_epu32(next, last);
    }
    abef = _mm_add_epi32(abef, abefBefore);
    cdgh = _mm_add_epi32(cdgh, cdghBefore);
  }
  __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i *>(&state[0]), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i *>(&state[4]), _mm_alignr_epi8(dchg, feba, 8));
}

std::array<uint8_t, 32> digestByInstructions(llvm::StringRef text) {
  State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const auto *bytes = reinterpret_cast<const uint8_t *>(text.data());
  size_t whole = text.size() / blockBytes, rest = text.size() % blockBytes;
  compress(state, bytes, whole);
  // What is left, a bit that is set, zeros, and the number of bits: in one block, or two.
  uint8_t last[2 * blockBytes] = {};
  if (rest)
    std::memcpy(last, bytes + whole * blockBytes, rest);
  last[rest] = 0x80;
  size_t blocks = rest + 1 + sizeof(uint64_t) <= blockBytes ? 1 : 2;
  uint64_t bits = uint64_t(text.size()) * 8;
  for (size_t i = 0; i < sizeof(bits); ++i)
    last[blocks * blockBytes - 1 - i] = static_cast<uint8_t>(bits >> 8 * i);
  compress(state, last, blocks);
  std::array<uint8_t, 32> digest;
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

#endif

} // namespace

std::string sha256(llvm::StringRef bytes) {
#if defined(__x86_64__)
  static const bool isFast = hasInstructions();
  if (isFast)
    return llvm::toHex(digestByInstructions(bytes), /*LowerCase=*/true);
#endif
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes)), /*LowerCase=*/true);
}

} // namespace lla
