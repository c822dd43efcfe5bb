//===- Host.cpp - machine code for the CPU --------------------------------===//
//
// The last two steps of the host target: LLVM IR to an object, and an object to
// code in this process. An object refers to nothing outside itself: exp2 is our
// own, and no operation of a kernel becomes a library call.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Host.h"
#include "compiler/Artifact.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <mutex>

using namespace lla;

void lla::buildHostLLVMPipeline(mlir::OpPassManager &pm) {
  pm.addPass(mlir::createSCFToControlFlowPass());
  pm.addPass(mlir::createConvertVectorToLLVMPass());
  pm.addPass(mlir::createConvertToLLVMPass());
  pm.addPass(mlir::createReconcileUnrealizedCastsPass());
}

//===----------------------------------------------------------------------===//
// LLVM IR to an object
//===----------------------------------------------------------------------===//

static void initializeHostTarget() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
}

static std::string cpuName(const llvm::Triple &triple, const Target &target) {
  if (triple.getArch() != llvm::Triple::x86_64)
    return llvm::sys::getHostCPUName().str();
  return target.vectorBits >= 512 ? "x86-64-v4" : target.vectorBits >= 256 ? "x86-64-v3" : "x86-64-v2";
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine(const Target &target) {
  initializeHostTarget();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target *registered = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!registered)
    return llvm::createStringError("host target " + triple.str() + ": " + error);
  std::unique_ptr<llvm::TargetMachine> machine(
      registered->createTargetMachine(triple, cpuName(triple, target), /*Features=*/"", llvm::TargetOptions(),
                                      llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("host target " + triple.str() + ": no code generator");
  return machine;
}

/// The kernel is vectorised and blocked already: LLVM only tidies up. Its own pipelines unroll, which takes
/// ten times as long for no gain.
static llvm::Error optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  constexpr llvm::StringLiteral passes = "function(early-cse,instcombine<no-verify-fixpoint>,loop-mssa(licm),"
                                         "early-cse<memssa>,instcombine<no-verify-fixpoint>)";
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  llvm::ModulePassManager pipeline;
  if (llvm::Error error = builder.parsePassPipeline(pipeline, passes))
    return error;
  pipeline.run(module, modules);
  return llvm::Error::success();
}

llvm::Expected<std::string> lla::emitHostCode(llvm::Module &module, const Target &target, HostOutput output) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  if (llvm::Error error = optimize(module, **machine))
    return std::move(error);

  llvm::SmallString<0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager emission;
  auto type = output == HostOutput::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if ((*machine)->addPassesToEmitFile(emission, stream, /*DwoOut=*/nullptr, type))
    return llvm::createStringError("host target " + module.getTargetTriple().str() + ": cannot emit a file");
  emission.run(module);
  return code.str().str();
}

//===----------------------------------------------------------------------===//
// An object to code in this process
//===----------------------------------------------------------------------===//

namespace {
class JitHostModule final : public HostModule {
public:
  JitHostModule(std::unique_ptr<llvm::orc::LLJIT> jit, HostKernel kernel) : jit(std::move(jit)) { entry = kernel; }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit; ///< Owns the code's memory.
};
} // namespace

static llvm::Error loadError(const Artifact &artifact, llvm::Error error) {
  return llvm::createStringError("cannot load kernel " + artifact.kernelName + ": " + llvm::toString(std::move(error)));
}

llvm::Expected<std::unique_ptr<HostModule>> HostModule::load(const Artifact &artifact) {
  if (artifact.kind != ArtifactKind::HostObject)
    return loadError(artifact, llvm::createStringError("expected a host object"));
  initializeHostTarget();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return loadError(artifact, jit.takeError());
  // What fails asynchronously would be printed; it is part of the message instead.
  std::string details;
  (*jit)->getExecutionSession().setErrorReporter(
      [&](llvm::Error error) { details += ": " + llvm::toString(std::move(error)); });
  auto object = llvm::MemoryBuffer::getMemBufferCopy(artifact.bytes, artifact.kernelName);
  if (llvm::Error error = (*jit)->addObjectFile(std::move(object)))
    return loadError(artifact, std::move(error));
  auto kernel = (*jit)->lookup(artifact.kernelName);
  (*jit)->getExecutionSession().setErrorReporter(llvm::consumeError);
  if (!kernel)
    return loadError(artifact, llvm::createStringError(llvm::toString(kernel.takeError()) + details));
  return std::make_unique<JitHostModule>(std::move(*jit), kernel->toPtr<HostKernel>());
}
