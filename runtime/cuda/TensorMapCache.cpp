//===- TensorMapCache.cpp - tensor maps of launches that come again -------===//

#include "runtime/cuda/TensorMapCache.h"
#include <cstring>

namespace lla::cuda {

size_t TensorMapCache::setOf(const Key &key) {
  constexpr uint64_t spread = 0x9e3779b97f4a7c15; // Fibonacci's: the top bits depend on all below.
  uint64_t mixed = (key[0] / 16 + key.back()) * spread;
  return mixed >> 58;
}

bool TensorMapCache::has(const Entry &entry, const Key &key) {
  for (size_t i = 0; i < keyWords; ++i)
    if (entry.words[i].load(std::memory_order_relaxed) != key[i])
      return false;
  return true;
}

bool TensorMapCache::find(const Key &key, CUtensorMap &map) const {
  static_assert(sets == 64, "the top six bits");
  for (const Entry &entry : all[setOf(key)].entries) {
    uint64_t version = entry.version.load(std::memory_order_acquire);
    if (version == 0 || version % 2 || !has(entry, key))
      continue;
    uint64_t copy[mapWords];
    for (size_t i = 0; i < mapWords; ++i)
      copy[i] = entry.words[keyWords + i].load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire); // The words before the version.
    if (entry.version.load(std::memory_order_relaxed) != version)
      continue;
    std::memcpy(&map, copy, sizeof(map));
    return true;
  }
  return false;
}

void TensorMapCache::keep(const Key &key, const CUtensorMap &map) {
  Set &set = all[setOf(key)];
  Entry &entry = set.entries[set.next.fetch_add(1, std::memory_order_relaxed) % ways];
  uint64_t version = entry.version.load(std::memory_order_relaxed);
  if (version % 2 || !entry.version.compare_exchange_strong(version, version + 1, std::memory_order_acquire,
                                                            std::memory_order_relaxed))
    return;
  std::atomic_thread_fence(std::memory_order_release); // The odd version before the words.
  uint64_t copy[mapWords];
  std::memcpy(copy, &map, sizeof(map));
  for (size_t i = 0; i < keyWords; ++i)
    entry.words[i].store(key[i], std::memory_order_relaxed);
  for (size_t i = 0; i < mapWords; ++i)
    entry.words[keyWords + i].store(copy[i], std::memory_order_relaxed);
  entry.version.store(version + 2, std::memory_order_release);
}

} // namespace lla::cuda
