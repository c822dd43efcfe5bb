//===- ThreadTeam.h - persistent threads that share a counted loop --------===//
//
// The caller is thread 0 of the team. Tasks are taken in chunks from one atomic
// counter, so that uneven tasks level out. `run` allocates nothing.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_HOST_THREADTEAM_H
#define LLA_RUNTIME_HOST_THREADTEAM_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

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

  unsigned size() const { return static_cast<unsigned>(threads.size()) + 1; }

  /// Runs every task exactly once and returns when all are done. Callers wait for each other.
  void run(int64_t tasks, Body body);

private:
  void serve(unsigned thread);
  void takeTasks(unsigned thread);

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

} // namespace lla
#endif
