//===- Module.cpp - code on a GPU -----------------------------------------===//

#include "runtime/cuda/Module.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>
#include <vector>

namespace lla::cuda {
namespace {

/// What the driver's assembler wrote, without trailing white space.
std::string logText(const std::vector<char> &buffer) {
  std::string text(buffer.data());
  text.erase(text.find_last_not_of(" \n\r\t") + 1);
  return text;
}

FailureKind kindOfLoadFailure(FaultKind fault) {
  switch (fault) {
  case FaultKind::DriverTooOld:
  case FaultKind::NoDriver:
  case FaultKind::NoDevice:
    return FailureKind::NoDevice;
  case FaultKind::CallFailed:
    return FailureKind::Usage;
  default:
    return FailureKind::Execution;
  }
}

} // namespace

llvm::Expected<std::unique_ptr<Module>> Module::load(std::shared_ptr<const Device> device, ArtifactKind kind,
                                                     const std::string &image) {
  const Driver &driver = device->driver();
  if (kind == ArtifactKind::HostObject)
    return failure(FailureKind::Usage, "artifact: expected a cubin or PTX for a GPU, got a host object");
  if (int needed = kind == ArtifactKind::Ptx ? driverNeededBy(image) : 0; needed > driver.version)
    return failure(FailureKind::NoDevice,
                   fmt::format("CUDA driver: too old for this PTX: expected one that serves CUDA {} or newer, got {}",
                               versionText(needed), versionText(driver.version)));
  // A cubin is told from PTX by its ELF header, whose length is inside; PTX ends at its NUL.
  if (kind == ArtifactKind::Cubin && image.compare(0, 4,
                                                   "\x7f"
                                                   "ELF") != 0)
    return failure(FailureKind::Usage, "artifact: expected a cubin, got something without an ELF header");

  if (llvm::Error error = device->checkProcess())
    return std::move(error);
  std::vector<char> log(16384, '\0');
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log.data(), reinterpret_cast<void *>(static_cast<uintptr_t>(log.size()))};
  ContextScope scope(*device);
  CUmodule handle;
  if (CUresult result = driver.cuModuleLoadDataEx(&handle, image.c_str(), 2, options, values)) {
    DeviceFault fault = driver.explain(result, "cuModuleLoadDataEx");
    std::string text = logText(log);
    return failure(kindOfLoadFailure(fault.kind), fault.message + (text.empty() ? "" : "\n" + text));
  }
  return std::unique_ptr<Module>(new Module(std::move(device), handle));
}

Module::~Module() {
  if (!device->isUsable())
    return;
  ContextScope scope(*device);
  device->driver().cuModuleUnload(handle);
}

llvm::Expected<CUfunction> Module::function(const std::string &name) const {
  ContextScope scope(*device);
  CUfunction entry;
  if (CUresult result = device->driver().cuModuleGetFunction(&entry, handle, name.c_str()))
    return failure(FailureKind::Usage,
                   "kernel " + name + ": " + device->driver().explain(result, "cuModuleGetFunction").message);
  return entry;
}

llvm::Expected<CUfunction> Module::kernel(const std::string &name, int64_t threads, int64_t sharedBytes,
                                          int64_t cluster) const {
  llvm::Expected<CUfunction> entry = function(name);
  if (!entry)
    return entry;
  ContextScope scope(*device);
  const Driver &driver = device->driver();
  int mostThreads = 0, staticBytes = 0;
  if (llvm::Error error =
          device->check(driver.cuFuncGetAttribute(&mostThreads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, *entry),
                        "cuFuncGetAttribute"))
    return std::move(error);
  if (llvm::Error error = device->check(
          driver.cuFuncGetAttribute(&staticBytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, *entry), "cuFuncGetAttribute"))
    return std::move(error);
  if (threads > mostThreads)
    return failure(FailureKind::Usage, fmt::format("kernel {}: threads: expected at most {} with its registers, got {}",
                                                   name, mostThreads, threads));
  int64_t limit = device->target().sharedBytesPerBlock;
  if (staticBytes + sharedBytes > limit)
    return failure(FailureKind::Usage, fmt::format("kernel {}: shared memory: expected at most {} bytes, got {}", name,
                                                   limit, staticBytes + sharedBytes));
  if (llvm::Error error =
          device->check(driver.cuFuncSetAttribute(*entry, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                                  static_cast<int>(sharedBytes)),
                        "cuFuncSetAttribute"))
    return std::move(error);
  constexpr int64_t portableCluster = 8;
  if (cluster > portableCluster)
    if (llvm::Error error =
            device->check(driver.cuFuncSetAttribute(*entry, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1),
                          "cuFuncSetAttribute"))
      return std::move(error);
  return entry;
}

} // namespace lla::cuda
