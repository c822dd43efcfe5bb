//===- main.cpp - the driver `lla` ----------------------------------------===//
//
// Parses, runs the one subcommand that was asked for, and turns whatever went
// wrong into one line on standard error and an exit code.
//
//===----------------------------------------------------------------------===//

#include "tools/lla/Command.h"
#include "tools/lla/ExitCode.h"
#include "tools/lla/Interrupt.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace lla;

namespace {

int complain(ExitCode code, llvm::StringRef text) {
  llvm::outs().flush();
  llvm::errs() << "lla: " << text << "\n";
  return code;
}

/// The code generator gives up on what it cannot select, which IR of the user's can ask for, by aborting the process.
void endOnFatalError(void *, const char *reason, bool) {
  complain(CompileFailed, std::string("code generation: expected code that the target has, got: ") + reason);
  std::_Exit(CompileFailed);
}

int runChosen(const CommandBody &body) {
  llvm::Expected<Knobs> knobs = Knobs::fromEnvironment();
  if (!knobs)
    return complain(UsageFailed, llvm::toString(knobs.takeError()));
  llvm::Error error = body(*knobs);
  if (interrupted()) {
    llvm::consumeError(std::move(error));
    return complain(Interrupted, "interrupted");
  }
  if (!error)
    return Success;
  auto [kind, text] = describe(std::move(error));
  return complain(exitCodeOf(kind), text);
}

int parseAndRun(int argc, char **argv) {
  Driver driver;
  driver.app.set_version_flag("--version", "lla 0.1.0");
  driver.app.footer(exitCodeHelp);
  for (auto add : {addTune, addCompile, addAot, addRun, addVerify, addBench, addExplain, addEnumerate, addReplay,
                   addReport, addCache, addConfig, addDoctor, addQuickstart, addChildren})
    add(driver);
  try {
    driver.app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    // Help and version are thrown too; everything else is the caller's mistake.
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return driver.app.exit(error);
    return complain(UsageFailed, std::string(error.what()) + "\nlla: --help, also after a subcommand, lists the flags");
  }
  // Not left to the parser, which would call a misspelt subcommand a missing one.
  if (!driver.chosen)
    return complain(UsageFailed, "expected a subcommand, got none; --help lists them");
  watchInterrupts();
  return runChosen(driver.chosen);
}

/// What could not be written (disk full, closed pipe) is a failure like any other.
int finishOutput(int code) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return code;
  std::string reason = llvm::outs().error().message();
  llvm::outs().clear_error();
  return complain(UsageFailed, "standard output: " + reason);
}

} // namespace

int main(int argc, char **argv) {
  llvm::install_fatal_error_handler(endOnFatalError);
  try {
    return finishOutput(parseAndRun(argc, argv));
  } catch (const std::bad_alloc &) {
    return complain(UsageFailed, "not enough memory");
  } catch (const std::exception &error) {
    return complain(UsageFailed, error.what());
  }
}
