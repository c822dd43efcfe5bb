//===- OracleSourceTest.cpp - the device's oracle compiles ----------------===//

#include "runtime/cuda/Nvrtc.h"
#include "runtime/cuda/Oracle.h"
#include "runtime/cuda/OracleArguments.h"
#include "tests/unit/cache/Samples.h"
#include <gtest/gtest.h>
#include <type_traits>

using namespace lla;
using namespace lla::cuda;

// What both compilers must agree on.
static_assert(sizeof(oracle::Tensor) == 32);
static_assert(sizeof(oracle::Attention) == 8 * 32 + 6 * 8 + 8 + 3 * 8 + 3 * 8 + 4 * 8 + 4 * 8 + 8 + 6 * 4);
static_assert(sizeof(oracle::Rows) == 16);
static_assert(sizeof(oracle::Fill) == 32 + 5 * 8 + 4 * 4);
static_assert(sizeof(oracle::Differences) == 13 * 8);
static_assert(std::is_trivially_copyable_v<oracle::Attention> && std::is_standard_layout_v<oracle::Attention>);

namespace {

class OracleSource : public testing::Test {
protected:
  void SetUp() override {
    llvm::Expected<Nvrtc> opened = Nvrtc::open("");
    if (!opened)
      GTEST_SKIP() << "skipped: " << llvm::toString(opened.takeError());
    nvrtc.emplace(std::move(*opened));
  }
  std::optional<Nvrtc> nvrtc;
};

/// The driver is asked for these names.
const char *const kernels[] = {"oracle_fill",    "oracle_exact", "oracle_baseline",
                               "oracle_compare", "oracle_empty", "oracle_count_different",
                               "oracle_read",    "planted_race", "planted_out_of_bounds"};

TEST_F(OracleSource, CompilesToPtxForAnOlderArchitecture) {
  llvm::Expected<std::string> ptx = nvrtc->compileToPtx(oracleSource, "sm_80");
  ASSERT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  EXPECT_NE(ptx->find(".target sm_80"), std::string::npos);
  for (const char *kernel : kernels)
    EXPECT_NE(ptx->find(std::string(".entry ") + kernel), std::string::npos) << kernel;
  // Parameters as this compiler lays them out.
  for (size_t bytes : {sizeof(oracle::Attention), sizeof(oracle::Rows), sizeof(oracle::Fill)})
    EXPECT_NE(ptx->find("[" + std::to_string(bytes) + "]"), std::string::npos) << bytes;
}

TEST_F(OracleSource, CompilesToCubinForHopper) {
  llvm::Expected<std::string> cubin = nvrtc->compileToCubin(oracleSource, "sm_90a");
  ASSERT_TRUE(bool(cubin)) << llvm::toString(cubin.takeError());
  EXPECT_EQ(cubin->substr(1, 3), "ELF");
  for (const char *kernel : kernels)
    EXPECT_NE(cubin->find(kernel), std::string::npos) << kernel;
}

TEST_F(OracleSource, IsCompiledOncePerCache) {
  samples::ScratchDirectory scratch;
  ArtifactStore store({scratch.path, {}, {}});
  llvm::Expected<std::string> first = oracleCubin(*nvrtc, "sm_90a", &store);
  ASSERT_TRUE(bool(first)) << llvm::toString(first.takeError());
  const ArtifactDirectory &directory = store.layers()[0];
  ASSERT_EQ(directory.entries().size(), 1u);
  EXPECT_EQ(samples::must(oracleCubin(*nvrtc, "sm_90a", &store)), *first);
  // Another in its place is what the next one gets: nothing was compiled.
  std::string digest = directory.entries()[0].digest;
  Key key = samples::must(directory.meta(digest)).key;
  ASSERT_EQ(samples::message(directory.remove(digest)), "");
  samples::must(store.store(key, {"cubin", "oracle", "planted"}));
  EXPECT_EQ(samples::must(oracleCubin(*nvrtc, "sm_90a", &store)), "planted");
  EXPECT_EQ(samples::must(oracleCubin(*nvrtc, "sm_80", &store)).substr(1, 3), "ELF") << "another architecture's";
  EXPECT_EQ(samples::must(oracleCubin(*nvrtc, "sm_90a", nullptr)), *first) << "without a cache";
}

TEST_F(OracleSource, CompileErrorCarriesTheLog) {
  llvm::Expected<std::string> ptx = nvrtc->compileToPtx("__global__ void broken() { undeclared = 1; }", "sm_80");
  ASSERT_FALSE(bool(ptx));
  EXPECT_NE(llvm::toString(ptx.takeError()).find("undeclared"), std::string::npos);
}

} // namespace
