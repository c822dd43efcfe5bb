//===- MisbehavingWorker.cpp - a compile worker that fails on request -----===//
//
// Called as `lla worker` is; the request's dump directory says what to do.
//
//===----------------------------------------------------------------------===//

#include "runtime/CompileWorker.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstdlib>
#include <string>
#include <unistd.h>

using namespace lla;

static llvm::Expected<Artifact> behave(const CompileRequest &request) {
  const std::string &wish = request.options.dumpDirectory;
  if (wish == "abort") {
    llvm::errs() << "LLVM ERROR: Cannot select: intrinsic\n";
    std::abort();
  }
  if (wish == "hang") {
    llvm::errs() << "still at it\n";
    signal(SIGTERM, SIG_IGN);
    for (;;)
      pause();
  }
  if (wish == "chatter") // More than a pipe holds: nobody who does not read it ever sees the end.
    for (int i = 0; i < 40000; ++i)
      llvm::errs() << "line " << i << "\n";
  if (wish == "exit")
    std::exit(3);
  if (wish == "nothing")
    std::exit(0);
  if (wish == "refuse")
    return llvm::createStringError("rows: expected 8, got 9");
  Artifact artifact;
  artifact.kernelName = "right";
  artifact.bytes = std::string("\0code\xff", 6) + std::to_string(request.schedule.keys);
  artifact.report.warnings = "C7510 \xff";
  return artifact;
}

int main(int count, char **arguments) {
  if (count != 6 || std::string(arguments[1]) != "worker")
    return 9;
  std::string request = arguments[3], folder = arguments[5];
  int code = serveCompileRequest(request, folder, behave);
  // A torn answer that claims to be whole.
  if (auto text = llvm::MemoryBuffer::getFile(request); text && (*text)->getBuffer().contains("\"garbage\"")) {
    std::error_code error;
    llvm::raw_fd_ostream file(folder + "/kernel", error);
    file << "x";
  }
  return code;
}
