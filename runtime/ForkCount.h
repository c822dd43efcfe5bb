//===- ForkCount.h - whether this process is a fork of another ------------===//
//
// A forked child has the memory of its parent, but of the threads only the one that
// forked, and no context of a GPU. What holds such things keeps the count at which
// it made them, and compares. Standard library only.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_FORKCOUNT_H
#define LLA_RUNTIME_FORKCOUNT_H

#include <cstdint>

namespace lla {

/// Counts forks from now on, once however often it is called. Throws std::bad_alloc without memory for that.
void countForks();

/// Forks between the first `countForks` and this process. Takes no lock and asks nobody: a launch does it.
uint64_t forkCount();

} // namespace lla
#endif
