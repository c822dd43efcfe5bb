//===- Library.cpp - the kernels of this library, and which of them to use ===//

#include "runtime/aot/Library.h"
#include "dialect/Spec/Shape.h"
#include "runtime/RuntimeError.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>

namespace lla::aot {
namespace {

llvm::ArrayRef<TableKernel> kernels() {
  return {reinterpret_cast<const TableKernel *>(&header() + 1), static_cast<size_t>(header().kernels)};
}

/// How closely code was made for a device; 0: it does not run there.
int64_t fitOf(const TableKernel &kernel, Capability device) {
  bool isHost = kernel.kind == ArtifactKind::HostObject;
  if (isHost != device.isHost)
    return 0;
  if (isHost)
    return kernel.vectorBits <= device.vectorBits ? kernel.vectorBits : 0;
  constexpr int64_t exact = 1000;
  int64_t made = 10 * kernel.major + kernel.minor, has = 10 * device.major + device.minor;
  if (kernel.isSpecific)
    return made == has ? exact + 1 : 0;
  if (kernel.kind == ArtifactKind::Ptx)
    return made <= has; // Assembled by the driver, when nothing else runs.
  return kernel.major == device.major && made <= has ? exact - (has - made) : 0;
}

std::string nameOf(Capability device) {
  return device.isHost ? fmt::format("CPUs with vectors of {} bits", device.vectorBits)
                       : fmt::format("GPUs of compute capability {}.{}", device.major, device.minor);
}

llvm::Error miss(const Problem &problem, Capability device) {
  std::string json = toJson(problem);
  const char *name = textAt(header().name);
  return failure(FailureKind::Miss,
                 fmt::format("problem: expected one that lib{0} holds for {1}, got {2}; to make one with it, add it to "
                             "the list of those that lib{0} was made of: echo '{2}' >> problems.jsonl && lla aot "
                             "--problems problems.jsonl {3} --name {0} --output-dir {0}-new",
                             name, nameOf(device), json, textAt(header().architectures)));
}

} // namespace

std::string targetOf(Capability device) {
  if (device.isHost)
    return "host";
  return device.major == 9 && device.minor == 0 ? "sm_90a" : fmt::format("sm_{}{}", device.major, device.minor);
}

llvm::Expected<const TableKernel *> findKernel(const Problem &problem, Capability device) {
  const TableKernel *best = nullptr;
  int64_t bestFit = 0;
  double bestDistance = 0;
  for (const TableKernel &kernel : kernels()) {
    int64_t fit = fitOf(kernel, device);
    if (fit == 0 || fit < bestFit)
      continue;
    llvm::Expected<Problem> held = capi::toProblem(&kernel.problem);
    if (!held)
      return held.takeError();
    if (!sharesCode(problem, *held) || (kernel.schedule.staticSizes && !sharesSizes(problem, *held)))
      continue;
    double distance = shapeDistance(problem, *held);
    if (fit == bestFit && distance >= bestDistance)
      continue;
    best = &kernel;
    bestFit = fit;
    bestDistance = distance;
  }
  if (!best)
    return miss(problem, device);
  return best;
}

llvm::Error checkHasCode(Capability device) {
  bool has = false;
  for (const TableKernel &kernel : kernels())
    has |= fitOf(kernel, device) > 0;
  if (!has)
    return failure(FailureKind::NoDevice,
                   fmt::format("target: expected a device that lib{0} has code for ({1}), got {2}; add --target {3} to "
                               "the command that made it",
                               textAt(header().name), textAt(header().architectures), nameOf(device),
                               targetOf(device)));
  return llvm::Error::success();
}

} // namespace lla::aot
