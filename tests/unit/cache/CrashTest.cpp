//===- CrashTest.cpp - processes that race and die ------------------------===//
//
// Twice: eight processes on one cold cache, some killed wherever they happen to be;
// and one process killed at every single system call that it makes.
//
//===----------------------------------------------------------------------===//

#include "cache/ArtifactStore.h"
#include "cache/RecordStore.h"
#include "tests/unit/cache/Samples.h"
#include <atomic>
#include <csignal>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

using namespace lla;
using namespace lla::samples;

namespace {

constexpr int keyCount = 6;

llvm::Expected<StoredArtifact> makeFor(const Key &key) { return artifact(key, 9000); }

CacheLocation at(const std::string &directory) { return {directory, {}, {}}; }

/// Every lock that is left can be had at once; all that can be read is right.
void expectSound(const std::string &directory) {
  std::string locks = joinPath(directory, "v1/locks");
  for (const std::string &name : listDirectory(locks))
    EXPECT_TRUE(LockFile::acquire(joinPath(locks, name), std::chrono::milliseconds(0)).isHeld()) << name;
  ArtifactStore artifacts(at(directory));
  for (const ArtifactFault &fault : artifacts.layers()[0].verify())
    ADD_FAILURE() << fault.digest << ": " << fault.reason;
  EXPECT_TRUE(listDirectory(joinPath(directory, "v1/quarantine")).empty()) << "no reader ever met a bad entry";
  RecordStore records(at(directory), {});
  for (const EntryFault &fault : records.layers()[0]->all().faults)
    ADD_FAILURE() << toText(fault);
}

/// One round of a process: obtains an artifact, keeps a record, reads one. False: what came back was wrong.
bool work(ArtifactStore &artifacts, RecordStore &records, std::mt19937_64 &generator) {
  Key wanted = key(static_cast<int>(generator() % keyCount));
  llvm::Expected<ObtainedArtifact> obtained =
      artifacts.obtain(wanted, [&] { return makeFor(wanted); }, std::chrono::seconds(60));
  if (!obtained || !(obtained->artifact == *makeFor(wanted)) || !obtained->notice.empty())
    return false;
  Record found = record(decode(512 << generator() % 3));
  found.when += static_cast<int64_t>(generator() % 50);
  if (llvm::Expected<bool> kept = records.put(found); !kept) {
    llvm::consumeError(kept.takeError());
    return false;
  }
  RecordScan scan;
  for (const RecordLead &lead : records.layers()[0]->kind(found))
    scan.append(records.layers()[0]->read(found, lead));
  if (generator() % 8 == 0)
    artifacts.prune(25000); // Some are evicted under the others' hands.
  return scan.faults.empty() && !scan.records.empty();
}

/// Rounds that each process has finished, seen by all.
struct Progress {
  static constexpr int processes = 8;
  std::atomic<int> rounds[processes];
};

TEST(Crash, EightProcessesOnAColdCacheSomeKilled) {
  auto *progress = static_cast<Progress *>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(progress, MAP_FAILED);
  constexpr int rounds = 12;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ScratchDirectory scratch;
    std::mt19937_64 generator(seed);
    pid_t children[Progress::processes];
    int deathAfter[Progress::processes];
    for (int process = 0; process < Progress::processes; ++process) {
      progress->rounds[process] = 0;
      // Every other one is killed, somewhere within the round after this many.
      deathAfter[process] = process % 2 ? static_cast<int>(generator() % (rounds - 1)) : rounds;
      children[process] = ::fork();
      if (children[process] != 0)
        continue;
      ArtifactStore artifacts(at(scratch.path));
      RecordStore records(at(scratch.path), {});
      std::mt19937_64 own(seed * 100 + process);
      bool isRight = true;
      while (isRight && progress->rounds[process] < rounds) {
        isRight = work(artifacts, records, own);
        ++progress->rounds[process];
      }
      ::_exit(isRight ? 0 : 1);
    }
    int left = Progress::processes;
    while (left > 0) {
      for (int process = 0; process < Progress::processes; ++process) {
        if (children[process] && deathAfter[process] < rounds && progress->rounds[process] >= deathAfter[process])
          ::kill(children[process], SIGKILL);
        int status = 0;
        if (!children[process] || ::waitpid(children[process], &status, WNOHANG) != children[process])
          continue;
        EXPECT_TRUE(status == 0 || (deathAfter[process] < rounds && WIFSIGNALED(status))) << "process " << process;
        children[process] = 0;
        --left;
      }
      ::sched_yield();
    }
    expectSound(scratch.path);
    ArtifactStore artifacts(at(scratch.path));
    for (int number = 0; number < keyCount; ++number)
      EXPECT_TRUE(must(artifacts.obtain(key(number), [&] { return makeFor(key(number)); })).artifact ==
                  *makeFor(key(number)));
    artifacts.layers()[0].sweep(std::chrono::seconds(-1));
    EXPECT_TRUE(listDirectory(scratch / "v1/staging").empty()) << "what the dead left can be swept";
  }
  ::munmap(progress, sizeof(Progress));
}

TEST(Crash, OfEightWhoWantOneKeyOneMakesIt) {
  auto *made = static_cast<std::atomic<int> *>(
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(made, MAP_FAILED);
  ScratchDirectory scratch;
  std::vector<pid_t> children;
  for (int process = 0; process < Progress::processes; ++process) {
    children.push_back(::fork());
    if (children.back() != 0)
      continue;
    ArtifactStore store(at(scratch.path));
    auto make = [&] {
      ++*made;
      return makeFor(key());
    };
    llvm::Expected<ObtainedArtifact> obtained = store.obtain(key(), make, std::chrono::seconds(60));
    ::_exit(obtained && obtained->artifact == *makeFor(key()) ? 0 : 1);
  }
  for (pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(*made, 1);
  ::munmap(made, sizeof(*made));
}

enum class Fate { Died, Finished, Untraceable };

/// Runs `body` in a child and kills it before its system call number `calls`.
Fate runUntilCall(int calls, const std::function<void()> &body) {
  pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      ::_exit(77);
    ::raise(SIGSTOP);
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status))
    return WEXITSTATUS(status) == 77 ? Fate::Untraceable : Fate::Finished;
  for (int stop = 0; stop <= 2 * calls; ++stop) { // A call is entered and left.
    if (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0)
      break;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status))
      return Fate::Finished;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return Fate::Died;
}

/// Kills `body` at each of its system calls in turn, on a cache that `prepare` set up, and lets `check` judge what
/// is left.
void killEverywhere(const std::function<void(const std::string &)> &prepare,
                    const std::function<void(const std::string &)> &body,
                    const std::function<void(const std::string &)> &check) {
  Fate fate = Fate::Died;
  int calls = 0;
  for (; fate == Fate::Died && calls < 2000; ++calls) {
    ScratchDirectory scratch;
    prepare(scratch.path);
    fate = runUntilCall(calls, [&] { body(scratch.path); });
    if (fate == Fate::Untraceable)
      GTEST_SKIP() << "processes may not be traced here";
    SCOPED_TRACE("killed before system call " + std::to_string(calls));
    expectSound(scratch.path);
    check(scratch.path);
    if (testing::Test::HasFailure())
      return;
  }
  EXPECT_EQ(fate, Fate::Finished);
  EXPECT_GT(calls, 20) << "it was killed on the way";
}

TEST(Crash, StoringAnArtifactKilledAtEverySystemCall) {
  auto obtain = [](const std::string &directory) {
    ArtifactStore store(at(directory));
    return must(store.obtain(key(), [] { return makeFor(key()); }));
  };
  killEverywhere([](const std::string &) {}, obtain,
                 [&](const std::string &directory) {
                   EXPECT_TRUE(obtain(directory).artifact == *makeFor(key()));
                   EXPECT_TRUE(obtain(directory).wasCached);
                 });
}

TEST(Crash, KeepingARecordKilledAtEverySystemCall) {
  Record older = record(), newer = record();
  newer.when += 60;
  auto put = [](const std::string &directory, const Record &record) {
    RecordStore store(at(directory), {});
    must(store.put(record));
  };
  killEverywhere([&](const std::string &directory) { put(directory, older); },
                 [&](const std::string &directory) { put(directory, newer); },
                 [&](const std::string &directory) {
                   RecordStore store(at(directory), {});
                   std::vector<Record> held = store.layers()[0]->exact(older).records;
                   ASSERT_EQ(held.size(), 1u);
                   EXPECT_TRUE(held[0] == older || held[0] == newer) << "the one or the other, whole";
                   put(directory, newer);
                   EXPECT_TRUE(store.layers()[0]->exact(older).records.at(0) == newer);
                 });
}

} // namespace
