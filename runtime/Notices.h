//===- Notices.h - what users are told ------------------------------------===//
//
// Things that went wrong without doing harm: a cache that cannot be written, a bad
// entry in it, no compile worker. Each is one line on standard error, once in a
// process, at LLA_LOG=warning. And, at info and debug, what has cost time. A process
// that has a log of its own takes them all (setNoticeSink).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_NOTICES_H
#define LLA_RUNTIME_NOTICES_H

#include "runtime/Knobs.h"
#include <functional>

namespace lla {

/// "lla: TEXT", unless this very text was said before or LLA_LOG is below warning. Thread-safe.
void warnOnce(const Knobs &knobs, const std::string &text);
/// "lla: TEXT", each time, unless LLA_LOG is below `level`. Thread-safe.
void note(const Knobs &knobs, LogLevel level, const std::string &text);

using NoticeSink = std::function<void(LogLevel level, const std::string &text)>;
/// Where everything up to `level` goes instead of standard error, whatever LLA_LOG says; null: back there. `sink` is
/// called by one thread at a time and may not come back here; the one before is not called any more on return.
void setNoticeSink(LogLevel level, NoticeSink sink);

} // namespace lla
#endif
