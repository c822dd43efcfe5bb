//===- Notices.h - what users are told once -------------------------------===//
//
// Things that went wrong without doing harm: a cache that cannot be written, a bad
// entry in it, no compile worker. Each is one line on standard error, once in a
// process, at LLA_LOG=warning.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_NOTICES_H
#define LLA_RUNTIME_NOTICES_H

#include "runtime/Knobs.h"

namespace lla {

/// "lla: TEXT", unless this very text was said before or LLA_LOG is below warning. Thread-safe.
void warnOnce(const Knobs &knobs, const std::string &text);

} // namespace lla
#endif
