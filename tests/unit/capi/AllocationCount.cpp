//===- AllocationCount.cpp - every malloc of a test program ---------------===//

#include "AllocationCount.h"
#include <atomic>
#include <cstddef>

#ifndef LLA_SANITIZED
static std::atomic<int64_t> allocations = 0;

extern "C" void *__libc_malloc(size_t bytes);
extern "C" __attribute__((visibility("default"))) void *malloc(size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}

int64_t allocationsSoFar() { return allocations; }
#endif
