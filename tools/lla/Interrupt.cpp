//===- Interrupt.cpp - ^C as a flag ---------------------------------------===//

#include "tools/lla/Interrupt.h"
#include "tools/lla/ExitCode.h"
#include <csignal>
#include <unistd.h>

namespace lla {
namespace {

std::atomic<bool> flag = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

void onSignal(int) {
  if (flag.exchange(true))
    _exit(Interrupted);
}

} // namespace

void watchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const std::atomic<bool> &interrupted() { return flag; }

} // namespace lla
