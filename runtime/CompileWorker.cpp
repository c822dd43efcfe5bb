//===- CompileWorker.cpp - compiling in processes of their own ------------===//

#include "runtime/CompileWorker.h"
#include "dialect/Spec/Cpu.h"
#include "runtime/ChildProcess.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <thread>

namespace lla {
namespace {

constexpr const char *workerName = "lla";

/// A private folder, removed with all that is in it.
class TemporaryFolder {
public:
  static llvm::Expected<TemporaryFolder> create(const std::string &parent) {
    std::string path = parent + "/lla-compile-XXXXXX";
    if (!mkdtemp(path.data()))
      return failure(FailureKind::Worker, fmt::format("{}: no folder can be made: {}", parent, std::strerror(errno)));
    return TemporaryFolder(std::move(path));
  }
  TemporaryFolder(TemporaryFolder &&other) noexcept : path(std::move(other.path)) { other.path.clear(); }
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder() {
    if (!path.empty())
      llvm::sys::fs::remove_directories(path);
  }

  std::string path;

private:
  explicit TemporaryFolder(std::string path) : path(std::move(path)) {}
};

/// The worker in a folder, if it is there and is not a folder itself.
std::optional<std::string> workerIn(llvm::StringRef folder) {
  std::string path = (folder + "/" + workerName).str();
  if (llvm::sys::fs::can_execute(path) && !llvm::sys::fs::is_directory(path))
    return path;
  return std::nullopt;
}

/// The file that this very code was loaded from: the executable, or a library in somebody's process.
std::string ownFile() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<void *>(&ownFile), &info) || !info.dli_fname)
    return "";
  return info.dli_fname;
}

std::optional<std::string> findWorker(const Knobs &knobs) {
  if (!knobs.worker.empty())
    return knobs.worker;
  llvm::SmallString<256> executable;
  if (llvm::sys::fs::real_path("/proc/self/exe", executable))
    executable.clear();
  // The library's own first: somebody's executable may stand beside the worker of another version. A library may be in
  // lib, or in lib/x86_64-linux-gnu.
  auto folderOf = [](llvm::StringRef file) { return llvm::sys::path::parent_path(file).str(); };
  std::vector<std::string> places;
  if (std::string folder = folderOf(ownFile()); !folder.empty())
    places = {folder, folder + "/../bin", folder + "/../../bin"};
  if (std::string folder = folderOf(executable); !folder.empty())
    places.insert(places.end(), {folder, folder + "/../bin"});
  for (const std::string &place : places)
    if (std::optional<std::string> worker = workerIn(place))
      return worker;
  for (const std::string &folder : knobs.searchPath)
    if (std::optional<std::string> worker = workerIn(folder))
      return worker;
  return std::nullopt;
}

std::string withErrors(std::string text, llvm::StringRef errors) {
  errors = errors.trim();
  return errors.empty() ? text : fmt::format("{}; its stderr ends: {}", text, errors.str());
}

llvm::Expected<Artifact> readAnswer(const ChildExit &exit, const std::string &folder, llvm::StringRef errors) {
  constexpr int compiled = 0, refused = 2;
  if (exit.kind == ChildExit::TimedOut)
    return failure(FailureKind::Timeout, withErrors("compile worker " + exit.text(), errors));
  if (exit.isCode(refused)) {
    llvm::Expected<std::string> message = readCompileError(folder);
    if (message)
      return failure(FailureKind::Compile, *message);
    llvm::consumeError(message.takeError());
  }
  if (!exit.isCode(compiled))
    return failure(FailureKind::Worker, withErrors("compile worker " + exit.text(), errors));
  llvm::Expected<Artifact> artifact = readArtifact(folder);
  if (artifact)
    return artifact;
  return failure(
      FailureKind::Worker,
      withErrors("compile worker left no artifact that can be read: " + llvm::toString(artifact.takeError()), errors));
}

} // namespace

llvm::Expected<Artifact> compileInProcess(const CompileRequest &request) {
  llvm::Expected<Artifact> artifact = compile(request.problem, request.target, request.schedule, request.options);
  if (!artifact)
    return withKind(FailureKind::Compile, artifact.takeError());
  return artifact;
}

WorkerOptions workerOptions(const Knobs &knobs) {
  WorkerOptions options;
  options.jobs = knobs.jobs;
  options.temporary = knobs.temporary;
  if (std::optional<std::string> worker = findWorker(knobs)) {
    options.executable = *worker;
  } else {
    warnOnce(knobs, "no compile worker found (LLA_WORKER, beside this library or in its ../bin, beside this program, "
                    "PATH): compiling in this process");
  }
  return options;
}

llvm::Expected<Artifact> CompileWorkers::compile(const CompileRequest &request) const {
  if (options.executable.empty())
    return compileInProcess(request);
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create(options.temporary);
  if (!folder)
    return folder.takeError();
  std::string requestPath = folder->path + "/request.json";
  auto write = [&](llvm::raw_ostream &stream) {
    stream << toJson(request);
    return llvm::Error::success();
  };
  if (llvm::Error error = llvm::writeToOutput(requestPath, write))
    return withKind(FailureKind::Worker, std::move(error));
  llvm::Expected<ChildProcess> child = ChildProcess::spawn(
      {options.executable, "worker", "--request", requestPath, "--output", folder->path}, /*withChannel=*/false);
  if (!child)
    return child.takeError();
  ChildExit exit = child->wait(options.timeoutSeconds);
  return readAnswer(exit, folder->path, child->errorTail());
}

std::vector<llvm::Expected<Artifact>> CompileWorkers::compileAll(llvm::ArrayRef<CompileRequest> requests,
                                                                 const std::function<void(size_t)> &done) const {
  std::vector<std::optional<llvm::Expected<Artifact>>> slots(requests.size());
  std::atomic<size_t> next = 0;
  std::mutex telling;
  auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < requests.size();) {
      slots[i].emplace(compile(requests[i]));
      std::lock_guard<std::mutex> lock(telling);
      if (done)
        done(i);
    }
  };
  size_t jobs = options.jobs > 0 ? options.jobs : usableCpus();
  std::vector<std::thread> team;
  // In this process, one at a time: nobody has promised more of the compiler.
  for (size_t i = 1; i < std::min(jobs, requests.size()) && !options.executable.empty(); ++i)
    team.emplace_back(work);
  work();
  for (std::thread &thread : team)
    thread.join();
  std::vector<llvm::Expected<Artifact>> results;
  results.reserve(slots.size());
  for (std::optional<llvm::Expected<Artifact>> &slot : slots)
    results.push_back(std::move(*slot));
  return results;
}

} // namespace lla
