//===- Target.cpp - where a kernel runs -----------------------------------===//

#include "dialect/Spec/Target.h"
#include "dialect/Spec/Cpu.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/Host.h"
#include <fmt/format.h>
#include <tuple>
#include <unistd.h>

namespace lla {
namespace {

/// Facts of an architecture's data-centre part, as the driver reports them.
struct ArchitectureFacts {
  const char *arch;
  int64_t multiprocessors;
  int64_t sharedBytesPerBlock; ///< Opt-in limit; 1 KiB of each CTA's share is the system's.
  int64_t sharedBytesPerMultiprocessor;
  int64_t l2Bytes;
};
constexpr int64_t mebibyte = 1 << 20;
constexpr ArchitectureFacts architectures[] = {
    {"sm_80", 108, 166912, 167936, 40 * mebibyte},   // A100
    {"sm_86", 84, 101376, 102400, 6 * mebibyte},     // A40
    {"sm_89", 142, 101376, 102400, 96 * mebibyte},   // L40S
    {"sm_90", 132, 232448, 233472, 60 * mebibyte},   // H200, portable features only
    {"sm_90a", 132, 232448, 233472, 60 * mebibyte},  // H200
    {"sm_100", 148, 232448, 233472, 126 * mebibyte}, // B200
    {"sm_120", 188, 101376, 102400, 128 * mebibyte}, // RTX PRO 6000 Blackwell
};
/// The register file of every architecture above, in 32-bit registers.
constexpr int64_t registersPerMultiprocessor = 65536;

int64_t lastLevelCacheBytes() {
  for (int level : {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
    if (int64_t bytes = sysconf(level); bytes > 0)
      return bytes;
  return 0;
}

auto deciding(const Target &t) {
  return std::tie(t.kind, t.arch, t.multiprocessors, t.sharedBytesPerBlock, t.sharedBytesPerMultiprocessor,
                  t.registersPerMultiprocessor, t.l2Bytes, t.vectorBits);
}

void readCount(FieldReader &reader, llvm::StringRef field, int64_t least, int64_t &value) {
  if (reader.integer(field, value) && value < least)
    reader.fail(field, fmt::format(">= {}", least), std::to_string(value));
}

} // namespace

int Target::computeCapability() const {
  llvm::StringRef digits = arch;
  int capability = 0;
  if (!digits.consume_front("sm_") || digits.consumeInteger(10, capability))
    return 0;
  return capability;
}

bool Target::operator==(const Target &other) const { return deciding(*this) == deciding(other); }

Target hostTarget(unsigned threads) {
  Target target;
  target.multiprocessors = threads ? threads : usableCpus();
  target.l2Bytes = lastLevelCacheBytes();
  target.vectorBits = cpuVectorBits();
  target.deviceName = llvm::sys::getHostCPUName().str();
  return target;
}

llvm::Expected<Target> namedTarget(llvm::StringRef arch) {
  if (arch == "host")
    return hostTarget();
  std::string known = "host";
  for (const ArchitectureFacts &facts : architectures) {
    known += fmt::format("|{}", facts.arch);
    if (arch != facts.arch)
      continue;
    Target target;
    target.kind = TargetKind::Cuda;
    target.arch = facts.arch;
    target.multiprocessors = facts.multiprocessors;
    target.sharedBytesPerBlock = facts.sharedBytesPerBlock;
    target.sharedBytesPerMultiprocessor = facts.sharedBytesPerMultiprocessor;
    target.registersPerMultiprocessor = registersPerMultiprocessor;
    target.l2Bytes = facts.l2Bytes;
    return target;
  }
  return fieldError("arch", known, '"' + arch.str() + '"');
}

std::string toJson(const Target &target) {
  nlohmann::ordered_json object = {{"arch", target.arch}, {"multiprocessors", target.multiprocessors}};
  if (target.isHost()) {
    object["vector_bits"] = target.vectorBits;
  } else {
    object["shared_bytes_per_block"] = target.sharedBytesPerBlock;
    object["shared_bytes_per_multiprocessor"] = target.sharedBytesPerMultiprocessor;
    object["registers_per_multiprocessor"] = target.registersPerMultiprocessor;
  }
  object["l2_bytes"] = target.l2Bytes;
  object["device_name"] = target.deviceName;
  // A driver may report any bytes as a name; they are information only.
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

llvm::Expected<Target> parseTarget(llvm::StringRef json) {
  FieldReader reader("target", json);
  std::string arch;
  if (!reader.text("arch", arch)) {
    reader.failMissing("arch", "the name of an architecture");
    return reader.finish();
  }
  llvm::Expected<Target> named = namedTarget(arch);
  if (!named)
    return named.takeError();
  Target target = std::move(*named);
  readCount(reader, "multiprocessors", 1, target.multiprocessors);
  if (target.isHost()) {
    int64_t bits = target.vectorBits;
    if (reader.integer("vector_bits", bits) && bits != 128 && bits != 256 && bits != 512)
      reader.fail("vector_bits", "128|256|512", std::to_string(bits));
    target.vectorBits = bits;
  } else {
    readCount(reader, "shared_bytes_per_block", 1, target.sharedBytesPerBlock);
    readCount(reader, "shared_bytes_per_multiprocessor", 1, target.sharedBytesPerMultiprocessor);
    readCount(reader, "registers_per_multiprocessor", 1, target.registersPerMultiprocessor);
  }
  readCount(reader, "l2_bytes", 0, target.l2Bytes);
  reader.text("device_name", target.deviceName);
  if (llvm::Error error = reader.finish())
    return error;
  return target;
}

std::string deviceClass(const Target &target) {
  int64_t cache = target.l2Bytes / mebibyte;
  if (target.isHost())
    return fmt::format("host threads={} vector={} cache={}MiB", target.multiprocessors, target.vectorBits, cache);
  return fmt::format("{} multiprocessors={} shared={} registers={} l2={}MiB", target.arch, target.multiprocessors,
                     target.sharedBytesPerBlock, target.registersPerMultiprocessor, cache);
}

llvm::Expected<Target> targetOfClass(llvm::StringRef text) {
  auto fault = [&] { return fieldError("device_class", "an architecture and its figures", '"' + text.str() + '"'); };
  llvm::SmallVector<llvm::StringRef> words;
  text.split(words, ' ');
  llvm::Expected<Target> named = namedTarget(words.front());
  if (!named) {
    llvm::consumeError(named.takeError());
    return fault();
  }
  Target target = *named;
  int64_t vectorBits = target.vectorBits, cacheMebibytes = target.l2Bytes / mebibyte;
  const std::pair<llvm::StringRef, int64_t *> figures[] = {{"multiprocessors", &target.multiprocessors},
                                                           {"threads", &target.multiprocessors},
                                                           {"shared", &target.sharedBytesPerBlock},
                                                           {"vector", &vectorBits},
                                                           {"registers", &target.registersPerMultiprocessor},
                                                           {"l2", &cacheMebibytes},
                                                           {"cache", &cacheMebibytes}};
  for (llvm::StringRef word : llvm::ArrayRef(words).drop_front()) {
    auto [name, value] = word.split('=');
    value.consume_back("MiB");
    auto figure = llvm::find_if(figures, [&](const auto &one) { return one.first == name; });
    if (figure == std::end(figures) || value.getAsInteger(10, *figure->second))
      return fault();
  }
  target.vectorBits = static_cast<unsigned>(vectorBits);
  target.l2Bytes = cacheMebibytes * mebibyte;
  if (deviceClass(target) != text)
    return fault();
  return target;
}

} // namespace lla
