//===- Ptxas.cpp - cubin from PTX -----------------------------------------===//
//
// A subprocess, not nvJitLink: that assembles relocatable code and then ignores
// setmaxnreg.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Ptxas.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace lla;

/// The first group of `pattern` in `text` as a number; 0 if there is none.
static int64_t number(llvm::StringRef text, llvm::StringRef pattern) {
  llvm::SmallVector<llvm::StringRef> groups;
  int64_t value = 0;
  if (llvm::Regex(pattern).match(text, &groups) && groups.size() > 1)
    (void)groups[1].getAsInteger(10, value);
  return value;
}

AssemblerReport lla::parseAssemblerReport(llvm::StringRef text) {
  AssemblerReport report;
  report.registers = number(text, "Used ([0-9]+) registers");
  report.stackBytes = number(text, "([0-9]+) bytes stack frame");
  report.spillBytes = number(text, "([0-9]+) bytes spill stores") + number(text, "([0-9]+) bytes spill loads");
  report.sharedBytes = number(text, "([0-9]+) bytes smem");
  llvm::SmallVector<llvm::StringRef> lines;
  text.split(lines, '\n');
  for (llvm::StringRef line : lines)
    if (line.contains("(C75"))
      report.warnings += line.trim().str() + "\n";
  return report;
}

llvm::Expected<Assembled> lla::assemblePtx(llvm::StringRef ptx, llvm::StringRef arch, llvm::StringRef ptxasPath) {
  llvm::SmallString<128> directory;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("lla-ptxas", directory))
    return llvm::createStringError("cannot create a temporary directory: " + error.message());
  llvm::scope_exit remove([&] { (void)llvm::sys::fs::remove_directories(directory); });
  std::string input = (directory + "/kernel.ptx").str(), output = (directory + "/kernel.cubin").str(),
              log = (directory + "/log").str();
  {
    std::error_code error;
    llvm::raw_fd_ostream file(input, error);
    file << ptx;
    file.close();
    if (error || file.has_error()) {
      error = error ? error : file.error();
      file.clear_error();
      return llvm::createStringError("cannot write " + input + ": " + error.message());
    }
  }
  std::string archOption = ("-arch=" + arch).str();
  llvm::StringRef arguments[] = {ptxasPath, "-v", "-O3", "-lineinfo", archOption, input, "-o", output};
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), llvm::StringRef(log), llvm::StringRef(log)};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(ptxasPath, arguments, std::nullopt, redirects, 0, 0, &message);
  auto logText = llvm::MemoryBuffer::getFile(log);
  llvm::StringRef text = logText ? (*logText)->getBuffer() : llvm::StringRef();
  if (status != 0)
    return llvm::createStringError(ptxasPath + " failed (" + llvm::Twine(status) + "): " +
                                   (text.empty() ? llvm::StringRef(message) : text));
  auto cubin = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!cubin)
    return llvm::createStringError("cannot read " + output + ": " + cubin.getError().message());
  return Assembled{(*cubin)->getBuffer().str(), parseAssemblerReport(text)};
}
