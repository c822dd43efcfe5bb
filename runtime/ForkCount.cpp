//===- ForkCount.cpp - whether this process is a fork of another ----------===//

#include "runtime/ForkCount.h"
#include <atomic>
#include <new>
#include <pthread.h>

namespace lla {
namespace {

constinit std::atomic<uint64_t> forks = 0;

/// In the child, before fork returns there.
extern "C" void countOneFork() { forks.fetch_add(1, std::memory_order_relaxed); }

} // namespace

void countForks() {
  // The handler goes when this library is unloaded. Process numbers would not do: they come again, and the first
  // process of two containers has the same.
  static const int error = pthread_atfork(nullptr, nullptr, countOneFork);
  if (error)
    throw std::bad_alloc();
}

uint64_t forkCount() { return forks.load(std::memory_order_relaxed); }

} // namespace lla
