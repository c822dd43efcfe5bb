//===- ChildProcess.cpp - a spawned process that may die or hang ----------===//

#include "runtime/ChildProcess.h"
#include "runtime/Knobs.h"
#include "runtime/RuntimeError.h"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace lla {
namespace {

constexpr size_t tailBytes = 4096;
/// A grandchild may hold the pipe open after the child's end, so the child is asked after at least this often.
constexpr double askEverySeconds = 0.02;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void closeDescriptor(int &descriptor) {
  if (descriptor >= 0)
    close(descriptor);
  descriptor = -1;
}

llvm::Error systemFailure(const std::string &what, int code) {
  return failure(FailureKind::Worker, fmt::format("{}: {}", what, std::strerror(code)));
}

/// File actions and attributes of one spawn, and the descriptors that only the child needs.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (int signal : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD})
      sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

} // namespace

std::string ChildExit::text() const {
  switch (kind) {
  case Exited:
    return fmt::format("exited with code {}", number);
  case Signalled:
    return fmt::format("was ended by signal {} ({})", number, strsignal(number));
  case TimedOut:
    return "did not end in time and was stopped";
  }
  return "ended";
}

llvm::Expected<ChildProcess> ChildProcess::spawn(llvm::ArrayRef<std::string> command, bool withChannel) {
  int channel[2] = {-1, -1}, errors[2] = {-1, -1};
  if (pipe2(errors, O_CLOEXEC))
    return systemFailure(command[0], errno);
  if (withChannel && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel)) {
    int code = errno;
    closeDescriptor(errors[0]);
    closeDescriptor(errors[1]);
    return systemFailure(command[0], code);
  }
  fcntl(errors[0], F_SETFL, O_NONBLOCK);

  SpawnPlan plan;
  for (int standard : {STDIN_FILENO, STDOUT_FILENO})
    if (withChannel)
      posix_spawn_file_actions_adddup2(&plan.actions, channel[1], standard);
    else
      posix_spawn_file_actions_addopen(&plan.actions, standard, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, errors[1], STDERR_FILENO);
  std::vector<char *> arguments;
  for (const std::string &argument : command)
    arguments.push_back(const_cast<char *>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t id = -1;
  int code = posix_spawn(&id, arguments[0], &plan.actions, &plan.attributes, arguments.data(), processEnvironment());
  closeDescriptor(channel[1]);
  closeDescriptor(errors[1]);
  if (code == 0)
    return ChildProcess(id, channel[0], errors[0]);
  closeDescriptor(channel[0]);
  closeDescriptor(errors[0]);
  return systemFailure(command[0], code);
}

ChildProcess::ChildProcess(ChildProcess &&other) noexcept
    : id(std::exchange(other.id, -1)), channel(std::exchange(other.channel, -1)),
      errors(std::exchange(other.errors, -1)), received(std::move(other.received)), tail(std::move(other.tail)),
      exit(other.exit) {}

ChildProcess::~ChildProcess() {
  if (id >= 0)
    wait(0);
  closeDescriptor(channel);
  closeDescriptor(errors);
}

llvm::Error ChildProcess::sendLine(llvm::StringRef line) {
  std::string message = line.str() + '\n';
  for (size_t sent = 0; sent < message.size();) {
    ssize_t count = channel < 0 ? -1 : send(channel, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR && channel >= 0)
      continue;
    if (count < 0)
      return failure(FailureKind::Worker, "child: does not listen any more");
    sent += count;
  }
  return llvm::Error::success();
}

llvm::Expected<std::string> ChildProcess::receiveLine(double timeoutSeconds) {
  for (double deadline = now() + timeoutSeconds;;) {
    if (size_t end = received.find('\n'); end != std::string::npos) {
      std::string line = received.substr(0, end);
      received.erase(0, end + 1);
      return line;
    }
    if (channel < 0)
      return failure(FailureKind::Worker, "child: ended without an answer");
    double left = deadline - now();
    if (left <= 0)
      return failure(FailureKind::Timeout, fmt::format("child: no answer within {} s", timeoutSeconds));
    watch(left);
    char buffer[4096];
    ssize_t count = recv(channel, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count > 0)
      received.append(buffer, count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
      closeDescriptor(channel);
  }
}

ChildExit ChildProcess::wait(double timeoutSeconds) {
  for (double deadline = now() + timeoutSeconds; !hasEnded();) {
    double left = deadline - now();
    if (left > 0) {
      watch(left);
      continue;
    }
    kill(-id, SIGKILL);
    while (waitpid(id, nullptr, 0) < 0 && errno == EINTR)
      ;
    id = -1;
    exit = {ChildExit::TimedOut, 0};
  }
  drainErrors();
  return exit;
}

bool ChildProcess::hasEnded() {
  if (id < 0)
    return true;
  int status = 0;
  pid_t reaped = waitpid(id, &status, WNOHANG);
  if (reaped == 0 || (reaped < 0 && errno == EINTR))
    return false;
  id = -1;
  if (reaped < 0)
    exit = {ChildExit::Exited, 0}; // The caller ignores SIGCHLD: nobody knows how it ended; its answer tells.
  else if (WIFSIGNALED(status))
    exit = {ChildExit::Signalled, WTERMSIG(status)};
  else
    exit = {ChildExit::Exited, WEXITSTATUS(status)};
  return true;
}

void ChildProcess::watch(double seconds) {
  // A closed stderr mostly means that the end is microseconds away.
  double nap = std::min(seconds, errors >= 0 || channel >= 0 ? askEverySeconds : 0.001);
  pollfd watched[] = {{errors, POLLIN, 0}, {channel, POLLIN, 0}};
  poll(watched, 2, std::max(1, static_cast<int>(nap * 1000)));
  drainErrors();
}

void ChildProcess::drainErrors() {
  char buffer[4096];
  while (errors >= 0) {
    ssize_t count = read(errors, buffer, sizeof buffer);
    if (count > 0)
      tail.append(buffer, count);
    else if (count < 0 && errno == EINTR)
      continue;
    else if (count < 0 && errno == EAGAIN)
      break;
    else
      closeDescriptor(errors);
    if (tail.size() > tailBytes)
      tail.erase(0, tail.size() - tailBytes);
  }
}

} // namespace lla
