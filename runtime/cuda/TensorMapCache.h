//===- TensorMapCache.h - tensor maps of launches that come again ---------===//
//
// To encode a map is a call of the driver, four to six of them a launch. A serving
// loop comes with the same tensors again and again, those of each layer: a kernel
// keeps the maps it was launched with last.
//
// Launches share it without a lock, and nothing here allocates: an entry that is
// being written counts as absent, and who finds it so encodes the map himself. A
// reader copies and then looks whether the entry has changed meanwhile.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_TENSORMAPCACHE_H
#define LLA_RUNTIME_CUDA_TENSORMAPCACHE_H

#include "runtime/cuda/TensorMap.h"
#include <array>
#include <atomic>
#include <cstdint>

namespace lla::cuda {

/// The maps of one kernel, hence of one planned problem, schedule and device.
class TensorMapCache {
public:
  /// All that can differ between launches of a kernel: address, sizes, strides, and which of its maps it is.
  using Key = std::array<uint64_t, 7>;
  static Key keyOf(const TensorMapSource &source, size_t number) {
    return {reinterpret_cast<uint64_t>(source.base),
            word(source.batch),
            word(source.rows),
            word(source.rowStride),
            word(source.headStride),
            word(source.batchStride),
            number};
  }

  /// True: `map` is what was kept under the key.
  bool find(const Key &key, CUtensorMap &map) const;
  /// Keeps a map in the place of another, unless somebody else is writing there.
  void keep(const Key &key, const CUtensorMap &map);

private:
  static constexpr size_t ways = 4, sets = 64; ///< Two maps each of 128 layers.
  static constexpr size_t keyWords = std::tuple_size_v<Key>, mapWords = sizeof(CUtensorMap) / sizeof(uint64_t);
  using Words = std::array<std::atomic<uint64_t>, keyWords + mapWords>;

  struct alignas(64) Entry {
    std::atomic<uint64_t> version = 0; ///< Odd: being written; 0: never was.
    Words words = {};
  };
  struct Set {
    std::array<Entry, ways> entries;
    std::atomic<uint32_t> next = 0; ///< The entry to be replaced.
  };

  static uint64_t word(int64_t value) { return static_cast<uint64_t>(value); }
  static size_t setOf(const Key &key);
  static bool has(const Entry &entry, const Key &key);

  std::array<Set, sets> all;
};

} // namespace lla::cuda
#endif
