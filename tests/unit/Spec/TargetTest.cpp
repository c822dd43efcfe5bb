//===- TargetTest.cpp - architectures, the host, their texts --------------===//

#include "RandomProblem.h"
#include <gtest/gtest.h>
#include <sched.h>

using namespace lla;
using namespace lla::test;

namespace {

TEST(Target, NamedArchitecturesHaveFacts) {
  Target h200 = llvm::cantFail(namedTarget("sm_90a"));
  EXPECT_EQ(h200.kind, TargetKind::Cuda);
  EXPECT_EQ(h200.multiprocessors, 132);
  EXPECT_EQ(h200.sharedBytesPerBlock, 232448);
  EXPECT_EQ(h200.sharedBytesPerMultiprocessor, 233472);
  EXPECT_EQ(h200.registersPerMultiprocessor, 65536);
  EXPECT_EQ(h200.l2Bytes, 60 << 20);
  EXPECT_TRUE(h200.hasWarpgroupMma());
  EXPECT_EQ(llvm::cantFail(namedTarget("sm_80")).sharedBytesPerBlock, 166912);
  EXPECT_EQ(llvm::cantFail(namedTarget("sm_120")).sharedBytesPerBlock, 101376);
}

TEST(Target, OnlySm90aHasWarpgroupMma) {
  for (const Target &target : allTargets())
    EXPECT_EQ(target.hasWarpgroupMma(), target.arch == "sm_90a") << target.arch;
}

TEST(Target, ComputeCapabilityIsTheArchitecturesNumber) {
  Target target;
  EXPECT_EQ(target.computeCapability(), 0);
  for (auto [arch, capability] : {std::pair("sm_80", 80), {"sm_90a", 90}, {"sm_120", 120}})
    EXPECT_EQ(llvm::cantFail(namedTarget(arch)).computeCapability(), capability);
  for (const char *arch : {"sm_", "sm_x", "90", ""}) {
    target.arch = arch;
    EXPECT_EQ(target.computeCapability(), 0) << arch;
  }
  EXPECT_TRUE(llvm::cantFail(namedTarget("sm_90")).hasClusters());
  EXPECT_FALSE(llvm::cantFail(namedTarget("sm_89")).hasClusters());
}

TEST(Target, UnknownArchitectureListsTheKnown) {
  EXPECT_EQ(message(namedTarget("sm_75")),
            "arch: expected host|sm_80|sm_86|sm_89|sm_90|sm_90a|sm_100|sm_120, got \"sm_75\"");
}

TEST(Target, HostCountsItsThreads) {
  EXPECT_EQ(hostTarget(3).multiprocessors, 3);
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  EXPECT_EQ(hostTarget().multiprocessors, CPU_COUNT(&allowed));
  EXPECT_EQ(llvm::cantFail(namedTarget("host")), hostTarget());
}

TEST(Target, HostVectorWidthFollowsTheCpu) {
  unsigned expected = 128;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    expected = 256;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    expected = 512;
#endif
  EXPECT_EQ(hostTarget().vectorBits, expected);
}

TEST(TargetText, RoundTrips) {
  for (Target target : allTargets()) {
    target.multiprocessors += 3;
    target.l2Bytes += 1;
    target.deviceName = "a \"named\" device";
    Target again = llvm::cantFail(parseTarget(toJson(target)));
    EXPECT_EQ(again, target) << toJson(target);
    EXPECT_EQ(again.deviceName, target.deviceName);
    EXPECT_EQ(toJson(again), toJson(target));
  }
}

TEST(TargetText, AnyBytesMayBeADeviceName) {
  Target target = llvm::cantFail(namedTarget("sm_80"));
  target.deviceName = "\xff\xfe";
  EXPECT_EQ(llvm::cantFail(parseTarget(toJson(target))), target);
}

TEST(TargetText, ArchitectureAloneIsEnough) {
  EXPECT_EQ(llvm::cantFail(parseTarget(R"({"arch": "sm_86"})")), llvm::cantFail(namedTarget("sm_86")));
}

TEST(TargetText, ErrorsNameTheField) {
  EXPECT_EQ(message(parseTarget("{}")), "arch: expected the name of an architecture, got nothing");
  EXPECT_EQ(message(parseTarget(R"({"arch": 90})")), "arch: expected a string, got 90");
  EXPECT_NE(message(parseTarget(R"({"arch": "sm_1"})")).find("got \"sm_1\""), std::string::npos);
  EXPECT_EQ(message(parseTarget(R"({"arch": "sm_80", "multiprocessors": 0})")),
            "multiprocessors: expected >= 1, got 0");
  EXPECT_EQ(message(parseTarget(R"({"arch": "sm_80", "l2_bytes": -1})")), "l2_bytes: expected >= 0, got -1");
  EXPECT_EQ(message(parseTarget(R"({"arch": "host", "vector_bits": 64})")),
            "vector_bits: expected 128|256|512, got 64");
  EXPECT_NE(message(parseTarget(R"({"arch": "sm_80", "vector_bits": 512})")).find("unknown field of a target"),
            std::string::npos);
}

TEST(Target, OfItsClassHasThatClass) {
  for (const Target &target : test::allTargets()) {
    Target same = llvm::cantFail(targetOfClass(deviceClass(target)));
    EXPECT_EQ(deviceClass(same), deviceClass(target));
    EXPECT_EQ(same.multiprocessors, target.multiprocessors);
    EXPECT_EQ(same.kind, target.kind);
  }
  for (const char *bad : {"", "sm_1", "sm_90a", "sm_90a multiprocessors=132", "host threads=x vector=512 cache=1MiB",
                          "sm_90a multiprocessors=132 shared=232448 registers=65536 l2=60MiB more=1"})
    EXPECT_EQ(test::message(targetOfClass(bad)).find("device_class: expected an architecture"), 0u) << bad;
}

TEST(Target, DeviceClassDecidesWithoutNames) {
  Target one = llvm::cantFail(namedTarget("sm_90a")), other = one;
  other.deviceName = "another";
  EXPECT_EQ(one, other);
  EXPECT_EQ(deviceClass(one), deviceClass(other));
  EXPECT_EQ(deviceClass(one), "sm_90a multiprocessors=132 shared=232448 registers=65536 l2=60MiB");
  other.multiprocessors = 66; // Half a GPU, as MIG gives.
  EXPECT_NE(one, other);
  EXPECT_NE(deviceClass(one), deviceClass(other));
  EXPECT_NE(deviceClass(hostTarget(1)), deviceClass(hostTarget(2)));
}

} // namespace
