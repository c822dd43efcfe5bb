//===- AotVerify.cpp - the kernels of a library against the oracle --------===//

#include "tools/lla/AotVerify.h"
#include "dialect/Spec/Fields.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "runtime/capi/Structs.h"
#include "runtime/capi/TensorStructs.h"
#include "tools/lla/DeviceTensors.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Interrupt.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

/// The functions of runtime/aot/library.h under a library's name. Never closed: a library stays once it is loaded.
struct LibraryFunctions {
  const char *(*last_error)() = nullptr;
  const char *(*manifest)() = nullptr;
  lla_status (*context_create)(const char *, void **) = nullptr;
  lla_status (*context_destroy)(void *) = nullptr;
  lla_status (*plan_create)(const void *, const lla_problem *, void **) = nullptr;
  lla_status (*plan_destroy)(void *) = nullptr;
  lla_status (*plan_workspace_size)(const void *, size_t *) = nullptr;
  lla_status (*plan_prepare)(void *) = nullptr;
  lla_status (*plan_run)(const void *, const lla_tensors *, void *, size_t, CUstream_st *) = nullptr;

  /// Success, or an error of the library's.
  llvm::Error check(lla_status status) const {
    if (status == LLA_OK)
      return llvm::Error::success();
    FailureKind kind = status == LLA_ERROR_NO_DEVICE ? FailureKind::NoDevice
                       : status == LLA_ERROR_MISS    ? FailureKind::Miss
                                                     : FailureKind::Execution;
    return failure(kind, last_error());
  }
};

/// "NAME" of a path to libNAME.so.
std::string nameOf(llvm::StringRef path) {
  llvm::StringRef name = llvm::sys::path::stem(path);
  name.consume_front("lib");
  return name.str();
}

llvm::Expected<LibraryFunctions> openLibrary(const std::string &path) {
  if (llvm::sys::path::extension(path) == ".a")
    return failure(FailureKind::Usage,
                   fmt::format("{}: expected a shared library that `lla aot` made, got a static one; one of the same "
                               "problems and --form shared has the same kernels",
                               path));
  std::string absolute = llvm::sys::path::parent_path(path).empty() ? "./" + path : path; // Not the linker's search.
  void *handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return failure(FailureKind::Usage,
                   fmt::format("{}: expected a shared library that `lla aot` made, got: {}", path, dlerror()));
  LibraryFunctions functions;
  std::string name = nameOf(path), missing;
  auto find = [&]<class Function>(Function &function, const char *what) {
    std::string symbol = name + "_" + what;
    function = reinterpret_cast<Function>(dlsym(handle, symbol.c_str()));
    if (!function && missing.empty())
      missing = symbol;
  };
  find(functions.last_error, "last_error");
  find(functions.manifest, "manifest");
  find(functions.context_create, "context_create");
  find(functions.context_destroy, "context_destroy");
  find(functions.plan_create, "plan_create");
  find(functions.plan_destroy, "plan_destroy");
  find(functions.plan_workspace_size, "plan_workspace_size");
  find(functions.plan_prepare, "plan_prepare");
  find(functions.plan_run, "plan_run");
  if (!missing.empty())
    return failure(FailureKind::Usage,
                   fmt::format("{}: expected a library that `lla aot --name {}` made, got one without {}", path, name,
                               missing));
  return functions;
}

/// One device of this machine that the library has code for.
struct Place {
  std::shared_ptr<Executor> executor;
  DeviceName name;
  void *context = nullptr;
};

llvm::Expected<ErrorFigures> judge(const LibraryFunctions &library, const Place &place, const Problem &problem,
                                   const Knobs &knobs, int64_t rows) {
  void *plan = nullptr;
  lla_problem given = capi::fromProblem(problem);
  if (llvm::Error error = library.check(library.plan_create(place.context, &given, &plan)))
    return error;
  llvm::scope_exit destroy([&] { library.plan_destroy(plan); });
  size_t bytes = 0;
  if (llvm::Error error = library.check(library.plan_workspace_size(plan, &bytes)))
    return error;
  if (llvm::Error error = library.check(library.plan_prepare(plan)))
    return error;
  llvm::Expected<DeviceTensors> memory = DeviceTensors::allocate(*place.executor, problem, bytes);
  if (!memory)
    return memory.takeError();
  if (llvm::Error error = memory->fillRandom(*place.executor, problem, knobs.seed))
    return error;
  capi::TensorStructs tensors(problem, memory->views(), capi::deviceOf(place.name));
  if (llvm::Error error =
          library.check(library.plan_run(plan, &tensors.all, memory->workspace(), memory->workspaceBytes(), nullptr)))
    return error;
  if (llvm::Error error = place.executor->synchronize(nullptr))
    return error;
  return place.executor->compare(problem, memory->views(), rows, knobs.seed);
}

/// What is run on one device that a library's context_create takes, each problem once.
struct Share {
  std::string device;
  std::vector<Problem> problems;
};

/// A GPU, and the host with each width of vectors that there are kernels for: on its own it takes the widest only.
llvm::Expected<std::vector<Share>> sharesOf(const ordered_json &manifest) {
  std::vector<Share> shares;
  ordered_json kernels = manifest.is_object() ? manifest.value("kernels", ordered_json()) : ordered_json();
  if (!kernels.is_array())
    return failure(FailureKind::Usage,
                   "manifest: expected a JSON object with an array \"kernels\", got something else");
  for (const ordered_json &kernel : kernels) {
    auto field = [&](const char *name) {
      return kernel.is_object() ? kernel.value(name, ordered_json()) : ordered_json();
    };
    llvm::Expected<Problem> problem =
        parseProblem(field("problem").dump(-1, ' ', /*ensure_ascii=*/true, ordered_json::error_handler_t::replace));
    if (!problem)
      return withKind(FailureKind::Usage, problem.takeError());
    std::string device = "cuda";
    if (field("target") == "host")
      device = field("vector_bits").is_number_integer()
                   ? fmt::format("host/{}", field("vector_bits").get<int64_t>())
                   : "host";
    auto share = llvm::find_if(shares, [&](const Share &one) { return one.device == device; });
    if (share == shares.end())
      share = shares.insert(shares.end(), Share{device, {}});
    if (!llvm::is_contained(share->problems, *problem))
      share->problems.push_back(*problem);
  }
  return shares;
}

} // namespace

llvm::Error verifyLibrary(const std::string &path, const Knobs &knobs, int64_t rows) {
  llvm::Expected<LibraryFunctions> library = openLibrary(path);
  if (!library)
    return library.takeError();
  ordered_json manifest = ordered_json::parse(library->manifest(), nullptr, /*allow_exceptions=*/false);
  llvm::Expected<std::vector<Share>> shares = sharesOf(manifest);
  if (!shares)
    return shares.takeError();
  int64_t checked = 0, wrong = 0;
  for (const Share &share : *shares) {
    bool isHost = llvm::StringRef(share.device).starts_with("host");
    Place place;
    place.name = {isHost ? TargetKind::Host : TargetKind::Cuda};
    llvm::Error error = library->check(library->context_create(share.device.c_str(), &place.context));
    if (!error) {
      llvm::Expected<std::unique_ptr<Executor>> executor = openExecutor(isHost ? "host" : "cuda", knobs);
      if (executor)
        place.executor = std::move(*executor);
      else
        error = executor.takeError();
    }
    llvm::scope_exit destroy([&] { library->context_destroy(place.context); });
    if (error) {
      auto [kind, text] = describe(std::move(error));
      if (kind != FailureKind::NoDevice)
        return failure(kind, text);
      print(fmt::format("skip {} problems on {}: {}\n", share.problems.size(), share.device, text));
      continue;
    }
    for (const Problem &problem : share.problems) {
      if (interrupted())
        return llvm::Error::success();
      llvm::Expected<ErrorFigures> figures = judge(*library, place, problem, knobs, rows);
      if (!figures)
        return figures.takeError();
      llvm::Error fault = checkTolerance(*figures, problem);
      ++checked;
      wrong += static_cast<bool>(fault);
      print(fmt::format("{} {} on {}: error {} of max|reference|, {} rows, by {}\n", fault ? "FAIL" : "ok  ",
                        titleOf(problem), isHost ? share.device : place.executor->target().arch,
                        errorText(figures->relative), figures->rows, figures->oracle));
      if (fault)
        print("     " + llvm::toString(std::move(fault)) + "\n");
    }
  }
  if (checked == 0)
    return failure(FailureKind::NoDevice, path + ": expected kernels that run on this machine, got none");
  if (wrong)
    return failure(FailureKind::Verification,
                   fmt::format("{}: expected right results, got {} wrong of {}", path, wrong, checked));
  return llvm::Error::success();
}

} // namespace lla
