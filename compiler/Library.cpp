//===- Library.cpp - objects and archives of ahead-of-time libraries ------===//

#include "compiler/Library.h"
#include "compiler/Target/Host.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace lla;

llvm::Expected<std::string> lla::renameSymbols(llvm::StringRef object, llvm::StringRef from, llvm::StringRef to) {
  auto parsed = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object"));
  if (!parsed)
    return parsed.takeError();
  llvm::objcopy::ConfigManager config;
  llvm::BumpPtrAllocator names;
  llvm::StringSaver saver(names);
  for (const llvm::object::SymbolRef &symbol : (*parsed)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*flags & llvm::object::SymbolRef::SF_Global) && name->starts_with(from))
      config.Common.SymbolsToRename[*name] = saver.save(to + name->drop_front(from.size()));
  }
  llvm::SmallString<0> renamed;
  llvm::raw_svector_ostream stream(renamed);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **parsed, stream))
    return std::move(error);
  return renamed.str().str();
}

/// A read-only array that no other linked file sees.
static void addArray(llvm::Module &module, llvm::StringRef name, llvm::Constant *content, uint64_t alignment) {
  auto *array = new llvm::GlobalVariable(module, content->getType(), /*isConstant=*/true,
                                         llvm::GlobalValue::ExternalLinkage, content, name);
  array->setVisibility(llvm::GlobalValue::HiddenVisibility);
  array->setAlignment(llvm::Align(alignment));
}

llvm::Expected<std::string> lla::emitDataObject(llvm::StringRef dataName, llvm::StringRef data, uint64_t alignment,
                                                llvm::StringRef functionsName, llvm::ArrayRef<std::string> functions) {
  llvm::LLVMContext context;
  llvm::Module module("data", context);
  addArray(module, dataName, llvm::ConstantDataArray::getString(context, data, /*AddNull=*/false), alignment);
  auto *pointer = llvm::PointerType::getUnqual(context);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), /*isVarArg=*/false);
  std::vector<llvm::Constant *> addresses;
  for (const std::string &name : functions)
    addresses.push_back(llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module));
  if (addresses.empty()) // An array of none would be no symbol.
    addresses.push_back(llvm::ConstantPointerNull::get(pointer));
  auto *array = llvm::ArrayType::get(pointer, addresses.size());
  addArray(module, functionsName, llvm::ConstantArray::get(array, addresses), alignof(void *));
  return emitHostCode(module, hostTarget(), HostOutput::Object);
}

llvm::Expected<std::string> lla::makeArchive(llvm::ArrayRef<ArchiveMember> members) {
  std::vector<llvm::NewArchiveMember> entries;
  for (const ArchiveMember &member : members) {
    llvm::NewArchiveMember &entry = entries.emplace_back();
    entry.Buf = llvm::MemoryBuffer::getMemBuffer(member.bytes, member.name, /*RequiresNullTerminator=*/false);
    entry.MemberName = entry.Buf->getBufferIdentifier();
  }
  auto archive = llvm::writeArchiveToBuffer(entries, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return (*archive)->getBuffer().str();
}
