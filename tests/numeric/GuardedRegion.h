//===- GuardedRegion.h - device memory between two red zones --------------===//
#ifndef LLA_TESTS_NUMERIC_GUARDEDREGION_H
#define LLA_TESTS_NUMERIC_GUARDEDREGION_H

#include "runtime/Executor.h"

namespace lla::numeric {

/// Memory of an executor with a copy, on the host, of what it should hold. The zones, and whatever is not written
/// otherwise, hold 0xff: not a number in every dtype, so that what is read there by mistake shows.
class GuardedRegion {
public:
  static constexpr unsigned char poison = 0xff;

  /// Everything poisoned, in the copy only.
  static llvm::Expected<GuardedRegion> create(Executor &executor, int64_t bytes);

  char *device() const { return static_cast<char *>(buffer->data()) + zoneBytes; }
  char *copy() { return mirror.data() + zoneBytes; }
  int64_t bytes() const { return static_cast<int64_t>(mirror.size()) - 2 * zoneBytes; }

  /// Copy to device, zones included.
  llvm::Error upload(Executor &executor);
  /// What the device holds, `bytes()` of it. Fails with Verification if a zone has changed.
  llvm::Expected<std::vector<char>> download(Executor &executor) const;
  /// Fails with Verification if the device holds anything but the copy; `what` names the memory.
  llvm::Error expectUnchanged(Executor &executor, const std::string &what) const;

private:
  static constexpr int64_t zoneBytes = 4096;
  std::unique_ptr<Buffer> buffer;
  std::vector<char> mirror;
};

} // namespace lla::numeric
#endif
