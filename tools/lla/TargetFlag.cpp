//===- TargetFlag.cpp - where to compile for, and where to run ------------===//

#include "tools/lla/TargetFlag.h"
#include "runtime/RuntimeError.h"

namespace lla {
namespace {

bool isDeviceName(llvm::StringRef name) {
  llvm::StringRef kind = name.split(':').first;
  return kind == "cuda" || (kind == "host" && name != "host");
}

llvm::Expected<Device> open(const std::string &name, const Knobs &knobs) {
  llvm::Expected<std::unique_ptr<Executor>> executor = openExecutor(name, knobs);
  if (!executor)
    return executor.takeError();
  return Device{std::move(*executor)};
}

llvm::Expected<Target> factsOf(const std::string &name, const Knobs &knobs) {
  if (isDeviceName(name)) {
    llvm::Expected<Device> device = open(name, knobs);
    if (!device)
      return device.takeError();
    return device->target();
  }
  llvm::Expected<Target> target = namedTarget(name);
  if (!target)
    return failure(FailureKind::Usage,
                   "target: expected cuda, cuda:N or an architecture; " + llvm::toString(target.takeError()));
  return target;
}

} // namespace

void TargetFlag::addTo(CLI::App &command, bool mayRepeat) {
  CLI::Option *option = command.add_option(
      "--target", names,
      std::string("host, host:THREADS, cuda, cuda:N, or an architecture (sm_90a), which needs no GPU "
                  "but runs nothing (default: cuda if there is a GPU, else host)") +
          (mayRepeat ? "; may be repeated" : ""));
  option->allow_extra_args(false)->type_name("TARGET");
  if (!mayRepeat)
    option->expected(1);
}

std::vector<std::string> TargetFlag::namesOrBest(const Knobs &knobs) const {
  return names.empty() ? std::vector<std::string>{bestTarget(knobs)} : names;
}

llvm::Expected<std::vector<Device>> TargetFlag::devices(const Knobs &knobs) const {
  std::vector<Device> devices;
  for (const std::string &name : namesOrBest(knobs)) {
    llvm::Expected<Device> device = open(name, knobs);
    if (!device)
      return device.takeError();
    devices.push_back(std::move(*device));
  }
  return devices;
}

llvm::Expected<Device> TargetFlag::device(const Knobs &knobs) const {
  llvm::Expected<std::vector<Device>> all = devices(knobs);
  if (!all)
    return all.takeError();
  return all->front();
}

llvm::Expected<std::vector<Target>> TargetFlag::targets(const Knobs &knobs) const {
  std::vector<Target> targets;
  for (const std::string &name : namesOrBest(knobs)) {
    llvm::Expected<Target> target = factsOf(name, knobs);
    if (!target)
      return target.takeError();
    targets.push_back(std::move(*target));
  }
  return targets;
}

llvm::Expected<Target> TargetFlag::target(const Knobs &knobs) const {
  llvm::Expected<std::vector<Target>> all = targets(knobs);
  if (!all)
    return all.takeError();
  return all->front();
}

} // namespace lla
