//===- NVPTX.cpp - PTX from LLVM IR ---------------------------------------===//

#include "compiler/Target/NVPTX.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Target/TargetMachine.h"

using namespace lla;

/// True if inline assembly has this instruction.
static bool has(const llvm::Module &module, llvm::StringRef instruction) {
  return llvm::any_of(module, [&](const llvm::Function &function) {
    return llvm::any_of(llvm::instructions(function), [&](const llvm::Instruction &one) {
      auto call = llvm::dyn_cast<llvm::CallInst>(&one);
      auto code = call ? llvm::dyn_cast<llvm::InlineAsm>(call->getCalledOperand()) : nullptr;
      return code && code->getAsmString().contains(instruction);
    });
  });
}

/// PTX ISA version that first has what kernels for `arch` use (PTX ISA, release notes).
static llvm::StringRef ptxFeature(llvm::StringRef arch, const llvm::Module &module) {
  if (arch == "sm_89" && module.getFunction("llvm.nvvm.e4m3x2.to.f16x2.rn"))
    return "+ptx81";
  return llvm::StringSwitch<llvm::StringRef>(arch)
      .Case("sm_89", "+ptx78")
      .Case("sm_90a", "+ptx86") // Bulk tensor copies to a CTA's own shared memory.
      .Case("sm_90", "+ptx81") // st.async between the CTAs of a cluster.
      .Case("sm_100", "+ptx86")
      .Case("sm_120", "+ptx87")
      .Default(has(module, "movmatrix") ? "+ptx78" : "+ptx74"); // ld with L1::no_allocate.
}

static std::unique_ptr<llvm::TargetMachine> createMachine(const Target &target, const llvm::Module &module) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return nullptr;
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      triple, target.arch, ptxFeature(target.arch, module), options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions options;
  options.LoopUnrolling = false; // Inline assembly counts as cheap: a key loop would be unrolled eightfold.
  options.LoopInterleaving = false;
  llvm::PassBuilder builder(&machine, options);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

llvm::Expected<std::string> lla::emitPtx(llvm::Module &module, const Target &target) {
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, module);
  if (!machine)
    return llvm::createStringError("this build of LLVM has no NVPTX backend");
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  optimize(module, *machine);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("NVPTX cannot emit assembly");
  passes.run(module);
  return std::string(text);
}
