//===- ThreadTeam.cpp - persistent threads that share a counted loop ------===//

#include "runtime/host/ThreadTeam.h"
#include "runtime/ForkCount.h"
#include <algorithm>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace lla {
namespace {

/// Chunks per thread: enough to level out uneven tasks, few enough that the counter stays cold.
constexpr int64_t chunksPerThread = 32;

/// Waits while `value` is `old`: first by looking (launches follow each other closely), then asleep.
void waitWhile(const std::atomic<uint32_t> &value, uint32_t old) {
  constexpr int looks = 2000;
  for (int look = 0; look < looks; ++look) {
    if (value.load(std::memory_order_acquire) != old)
      return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

} // namespace

/// The threads of one process, and the loop that they share.
struct ThreadTeam::Crew {
  explicit Crew(unsigned count);
  ~Crew();

  void run(int64_t count, Body work);
  void serve(unsigned thread);
  void takeTasks(unsigned thread);

  const uint64_t forks = forkCount(); ///< When the threads were started.
  std::mutex oneRunAtATime;
  std::vector<std::thread> threads;

  // The current run: written by the caller before `generation` moves, read by the team after.
  const Body *body = nullptr;
  int64_t tasks = 0, chunk = 1;
  alignas(64) std::atomic<int64_t> nextTask = 0;
  alignas(64) std::atomic<uint32_t> generation = 0; ///< Moves once per run; also when the team is dissolved.
  alignas(64) std::atomic<uint32_t> busy = 0;       ///< Threads, the caller aside, not done with this run.
  std::atomic<bool> dissolved = false;
};

ThreadTeam::ThreadTeam(unsigned threads) : current(nullptr) {
  countForks();
  current = new Crew(threads);
}

ThreadTeam::~ThreadTeam() {
  // That of a parent has no threads here that could be joined, and its lock may be held for ever: it stays as it is.
  Crew *last = current.load(std::memory_order_acquire);
  if (last->forks == forkCount())
    delete last;
}

unsigned ThreadTeam::size() const { return current.load(std::memory_order_acquire)->threads.size() + 1; }

void ThreadTeam::run(int64_t count, Body work) {
  if (count > 0)
    crew().run(count, work);
}

std::unique_lock<std::mutex> ThreadTeam::pause() { return std::unique_lock<std::mutex>(crew().oneRunAtATime); }

ThreadTeam::Crew &ThreadTeam::crew() {
  Crew *found = current.load(std::memory_order_acquire);
  if (found->forks == forkCount())
    return *found;
  // The threads of a child may come here together: the first one's crew serves all.
  auto made = std::make_unique<Crew>(found->threads.size() + 1);
  return current.compare_exchange_strong(found, made.get(), std::memory_order_acq_rel) ? *made.release() : *found;
}

ThreadTeam::Crew::Crew(unsigned count) {
  threads.reserve(count);
  try {
    for (unsigned thread = 1; thread < count; ++thread)
      threads.emplace_back([this, thread] { serve(thread); });
  } catch (const std::system_error &) {
    // The system has no more threads to give; those that started do the work.
  }
}

ThreadTeam::Crew::~Crew() {
  dissolved = true;
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadTeam::Crew::run(int64_t count, Body work) {
  std::lock_guard<std::mutex> lock(oneRunAtATime);
  if (count == 1) // Nobody else has to wake up for it.
    return work(0, 0);
  body = &work;
  tasks = count;
  chunk = std::max<int64_t>(1, count / static_cast<int64_t>((threads.size() + 1) * chunksPerThread));
  nextTask.store(0, std::memory_order_relaxed);
  busy.store(threads.size(), std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  takeTasks(0);
  while (uint32_t left = busy.load(std::memory_order_acquire))
    waitWhile(busy, left);
}

void ThreadTeam::Crew::serve(unsigned thread) {
  for (uint32_t seen = 0;;) {
    waitWhile(generation, seen);
    seen = generation.load(std::memory_order_acquire);
    if (dissolved.load(std::memory_order_relaxed))
      return;
    takeTasks(thread);
    if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1)
      busy.notify_all();
  }
}

void ThreadTeam::Crew::takeTasks(unsigned thread) {
  for (;;) {
    int64_t begin = nextTask.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= tasks)
      return;
    for (int64_t task = begin, end = std::min(begin + chunk, tasks); task < end; ++task)
      (*body)(task, thread);
  }
}

} // namespace lla
