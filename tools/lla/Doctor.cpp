//===- Doctor.cpp - `lla doctor` ------------------------------------------===//
//
// What works on this machine, what does not, and why. Every line is the outcome of
// trying it, not of looking at versions.
//
//===----------------------------------------------------------------------===//

#include "runtime/RuntimeError.h"
#include "runtime/ScheduleChoice.h"
#include "runtime/Toolkit.h"
#include "runtime/Tuning.h"
#include "runtime/cuda/SelfTest.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Output.h"
#include "tools/lla/Table.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct DoctorFlags {
  OutputForm output = OutputForm::Text;
};

Check checkOf(const char *name, llvm::Error error, const std::string &found) {
  if (error)
    return {name, false, llvm::toString(std::move(error))};
  return {name, true, found};
}

/// Small enough to take no time, large enough to have tiles and a tail.
Problem smallProblem() {
  Problem problem;
  problem.queryHeads = 2;
  problem.kvHeads = 1;
  problem.context = 300;
  problem.headDim = 64;
  llvm::cantFail(normalize(problem));
  return problem;
}

Check workerCheck(const Knobs &knobs) {
  WorkerOptions options = workerOptions(knobs);
  if (options.executable.empty())
    return {"compile worker", false,
            "none found (LLA_WORKER, beside this program, PATH): compiles run in this process"};
  return {"compile worker", true, options.executable};
}

/// A kernel for the host, compiled in a worker, run and compared.
Check hostCheck(const Knobs &knobs) {
  Target target = hostTarget();
  Problem problem = smallProblem();
  auto verify = [&]() -> llvm::Error {
    llvm::Expected<std::unique_ptr<Executor>> executor = openExecutor("host", knobs);
    if (!executor)
      return executor.takeError();
    KernelEvaluator evaluator(problem, std::move(*executor),
                              evaluatorOptions(knobs, target, defaultPolicy(target), /*cache=*/nullptr));
    Schedule schedule = defaultSchedule(problem, target);
    llvm::Expected<std::vector<Preparation>> prepared = evaluator.prepare({schedule});
    if (!prepared)
      return prepared.takeError();
    if (prepared->front().outcome != Outcome::Ok)
      return failure(FailureKind::Compile, prepared->front().reason);
    llvm::Expected<Verification> verification = evaluator.verify(schedule);
    if (!verification)
      return verification.takeError();
    if (verification->outcome != Outcome::Ok)
      return failure(FailureKind::Verification, verification->reason);
    return llvm::Error::success();
  };
  return checkOf("host kernels", verify(),
                 fmt::format("compiled, run and right: {}, {} threads, {}-bit vectors, {} cache", target.deviceName,
                             target.multiprocessors, target.vectorBits, bytesText(target.l2Bytes)));
}

/// Code for a GPU that need not be here.
Check codeCheck(const Knobs &knobs) {
  Target target = llvm::cantFail(namedTarget("sm_90a"));
  Problem problem = smallProblem();
  CompileOptions options = compileOptions(knobs, target);
  llvm::Expected<Artifact> artifact =
      CompileWorkers(workerOptions(knobs)).compile({problem, target, defaultSchedule(problem, target), options});
  if (!artifact)
    return checkOf("sm_90a kernels", artifact.takeError(), "");
  return {"sm_90a kernels", true,
          fmt::format("{} in {:.0f} ms",
                      artifact->kind == ArtifactKind::Cubin ? "compiled to a cubin" : "compiled to PTX",
                      artifact->compileMilliseconds + artifact->assembleMilliseconds)};
}

Check ptxasCheck(const Knobs &knobs) {
  std::string path = findPtxas(knobs);
  if (path.empty())
    return {
        "ptxas", false,
        "none found (CUDA_HOME, beside this program, PATH, /usr/local/cuda): PTX is kept and the driver assembles it"};
  std::string version = ptxasVersion(path);
  if (version.empty())
    return {"ptxas", false, path + " cannot run"};
  return {"ptxas", true, path + ": " + version};
}

Check cacheCheck(const Knobs &knobs) {
  CacheLocation location = resolveCacheLocation(knobs.cacheEnvironment());
  std::string notices;
  for (const std::string &notice : location.notices)
    notices += "; " + notice;
  if (location.writable.empty())
    return {"cache", false, "nothing can be written, so it lives in memory" + notices};
  return {"cache", true, location.writable + notices};
}

llvm::Error examine(const DoctorFlags &flags, Knobs &knobs) {
  knobs.disableJit = knobs.assertCacheHit = false; // Whether compiling works is what is asked.
  std::vector<Check> checks = {
      {"LLVM", true, fmt::format("{}; compiler fingerprint {}", llvmVersion(), compilerFingerprint().substr(0, 12))},
      workerCheck(knobs),
      cacheCheck(knobs),
      hostCheck(knobs),
      ptxasCheck(knobs),
      codeCheck(knobs)};
  std::vector<Check> cuda = cudaChecks(knobs);
  checks.insert(checks.end(), cuda.begin(), cuda.end());
  Table table({"", "what", "found"});
  ordered_json results = ordered_json::array();
  for (const Check &check : checks) {
    table.add({check.ok ? "ok" : "no", check.name, check.reason});
    results.push_back({{"name", check.name}, {"ok", check.ok}, {"found", check.reason}});
  }
  std::string best = bestTarget(knobs);
  if (flags.output == OutputForm::Json)
    printJson(ordered_json{{"checks", results}, {"default_target", best}});
  else
    print(table.text() + fmt::format("Kernels run on {} unless --target says otherwise.\n", best));
  return llvm::Error::success();
}

} // namespace

void addDoctor(Driver &driver) {
  driver.add<DoctorFlags>(
      driver.app, "doctor", "what works on this machine and what does not, with the reason",
      [](CLI::App &command, DoctorFlags &flags) {
        addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
      },
      examine);
}

} // namespace lla
