//===- Command.h - the subcommands of `lla` -------------------------------===//
//
// Each subcommand is one file with one function, which adds the subcommand and
// its flags to the parser. What it does is run after parsing, by main, with the
// environment; its error decides the exit code (ExitCode.h).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_COMMAND_H
#define LLA_TOOLS_LLA_COMMAND_H

#include "runtime/Knobs.h"
#include "llvm/Support/Error.h"
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

namespace lla {

/// A subcommand with its flags, ready to run. Flags that shadow an environment variable change `knobs`.
using CommandBody = std::function<llvm::Error(Knobs &knobs)>;

/// The driver's parser and the body of the subcommand that was asked for.
struct Driver {
  CLI::App app{"Kernel compiler for local linear attention", "lla"};
  CommandBody chosen;

  /// Adds a subcommand that runs `body` with the flags that `declare` registered.
  template <class Flags>
  CLI::App *add(CLI::App &parent, const char *name, const char *help, void (*declare)(CLI::App &, Flags &),
                llvm::Error (*body)(const Flags &, Knobs &)) {
    CLI::App *command = parent.add_subcommand(name, help);
    auto flags = std::make_shared<Flags>();
    declare(*command, *flags);
    command->callback([this, flags, body] { chosen = [flags, body](Knobs &knobs) { return body(*flags, knobs); }; });
    return command;
  }
};

void addAot(Driver &driver);
void addTune(Driver &driver);
void addCompile(Driver &driver);
void addRun(Driver &driver);
void addVerify(Driver &driver);
void addBench(Driver &driver);
void addExplain(Driver &driver);
void addEnumerate(Driver &driver);
void addReplay(Driver &driver);
void addReport(Driver &driver);
void addCache(Driver &driver);
void addConfig(Driver &driver);
void addDoctor(Driver &driver);
void addQuickstart(Driver &driver);
/// Hidden: what compile workers, evaluator children and sanitizer runs start.
void addChildren(Driver &driver);

} // namespace lla
#endif
