//===- Files.cpp - paths, directories and whole files ---------------------===//

#include "cache/Files.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = llvm::sys::fs;

namespace lla {
namespace {

llvm::Error writeAll(int file, const std::string &path, llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR)
      return systemError(path, "write");
    bytes = bytes.drop_front(std::max<ssize_t>(written, 0));
  }
  if (::fsync(file) != 0)
    return systemError(path, "sync");
  return llvm::Error::success();
}

} // namespace

std::string joinPath(llvm::StringRef base, llvm::StringRef name) {
  llvm::SmallString<256> path(base);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error systemError(llvm::StringRef path, llvm::StringRef doing) {
  std::error_code code(errno, std::generic_category());
  return llvm::createStringError(code, fmt::format("{}: {}: {}", path.str(), doing.str(), code.message()));
}

llvm::Error makeDirectory(const std::string &path) {
  if (std::error_code code = fs::create_directories(path))
    return llvm::createStringError(code, fmt::format("{}: create: {}", path, code.message()));
  return llvm::Error::success();
}

std::vector<std::string> listDirectory(const std::string &directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error, /*follow_symlinks=*/false), end; entry != end && !error;
       entry.increment(error))
    names.push_back(llvm::sys::path::filename(entry->path()).str());
  llvm::sort(names);
  return names;
}

Descriptor::~Descriptor() {
  if (isOpen())
    ::close(value);
}

llvm::Expected<std::string> readRegularFile(int directory, const std::string &name, int64_t limit) {
  Descriptor file(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.isOpen())
    return systemError(name, "open");
  struct stat status;
  if (::fstat(file.get(), &status) != 0)
    return systemError(name, "stat");
  if (!S_ISREG(status.st_mode))
    return llvm::createStringError(fmt::format("{}: expected a regular file, got something else", name));
  if (status.st_size > limit)
    return llvm::createStringError(
        fmt::format("{}: expected at most {} bytes, got {}", name, limit, static_cast<int64_t>(status.st_size)));
  std::string bytes(status.st_size, '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    ssize_t count = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count == 0)
      break;
    if (count < 0 && errno != EINTR)
      return systemError(name, "read");
    filled += std::max<ssize_t>(count, 0);
  }
  bytes.resize(filled);
  return bytes;
}

llvm::Error writeNewFile(const std::string &path, llvm::StringRef bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.isOpen())
    return systemError(path, "create");
  return writeAll(file.get(), path, bytes);
}

void syncDirectory(const std::string &path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.isOpen())
    ::fsync(directory.get());
}

int64_t sweepOlder(const std::string &directory, std::chrono::seconds age) {
  int64_t swept = 0;
  auto oldest = std::chrono::system_clock::now() - age;
  for (const std::string &name : listDirectory(directory)) {
    std::string path = joinPath(directory, name);
    fs::file_status status;
    if (fs::status(path, status, /*follow=*/false) || status.getLastModificationTime() > oldest)
      continue;
    if (fs::is_directory(status))
      fs::remove_directories(path);
    else
      fs::remove(path);
    swept += !fs::exists(path);
  }
  return swept;
}

} // namespace lla
