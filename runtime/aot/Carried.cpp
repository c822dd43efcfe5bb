//===- Carried.cpp - what `lla` carries to put into libraries -------------===//

#include "runtime/aot/Carried.h"

/// The bytes of a file, between two local names.
#define LLA_CARRY(name, file)                                                                                          \
  asm(".pushsection .rodata." #name ",\"a\",@progbits\n"                                                               \
      ".balign 16\n" #name "Begin:\n.incbin \"" file "\"\n" #name "End:\n.byte 0\n"                                    \
      ".popsection\n");                                                                                                \
  extern "C" __attribute__((visibility("hidden"))) const char name##Begin[], name##End[];

LLA_CARRY(llaAotRuntime, LLA_AOT_OBJECT)
LLA_CARRY(llaAotHeader, LLA_SOURCE "/runtime/aot/library.h")
LLA_CARRY(llaAotStructs, LLA_SOURCE "/runtime/capi/lla.h")

llvm::StringRef lla::aot::carriedRuntime() {
  return {llaAotRuntimeBegin, size_t(llaAotRuntimeEnd - llaAotRuntimeBegin)};
}
llvm::StringRef lla::aot::carriedHeader() { return {llaAotHeaderBegin, size_t(llaAotHeaderEnd - llaAotHeaderBegin)}; }
llvm::StringRef lla::aot::carriedStructs() {
  return {llaAotStructsBegin, size_t(llaAotStructsEnd - llaAotStructsBegin)};
}
