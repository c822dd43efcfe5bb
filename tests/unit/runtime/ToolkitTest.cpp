//===- ToolkitTest.cpp - what takes part in making code -------------------===//

#include "runtime/Toolkit.h"
#include "FakeKernels.h"
#include "tests/unit/cache/Samples.h"
#include <sys/stat.h>

using namespace lla;
using samples::readText;
using samples::writeText;

namespace {

/// A ptxas that says a version, and leaves a mark each time that it runs.
struct ToolkitTest : testing::Test {
  TestFolder folder;
  Cache cache{CacheLocation{folder.path + "/cache", {}, {}}};
  CompileOptions options;

  ToolkitTest() {
    options.ptxasPath = folder.path + "/ptxas";
    install("release 13.0, V13.0.1");
  }
  void install(const std::string &version) {
    writeText(options.ptxasPath + "-new",
              "#!/bin/sh\necho run >> " + folder.path + "/runs\necho tools, " + version + "\n");
    ::chmod((options.ptxasPath + "-new").c_str(), 0755);
    ASSERT_EQ(::rename((options.ptxasPath + "-new").c_str(), options.ptxasPath.c_str()), 0);
  }
  std::string versionBy(const Cache *memory) { return toolchainOf(options, memory).ptxasVersion; }
  size_t runs() { return readText(folder.path + "/runs").size() / 4; }
};

TEST_F(ToolkitTest, PtxasIsAskedForItsVersionOnce) {
  for (int process = 0; process < 3; ++process)
    EXPECT_EQ(versionBy(&cache), "release 13.0, V13.0.1");
  EXPECT_EQ(runs(), 1u);
  EXPECT_EQ(versionBy(nullptr), "release 13.0, V13.0.1");
  EXPECT_EQ(runs(), 2u) << "nobody remembers";
}

TEST_F(ToolkitTest, AnotherPtxasIsAskedAnew) {
  versionBy(&cache);
  install("release 13.1, V13.1.7");
  EXPECT_EQ(versionBy(&cache), "release 13.1, V13.1.7");
  EXPECT_EQ(runs(), 2u);
}

TEST_F(ToolkitTest, ADamagedMemoryIsNotBelieved) {
  versionBy(&cache);
  std::string toolkits = folder.path + "/cache/v1/toolkits";
  std::string place = joinPath(toolkits, listDirectory(toolkits).at(0)), kept = readText(place);
  for (const std::string &damaged : {std::string(), kept.substr(0, kept.size() - 1), "release 12.0\n" + kept}) {
    writeText(place, damaged);
    EXPECT_EQ(versionBy(&cache), "release 13.0, V13.0.1");
    EXPECT_EQ(readText(place), kept);
  }
}

TEST_F(ToolkitTest, WithoutPtxasThereIsNoVersion) {
  ASSERT_EQ(::unlink(options.ptxasPath.c_str()), 0);
  EXPECT_EQ(versionBy(&cache), "");
  options.ptxasPath.clear();
  EXPECT_EQ(versionBy(&cache), "");
}

} // namespace
