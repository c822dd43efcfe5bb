//===- Files.h - paths, directories and whole files -----------------------===//
#ifndef LLA_CACHE_FILES_H
#define LLA_CACHE_FILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <chrono>
#include <string>
#include <vector>

namespace lla {

std::string joinPath(llvm::StringRef base, llvm::StringRef name);
/// "PATH: DOING: what errno says", with the system's code.
llvm::Error systemError(llvm::StringRef path, llvm::StringRef doing);
/// As mkdir -p.
llvm::Error makeDirectory(const std::string &path);
/// Names in a directory, sorted; none if it cannot be read.
std::vector<std::string> listDirectory(const std::string &directory);

/// A file descriptor that is closed on every way out.
class Descriptor {
public:
  explicit Descriptor(int value) : value(value) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor();
  bool isOpen() const { return value >= 0; }
  int get() const { return value; }

private:
  int value;
};

/// The bytes of a regular file of at most `limit` bytes; anything else by that name is an error. `directory` is a
/// descriptor, or AT_FDCWD. Reads, never maps: a file that shrinks meanwhile is short, not fatal.
llvm::Expected<std::string> readRegularFile(int directory, const std::string &name, int64_t limit);

/// Makes a file that must not be there yet, and brings it to the disk.
llvm::Error writeNewFile(const std::string &path, llvm::StringRef bytes);
/// A rename is on the disk once its directory is. Where a directory cannot be synced, an entry may be lost in a power
/// cut, but never half of one: hence no error.
void syncDirectory(const std::string &path);

/// Removes what is in `directory` and was last changed longer than `age` ago. Returns how many.
int64_t sweepOlder(const std::string &directory, std::chrono::seconds age);

} // namespace lla
#endif
