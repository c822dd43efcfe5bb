//===- KeyTest.cpp - what is in a key and what is not ---------------------===//

#include "tests/unit/cache/Samples.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

using namespace lla;
using namespace lla::samples;

namespace {

Key keyOf(const Problem &problem, const Schedule &schedule, const Target &target = hopper()) {
  return artifactKey(problem, schedule, target, toolchain());
}

TEST(Sha256, KnownAnswer) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, IsThatOfLlvmAtEveryLength) {
  std::string bytes;
  for (uint32_t seed = 1; bytes.size() < 5000; seed = seed * 1664525u + 1013904223u)
    bytes.push_back(static_cast<char>(seed >> 24));
  auto byLlvm = [](llvm::StringRef text) {
    return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)), /*LowerCase=*/true);
  };
  for (size_t length = 0; length <= 300; ++length) { // Over the ends of blocks.
    llvm::StringRef part = llvm::StringRef(bytes).substr(length, length);
    EXPECT_EQ(sha256(part), byLlvm(part)) << length;
  }
  EXPECT_EQ(sha256(bytes), byLlvm(bytes));
}

TEST(ArtifactKey, LeavesOutWhatAKernelTakesAsArguments) {
  Problem problem = decode();
  Schedule schedule = defaultSchedule(problem, hopper());
  Key base = keyOf(problem, schedule);
  Problem other = problem;
  other.batch = 7;
  other.context = 1000;
  other.kvHeads = 2;
  other.queryHeads = 8;
  other.layout = Layout::BHSD;
  other.scale = 0.5;
  EXPECT_EQ(keyOf(other, schedule).text(), base.text());
}

TEST(ArtifactKey, HoldsStaticSizes) {
  Problem problem = decode();
  Schedule schedule = defaultSchedule(problem, hopper());
  schedule.staticSizes = true;
  Key base = keyOf(problem, schedule);
  auto differs = [&](const char *field, auto &&change) {
    Problem p = problem;
    Schedule s = schedule;
    change(p, s);
    std::vector<Key::Difference> differences = base.differences(keyOf(p, s));
    ASSERT_EQ(differences.size(), 1u) << field;
    EXPECT_EQ(differences[0].name, field);
  };
  differs("static.batch", [](Problem &p, Schedule &) { p.batch = 7; });
  differs("static.context", [](Problem &p, Schedule &) { p.context = 1000; });
  differs("static.kv_heads", [](Problem &p, Schedule &) {
    p.queryHeads = 2 * p.queryHeads;
    p.kvHeads = 2 * p.kvHeads;
  });
  differs("schedule.splits", [](Problem &, Schedule &s) { s.splits *= 2; });
  Problem other = problem;
  other.scale = 0.5;
  other.layout = Layout::BHSD;
  EXPECT_EQ(keyOf(other, schedule).text(), base.text());
}

TEST(ArtifactKey, HoldsAllThatCodeDependsOn) {
  Problem problem = decode();
  Schedule schedule = defaultSchedule(problem, hopper());
  Key base = keyOf(problem, schedule);
  auto differs = [&](const char *field, auto &&change) {
    Problem p = problem;
    Schedule s = schedule;
    Target t = hopper();
    Toolchain tools = toolchain();
    change(p, s, t, tools);
    std::vector<Key::Difference> differences = base.differences(artifactKey(p, s, t, tools));
    ASSERT_EQ(differences.size(), 1u) << field;
    EXPECT_EQ(differences[0].name, field);
  };
  differs("mode", [](Problem &p, auto &, auto &, auto &) { p.mode = Mode::Prefill; });
  differs("probe", [](Problem &p, auto &, auto &, auto &) { p.probe = Probe::None; });
  differs("group", [](Problem &p, auto &, auto &, auto &) { p.queryHeads = 16; });
  differs("head_dim", [](Problem &p, auto &, auto &, auto &) { p.headDim = 64; });
  differs("dtype", [](Problem &p, auto &, auto &, auto &) { p.dtype = ElementType::F16; });
  differs("causal", [](Problem &p, auto &, auto &, auto &) { p.causal = !p.causal; });
  differs("window", [](Problem &p, auto &, auto &, auto &) { p.window = 512; });
  differs("output_dtype", [](Problem &p, auto &, auto &, auto &) { p.outputDtype = ElementType::F32; });
  differs("state", [](Problem &p, auto &, auto &, auto &) { p.state = true; });
  differs("ragged", [](Problem &p, auto &, auto &, auto &) { p.ragged = true; });
  differs("kv_dtype", [](Problem &p, auto &, auto &, auto &) { p.kvDtype = ElementType::F8E4M3; });
  differs("packed_queries", [](Problem &p, auto &, auto &, auto &) { p.packedQueries = true; });
  differs("packed_keys", [](Problem &p, auto &, auto &, auto &) { p.packedKeys = true; });
  differs("page_size", [](Problem &p, auto &, auto &, auto &) { p.pageSize = 64; });
  differs("single_query", [](Problem &p, auto &, auto &, auto &) { p.queryLength = 2; });
  differs("arch", [](auto &, auto &, Target &t, auto &) { t.arch = "sm_100"; });
  differs("compiler", [](auto &, auto &, auto &, Toolchain &t) { t.fingerprint = "x"; });
  differs("llvm", [](auto &, auto &, auto &, Toolchain &t) { t.llvmVersion = "x"; });
  differs("ptxas", [](auto &, auto &, auto &, Toolchain &t) { t.ptxasVersion = ""; });
  differs("options", [](auto &, auto &, auto &, Toolchain &t) { t.options = "x"; });
}

TEST(ArtifactKey, HoldsEveryScheduleFieldButWhatALaunchDecides) {
  Problem problem = decode();
  Schedule schedule;
  schedule.splits = 4;
  Key base = keyOf(problem, schedule);
  for (const ScheduleField &field : scheduleFields()) {
    Schedule other = schedule;
    field.set(other, field.get(other) ? field.get(other) - 1 : 1);
    bool isOfLaunch = llvm::is_contained({"splits", "split_tiles", "spread"}, llvm::StringRef(field.name));
    EXPECT_EQ(keyOf(problem, other) == base, isOfLaunch) << field.name;
  }
  schedule.splits = 1;
  EXPECT_FALSE(keyOf(problem, schedule) == base) << "one split is other code";
  Schedule cluster, clusters;
  cluster.splits = cluster.cluster = clusters.cluster = 4;
  clusters.splits = 8;
  EXPECT_FALSE(keyOf(problem, cluster) == keyOf(problem, clusters)) << "one cluster merges nothing over the grid";
}

TEST(ArtifactKey, OnTheHostTheVectorWidthCounts) {
  Target narrow = hostTarget(4), wide = narrow, more = narrow;
  narrow.vectorBits = 256;
  wide.vectorBits = 512;
  more.vectorBits = 256;
  more.multiprocessors = 64;
  more.deviceName = "another";
  EXPECT_FALSE(keyOf(decode(), Schedule(), narrow) == keyOf(decode(), Schedule(), wide));
  EXPECT_TRUE(keyOf(decode(), Schedule(), narrow) == keyOf(decode(), Schedule(), more));
}

TEST(RecordKey, SeparatesDevicesPoliciesSizesAndFamilies) {
  MeasurementPolicy warm{true, false}, cold{true, true}, eager{false, false};
  std::vector<Key> keys = {recordKey(decode(), "a", warm),     recordKey(decode(), "b", warm),
                           recordKey(decode(), "a", cold),     recordKey(decode(), "a", eager),
                           recordKey(decode(4096), "a", warm), recordKey(decode(), "a", warm, kernelFamilyVersion + 1)};
  for (size_t i = 0; i < keys.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_NE(keys[i].digest(), keys[j].digest()) << i << " " << j;
  EXPECT_TRUE(recordKindKey(decode(), warm) == recordKindKey(decode(77, 3), warm));
}

TEST(RecordKey, ScaleAndTheSplitOfHeadsOverSequencesDoNotCount) {
  Problem one = decode(), other = decode();
  other.batch = 4;
  other.kvHeads = 2;
  other.queryHeads = 8;
  other.scale = 1.0;
  EXPECT_TRUE(recordKey(one, "a", {}) == recordKey(other, "a", {}));
}

TEST(RecordKey, ShardsOfAMergeCountAsKeysDo) {
  Problem merge;
  merge.mode = Mode::Merge;
  merge.dtype = ElementType::F32;
  merge.shards = 4;
  merge.headDim = 64;
  ASSERT_FALSE(llvm::errorToBool(normalize(merge)));
  Problem more = merge;
  more.shards = 8;
  EXPECT_FALSE(recordKey(merge, "a", {}) == recordKey(more, "a", {}));
  Schedule schedule = defaultSchedule(merge, hopper());
  EXPECT_TRUE(keyOf(merge, schedule) == keyOf(more, schedule)) << "the number is an argument";
  more.shards = 5;
  EXPECT_EQ(bucketed(more).shards, 4);
  EXPECT_EQ(bucketed(more).context, 0);
}

TEST(Bucket, RoundsToTheNearestPowerOfTwo) {
  auto contextOf = [](int64_t context) { return bucketed(decode(context)).context; };
  EXPECT_EQ(contextOf(1), 1);
  EXPECT_EQ(contextOf(8192), 8192);
  EXPECT_EQ(contextOf(11585), 8192);
  EXPECT_EQ(contextOf(11586), 16384);
  EXPECT_EQ(contextOf(5793), 8192);
  EXPECT_EQ(contextOf(5792), 4096);
  EXPECT_EQ(bucketed(decode(8192, 3)).kvHeads, 32); // 24 heads.
  EXPECT_EQ(bucketed(decode(8192, 3)).group(), 4);
}

TEST(Key, TextIsParsedBack) {
  Key odd;
  odd.add("quote", "a \"b\"\n\\ü");
  for (const Key &key : {key(), odd, Key()})
    EXPECT_TRUE(must(Key::parse(key.text())) == key);
  EXPECT_NE(message(Key::parse("[]")).find("expected a JSON object, got array"), std::string::npos);
  EXPECT_NE(message(Key::parse("{\"a\":1}")).find("key.a: expected a string"), std::string::npos);
  EXPECT_NE(message(Key::parse("{\"a\"")).find("no JSON"), std::string::npos);
}

TEST(Key, TextDoesNotDependOnTheOrderOfAdding) {
  Key one, other;
  one.add("a", "1");
  one.add("b", "2");
  other.add("b", "2");
  other.add("a", "1");
  EXPECT_EQ(one.text(), other.text());
}

TEST(Key, DifferencesNameAbsentFields) {
  Key ours, theirs;
  ours.add("both", "x");
  theirs.add("both", "y");
  theirs.add("theirs", "z");
  std::vector<Key::Difference> differences = ours.differences(theirs);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].theirs, "y");
  EXPECT_EQ(differences[1].name, "theirs");
  EXPECT_EQ(differences[1].ours, "");
}

TEST(MeasurementPolicy, TextIsParsedBack) {
  for (const char *text : {"graph,warm", "graph,cold", "eager,warm", "eager,cold"})
    EXPECT_EQ(toText(must(parseMeasurementPolicy(text))), text);
  EXPECT_EQ(message(parseMeasurementPolicy("graph")), "policy: expected graph|eager,cold|warm, got \"graph\"");
}

} // namespace
