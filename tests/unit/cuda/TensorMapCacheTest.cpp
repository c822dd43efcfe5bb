//===- TensorMapCacheTest.cpp - tensor maps of launches that come again ---===//

#include "runtime/cuda/TensorMapCache.h"
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace lla::cuda;

namespace {

TensorMapCache::Key keyOf(uint64_t tensor) {
  TensorMapSource source{"k", reinterpret_cast<void *>((tensor + 1) * 4096), 1, 2, 3, 4, 5, 6, 64, 7};
  return TensorMapCache::keyOf(source, tensor % 6);
}

/// All of its words say whose it is.
CUtensorMap mapOf(uint64_t tensor) {
  uint64_t words[sizeof(CUtensorMap) / sizeof(uint64_t)];
  for (uint64_t &word : words)
    word = tensor;
  CUtensorMap map;
  std::memcpy(&map, words, sizeof(map));
  return map;
}

bool isOf(const CUtensorMap &map, uint64_t tensor) {
  CUtensorMap expected = mapOf(tensor);
  return std::memcmp(&map, &expected, sizeof(map)) == 0;
}

TEST(TensorMapCache, KeepsTheMapsOfManyLayers) {
  auto cache = std::make_unique<TensorMapCache>();
  CUtensorMap map;
  constexpr uint64_t layers = 64;
  for (uint64_t i = 0; i < layers; ++i) {
    EXPECT_FALSE(cache->find(keyOf(i), map)) << i;
    cache->keep(keyOf(i), mapOf(i));
  }
  uint64_t kept = 0;
  for (uint64_t i = 0; i < layers; ++i)
    if (cache->find(keyOf(i), map)) {
      EXPECT_TRUE(isOf(map, i)) << i;
      ++kept;
    }
  EXPECT_GT(kept, layers * 9 / 10); // The rest met more than three others.
}

TEST(TensorMapCache, EverythingInAKeyTellsMapsApart) {
  TensorMapSource source{"k", reinterpret_cast<void *>(4096), 1, 2, 3, 4, 5, 6, 64, 7};
  auto cache = std::make_unique<TensorMapCache>();
  cache->keep(TensorMapCache::keyOf(source, 2), mapOf(1));
  CUtensorMap map;
  EXPECT_TRUE(cache->find(TensorMapCache::keyOf(source, 2), map));
  EXPECT_FALSE(cache->find(TensorMapCache::keyOf(source, 3), map));
  for (int64_t TensorMapSource::*size : {&TensorMapSource::batch, &TensorMapSource::rows, &TensorMapSource::rowStride,
                                         &TensorMapSource::headStride, &TensorMapSource::batchStride}) {
    TensorMapSource other = source;
    other.*size += 1;
    EXPECT_FALSE(cache->find(TensorMapCache::keyOf(other, 2), map));
  }
  source.base = reinterpret_cast<void *>(8192);
  EXPECT_FALSE(cache->find(TensorMapCache::keyOf(source, 2), map));
}

TEST(TensorMapCache, ThreadsNeverSeeHalfAMap) {
  auto cache = std::make_unique<TensorMapCache>();
  std::atomic<int64_t> wrong = 0, found = 0;
  std::vector<std::thread> team;
  for (uint64_t thread = 0; thread < 4; ++thread)
    team.emplace_back([&, thread] {
      for (uint64_t i = 0; i < 2000000; ++i) {
        uint64_t tensor = (i * 7 + thread * 131) % 500; // More than there is room for.
        CUtensorMap map;
        if (cache->find(keyOf(tensor), map)) {
          ++found;
          wrong += !isOf(map, tensor);
        } else {
          cache->keep(keyOf(tensor), mapOf(tensor));
        }
      }
    });
  for (std::thread &one : team)
    one.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found, 0);
}

} // namespace
