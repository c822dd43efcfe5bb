//===- CompileWorker.h - compiling in processes of their own --------------===//
//
// An internal error of LLVM or ptxas ends a process: it must not be the
// caller's. Each compile is one spawned child:
//
//     WORKER worker --request FILE --output DIR
//
// The child writes DIR/artifact.json and DIR/kernel and exits 0; or DIR/error.txt
// (a compile error) and exits 2. Anything else is a crash. posix_spawn, never
// fork: a process with a CUDA context may not fork.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_COMPILEWORKER_H
#define LLA_RUNTIME_COMPILEWORKER_H

#include "cache/StoredArtifact.h"
#include "compiler/Compile.h"
#include "runtime/Knobs.h"
#include "llvm/ADT/ArrayRef.h"
#include <functional>
#include <string>
#include <vector>

namespace lla {

struct CompileRequest {
  Problem problem;
  Target target;
  Schedule schedule;
  CompileOptions options;
};
std::string toJson(const CompileRequest &request);
llvm::Expected<CompileRequest> parseCompileRequest(llvm::StringRef json);

/// Where an artifact comes from; may be called from several threads at once.
using CompileFunction = std::function<llvm::Expected<Artifact>(const CompileRequest &)>;
/// compile() of compiler/Compile.h, in this process.
llvm::Expected<Artifact> compileInProcess(const CompileRequest &request);

/// The child's side, `lla worker`: reads the request ("-": standard input), compiles, writes the answer into
/// `directory`. Returns the exit code.
int serveCompileRequest(llvm::StringRef requestPath, llvm::StringRef directory, const CompileFunction &compile);
/// All of an artifact but its bytes, as JSON; `parseArtifact` checks that the bytes are as many as were described.
std::string describeArtifact(const Artifact &artifact);
llvm::Expected<Artifact> parseArtifact(llvm::StringRef description, std::string bytes);
/// An artifact as the cache keeps it.
StoredArtifact toStored(const Artifact &artifact);
llvm::Expected<Artifact> fromStored(StoredArtifact stored);
/// An artifact as files artifact.json and kernel of a directory; and what stands there in its stead.
llvm::Error writeArtifact(const Artifact &artifact, llvm::StringRef directory);
llvm::Expected<Artifact> readArtifact(llvm::StringRef directory);
llvm::Expected<std::string> readCompileError(llvm::StringRef directory);

struct WorkerOptions {
  std::string executable; ///< Empty: compile in this process.
  double timeoutSeconds = 60;
  int64_t jobs = 0; ///< Children at a time in `compileAll`; 0: one per CPU.
  std::string temporary = "/tmp";
};
/// The worker to use: LLA_WORKER; else `lla` beside the library (or executable) this code is in, or beside the running
/// executable; else on PATH; else none, which is said once.
WorkerOptions workerOptions(const Knobs &knobs);

class CompileWorkers {
public:
  explicit CompileWorkers(WorkerOptions options) : options(std::move(options)) {}

  /// One compile in one child. Fails with Compile (the compiler's message) or Worker (exit or signal) or
  /// Timeout, both with the tail of its stderr. Thread-safe.
  llvm::Expected<Artifact> compile(const CompileRequest &request) const;

  /// All of them, `jobs` at a time; results in the order of `requests`. `done` (may be null) is called with the
  /// index after each, from one thread at a time.
  std::vector<llvm::Expected<Artifact>> compileAll(llvm::ArrayRef<CompileRequest> requests,
                                                   const std::function<void(size_t)> &done = nullptr) const;

private:
  WorkerOptions options;
};

} // namespace lla
#endif
