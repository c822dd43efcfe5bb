//===- ArtifactStoreTest.cpp - compiled kernels on disk -------------------===//

#include "cache/ArtifactStore.h"
#include "tests/unit/cache/Samples.h"
#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace lla;
using namespace lla::samples;

namespace {

CacheLocation at(const std::string &writable, std::vector<std::string> readOnly = {}) {
  return {writable, std::move(readOnly), {}};
}

std::string entryOf(const ScratchDirectory &scratch, const Key &key) {
  return scratch / ("v1/artifacts/" + key.digest());
}

TEST(ArtifactStore, KeepsOverProcesses) {
  ScratchDirectory scratch;
  {
    ArtifactStore store(at(scratch.path));
    EXPECT_TRUE(must(store.store(key(), artifact(key()))) == artifact(key()));
  }
  ArtifactStore store(at(scratch.path));
  ArtifactLoad loaded = store.load(key());
  ASSERT_TRUE(loaded.artifact);
  EXPECT_TRUE(*loaded.artifact == artifact(key()));
  EXPECT_EQ(listDirectory(entryOf(scratch, key())),
            (std::vector<std::string>{".committed", "kernel.cubin", "meta.json"}));
  EXPECT_TRUE(listDirectory(scratch / "v1/staging").empty());
}

TEST(ArtifactStore, EveryKindAndAwkwardBytes) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  int number = 0;
  for (const char *kind : {"cubin", "ptx", "o"}) {
    StoredArtifact odd{kind, "", std::string("\0\n\xff\"", 4), "{}"};
    Key place = key(++number);
    must(store.store(place, odd));
    EXPECT_TRUE(*store.load(place).artifact == odd);
  }
}

TEST(ArtifactStore, RefusesWhatItCouldNotReadBack) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  StoredArtifact bad = artifact(key());
  bad.kind = "../x";
  EXPECT_EQ(message(store.store(key(), bad)), "kind: expected cubin|ptx|o, got \"../x\"");
  bad = artifact(key());
  bad.bytes.clear();
  EXPECT_EQ(message(store.store(key(), bad)), "bytes: expected a kernel, got nothing");
  bad = artifact(key());
  bad.report = "[]";
  EXPECT_EQ(message(store.store(key(), bad)), "report: expected a JSON object, got \"[]\"");
  EXPECT_TRUE(listDirectory(scratch.path).empty());
}

TEST(ArtifactStore, TheLoserUsesTheWinners) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  must(store.store(key(), artifact(key())));
  StoredArtifact late = artifact(key());
  late.kernelName = "late";
  EXPECT_EQ(must(store.store(key(), late)).kernelName, artifact(key()).kernelName);
}

TEST(ArtifactStore, LowerLayersAreRead) {
  ScratchDirectory user, site;
  ArtifactStore below(at(site.path));
  must(below.store(key(), artifact(key())));
  ArtifactStore store(at(user.path, {site.path}));
  EXPECT_TRUE(store.load(key()).artifact);
  ArtifactLoad missed = store.load(key(1));
  EXPECT_FALSE(missed.artifact);
  EXPECT_EQ(missed.reason, "not in " + user.path + "; not in " + site.path);
}

TEST(ArtifactStore, WorksInMemory) {
  ArtifactStore store((CacheLocation()));
  EXPECT_TRUE(store.isInMemory());
  EXPECT_EQ(store.load(key()).reason, "not in memory");
  must(store.store(key(), artifact(key())));
  EXPECT_TRUE(*store.load(key()).artifact == artifact(key()));
  ObtainedArtifact obtained =
      must(store.obtain(key(), []() -> llvm::Expected<StoredArtifact> { return artifact(key(1)); }));
  EXPECT_TRUE(obtained.wasCached);
  EXPECT_EQ(message(store.clear()), "");
  EXPECT_FALSE(store.load(key()).artifact);
}

/// What somebody or a bad disk did to an entry.
struct Harm {
  const char *name;
  std::function<void(const std::string &entry)> inflict;
};

TEST(ArtifactStore, WhateverIsWrongIsAMissAndGoesToQuarantine) {
  const Harm harms[] = {
      {"truncated", [](auto &e) { EXPECT_EQ(::truncate((e + "/kernel.cubin").c_str(), 19999), 0); }},
      {"emptied", [](auto &e) { EXPECT_EQ(::truncate((e + "/kernel.cubin").c_str(), 0), 0); }},
      {"grown", [](auto &e) { writeText(e + "/kernel.cubin", std::string(20001, 'x')); }},
      {"one bit",
       [](auto &e) {
         std::string bytes = readText(e + "/kernel.cubin");
         bytes[777] ^= 1;
         writeText(e + "/kernel.cubin", bytes);
       }},
      {"no kernel", [](auto &e) { EXPECT_EQ(::unlink((e + "/kernel.cubin").c_str()), 0); }},
      {"no meta", [](auto &e) { EXPECT_EQ(::unlink((e + "/meta.json").c_str()), 0); }},
      {"uncommitted", [](auto &e) { EXPECT_EQ(::unlink((e + "/.committed").c_str()), 0); }},
      {"garbage meta", [](auto &e) { writeText(e + "/meta.json", "{{{"); }},
      {"consistent garbage",
       [](auto &e) {
         writeText(e + "/meta.json", "[]");
         writeText(e + "/.committed", sha256("[]"));
       }},
      {"another version",
       [](auto &e) {
         std::string meta = readText(e + "/meta.json");
         meta.replace(meta.find("\"version\": 1"), 12, "\"version\": 9");
         writeText(e + "/meta.json", meta);
         writeText(e + "/.committed", sha256(meta));
       }},
      {"another key",
       [](auto &e) {
         std::string meta = toJson(metaOf(key(5), artifact(key())));
         writeText(e + "/meta.json", meta);
         writeText(e + "/.committed", sha256(meta));
       }},
      {"kernel is a pipe",
       [](auto &e) {
         EXPECT_EQ(::unlink((e + "/kernel.cubin").c_str()), 0);
         EXPECT_EQ(::mkfifo((e + "/kernel.cubin").c_str(), 0644), 0);
       }},
      {"entry is a file",
       [](auto &e) {
         llvm::sys::fs::remove_directories(e);
         writeText(e, "x");
       }},
  };
  for (const Harm &harm : harms) {
    ScratchDirectory scratch;
    ArtifactStore store(at(scratch.path));
    must(store.store(key(), artifact(key())));
    harm.inflict(entryOf(scratch, key()));
    ArtifactLoad loaded = store.load(key());
    EXPECT_FALSE(loaded.artifact) << harm.name;
    EXPECT_EQ(loaded.reason.rfind("bad entry in", 0), 0u) << harm.name << ": " << loaded.reason;
    std::string cell = scratch / ("v1/quarantine/" + key().digest());
    EXPECT_EQ(listDirectory(cell), (std::vector<std::string>{"entry", "reason.txt"})) << harm.name;
    EXPECT_EQ(readText(cell + "/reason.txt"), loaded.reason + "\n");
    EXPECT_EQ(store.load(key()).reason, "not in " + scratch.path) << harm.name << ": then an ordinary miss";

    ObtainedArtifact obtained =
        must(store.obtain(key(), []() -> llvm::Expected<StoredArtifact> { return artifact(key()); }));
    EXPECT_FALSE(obtained.wasCached);
    EXPECT_TRUE(*store.load(key()).artifact == artifact(key())) << harm.name;
  }
}

TEST(ArtifactStore, ABadEntryIsToldWhicheverWayItIsMet) {
  ScratchDirectory user, site;
  ArtifactStore below(at(site.path));
  std::vector<std::string> told;
  ArtifactStore store(at(user.path, {site.path}), defaultArtifactLimit,
                      [&](const std::string &text) { told.push_back(text); });
  auto plant = [&](const ScratchDirectory &scratch) {
    must(ArtifactStore(at(scratch.path)).store(key(), artifact(key())));
    writeText(entryOf(scratch, key()) + "/kernel.cubin", "x");
    told.clear();
  };
  auto make = []() -> llvm::Expected<StoredArtifact> { return artifact(key()); };
  std::string expected = "cached kernel " + key().digest() + ": bad entry in " + user.path +
                         ": kernel.cubin: expected 20000 bytes, got 1 (quarantined)";
  plant(user);
  EXPECT_FALSE(store.load(key()).artifact);
  EXPECT_EQ(told, std::vector<std::string>{expected});
  EXPECT_FALSE(store.load(key()).artifact);
  EXPECT_EQ(told.size(), 1u) << "it is gone";
  plant(user);
  EXPECT_FALSE(must(store.obtain(key(), make)).wasCached);
  EXPECT_EQ(told, std::vector<std::string>{expected});
  plant(user);
  must(store.store(key(), artifact(key())));
  EXPECT_EQ(told, std::vector<std::string>{expected}) << "stored over";

  // Another layer's good entry does not hide it, and in a layer that is only read it stays.
  plant(user);
  must(below.store(key(), artifact(key())));
  EXPECT_TRUE(store.load(key()).artifact);
  EXPECT_EQ(told, std::vector<std::string>{expected});
  plant(site);
  ArtifactLoad loaded = store.load(key());
  ASSERT_EQ(loaded.faults.size(), 1u);
  EXPECT_FALSE(loaded.faults[0].isQuarantined);
  EXPECT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].find("(quarantined)"), std::string::npos);
}

TEST(ArtifactStore, AnotherBadEntryOfTheKeyReplacesTheOneInQuarantine) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  for (int round = 0; round < 3; ++round) {
    must(store.store(key(), artifact(key())));
    writeText(entryOf(scratch, key()) + "/meta.json", std::to_string(round));
    EXPECT_FALSE(store.load(key()).artifact);
  }
  EXPECT_EQ(listDirectory(scratch / "v1/quarantine").size(), 1u);
  EXPECT_EQ(readText(scratch / ("v1/quarantine/" + key().digest() + "/entry/meta.json")), "2");
  EXPECT_TRUE(listDirectory(scratch / "v1/staging").empty());
}

TEST(ArtifactStore, ABadEntryInTheWayIsReplaced) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  EXPECT_EQ(message(makeDirectory(entryOf(scratch, key()))), "");
  writeText(entryOf(scratch, key()) + "/kernel.cubin", "half");
  must(store.store(key(), artifact(key())));
  EXPECT_TRUE(store.load(key()).artifact);
}

TEST(ArtifactStore, VerifyFindsWhatIsBad) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  for (int number = 0; number < 3; ++number)
    must(store.store(key(number), artifact(key(number))));
  EXPECT_TRUE(store.layers()[0].verify().empty());
  writeText(entryOf(scratch, key(1)) + "/kernel.cubin", "x");
  std::vector<ArtifactFault> faults = store.layers()[0].verify();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_EQ(faults[0].digest, key(1).digest());
  EXPECT_TRUE(faults[0].isQuarantined);
  EXPECT_TRUE(store.layers()[0].verify().empty());
}

/// As a user who is not root, since root may write everywhere.
TEST(ArtifactStore, AReadOnlyDirectoryIsReadAndNeverTouched) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  must(store.store(key(), artifact(key())));
  must(store.store(key(1), artifact(key(1))));
  writeText(entryOf(scratch, key(1)) + "/kernel.cubin", "x");
  for (const char *name : {"v1/artifacts", "v1/staging", "v1/locks", "v1", ""})
    ::chmod((scratch / name).c_str(), 0555);
  int status = inChild([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0)
      return 2;
    ArtifactStore readOnly(at(scratch.path)); // Was writable when it was chosen.
    if (!readOnly.load(key()).artifact || readOnly.load(key(1)).artifact)
      return 3;
    auto make = []() -> llvm::Expected<StoredArtifact> { return artifact(key(2)); };
    llvm::Expected<ObtainedArtifact> obtained = readOnly.obtain(key(2), make);
    if (!obtained || obtained->wasCached || !(obtained->artifact == artifact(key(2))))
      return 4;
    return obtained->notice.find("Permission denied") == std::string::npos ? 5 : 0;
  });
  EXPECT_EQ(status, 0);
  for (const char *name : {"", "v1", "v1/artifacts", "v1/staging", "v1/locks"})
    ::chmod((scratch / name).c_str(), 0755);
  EXPECT_EQ(listDirectory(scratch / "v1/artifacts").size(), 2u);
}

TEST(ArtifactStore, AFullDiskIsAnErrorWithoutATrace) {
  ScratchDirectory scratch;
  int status = inChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{10000, 10000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
      return 2;
    ArtifactStore store(at(scratch.path));
    std::string error = message(store.store(key(), artifact(key())));
    if (error.find("write: File too large") == std::string::npos)
      return 3;
    auto make = []() -> llvm::Expected<StoredArtifact> { return artifact(key()); };
    llvm::Expected<ObtainedArtifact> obtained = store.obtain(key(), make);
    return obtained && !obtained->notice.empty() && obtained->artifact == artifact(key()) ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(listDirectory(scratch / "v1/staging").empty());
  EXPECT_TRUE(listDirectory(scratch / "v1/artifacts").empty());
  EXPECT_TRUE(listDirectory(scratch / "v1/locks").empty());
}

/// Gives entries ages in hours, the first one the oldest.
void age(const ScratchDirectory &scratch, std::initializer_list<int> numbers) {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  int hours = static_cast<int>(numbers.size());
  for (int number : numbers) {
    timespec then{now.tv_sec - 3600L * hours--, 0};
    timespec times[] = {then, then};
    EXPECT_EQ(::utimensat(AT_FDCWD, (entryOf(scratch, key(number)) + "/.committed").c_str(), times, 0), 0);
  }
}

std::vector<int> present(const ArtifactStore &store, int count) {
  std::vector<int> numbers;
  for (int number = 0; number < count; ++number)
    if (llvm::sys::fs::exists(store.layers()[0].name() + "/v1/artifacts/" + key(number).digest()))
      numbers.push_back(number);
  return numbers;
}

TEST(Eviction, TheLongestUnusedGo) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  for (int number = 0; number < 4; ++number)
    must(store.store(key(number), artifact(key(number))));
  age(scratch, {2, 0, 3, 1});
  EXPECT_TRUE(store.load(key(2)).artifact); // A use: now the newest.
  PruneReport report = store.prune(50000);
  EXPECT_EQ(report.removed, 2);
  EXPECT_EQ(report.kept, 2);
  EXPECT_GT(report.removedBytes, 40000);
  EXPECT_LE(report.keptBytes, 50000);
  EXPECT_EQ(present(store, 4), (std::vector<int>{1, 2}));
}

TEST(Eviction, ByAge) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  for (int number = 0; number < 3; ++number)
    must(store.store(key(number), artifact(key(number))));
  age(scratch, {0, 1, 2}); // 3, 2 and 1 hours.
  EXPECT_EQ(store.prune(defaultArtifactLimit, std::chrono::minutes(90)).removed, 2);
  EXPECT_EQ(present(store, 3), (std::vector<int>{2}));
}

TEST(Eviction, StoringKeepsTheLimit) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path), /*limitBytes=*/100000);
  for (int number = 0; number < 20; ++number) {
    must(store.store(key(number), artifact(key(number))));
    EXPECT_TRUE(store.load(key(number)).artifact) << "the newest stays";
    age(scratch, {number}); // Older than all that follow, younger by load order below.
  }
  int64_t total = 0;
  for (const ArtifactEntry &entry : store.layers()[0].entries())
    total += entry.bytes;
  EXPECT_LE(total, 100000);
  EXPECT_GE(total, 60000);
}

TEST(Eviction, VerifyIsNoUse) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  for (int number = 0; number < 2; ++number)
    must(store.store(key(number), artifact(key(number))));
  age(scratch, {0, 1});
  auto before = store.layers()[0].entries();
  EXPECT_TRUE(store.layers()[0].verify().empty());
  auto after = store.layers()[0].entries();
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(before[i].lastUse, after[i].lastUse);
}

TEST(Sweep, OnlyTheOldGoes) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  std::string staging = scratch / "v1/staging";
  for (const char *name : {"1-0", "2-0"}) {
    EXPECT_EQ(message(makeDirectory(joinPath(staging, name))), "");
    writeText(joinPath(staging, name) + "/kernel.cubin", "half");
  }
  timespec longAgo[] = {{0, 0}, {0, 0}};
  EXPECT_EQ(::utimensat(AT_FDCWD, joinPath(staging, "1-0").c_str(), longAgo, 0), 0);
  store.prune(defaultArtifactLimit);
  EXPECT_EQ(listDirectory(staging), std::vector<std::string>{"2-0"});
}

TEST(ArtifactStore, ClearAndMerge) {
  ScratchDirectory one, two;
  std::vector<std::string> told;
  ArtifactStore store(at(one.path), defaultArtifactLimit, [&](const std::string &text) { told.push_back(text); });
  ArtifactStore other(at(two.path));
  for (int number = 0; number < 3; ++number)
    must(other.store(key(number), artifact(key(number))));
  must(store.store(key(0), artifact(key(0))));
  writeText(two / ("v1/artifacts/" + key(1).digest() + "/kernel.cubin"), "x");
  EXPECT_EQ(must(store.merge(two.path)), 1) << "one is there, one is bad";
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NE(told[0].find(key(1).digest()), std::string::npos) << told[0];
  EXPECT_TRUE(*store.load(key(2)).artifact == artifact(key(2)));
  EXPECT_EQ(message(store.clear()), "");
  EXPECT_TRUE(store.layers()[0].entries().empty());
  EXPECT_TRUE(listDirectory(one / "v1/staging").empty());
}

TEST(Obtain, MakesOnceAndSaysWhy) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  int made = 0;
  auto make = [&]() -> llvm::Expected<StoredArtifact> {
    ++made;
    return artifact(key());
  };
  ObtainedArtifact first = must(store.obtain(key(), make));
  EXPECT_FALSE(first.wasCached);
  EXPECT_EQ(first.missReason, "not in " + scratch.path);
  EXPECT_EQ(first.notice, "");
  EXPECT_TRUE(must(store.obtain(key(), make)).wasCached);
  EXPECT_EQ(made, 1);
  EXPECT_TRUE(listDirectory(scratch / "v1/locks").empty());
}

TEST(Obtain, AFailureToMakeIsHandedOnAndForgotten) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  auto fail = []() -> llvm::Expected<StoredArtifact> { return llvm::createStringError("no such instruction"); };
  EXPECT_EQ(message(store.obtain(key(), fail)), "no such instruction");
  EXPECT_TRUE(listDirectory(scratch / "v1/locks").empty());
  EXPECT_FALSE(must(store.obtain(key(), []() -> llvm::Expected<StoredArtifact> { return artifact(key()); })).wasCached);
}

TEST(Obtain, DoesNotWaitForever) {
  ScratchDirectory scratch;
  ArtifactStore store(at(scratch.path));
  LockFile held = store.layers()[0].lock(key().digest(), std::chrono::milliseconds(0));
  ASSERT_TRUE(held.isHeld());
  auto make = []() -> llvm::Expected<StoredArtifact> { return artifact(key()); };
  EXPECT_FALSE(must(store.obtain(key(), make, std::chrono::milliseconds(5))).wasCached);
  EXPECT_TRUE(store.load(key()).artifact);
}

TEST(ArtifactMeta, NoBytesWhatsoeverCrash) {
  std::mt19937_64 generator(7);
  std::string good = toJson(metaOf(key(), artifact(key())));
  EXPECT_TRUE(must(parseArtifactMeta(good)).key == key());
  int survivors = 0;
  for (int round = 0; round < 2000; ++round) {
    llvm::Expected<ArtifactMeta> parsed = parseArtifactMeta(mutate(good, generator));
    survivors += static_cast<bool>(parsed);
    llvm::consumeError(parsed.takeError());
  }
  EXPECT_GT(survivors, 0);
}

} // namespace
