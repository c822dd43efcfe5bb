//===- HostLauncher.cpp - threads, and what they run kernels in -----------===//

#include "runtime/host/HostLauncher.h"
#include "dialect/Spec/KernelArguments.h"
#include "runtime/RuntimeError.h"
#include <cstdlib>
#include <fmt/format.h>

namespace lla {

void HostLauncher::Free::operator()(void *memory) const { std::free(memory); }

llvm::Error HostLauncher::reserveScratch(int64_t bytes) {
  constexpr int64_t line = 256;
  std::unique_lock<std::mutex> lock = team.pause();
  for (Arena &arena : arenas) {
    if (arena.bytes >= bytes)
      continue;
    std::unique_ptr<void, Free> larger(std::aligned_alloc(line, (bytes + line) / line * line));
    if (!larger)
      return failure(FailureKind::Execution, fmt::format("memory: expected {} bytes, got none", bytes));
    arena = {std::move(larger), bytes};
  }
  return llvm::Error::success();
}

void HostLauncher::launch(HostKernel kernel, const LaunchRecord &launch) {
  int64_t width = launch.grid.x;
  team.run(width * launch.grid.y, [&](int64_t task, unsigned thread) {
    kernel(&launch.arguments, static_cast<int32_t>(task % width), static_cast<int32_t>(task / width),
           arenas[thread].memory.get());
  });
}

} // namespace lla
