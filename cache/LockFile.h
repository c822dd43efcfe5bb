//===- LockFile.h - one process at a time, if it does not take too long ---===//
//
// flock on a file that is made for the purpose. The kernel drops the lock when its
// holder dies, so a crash leaves none behind. Holding it is an optimisation, never
// needed for correctness: whoever waited too long goes on without.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_LOCKFILE_H
#define LLA_CACHE_LOCKFILE_H

#include <chrono>
#include <string>

namespace lla {

class LockFile {
public:
  /// Not held.
  LockFile() = default;
  /// Waits for at most `timeout`. Not held after that, nor where the file cannot be made.
  static LockFile acquire(const std::string &path, std::chrono::milliseconds timeout);
  LockFile(LockFile &&other) noexcept;
  LockFile &operator=(LockFile &&other) noexcept;
  ~LockFile() { release(); }

  bool isHeld() const { return descriptor >= 0; }
  /// Removes the file too: an idle lock leaves no trace.
  void release();

private:
  std::string path;
  int descriptor = -1;
};

} // namespace lla
#endif
