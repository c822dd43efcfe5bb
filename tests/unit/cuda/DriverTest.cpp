//===- DriverTest.cpp - no driver, or a useless one -----------------------===//

#include "runtime/cuda/Driver.h"
#include "runtime/Knobs.h"
#include "runtime/RuntimeError.h"
#include "runtime/cuda/CudaExecutor.h"
#include "runtime/cuda/SelfTest.h"
#include "runtime/cuda/Throttle.h"
#include <gtest/gtest.h>

using namespace lla;
using namespace lla::cuda;

namespace {

bool hasGpu() {
  llvm::Expected<int> devices = cudaDeviceCount();
  if (devices)
    return *devices > 0;
  llvm::consumeError(devices.takeError());
  return false;
}

TEST(Driver, MissingLibraryIsNoDriver) {
  DeviceFault fault;
  EXPECT_EQ(Driver::load("libcuda-that-is-not-there.so.1", fault), nullptr);
  EXPECT_EQ(fault.kind, FaultKind::NoDriver);
  EXPECT_NE(fault.message.find("libcuda-that-is-not-there.so.1"), std::string::npos) << fault.message;
}

TEST(Driver, OldDriverIsNamedWithBothVersions) {
  DeviceFault fault;
  EXPECT_EQ(Driver::load(LLA_FAKE_OLD_DRIVER, fault), nullptr);
  EXPECT_EQ(fault.kind, FaultKind::DriverTooOld);
  EXPECT_NE(fault.message.find("12.0"), std::string::npos) << fault.message;
  EXPECT_NE(fault.message.find("11.2"), std::string::npos) << fault.message;
}

TEST(Driver, LibraryWithoutDriverFunctionsIsNoDriver) {
  DeviceFault fault;
  EXPECT_EQ(Driver::load("libm.so.6", fault), nullptr);
  EXPECT_EQ(fault.kind, FaultKind::NoDriver);
  EXPECT_NE(fault.message.find("cuDriverGetVersion"), std::string::npos) << fault.message;
}

TEST(Driver, PtxNamesTheDriverItNeeds) {
  EXPECT_EQ(driverNeededBy("//\n.version 9.0\n.target sm_90a\n"), 13000);
  EXPECT_EQ(driverNeededBy(".version 8.5\n"), 12050);
  EXPECT_EQ(driverNeededBy(".version 8.6\n"), 12070);
  EXPECT_EQ(driverNeededBy(".version 8.8\n"), 12090);
  EXPECT_EQ(driverNeededBy(".version 7.8\n"), 11080);
  EXPECT_EQ(driverNeededBy(".target sm_80\n"), 0);
  EXPECT_EQ(versionText(12040), "12.4");
}

TEST(CudaExecutor, WithoutGpuOpeningFailsWithNoDevice) {
  if (hasGpu())
    GTEST_SKIP() << "skipped: a GPU is present";
  llvm::Expected<std::unique_ptr<Executor>> executor = openCudaExecutor(0, Knobs());
  ASSERT_FALSE(bool(executor));
  auto [kind, text] = describe(executor.takeError());
  EXPECT_EQ(kind, FailureKind::NoDevice);
  EXPECT_FALSE(text.empty());
}

TEST(CudaExecutor, OrdinalBeyondTheLastFailsWithNoDevice) {
  llvm::Expected<std::unique_ptr<Executor>> executor = openCudaExecutor(4000, Knobs());
  ASSERT_FALSE(bool(executor));
  EXPECT_EQ(describe(executor.takeError()).first, FailureKind::NoDevice);
}

TEST(SelfTest, EveryLineHasAReason) {
  std::vector<Check> checks = cudaChecks(Knobs());
  ASSERT_GE(checks.size(), 2u);
  EXPECT_EQ(checks[0].name, "CUDA driver");
  EXPECT_EQ(checks[1].name, "NVRTC");
  for (const Check &check : checks)
    EXPECT_FALSE(check.reason.empty()) << check.name;
}

TEST(Throttle, OnlyHeatAndPowerSupplyCastDoubt) {
  EXPECT_EQ(throttleText(0), "");
  EXPECT_EQ(throttleText(0x1 | 0x2 | 0x4), ""); // Idle, fixed clocks, power limit.
  EXPECT_EQ(throttleText(0x8 | 0x40), "clocks lowered: hardware slowdown, hardware thermal slowdown");
}

TEST(SelfTest, UnknownPlantedFaultIsAUsageError) {
  EXPECT_EQ(describe(plantFault(0, "leak", Knobs())).first, FailureKind::Usage);
}

} // namespace
