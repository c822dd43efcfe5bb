//===- ChildProcess.h - a spawned process that may die or hang ------------===//
//
// posix_spawn, never fork: a process with a CUDA context may not fork. The child
// leads a process group of its own, so that what it started (ptxas) ends with it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CHILDPROCESS_H
#define LLA_RUNTIME_CHILDPROCESS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <sys/types.h>

namespace lla {

/// How a child ended.
struct ChildExit {
  enum Kind { Exited, Signalled, TimedOut } kind = Exited;
  int number = 0; ///< Exit code or signal.

  bool isCode(int code) const { return kind == Exited && number == code; }
  /// "exited with code 3", "was ended by signal 6 (Aborted)", "did not end in time and was stopped".
  std::string text() const;
};

/// Not thread-safe; each thread has its own children.
class ChildProcess {
public:
  /// `command[0]` is a path. With a channel, the child's standard input and output are one two-way stream to
  /// this process; without, they are /dev/null. Fails if the system cannot start it.
  static llvm::Expected<ChildProcess> spawn(llvm::ArrayRef<std::string> command, bool withChannel);
  ChildProcess(ChildProcess &&other) noexcept;
  ChildProcess &operator=(ChildProcess &&) = delete;
  /// Stops the child if it still runs.
  ~ChildProcess();

  /// Fails with Worker if the child does not listen any more.
  llvm::Error sendLine(llvm::StringRef line);
  /// A line without its end. Fails with Worker if the child closed the channel, with Timeout if none came.
  llvm::Expected<std::string> receiveLine(double timeoutSeconds);

  /// Waits for the end; after the timeout stops the whole group.
  ChildExit wait(double timeoutSeconds);
  /// The last of what the child wrote to stderr, at most 4 KiB.
  llvm::StringRef errorTail() const { return tail; }

private:
  ChildProcess(pid_t id, int channel, int errors) : id(id), channel(channel), errors(errors) {}
  bool hasEnded();
  /// Sleeps until the child writes or closes something, at most until the deadline.
  void watch(double seconds);
  void drainErrors();

  pid_t id = -1;        ///< -1: ended and reaped.
  int channel = -1;     ///< Two-way; -1: none, or closed.
  int errors = -1;      ///< Read end of the child's stderr; -1: closed.
  std::string received; ///< Read from the channel, not yet a line.
  std::string tail;
  ChildExit exit;
};

} // namespace lla
#endif
