//===- Library.h - objects and archives of ahead-of-time libraries --------===//
//
// What a linker's inputs are made of, in this process: no assembler, archiver or
// compiler is run. Equal inputs give equal bytes.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_LIBRARY_H
#define LLA_COMPILER_LIBRARY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lla {

/// The object with its global symbols that begin with `from` (undefined ones too) beginning with `to` instead.
llvm::Expected<std::string> renameSymbols(llvm::StringRef object, llvm::StringRef from, llvm::StringRef to);

/// An object for this machine with two read-only arrays: the bytes `data` as `dataName`, aligned to `alignment`, and
/// the addresses of the functions `functions` as `functionsName`. Both can be seen within one linked file only.
llvm::Expected<std::string> emitDataObject(llvm::StringRef dataName, llvm::StringRef data, uint64_t alignment,
                                           llvm::StringRef functionsName, llvm::ArrayRef<std::string> functions);

/// A member of an archive.
struct ArchiveMember {
  std::string name, bytes;
};
/// A static library, without dates or owners.
llvm::Expected<std::string> makeArchive(llvm::ArrayRef<ArchiveMember> members);

} // namespace lla
#endif
