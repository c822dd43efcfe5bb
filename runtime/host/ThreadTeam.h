//===- ThreadTeam.h - persistent threads that share a counted loop --------===//
//
// The caller is thread 0 of the team. Tasks are taken in chunks from one atomic
// counter, so that uneven tasks level out. `run` allocates nothing, but in a forked
// child the first time: no thread of the parent is there, nor does anybody unlock
// what one of them had locked, so that threads and lock are made anew.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_HOST_THREADTEAM_H
#define LLA_RUNTIME_HOST_THREADTEAM_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <atomic>
#include <cstdint>
#include <mutex>

namespace lla {

class ThreadTeam {
public:
  /// `task` in [0, tasks), `thread` in [0, size()). Must not throw, nor call `run` of its own team.
  using Body = llvm::function_ref<void(int64_t task, unsigned thread)>;

  /// At least one thread. The team is smaller if the system gives no more.
  explicit ThreadTeam(unsigned threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam &) = delete;
  ThreadTeam &operator=(const ThreadTeam &) = delete;

  /// Never grows.
  unsigned size() const;

  /// Runs every task exactly once and returns when all are done. Callers wait for each other.
  void run(int64_t tasks, Body body);

  /// Waits for the run that is under way; none begins while the lock is held.
  [[nodiscard]] std::unique_lock<std::mutex> pause();

private:
  struct Crew;
  /// That of this process.
  Crew &crew();

  std::atomic<Crew *> current;
};

} // namespace lla
#endif
