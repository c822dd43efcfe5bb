//===- Notices.cpp - what users are told once -----------------------------===//

#include "runtime/Notices.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>
#include <set>

namespace lla {

void warnOnce(const Knobs &knobs, const std::string &text) {
  if (knobs.log < LogLevel::Warning)
    return;
  static std::mutex mutex;
  static std::set<std::string> said;
  std::lock_guard<std::mutex> guard(mutex);
  if (said.insert(text).second)
    llvm::errs() << "lla: " + text + "\n"; // One write: other processes share the stream.
}

} // namespace lla
