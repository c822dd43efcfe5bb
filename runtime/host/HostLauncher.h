//===- HostLauncher.h - threads, and what they run kernels in -------------===//
#ifndef LLA_RUNTIME_HOST_HOSTLAUNCHER_H
#define LLA_RUNTIME_HOST_HOSTLAUNCHER_H

#include "compiler/Artifact.h"
#include "runtime/Launch.h"
#include "runtime/host/ThreadTeam.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace lla {

class HostLauncher {
public:
  /// The caller of `launch` included.
  explicit HostLauncher(unsigned threads) : team(threads), arenas(team.size()) {}

  ThreadTeam &threads() { return team; }
  /// Gives every thread an arena of at least `bytes`; waits for running launches. Fails (Execution) without memory.
  llvm::Error reserveScratch(int64_t bytes);
  /// Runs a kernel to its end, whose scratch was reserved; one at a time. Never allocates (ThreadTeam.h: but
  /// for threads, the first time in a forked child).
  void launch(HostKernel kernel, const LaunchRecord &launch);

private:
  struct Free {
    void operator()(void *memory) const;
  };
  struct Arena {
    std::unique_ptr<void, Free> memory;
    int64_t bytes = -1; ///< None yet.
  };

  ThreadTeam team;
  std::vector<Arena> arenas; ///< One for each thread; changed while the team pauses.
};

} // namespace lla
#endif
