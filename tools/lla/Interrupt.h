//===- Interrupt.h - ^C as a flag -----------------------------------------===//
#ifndef LLA_TOOLS_LLA_INTERRUPT_H
#define LLA_TOOLS_LLA_INTERRUPT_H

#include <atomic>

namespace lla {

/// From here on SIGINT and SIGTERM set the flag, so that work in progress ends in order; a second one ends the process.
void watchInterrupts();
/// Becomes true once.
const std::atomic<bool> &interrupted();

} // namespace lla
#endif
