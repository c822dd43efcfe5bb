//===- LockFile.cpp - one process at a time -------------------------------===//

#include "cache/LockFile.h"
#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace lla {
namespace {

/// The last holder may have removed the file between our open and our lock: then `path` is another file, or none,
/// and our lock excludes nobody.
bool isStillAt(int descriptor, const std::string &path) {
  struct stat ours, theirs;
  return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && ours.st_dev == theirs.st_dev &&
         ours.st_ino == theirs.st_ino;
}

enum class Attempt { Held, Busy, Hopeless };

Attempt tryLock(const std::string &path, int &descriptor) {
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (file < 0)
    return Attempt::Hopeless;
  bool locked = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  bool busy = !locked && (errno == EWOULDBLOCK || errno == EINTR);
  if (locked && isStillAt(file, path)) {
    descriptor = file;
    return Attempt::Held;
  }
  ::close(file);
  return locked || busy ? Attempt::Busy : Attempt::Hopeless;
}

} // namespace

LockFile LockFile::acquire(const std::string &path, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point deadline = Clock::now() + timeout;
  std::chrono::milliseconds pause{1};
  constexpr std::chrono::milliseconds longestPause{50};
  LockFile lock;
  lock.path = path;
  while (tryLock(path, lock.descriptor) == Attempt::Busy && Clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longestPause);
  }
  return lock;
}

LockFile::LockFile(LockFile &&other) noexcept
    : path(std::move(other.path)), descriptor(std::exchange(other.descriptor, -1)) {}

LockFile &LockFile::operator=(LockFile &&other) noexcept {
  std::swap(path, other.path);
  std::swap(descriptor, other.descriptor);
  return *this;
}

void LockFile::release() {
  if (!isHeld())
    return;
  ::unlink(path.c_str()); // While still held: a newcomer makes a file of its own.
  ::close(std::exchange(descriptor, -1));
}

} // namespace lla
