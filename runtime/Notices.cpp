//===- Notices.cpp - what users are told ----------------------------------===//

#include "runtime/Notices.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>
#include <set>

namespace lla {
namespace {

/// What this process has said, and to whom. Never destroyed: threads may outlive main.
struct Notices {
  std::mutex mutex; ///< Guards the rest, and calls of the sink.
  std::set<std::string> said;
  LogLevel level = LogLevel::Off;
  NoticeSink sink;

  bool takes(const Knobs &knobs, LogLevel message) const { return message <= (sink ? level : knobs.log); }
  void say(LogLevel message, const std::string &text) const {
    if (sink)
      sink(message, text);
    else
      llvm::errs() << "lla: " + text + "\n"; // One write: other processes share the stream.
  }
};

Notices &notices() {
  static Notices &ofProcess = *new Notices;
  return ofProcess;
}

} // namespace

void warnOnce(const Knobs &knobs, const std::string &text) {
  Notices &all = notices();
  std::lock_guard<std::mutex> guard(all.mutex);
  if (all.takes(knobs, LogLevel::Warning) && all.said.insert(text).second)
    all.say(LogLevel::Warning, text);
}

void note(const Knobs &knobs, LogLevel level, const std::string &text) {
  Notices &all = notices();
  std::lock_guard<std::mutex> guard(all.mutex);
  if (all.takes(knobs, level))
    all.say(level, text);
}

void setNoticeSink(LogLevel level, NoticeSink sink) {
  Notices &all = notices();
  std::lock_guard<std::mutex> guard(all.mutex);
  all.level = level;
  all.sink = std::move(sink);
}

} // namespace lla
