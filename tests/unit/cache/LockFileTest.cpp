//===- LockFileTest.cpp - locks that vanish with their holder -------------===//

#include "cache/LockFile.h"
#include "tests/unit/cache/Samples.h"
#include <csignal>

using namespace lla;
using namespace lla::samples;

namespace {

constexpr std::chrono::milliseconds atOnce{0};

TEST(LockFile, ExcludesAndVanishes) {
  ScratchDirectory scratch;
  std::string path = scratch / "lock";
  LockFile lock = LockFile::acquire(path, atOnce);
  EXPECT_TRUE(lock.isHeld());
  EXPECT_FALSE(LockFile::acquire(path, std::chrono::milliseconds(3)).isHeld());
  lock.release();
  EXPECT_FALSE(lock.isHeld());
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  EXPECT_TRUE(LockFile::acquire(path, atOnce).isHeld());
}

TEST(LockFile, MovesWithItsHolder) {
  ScratchDirectory scratch;
  LockFile lock = LockFile::acquire(scratch / "lock", atOnce);
  LockFile moved = std::move(lock), assigned;
  assigned = std::move(moved);
  EXPECT_TRUE(assigned.isHeld());
  EXPECT_FALSE(LockFile::acquire(scratch / "lock", atOnce).isHeld());
}

TEST(LockFile, WhereNoneCanBeMadeItIsNotHeld) {
  EXPECT_FALSE(LockFile::acquire("/nowhere/at/all", std::chrono::hours(1)).isHeld());
  ScratchDirectory scratch;
  EXPECT_FALSE(LockFile::acquire(scratch.path, std::chrono::hours(1)).isHeld()) << "a directory";
}

TEST(LockFile, DiesWithItsHolder) {
  ScratchDirectory scratch;
  std::string path = scratch / "lock";
  int status = inChild([&] {
    LockFile lock = LockFile::acquire(path, atOnce);
    return ::raise(SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(llvm::sys::fs::exists(path)) << "the file stays";
  EXPECT_TRUE(LockFile::acquire(path, atOnce).isHeld()) << "the lock does not";
}

} // namespace
