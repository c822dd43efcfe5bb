//===- MatchTest.cpp - grades of an answer --------------------------------===//

#include "cache/Cache.h"
#include "tests/unit/cache/Samples.h"

using namespace lla;
using namespace lla::samples;

namespace {

constexpr MeasurementPolicy graphWarm{/*graphReplay=*/true, /*coldCache=*/false};

/// A store in memory that holds `records`.
RecordStore holding(std::initializer_list<Record> records) {
  RecordStore store(CacheLocation(), {});
  for (const Record &record : records)
    must(store.put(record));
  return store;
}

Match ask(const RecordStore &store, const Problem &problem, const Target &target = hopper()) {
  return lookup(store, problem, target, graphWarm);
}

TEST(Match, ExactBeatsEverything) {
  Match match = ask(holding({record(), record(decode(8191)), record(decode(), blackwell())}), decode());
  EXPECT_EQ(match.grade, MatchGrade::Exact);
  EXPECT_TRUE(match.record == record());
  EXPECT_EQ(match.distance, 0);
  EXPECT_EQ(match.layer, "memory");
  EXPECT_TRUE(match.sameBucket);
}

TEST(Match, NearestShapeByOctaves) {
  RecordStore store = holding({record(decode(1024)), record(decode(4096)), record(decode(65536))});
  Match match = ask(store, decode(6000));
  EXPECT_EQ(match.grade, MatchGrade::NearbyShape);
  EXPECT_EQ(match.record.problem.context, 4096);
  EXPECT_NEAR(match.distance, std::log2(6000 / 4096.0), 1e-12);
  EXPECT_FALSE(match.sameBucket) << "6000 is nearer to 8192";
  EXPECT_TRUE(ask(store, decode(5000)).sameBucket);
  EXPECT_NE(match.reason.find("context 4096"), std::string::npos) << match.reason;
}

TEST(Match, DistanceCountsHeadsContextRowsAndLayout) {
  Problem base = decode();
  auto distanceTo = [&](auto &&change) {
    Problem other = base;
    change(other);
    return shapeDistance(base, other);
  };
  EXPECT_EQ(distanceTo([](Problem &) {}), 0);
  EXPECT_DOUBLE_EQ(distanceTo([](Problem &p) { p.context *= 4; }), 2);
  EXPECT_DOUBLE_EQ(distanceTo([](Problem &p) { p.batch = 8; }), 3);
  EXPECT_DOUBLE_EQ(distanceTo([](Problem &p) { p.queryLength = 2; }), 1);
  EXPECT_DOUBLE_EQ(distanceTo([](Problem &p) { p.layout = Layout::BHSD; }), 0.25);
  EXPECT_DOUBLE_EQ(distanceTo([](Problem &p) { p.batch = 8, p.context *= 16; }), 5);
}

TEST(Match, OnlyThisKindAnswers) {
  Problem causal = decode();
  causal.mode = Mode::Prefill;
  causal.causal = true;
  causal.queryLength = causal.context;
  Problem softmax = decode();
  softmax.probe = Probe::None;
  Record eager = record();
  eager.policy.graphReplay = false;
  Record old = record();
  old.family = kernelFamilyVersion + 1;
  RecordStore store = holding({record(causal), record(softmax), eager, old});
  Match match = ask(store, decode());
  EXPECT_EQ(match.grade, MatchGrade::None);
  EXPECT_EQ(match.reason, "no record of this kind of problem");
}

TEST(Match, AnotherDeviceIsBetterThanNothing) {
  Match match = ask(holding({record(decode(), blackwell())}), decode());
  EXPECT_EQ(match.grade, MatchGrade::OtherDevice);
  EXPECT_FALSE(match.sameBucket) << "tuning here is worth while";
  EXPECT_NE(match.reason.find("sm_100"), std::string::npos) << match.reason;
  match = ask(holding({record(decode(), blackwell()), record(decode(512))}), decode());
  EXPECT_EQ(match.grade, MatchGrade::NearbyShape) << "this device, though further";
}

TEST(Match, InfeasibleSchedulesAreSkippedAndReported) {
  Record nearest = record(decode(8000)), next = record(decode(2048)), exact = record();
  nearest.schedule.rows = 7;
  exact.schedule.load = LoadPath::Scratch; // The host's.
  Match match = ask(holding({nearest, next, exact}), decode());
  EXPECT_EQ(match.grade, MatchGrade::NearbyShape);
  EXPECT_EQ(match.record.problem.context, 2048);
  EXPECT_EQ(match.infeasible.size(), 2u);
  EXPECT_TRUE(match.damaged.empty());
  match = ask(holding({nearest}), decode());
  EXPECT_EQ(match.grade, MatchGrade::None);
  EXPECT_EQ(match.reason, "none of 1 records of this kind is feasible here");
}

TEST(Match, SplitsStayAsRecorded) {
  Record wide = record(decode(65536));
  wide.schedule.splits = 64;
  EXPECT_EQ(ask(holding({wide}), decode(512)).record.schedule.splits, 64);
}

TEST(Match, LayersInOrderAndFaultsReported) {
  ScratchDirectory user, site;
  CacheLocation location{user.path, {site.path}, {}};
  Record below = record(decode(4096));
  below.device = "site";
  RecordStore siteStore({site.path, {}, {}}, {});
  must(siteStore.put(below));
  RecordStore store(location, {});
  Match match = ask(store, decode(4096));
  EXPECT_EQ(match.grade, MatchGrade::Exact);
  EXPECT_EQ(match.layer, site.path);
  // A nearer shape in the lower layer beats a further one above; a tie goes to the upper layer.
  must(store.put(record(decode(1024))));
  EXPECT_EQ(ask(store, decode(3000)).layer, site.path);
  Record above = below;
  above.device = "user";
  must(store.put(above));
  EXPECT_EQ(ask(store, decode(3000)).record.device, "user");
}

/// Damages the record of a context in the store at `scratch`.
void damage(const ScratchDirectory &scratch, int64_t context) {
  std::error_code error;
  std::string name = "h8-c" + std::to_string(context) + "-";
  int damaged = 0;
  for (llvm::sys::fs::recursive_directory_iterator entry(scratch.path, error), end; entry != end && !error;
       entry.increment(error))
    if (entry->path().find(name) != std::string::npos) {
      writeText(entry->path(), "{");
      ++damaged;
    }
  EXPECT_EQ(damaged, 1);
}

TEST(Match, OnlyRecordsThatMayAnswerAreRead) {
  ScratchDirectory scratch;
  RecordStore store({scratch.path, {}, {}}, {});
  for (int64_t context : {512, 4096, 65536})
    must(store.put(record(decode(context))));
  damage(scratch, 65536);
  Match match = ask(store, decode(3000));
  EXPECT_EQ(match.record.problem.context, 4096);
  EXPECT_TRUE(match.damaged.empty()) << "the far one was read";
  damage(scratch, 4096);
  match = ask(store, decode(3000));
  EXPECT_EQ(match.record.problem.context, 512) << "the next one answers";
  ASSERT_EQ(match.damaged.size(), 1u);
  EXPECT_NE(match.damaged[0].path.find("h8-c4096-"), std::string::npos) << toText(match.damaged[0]);
}

TEST(Match, ADamagedRecordIsTold) {
  ScratchDirectory scratch;
  std::vector<std::string> told;
  Cache cache({scratch.path, {}, {}}, defaultArtifactLimit, [&](const std::string &text) { told.push_back(text); });
  must(cache.records.put(record(decode(4096))));
  EXPECT_EQ(cache.match(decode(4096), hopper(), graphWarm).grade, MatchGrade::Exact);
  EXPECT_TRUE(told.empty());
  damage(scratch, 4096);
  EXPECT_NE(cache.match(decode(4096), hopper(), graphWarm).grade, MatchGrade::Exact);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].find("tuning record left out: " + scratch.path), 0u) << told[0];
  EXPECT_NE(told[0].find("expected a JSON object"), std::string::npos) << told[0];
}

TEST(Neighbourhood, TheNearestOfThisDeviceFirst) {
  RecordStore store = holding({record(decode(1024)), record(decode(4096)), record(decode(16384)), record(decode(65536)),
                               record(decode(8192), blackwell())});
  Neighbourhood around = neighbourhood(store, decode(6000), hopper(), graphWarm, /*octaves=*/3, /*most=*/10);
  ASSERT_EQ(around.neighbours.size(), 3u) << "within 3 octaves";
  EXPECT_EQ(around.neighbours[0].record.problem.context, 4096);
  EXPECT_EQ(around.neighbours[1].record.problem.context, 16384);
  EXPECT_EQ(around.neighbours[2].record.problem.context, 1024);
  EXPECT_NEAR(around.neighbours[1].distance, std::log2(16384 / 6000.0), 1e-12);
  EXPECT_EQ(around.neighbours[1].layer, "memory");
  EXPECT_EQ(neighbourhood(store, decode(6000), hopper(), graphWarm, 3, 2).neighbours.size(), 2u);
}

TEST(Neighbourhood, OfOneShapeTheUpperLayers) {
  ScratchDirectory user, site;
  Record below = record(decode(4096)), above = below;
  below.device = "site";
  above.device = "user";
  RecordStore siteStore({site.path, {}, {}}, {});
  must(siteStore.put(below));
  RecordStore store({user.path, {site.path}, {}}, {});
  must(store.put(above));
  Neighbourhood around = neighbourhood(store, decode(6000), hopper(), graphWarm, 4, 10);
  ASSERT_EQ(around.neighbours.size(), 1u);
  EXPECT_EQ(around.neighbours[0].record.device, "user");
  damage(user, 4096);
  around = neighbourhood(store, decode(6000), hopper(), graphWarm, 4, 10);
  ASSERT_EQ(around.neighbours.size(), 1u);
  EXPECT_EQ(around.neighbours[0].record.device, "site");
  EXPECT_EQ(around.damaged.size(), 1u);
}

TEST(Match, EveryGradeHasAName) {
  EXPECT_EQ(name(MatchGrade::Exact), "exact");
  EXPECT_EQ(name(MatchGrade::NearbyShape), "nearby shape");
  EXPECT_EQ(name(MatchGrade::OtherDevice), "other device");
  EXPECT_EQ(name(MatchGrade::None), "none");
}

} // namespace
