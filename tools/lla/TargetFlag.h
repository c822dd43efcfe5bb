//===- TargetFlag.h - where to compile for, and where to run --------------===//
#ifndef LLA_TOOLS_LLA_TARGETFLAG_H
#define LLA_TOOLS_LLA_TARGETFLAG_H

#include "runtime/Executor.h"
#include "runtime/Knobs.h"
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

namespace lla {

/// A device that is open.
struct Device {
  std::shared_ptr<Executor> executor;
  const Target &target() const { return executor->target(); }
};

struct TargetFlag {
  std::vector<std::string> names; ///< Empty: the best that is there.

  /// `mayRepeat`: the command does its work for each.
  void addTo(CLI::App &command, bool mayRepeat);
  /// Opens each. Fails with Usage on an unknown name, NoDevice on a device that is not there.
  llvm::Expected<std::vector<Device>> devices(const Knobs &knobs) const;
  llvm::Expected<Device> device(const Knobs &knobs) const;
  /// The facts alone: a named architecture needs no GPU.
  llvm::Expected<std::vector<Target>> targets(const Knobs &knobs) const;
  llvm::Expected<Target> target(const Knobs &knobs) const;

private:
  std::vector<std::string> namesOrBest(const Knobs &knobs) const;
};

} // namespace lla
#endif
