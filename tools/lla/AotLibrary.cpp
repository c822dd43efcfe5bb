//===- AotLibrary.cpp - the files of an ahead-of-time library -------------===//

#include "tools/lla/AotLibrary.h"
#include "compiler/Library.h"
#include "dialect/Spec/Fields.h"
#include "runtime/ChildProcess.h"
#include "runtime/RuntimeError.h"
#include "runtime/aot/Carried.h"
#include "runtime/aot/Table.h"
#include "runtime/capi/Structs.h"
#include "tools/lla/Output.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>
#include <map>

using nlohmann::ordered_json;

namespace lla {
namespace {

/// What every global name of the runtime begins with before it is a library's.
constexpr llvm::StringLiteral runtimePrefix = "lla_aot";
/// What tvm-ffi's loader looks for in front of a function's name.
constexpr llvm::StringLiteral tvmFfiPrefix = "__tvm_ffi_";

std::string kernelSymbol(const LibraryPlan &plan, size_t number) {
  return fmt::format("{}_kernel_{}", plan.name, number);
}

/// The host's kernels, each code once, numbered in the order in which they are met.
struct HostKernels {
  std::map<std::string, size_t> numbers; ///< By code.
  std::vector<const Artifact *> artifacts;

  explicit HostKernels(const LibraryPlan &plan) {
    for (const LibraryKernel &kernel : plan.kernels)
      if (kernel.target.isHost() && numbers.emplace(kernel.artifact.bytes, artifacts.size()).second)
        artifacts.push_back(&kernel.artifact);
  }
};

/// The data block of aot/Table.h, as it grows.
class TableWriter {
public:
  TableWriter(const LibraryPlan &plan, const HostKernels &hostKernels) : plan(plan), hostKernels(hostKernels) {
    bytes.resize(sizeof(aot::TableHeader) + plan.kernels.size() * sizeof(aot::TableKernel), '\0');
  }

  std::string write() {
    aot::TableHeader header = {};
    header.kernels = plan.kernels.size();
    header.name = add(plan.name);
    header.manifest = add(manifestOf(plan).dump(2));
    std::string architectures;
    for (const std::string &target : plan.targets)
      architectures += (architectures.empty() ? "--target " : " --target ") + target;
    header.architectures = add(architectures);
    for (size_t i = 0; i < plan.kernels.size(); ++i) {
      aot::TableKernel entry;
      std::memset(&entry, 0, sizeof(entry)); // Padding too: equal plans give equal bytes.
      describe(plan.kernels[i], entry);
      std::memcpy(&bytes[sizeof(header) + i * sizeof(entry)], &entry, sizeof(entry));
    }
    std::memcpy(bytes.data(), &header, sizeof(header));
    return std::move(bytes);
  }

private:
  /// Each text and each code once, with a 0 behind it.
  int64_t add(const std::string &text) {
    auto [place, isNew] = places.emplace(text, 0);
    if (isNew) {
      bytes.resize((bytes.size() + aot::tableAlignment - 1) / aot::tableAlignment * aot::tableAlignment, '\0');
      place->second = bytes.size();
      bytes.append(text.c_str(), text.size() + 1);
    }
    return place->second;
  }

  void describe(const LibraryKernel &kernel, aot::TableKernel &entry) {
    entry.problem = capi::fromProblem(kernel.problem);
    for (const ScheduleField &field : scheduleFields()) // Member by member: what lies between them stays 0.
      field.set(entry.schedule, field.get(kernel.schedule.schedule));
    entry.kind = kernel.artifact.kind;
    if (kernel.target.isHost()) {
      entry.vectorBits = static_cast<int32_t>(kernel.target.vectorBits);
      entry.hostKernel = static_cast<int32_t>(hostKernels.numbers.at(kernel.artifact.bytes));
    } else {
      entry.major = kernel.target.computeCapability() / 10;
      entry.minor = kernel.target.computeCapability() % 10;
      entry.isSpecific = kernel.target.hasWarpgroupMma();
      entry.code = add(kernel.artifact.bytes);
      entry.codeBytes = kernel.artifact.bytes.size();
    }
    entry.symbol = add(kernel.artifact.kernelName);
    entry.scheduleText = add(toText(kernel.schedule.schedule));
    entry.scheduleSource = add(name(kernel.schedule.source).str());
    entry.scheduleReason = add("chosen when the library was made");
  }

  const LibraryPlan &plan;
  const HostKernels &hostKernels;
  std::string bytes;
  std::map<std::string, int64_t> places;
};

const char *kindName(ArtifactKind kind) {
  return kind == ArtifactKind::Cubin ? "cubin" : kind == ArtifactKind::Ptx ? "ptx" : "object";
}

/// Devices that a kernel runs on, for readers.
std::string devicesOf(const LibraryKernel &kernel) {
  if (kernel.target.isHost())
    return fmt::format("CPUs with vectors of {} bits or more", kernel.target.vectorBits);
  int number = kernel.target.computeCapability();
  std::string capability = fmt::format("{}.{}", number / 10, number % 10);
  if (kernel.artifact.kind == ArtifactKind::Ptx)
    return fmt::format("compute capability {} and newer, that no cubin serves", capability);
  if (kernel.target.hasWarpgroupMma())
    return fmt::format("compute capability {}", capability);
  return fmt::format("compute capability {} and newer of the same major number", capability);
}

/// What a problem has to have for the kernel to serve it; its other fields are arguments (Shape.h).
ordered_json predicatesOf(const Problem &problem) {
  ordered_json serves = {{"mode", name(problem.mode).str()},
                         {"probe", name(problem.probe).str()},
                         {"query_heads_per_kv_head", problem.group()},
                         {"head_dim", problem.headDim},
                         {"dtype", name(problem.dtype).str()},
                         {"output_dtype", name(problem.outputType()).str()},
                         {"kv_dtype", name(problem.keyType()).str()},
                         {"query_length", problem.queryLength == 1 ? "1" : "> 1"},
                         {"causal", problem.causal},
                         {"window", problem.window},
                         {"state", problem.state},
                         {"ragged", problem.ragged},
                         {"packed_queries", problem.packedQueries},
                         {"packed_keys", problem.packedKeys},
                         {"page_size", problem.pageSize}};
  return serves;
}

ordered_json jsonOf(const LibraryKernel &kernel) {
  const Artifact &artifact = kernel.artifact;
  Resources costs = resources(kernel.problem, kernel.schedule.schedule, kernel.target);
  ordered_json json = {{"problem", jsonOf(kernel.problem)},
                       {"target", kernel.target.arch},
                       {"runs_on", devicesOf(kernel)},
                       {"serves", predicatesOf(kernel.problem)},
                       {"schedule", jsonOf(kernel.schedule.schedule)},
                       {"schedule_source", name(kernel.schedule.source).str()},
                       {"kernel", artifact.kernelName},
                       {"kind", kindName(artifact.kind)},
                       {"bytes", artifact.bytes.size()},
                       {"sha256", sha256(artifact.bytes)}};
  if (kernel.target.isHost()) {
    json["vector_bits"] = kernel.target.vectorBits;
    json["scratch_bytes_per_thread"] = costs.sharedBytes;
    return json;
  }
  json["threads"] = costs.threads;
  json["shared_bytes"] = costs.sharedBytes;
  if (artifact.kind == ArtifactKind::Cubin) {
    json["registers"] = artifact.report.registers;
    json["spill_bytes"] = artifact.report.spillBytes;
  }
  return json;
}

/// A carried header with the library's name for the runtime's.
std::string headerOf(const LibraryPlan &plan) {
  std::string text = aot::carriedHeader().str();
  auto replace = [&](const std::string &from, const std::string &to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  };
  replace("runtime/capi/lla.h", "lla.h");
  replace("LLA_AOT_H", "LLA_AOT_" + plan.name + "_H"); // Not lla.h's, nor that of a name in other letters.
  replace(runtimePrefix.str(), plan.name);
  return text;
}

constexpr const char *packageForm =
    R"(# Made by `lla aot`. find_package({0}): target {0}::{0}, to be included as <{0}.h>.
get_filename_component(_{0}_prefix "${{CMAKE_CURRENT_LIST_DIR}}/../../.." ABSOLUTE)
if(NOT TARGET {0}::{0})
  add_library({0}::{0} {1} IMPORTED)
  set_target_properties({0}::{0} PROPERTIES IMPORTED_LOCATION "${{_{0}_prefix}}/lib/lib{0}.{2}"
    INTERFACE_INCLUDE_DIRECTORIES "${{_{0}_prefix}}/include"{3})
endif()
unset(_{0}_prefix)
)";

/// The linker's words when it fails.
llvm::Error link(const std::vector<std::string> &command) {
  constexpr double seconds = 600;
  llvm::Expected<ChildProcess> child = ChildProcess::spawn(command, /*withChannel=*/false);
  if (!child)
    return child.takeError();
  ChildExit exit = child->wait(seconds);
  if (exit.isCode(0))
    return llvm::Error::success();
  return failure(FailureKind::Compile,
                 fmt::format("cc: expected {} to link a shared library, got one that {}: {}", command.front(),
                             exit.text(), child->errorTail().trim().str()));
}

} // namespace

ordered_json manifestOf(const LibraryPlan &plan) {
  ordered_json kernels = ordered_json::array();
  for (const LibraryKernel &kernel : plan.kernels)
    kernels.push_back(jsonOf(kernel));
  return {{"version", 1},
          {"name", plan.name},
          {"targets", plan.targets},
          {"toolchain",
           {{"lla", fmt::format("{}.{}.{}", LLA_VERSION_MAJOR, LLA_VERSION_MINOR, LLA_VERSION_PATCH)},
            {"compiler", compilerFingerprint()},
            {"llvm", llvmVersion()},
            {"ptxas", plan.ptxasVersion}}},
          {"kernels", kernels}};
}

llvm::Expected<std::vector<LibraryObject>> objectsOf(const LibraryPlan &plan) {
  HostKernels hostKernels(plan);
  std::vector<LibraryObject> objects;
  std::vector<std::string> symbols;
  for (size_t i = 0; i < hostKernels.artifacts.size(); ++i) {
    symbols.push_back(kernelSymbol(plan, i));
    const Artifact &artifact = *hostKernels.artifacts[i];
    llvm::Expected<std::string> renamed = renameSymbols(artifact.bytes, artifact.kernelName, symbols.back());
    if (!renamed)
      return renamed.takeError();
    objects.push_back({symbols.back() + ".o", std::move(*renamed)});
  }
  llvm::Expected<std::string> data =
      emitDataObject(plan.name + "_table", TableWriter(plan, hostKernels).write(), aot::tableAlignment,
                     plan.name + "_host_kernels", symbols);
  if (!data)
    return data.takeError();
  objects.push_back({plan.name + "_table.o", std::move(*data)});
  llvm::Expected<std::string> runtime = renameSymbols(aot::carriedRuntime(), runtimePrefix, plan.name);
  if (!runtime)
    return runtime.takeError();
  runtime = renameSymbols(*runtime, (tvmFfiPrefix + runtimePrefix).str(), (tvmFfiPrefix + plan.name).str());
  if (!runtime)
    return runtime.takeError();
  objects.push_back({plan.name + "_runtime.o", std::move(*runtime)});
  return objects;
}

llvm::Error writeStatic(const LibraryPlan &plan, const std::string &directory) {
  llvm::Expected<std::vector<LibraryObject>> objects = objectsOf(plan);
  if (!objects)
    return objects.takeError();
  std::vector<ArchiveMember> members;
  for (LibraryObject &object : *objects)
    members.push_back({object.name, std::move(object.bytes)});
  llvm::Expected<std::string> archive = makeArchive(members);
  if (!archive)
    return archive.takeError();
  return writeWhole(fmt::format("{}/lib/lib{}.a", directory, plan.name), *archive);
}

llvm::Error writeShared(const LibraryPlan &plan, const std::string &directory, const std::string &cc,
                        const std::string &temporary) {
  llvm::Expected<std::vector<LibraryObject>> objects = objectsOf(plan);
  if (!objects)
    return objects.takeError();
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory(temporary + "/lla-aot", folder))
    return fieldError(temporary, "a folder in which one can be made", error.message());
  llvm::scope_exit remove([&] { (void)llvm::sys::fs::remove_directories(folder); });
  std::string place = folder.str().str(), soname = fmt::format("lib{}.so", plan.name);
  std::string linked = place + "/" + soname, exports = place + "/exports.map";
  std::vector<std::string> command = {cc, "-shared", "-o", linked};
  for (const LibraryObject &object : *objects) {
    command.push_back(place + "/" + object.name);
    if (llvm::Error error = writeWhole(command.back(), object.bytes))
      return error;
  }
  // The functions of the header and nothing else; the table and the kernels are seen by the runtime inside only.
  std::string map = fmt::format("{{\n  global: {0}_context_*; {0}_plan_*; {0}_status_name; {0}_last_error; "
                                "{0}_version; {0}_manifest; __tvm_ffi_{0}_*;\n  local: *;\n}};\n",
                                plan.name);
  if (llvm::Error error = writeWhole(exports, map))
    return error;
  // The library stays once it is loaded: threads keep their last message in it.
  for (const char *option : {"-static-libgcc", "-s", "-Wl,--gc-sections", "-Wl,-Bsymbolic", "-Wl,-z,nodelete",
                             "-Wl,-z,defs", "-Wl,-z,noexecstack"})
    command.push_back(option);
  command.push_back("-Wl,--version-script=" + exports);
  command.push_back("-Wl,-soname=" + soname);
  for (const char *library : {"-Wl,--as-needed", "-lm", "-lpthread", "-ldl"})
    command.push_back(library);
  if (llvm::Error error = link(command))
    return error;
  auto bytes = llvm::MemoryBuffer::getFile(linked, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return fieldError(linked, "a file that can be read", bytes.getError().message());
  return writeWhole(fmt::format("{}/lib/{}", directory, soname), (*bytes)->getBuffer());
}

llvm::Error writeInterface(const LibraryPlan &plan, const std::string &directory, bool isShared) {
  // A static library says what the program that it becomes part of has to be linked with.
  const char *needs = isShared ? "" : "\n    INTERFACE_LINK_LIBRARIES \"m;pthread;dl\"";
  std::string package =
      fmt::format(packageForm, plan.name, isShared ? "SHARED" : "STATIC", isShared ? "so" : "a", needs);
  if (llvm::Error error = writeWhole(fmt::format("{0}/lib/cmake/{1}/{1}Config.cmake", directory, plan.name), package))
    return error;
  if (llvm::Error error = writeWhole(fmt::format("{}/include/{}.h", directory, plan.name), headerOf(plan)))
    return error;
  if (llvm::Error error = writeWhole(directory + "/include/lla.h", aot::carriedStructs()))
    return error;
  return writeWhole(fmt::format("{}/{}.json", directory, plan.name), manifestOf(plan).dump(2) + "\n");
}

} // namespace lla
