//===- ThreadTeam.cpp - persistent threads that share a counted loop ------===//

#include "runtime/host/ThreadTeam.h"
#include <algorithm>
#include <system_error>

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

ThreadTeam::ThreadTeam(unsigned count) {
  threads.reserve(count);
  try {
    for (unsigned thread = 1; thread < count; ++thread)
      threads.emplace_back([this, thread] { serve(thread); });
  } catch (const std::system_error &) {
    // The system has no more threads to give; those that started do the work.
  }
}

ThreadTeam::~ThreadTeam() {
  dissolved = true;
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void ThreadTeam::run(int64_t count, Body work) {
  if (count <= 0)
    return;
  std::lock_guard<std::mutex> lock(oneRunAtATime);
  if (count == 1) // Nobody else has to wake up for it.
    return work(0, 0);
  body = &work;
  tasks = count;
  chunk = std::max<int64_t>(1, count / (size() * chunksPerThread));
  nextTask.store(0, std::memory_order_relaxed);
  busy.store(threads.size(), std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  takeTasks(0);
  while (uint32_t left = busy.load(std::memory_order_acquire))
    waitWhile(busy, left);
}

void ThreadTeam::serve(unsigned thread) {
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

void ThreadTeam::takeTasks(unsigned thread) {
  for (;;) {
    int64_t begin = nextTask.fetch_add(chunk, std::memory_order_relaxed);
    if (begin >= tasks)
      return;
    for (int64_t task = begin, end = std::min(begin + chunk, tasks); task < end; ++task)
      (*body)(task, thread);
  }
}

} // namespace lla
