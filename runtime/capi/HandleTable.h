//===- HandleTable.h - opaque handles that cannot dangle ------------------===//
//
// A handle of the C API is no address but a number: kind, slot and generation. A
// destroyed handle, one of another kind or a stray pointer finds nothing, instead
// of reading freed memory. Finding takes no lock: a launch does it.
//
//     63 ....... 32  31 .. 28  27 ....... 0
//     generation     kind      slot             generation: odd while it lives
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CAPI_HANDLETABLE_H
#define LLA_RUNTIME_CAPI_HANDLETABLE_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace lla::capi {

/// Objects of one kind, 1..15. `Handle` is the opaque type of lla.h. Lives as long as the process:
/// constant-initialised, trivially destroyed, and what is never destroyed stays.
template <class Handle, class Object, unsigned kind> class HandleTable {
  static_assert(sizeof(void *) == 8 && kind >= 1 && kind <= 15);

public:
  constexpr HandleTable() = default;

  /// The object of a handle that lives; else null.
  Object *find(const Handle *handle) const {
    uint64_t number = reinterpret_cast<uint64_t>(handle);
    const Slot *slot = slotOf(number);
    // Generation first: it is set after the object, and cleared before it.
    if (!slot || slot->generation.load(std::memory_order_acquire) != generationOf(number) || !isLive(number))
      return nullptr;
    return slot->object.load(std::memory_order_relaxed);
  }

  /// Null if there are too many.
  Handle *insert(std::unique_ptr<Object> object) {
    std::lock_guard<std::mutex> lock(changing);
    uint32_t index = 0;
    Slot *slot = takeSlot(index);
    if (!slot)
      return nullptr;
    slot->object.store(object.release(), std::memory_order_relaxed);
    uint64_t generation = slot->generation.load(std::memory_order_relaxed) + 1;
    slot->generation.store(static_cast<uint32_t>(generation), std::memory_order_release);
    return reinterpret_cast<Handle *>(generation << 32 | uint64_t(kind) << slotBits | index);
  }

  /// The object of a handle that lives, which then does not any more; else null.
  std::unique_ptr<Object> remove(const Handle *handle) {
    std::lock_guard<std::mutex> lock(changing);
    std::unique_ptr<Object> object(find(handle));
    if (!object)
      return nullptr;
    uint32_t index = reinterpret_cast<uint64_t>(handle) & slotMask;
    Slot *slot = const_cast<Slot *>(slotOf(reinterpret_cast<uint64_t>(handle)));
    slot->generation.fetch_add(1, std::memory_order_release);
    slot->object.store(nullptr, std::memory_order_relaxed);
    slot->nextFree = firstFree;
    firstFree = index + 1;
    return object;
  }

private:
  static constexpr unsigned slotBits = 28, chunkBits = 10;
  static constexpr uint64_t slotMask = (uint64_t(1) << slotBits) - 1;
  static constexpr uint32_t chunkSlots = 1 << chunkBits, chunkLimit = 1024;

  struct Slot {
    std::atomic<uint32_t> generation = 0;
    uint32_t nextFree = 0; ///< Index + 1 of the next free slot; 0: none.
    std::atomic<Object *> object = nullptr;
  };

  static uint32_t generationOf(uint64_t number) { return static_cast<uint32_t>(number >> 32); }
  static bool isLive(uint64_t number) { return generationOf(number) % 2 == 1; }

  /// Null if the number is none of this table's.
  const Slot *slotOf(uint64_t number) const {
    uint64_t index = number & slotMask;
    if ((number >> slotBits & 15) != kind || index >> chunkBits >= chunkLimit)
      return nullptr;
    const Slot *chunk = chunks[index >> chunkBits].load(std::memory_order_acquire);
    return chunk ? chunk + index % chunkSlots : nullptr;
  }

  /// A slot that is free; needs `changing`.
  Slot *takeSlot(uint32_t &index) {
    if (firstFree) {
      index = firstFree - 1;
      Slot *slot = chunks[index >> chunkBits].load(std::memory_order_relaxed) + index % chunkSlots;
      firstFree = slot->nextFree;
      return slot;
    }
    if (used == chunkLimit * chunkSlots)
      return nullptr;
    index = used;
    if (index % chunkSlots == 0)
      chunks[index >> chunkBits].store(new Slot[chunkSlots], std::memory_order_release);
    ++used;
    return chunks[index >> chunkBits].load(std::memory_order_relaxed) + index % chunkSlots;
  }

  std::mutex changing; ///< Guards the two counters below, and all writing.
  uint32_t firstFree = 0, used = 0;
  std::atomic<Slot *> chunks[chunkLimit] = {};
};

} // namespace lla::capi
#endif
