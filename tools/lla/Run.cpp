//===- Run.cpp - `lla run` ------------------------------------------------===//
//
// Computes o (and with --state lse, tbar, vbar) from q, r, k, v of files (real
// activations), or from seeded random inputs; or merges what other runs have
// written. What the flags do not say of the problem, the tensors' shapes do:
// lengths or starts make it ragged, cu_seqlens packed, a page table makes k and v
// pools of pages.
//
//===----------------------------------------------------------------------===//

#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Inputs.h"
#include "runtime/Jit.h"
#include "runtime/Oracle.h"
#include "runtime/RuntimeError.h"
#include "tools/lla/Command.h"
#include "tools/lla/DeviceTensors.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/RunInputs.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct RunFlags {
  ProblemFlags problem;
  TargetFlag target;
  ScheduleFlag schedule;
  KnobFlags knobs;
  OutputForm output = OutputForm::Text;
  std::vector<std::string> inputs;
  std::string outputDirectory, compare;
};

void declare(CLI::App &command, RunFlags &flags) {
  flags.problem.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.schedule.addTo(command);
  flags.knobs.addSeed(command);
  command
      .add_option(
          "--inputs", flags.inputs,
          ".safetensors with q, r, k, v (no r: softmax), or .npy files named so, repeated; int32 tensors lengths, "
          "starts (batch), cu_seqlens_q (batch + 1; q, r and outputs are then (rows, heads, dim)), cu_seqlens_k "
          "(likewise k and v) and page_table (batch, pages; k and v are then pages) where the problem has them, fp32 "
          "k_scales and v_scales (1 or KV heads) of k and v in F8_E4M3; with --mode merge one .safetensors with o, "
          "lse, tbar, vbar (all fp32) for each shard; shapes as the layout says (default: seeded random inputs)")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command
      .add_option("--output-dir", flags.outputDirectory,
                  "write o.safetensors here (for .npy inputs o.npy); with --state or --mode merge it holds lse, tbar "
                  "and vbar too (a .npy file each)")
      ->type_name("DIR");
  command.add_option("--compare", flags.compare, "file whose tensor o is what is expected; exit code 3 if it differs")
      ->type_name("FILE");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

/// True if the flags say that the files are shards of a merge.
llvm::Expected<bool> wantsMerge(const RunFlags &flags) {
  auto mode = flags.problem.values.find("mode");
  if (flags.problem.problemFile.empty())
    return mode != flags.problem.values.end() && parseMode(mode->second) == Mode::Merge;
  llvm::Expected<Problem> problem = flags.problem.problem();
  if (!problem)
    return problem.takeError();
  return problem->isMerge();
}

llvm::Expected<RunInputs> readInputs(const RunFlags &flags) {
  llvm::Expected<bool> ofShards = wantsMerge(flags);
  if (!ofShards)
    return ofShards.takeError();
  return RunInputs::read(flags.inputs, *ofShards);
}

llvm::Expected<Problem> problemOfRun(const RunFlags &flags, const RunInputs &inputs) {
  if (inputs.empty())
    return flags.problem.problem();
  auto layout = flags.problem.values.find("layout");
  std::optional<Layout> order = layout == flags.problem.values.end() ? Layout::BSHD : parseLayout(layout->second);
  // An unknown layout is the field's own error, whatever the defaults.
  return flags.problem.problem(inputs.describe(order.value_or(Layout::BSHD)));
}

/// Names and shapes of the outputs for their bytes (outputsOf).
StoredTensors outputTensors(const Problem &problem, const AttentionTensors &views, llvm::ArrayRef<std::string> bytes) {
  StoredTensors tensors;
  for (auto [output, data] : llvm::zip_equal(outputsOf(problem), bytes)) {
    const TensorView &view = views.*output.member;
    tensors[output.name] = {storedType(view.dtype), storedShape(problem, output, view), data};
  }
  return tensors;
}

/// Of a tensor of `dtype`.
std::vector<double> valuesOf(const StoredTensor &tensor, ElementType dtype) {
  int64_t count = static_cast<int64_t>(tensor.bytes.size()) / elementBytes(dtype);
  TensorView view{const_cast<char *>(tensor.bytes.data()), dtype, {1, 1, 1, count}, {count, count, count, 1}};
  std::vector<double> values(count);
  readRow(view, 0, values.data());
  return values;
}

/// max|o - expected| / max|expected|.
llvm::Expected<double> differenceFrom(const std::string &path, const StoredTensor &output) {
  llvm::Expected<TensorFile> file = TensorFile::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<StoredTensor> expected = file->tensor("o");
  if (!expected)
    return expected.takeError();
  if (expected->shape != output.shape)
    return failure(FailureKind::Usage, fmt::format("{}: o: expected shape ({}), got ({})", path,
                                                   fmt::join(output.shape, ", "), fmt::join(expected->shape, ", ")));
  std::optional<ElementType> dtype = elementType(expected->dtype);
  if (!dtype)
    return failure(FailureKind::Usage,
                   fmt::format("{}: o: expected dtype fp32, fp16 or bf16, got {}", path, name(expected->dtype).str()));
  return relativeError(valuesOf(output, *elementType(output.dtype)), valuesOf(*expected, *dtype));
}

/// The file of o; with .npy the other outputs have files beside it.
llvm::Expected<std::string> writeOutputs(const RunFlags &flags, const StoredTensors &outputs) {
  bool isNpy = !flags.inputs.empty() && llvm::StringRef(flags.inputs.front()).ends_with(".npy");
  if (std::error_code error = llvm::sys::fs::create_directories(flags.outputDirectory))
    return failure(FailureKind::Usage, flags.outputDirectory + ": expected a folder, got: " + error.message());
  auto pathOf = [&](const std::string &name) {
    return flags.outputDirectory + "/" + name + (isNpy ? ".npy" : ".safetensors");
  };
  if (!isNpy) {
    if (llvm::Error error = writeSafetensors(pathOf("o"), outputs))
      return withKind(FailureKind::Usage, std::move(error));
    return pathOf("o");
  }
  for (const auto &[name, tensor] : outputs)
    if (llvm::Error error = writeNpy(pathOf(name), tensor))
      return withKind(FailureKind::Usage, std::move(error));
  return pathOf("o");
}

std::string textOf(const ordered_json &result) {
  std::string text;
  for (const auto &[field, value] : result.items())
    text += fmt::format("{:<18} {}\n", field, value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

llvm::Expected<Plan> planOf(const RunFlags &flags, const Problem &problem, std::shared_ptr<Jit> jit) {
  if (!flags.schedule.wasGiven)
    return Plan::create(problem, std::move(jit));
  llvm::Expected<ScheduleAnswer> schedule = flags.schedule.given(problem, jit->executor().target());
  if (!schedule)
    return schedule.takeError();
  return Plan::create(problem, schedule->schedule, std::move(jit));
}

llvm::Error run(const RunFlags &flags, Knobs &knobs) {
  auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  if (llvm::Error error = flags.knobs.apply(knobs))
    return error;
  llvm::Expected<RunInputs> inputs = readInputs(flags);
  if (!inputs)
    return inputs.takeError();
  llvm::Expected<Problem> problem = problemOfRun(flags, *inputs);
  if (!problem)
    return problem.takeError();
  llvm::Expected<Device> device = flags.target.device(knobs);
  if (!device)
    return device.takeError();
  Executor &executor = *device->executor;
  double opened = elapsed();
  llvm::Expected<Plan> plan =
      planOf(flags, *problem, std::make_shared<Jit>(device->executor, jitOptions(knobs, device->executor)));
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = plan->prepare())
    return error;
  double ready = elapsed();
  llvm::Expected<DeviceTensors> memory = DeviceTensors::allocate(executor, *problem, plan->workspaceBytes(),
                                                                 inputs->shapes(*problem));
  if (!memory)
    return memory.takeError();
  if (llvm::Error error = inputs->empty() ? memory->fillRandom(executor, *problem, knobs.seed)
                                          : inputs->upload(executor, *problem, memory->views()))
    return error;
  double launching = elapsed();
  if (llvm::Error error = memory->run(*plan, executor))
    return error;
  double finished = elapsed();
  llvm::Expected<std::vector<std::string>> bytes = memory->outputs(executor, *problem);
  if (!bytes)
    return bytes.takeError();

  const JitAnswer &answer = plan->answer();
  StoredTensors outputs = outputTensors(*problem, memory->views(), *bytes);
  ordered_json result = {{"problem", titleOf(*problem)},
                         {"kernel", problem->kernelName()},
                         {"target", device->target().arch},
                         {"device", device->target().deviceName},
                         {"schedule", toText(plan->schedule().schedule)},
                         {"schedule_source", name(plan->schedule().source).str()},
                         {"why", plan->schedule().why},
                         {"code", name(answer.code).str()},
                         {"open_ms", opened},
                         {"prepare_ms", ready - opened},
                         {"compile_ms", answer.compileMilliseconds},
                         {"load_ms", answer.loadMilliseconds},
                         {"first_run_ms", finished - launching}};
  if (!answer.notice.empty())
    result["notice"] = answer.notice;
  if (!flags.outputDirectory.empty()) {
    llvm::Expected<std::string> path = writeOutputs(flags, outputs);
    if (!path)
      return path.takeError();
    result["file"] = *path;
  }
  llvm::Error verdict = llvm::Error::success();
  if (!flags.compare.empty()) {
    llvm::Expected<double> difference = differenceFrom(flags.compare, outputs.at("o"));
    if (!difference)
      return difference.takeError();
    result["difference"] = *difference;
    ErrorFigures figures;
    figures.relative = *difference;
    figures.maxReference = 1;
    verdict = checkTolerance(figures, *problem);
  }
  if (flags.output == OutputForm::Json)
    printJson(result);
  else
    print(textOf(result));
  return verdict;
}

} // namespace

void addRun(Driver &driver) {
  driver.add<RunFlags>(driver.app, "run", "compute on tensors of a file, or on random ones", declare, run);
}

} // namespace lla
