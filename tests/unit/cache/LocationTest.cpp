//===- LocationTest.cpp - which directory becomes the cache ---------------===//

#include "cache/Location.h"
#include "tests/unit/cache/Samples.h"
#include <sys/stat.h>

using namespace lla;
using namespace lla::samples;

namespace {

TEST(Location, TheChainFromXdgToTemporary) {
  ScratchDirectory scratch;
  writeText(scratch / "file", "");
  std::string no = scratch / "file/below"; // Cannot be made, not even by root.
  CacheEnvironment environment{"", scratch / "xdg", scratch / "home", scratch.path};
  EXPECT_EQ(resolveCacheLocation(environment).writable, scratch / "xdg/lla");
  environment.xdgCacheHome = no;
  EXPECT_EQ(resolveCacheLocation(environment).writable, scratch / "home/.cache/lla");
  environment.home = no;
  std::string own = scratch / ("lla-" + std::to_string(::geteuid()));
  EXPECT_EQ(resolveCacheLocation(environment).writable, own);
  environment.temporary = no;
  CacheLocation location = resolveCacheLocation(environment);
  EXPECT_EQ(location.writable, "");
  EXPECT_EQ(location.notices.size(), 4u);
  EXPECT_NE(location.notices.back().find("nothing is kept"), std::string::npos);
}

/// Whoever names a cache and misspells it finds nothing written elsewhere.
TEST(Location, AListDecidesAlone) {
  ScratchDirectory scratch;
  writeText(scratch / "file", "");
  ASSERT_EQ(::mkdir((scratch / "site").c_str(), 0755), 0);
  std::string no = scratch / "file/below";
  CacheEnvironment environment{scratch / "listed", scratch / "xdg", scratch / "home", scratch.path};
  EXPECT_EQ(resolveCacheLocation(environment).writable, scratch / "listed");
  environment.cacheDirectories = no;
  CacheLocation location = resolveCacheLocation(environment);
  EXPECT_EQ(location.writable, "");
  ASSERT_EQ(location.notices.size(), 2u);
  EXPECT_EQ(
      location.notices[0].find("LLA_CACHE_DIR: expected a folder, or the name of one that can be made, got " + no), 0u)
      << location.notices[0];
  EXPECT_EQ(location.notices[1], "LLA_CACHE_DIR: expected a folder that can be written, got " + no +
                                     ": nothing is kept beyond this process");
  for (const char *untouched : {"xdg", "home", "below"})
    EXPECT_FALSE(llvm::sys::fs::exists(scratch / untouched)) << untouched;
  environment.cacheDirectories = no + ":" + (scratch / "site");
  EXPECT_EQ(resolveCacheLocation(environment).writable, scratch / "site") << "the first of the list that can be";
}

TEST(Location, NothingSetIsMemoryOnly) {
  CacheLocation location = resolveCacheLocation({});
  EXPECT_EQ(location.writable, "");
  EXPECT_EQ(location.notices.size(), 1u);
}

TEST(Location, UnsetOnesAreSkippedInSilence) {
  ScratchDirectory scratch;
  CacheLocation location = resolveCacheLocation({"", "relative/is/ignored", scratch.path, ""});
  EXPECT_EQ(location.writable, scratch / ".cache/lla");
  EXPECT_TRUE(location.notices.empty());
}

TEST(Location, OfAListTheFirstWritableAndTheRestReadOnly) {
  ScratchDirectory scratch;
  ASSERT_EQ(::mkdir((scratch / "b").c_str(), 0755), 0);
  CacheLocation location =
      resolveCacheLocation({(scratch / "a") + "::" + (scratch / "b") + ":" + (scratch / "none"), "", "", ""});
  EXPECT_EQ(location.writable, scratch / "a");
  EXPECT_EQ(location.readOnly, std::vector<std::string>{scratch / "b"});
  ASSERT_EQ(location.notices.size(), 1u);
  EXPECT_NE(location.notices[0].find(scratch / "none"), std::string::npos);
}

/// As a user who is not root, since root may write everywhere.
TEST(Location, AReadOnlyDirectoryBecomesALayer) {
  ScratchDirectory scratch;
  ASSERT_EQ(::mkdir((scratch / "ro").c_str(), 0555), 0);
  ASSERT_EQ(::mkdir((scratch / "rw").c_str(), 0777), 0);
  ::chmod((scratch / "rw").c_str(), 0777);
  int status = inChild([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0)
      return 2;
    CacheLocation location = resolveCacheLocation({(scratch / "ro") + ":" + (scratch / "rw"), "", "", ""});
    return location.writable == scratch / "rw" && location.readOnly == std::vector<std::string>{scratch / "ro"} ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(Location, TheTemporaryDirectoryMustBePrivate) {
  ScratchDirectory scratch, elsewhere;
  std::string own = scratch / ("lla-" + std::to_string(::geteuid()));
  CacheEnvironment environment{"", "", "", scratch.path};
  EXPECT_EQ(resolveCacheLocation(environment).writable, own);
  struct stat status;
  ASSERT_EQ(::stat(own.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);

  ASSERT_EQ(::chmod(own.c_str(), 0777), 0);
  EXPECT_EQ(resolveCacheLocation(environment).writable, "") << "others can write to it";
  ASSERT_EQ(::rmdir(own.c_str()), 0);
  ASSERT_EQ(::symlink(elsewhere.path.c_str(), own.c_str()), 0);
  EXPECT_EQ(resolveCacheLocation(environment).writable, "") << "somebody laid a link";
}

} // namespace
