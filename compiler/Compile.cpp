//===- Compile.cpp - from a problem and a schedule to an artifact ---------===//
//
// Runs the stages of Pipelines.h, with dumps, timing, remarks and reproducers
// around them, then the target's code generator.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compile.h"
#include "compiler/BuildModule.h"
#include "compiler/Fingerprint.h"
#include "compiler/Pipelines.h"
#include "compiler/Target/Host.h"
#include "compiler/Target/NVPTX.h"
#include "compiler/Target/Ptxas.h"
#include "compiler/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SHA256.h"
#include <chrono>

using namespace mlir;
using namespace lla;

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

static constexpr std::pair<Stage, llvm::StringLiteral> kStageNames[] = {
    {Stage::Problem, "problem"}, {Stage::Algorithm, "algorithm"}, {Stage::Tile, "tile"},
    {Stage::Target, "target"},   {Stage::LLVM, "llvm"},           {Stage::Assembly, "assembly"}};

llvm::StringRef lla::name(Stage stage) { return kStageNames[static_cast<int>(stage)].second; }

std::optional<Stage> lla::parseStage(llvm::StringRef text) {
  for (auto [stage, name] : kStageNames)
    if (text == name)
      return stage;
  return std::nullopt;
}

static void buildStage(OpPassManager &pm, Stage stage, const Target &target) {
  switch (stage) {
  case Stage::Algorithm:
    return buildAlgorithmStage(pm);
  case Stage::Tile:
    return buildTileStage(pm);
  case Stage::Target:
    return buildTargetStage(pm, target);
  case Stage::LLVM:
    return buildLLVMStage(pm, target);
  case Stage::Problem:
  case Stage::Assembly:
    return;
  }
}

namespace {
/// One module on its way through the stages. Diagnostics become the error's text.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : context(makeRegistry(), MLIRContext::Threading::DISABLED), options(options),
        handler(&context, [this](Diagnostic &diagnostic) { return handle(diagnostic); }) {
    context.loadAllAvailableDialects();
  }

  llvm::Error build(const Problem &problem, const Target &where, const Schedule &schedule) {
    target = where;
    entry = problem.kernelName();
    module = buildModule(context, problem, where, &schedule);
    return dump(Stage::Problem);
  }

  /// Parses a dumped stage; its target and reached stage are read off the IR.
  llvm::Error parse(llvm::StringRef ir) {
    module = parseSourceString<ModuleOp>(ir, &context);
    if (!module)
      return failure("cannot parse the IR");
    WalkResult found = module->walk([&](Operation *op) {
      auto attribute = op->getAttrOfType<TargetAttr>(kTargetAttr);
      if (!attribute)
        return WalkResult::advance();
      target = attribute.getValue();
      return WalkResult::interrupt();
    });
    if (!found.wasInterrupted())
      return llvm::createStringError("the IR carries no lla.target");
    reached = stageOf();
    return llvm::Error::success();
  }

  llvm::Error runUntil(Stage until) {
    for (int stage = static_cast<int>(reached) + 1;
         stage <= std::min(static_cast<int>(until), static_cast<int>(Stage::LLVM)); ++stage)
      if (llvm::Error error = run(static_cast<Stage>(stage)))
        return error;
    return llvm::Error::success();
  }

  std::string text() {
    std::string ir;
    llvm::raw_string_ostream stream(ir);
    OpPrintingFlags flags;
    module->print(stream, flags);
    return ir;
  }

  /// PTX or host machine code.
  llvm::Expected<std::string> emit(HostOutput hostOutput) {
    Operation *source = module->getOperation();
    if (!target.isHost()) {
      auto gpu = module->getOps<gpu::GPUModuleOp>();
      if (gpu.empty())
        return llvm::createStringError("the IR holds no gpu.module");
      source = *gpu.begin();
    }
    llvm::LLVMContext llvmContext;
    std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(source, llvmContext, entry);
    if (!llvmModule)
      return failure("translation to LLVM IR failed");
    llvm::Expected<std::string> code =
        target.isHost() ? emitHostCode(*llvmModule, target, hostOutput) : emitPtx(*llvmModule, target);
    if (code && !options.dumpDirectory.empty() && (!target.isHost() || hostOutput == HostOutput::Assembly))
      if (llvm::Error error = write(Stage::Assembly, target.isHost() ? "s" : "ptx", *code))
        return std::move(error);
    return code;
  }

  Target target;

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }

  llvm::Error run(Stage stage) {
    PassManager pm(&context);
    pm.enableVerifier(true);
    if (options.timing)
      pm.enableTiming();
    if (!options.reproducerPath.empty())
      pm.enableCrashReproducerGeneration(options.reproducerPath);
    buildStage(pm, stage, target);
    if (failed(pm.run(*module)))
      return failure("stage " + name(stage).str() + " failed");
    reached = stage;
    return dump(stage);
  }

  /// The latest stage whose ops the module holds.
  Stage stageOf() {
    Stage stage = Stage::Algorithm;
    auto raise = [&](Stage to) { stage = std::max(stage, to); };
    bool problem = false; // A merge stays as it is until it becomes tiles.
    module->walk([&](Operation *op) {
      llvm::StringRef dialect = op->getName().getDialectNamespace();
      problem |= isa<AttentionOp, MergeStatesOp>(op);
      if (dialect == "tile")
        raise(Stage::Tile);
      else if (dialect == "arith" || dialect == "vector" || dialect == "nvvm" || dialect == "scf")
        raise(op->getParentOfType<tile::KernelOp>() ? Stage::Tile : Stage::Target);
    });
    bool lowered = !module->walk([](Operation *op) {
                             llvm::StringRef dialect = op->getName().getDialectNamespace();
                             bool final =
                                 dialect == "llvm" || dialect == "builtin" || dialect == "gpu" || dialect == "nvvm";
                             return final ? WalkResult::advance() : WalkResult::interrupt();
                           })
                        .wasInterrupted();
    if (problem)
      return Stage::Problem;
    return lowered ? Stage::LLVM : stage;
  }

  llvm::Error dump(Stage stage) {
    return options.dumpDirectory.empty() ? llvm::Error::success() : write(stage, "mlir", text());
  }

  llvm::Error write(Stage stage, llvm::StringRef extension, llvm::StringRef content) {
    if (std::error_code error = llvm::sys::fs::create_directories(options.dumpDirectory))
      return llvm::createStringError("cannot create " + options.dumpDirectory + ": " + error.message());
    std::string path = options.dumpDirectory + "/0" + std::to_string(static_cast<int>(stage)) + "-" +
                       name(stage).str() + "." + extension.str();
    return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
      stream << content;
      return llvm::Error::success();
    });
  }

  LogicalResult handle(Diagnostic &diagnostic) {
    switch (diagnostic.getSeverity()) {
    case DiagnosticSeverity::Remark:
      if (options.remarks)
        llvm::errs() << "remark: " << diagnostic << "\n";
      break;
    case DiagnosticSeverity::Warning:
      llvm::errs() << "warning: " << diagnostic << "\n";
      break;
    case DiagnosticSeverity::Error:
    case DiagnosticSeverity::Note:
      messages += (messages.empty() ? "" : "; ") + diagnostic.str();
    }
    return success();
  }

  llvm::Error failure(const std::string &what) {
    return llvm::createStringError(messages.empty() ? what : what + ": " + messages);
  }

  MLIRContext context;
  CompileOptions options;
  std::string messages, entry = "kernel";
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  Stage reached = Stage::Problem;
};
} // namespace

//===----------------------------------------------------------------------===//
// Interface
//===----------------------------------------------------------------------===//

static double millisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

llvm::Expected<Artifact> lla::compile(const Problem &problem, const Target &target, const Schedule &schedule,
                                      const CompileOptions &options) {
  auto start = std::chrono::steady_clock::now();
  Compilation compilation(options);
  if (llvm::Error error = compilation.build(problem, target, schedule))
    return std::move(error);
  if (llvm::Error error = compilation.runUntil(Stage::LLVM))
    return std::move(error);
  llvm::Expected<std::string> code = compilation.emit(HostOutput::Object);
  if (!code)
    return code.takeError();

  Artifact artifact;
  artifact.kernelName = problem.kernelName();
  artifact.compileMilliseconds = millisecondsSince(start);
  artifact.kind = target.isHost() ? ArtifactKind::HostObject : ArtifactKind::Ptx;
  artifact.bytes = std::move(*code);
  if (target.isHost() || options.ptxasPath.empty())
    return artifact;

  auto assembling = std::chrono::steady_clock::now();
  llvm::Expected<Assembled> assembled = assemblePtx(artifact.bytes, target.arch, options.ptxasPath);
  if (!assembled)
    return assembled.takeError();
  artifact.kind = ArtifactKind::Cubin;
  artifact.bytes = std::move(assembled->cubin);
  artifact.report = assembled->report;
  artifact.assembleMilliseconds = millisecondsSince(assembling);
  return artifact;
}

static llvm::Expected<std::string> finish(Compilation &compilation, Stage until) {
  if (llvm::Error error = compilation.runUntil(until))
    return std::move(error);
  return until == Stage::Assembly ? compilation.emit(HostOutput::Assembly) : compilation.text();
}

llvm::Expected<std::string> lla::emitStage(const Problem &problem, const Target &target, const Schedule &schedule,
                                           Stage until, const CompileOptions &options) {
  Compilation compilation(options);
  if (llvm::Error error = compilation.build(problem, target, schedule))
    return std::move(error);
  return finish(compilation, until);
}

llvm::Expected<std::string> lla::resumeStage(llvm::StringRef ir, Stage until, const CompileOptions &options) {
  Compilation compilation(options);
  if (llvm::Error error = compilation.parse(ir))
    return std::move(error);
  return finish(compilation, until);
}

std::string lla::llvmVersion() { return LLVM_VERSION_STRING; }

std::string lla::compilerFingerprint() { return LLA_COMPILER_FINGERPRINT; }

std::string lla::ptxasVersion(llvm::StringRef ptxasPath) {
  llvm::SmallString<128> log;
  if (llvm::sys::fs::createTemporaryFile("lla-ptxas", "txt", log))
    return "";
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(), llvm::StringRef(log), llvm::StringRef()};
  int status = llvm::sys::ExecuteAndWait(ptxasPath, {ptxasPath, "--version"}, std::nullopt, redirects);
  auto text = llvm::MemoryBuffer::getFile(log);
  (void)llvm::sys::fs::remove(log);
  if (status != 0 || !text)
    return "";
  llvm::StringRef version = (*text)->getBuffer();
  size_t at = version.find("release ");
  return at == llvm::StringRef::npos ? "" : version.substr(at).split('\n').first.str();
}
