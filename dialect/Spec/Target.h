//===- Target.h - where a kernel runs -------------------------------------===//
//
// An NVIDIA architecture (with the facts of one GPU, if one is present) or the
// host CPU. A named architecture needs no GPU; the facts then are those of the
// architecture's data-centre part.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_TARGET_H
#define LLA_DIALECT_SPEC_TARGET_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace lla {

enum class TargetKind { Host, Cuda };

struct Target {
  TargetKind kind = TargetKind::Host;
  std::string arch = "host";       ///< "host", or "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120".
  int64_t multiprocessors = 1;     ///< SMs; threads to use on the host.
  int64_t sharedBytesPerBlock = 0; ///< Opt-in limit of one CTA; 0 on the host.
  int64_t sharedBytesPerMultiprocessor = 0;
  int64_t registersPerMultiprocessor = 0;
  int64_t l2Bytes = 0;       ///< Last-level cache on the host.
  unsigned vectorBits = 256; ///< Host only: 512 (AVX-512), 256 (AVX2 and FMA) or 128.
  std::string deviceName;    ///< Information only, never part of a key.

  bool isHost() const { return kind == TargetKind::Host; }
  /// 80, 90, 120 ...; 0 on the host.
  int computeCapability() const;
  /// wgmma, TMA, setmaxnreg: the architecture-specific features of sm_90a.
  bool hasWarpgroupMma() const { return arch == "sm_90a"; }
  bool hasClusters() const { return computeCapability() >= 90; }
  /// Compares all that decides; not `deviceName`.
  bool operator==(const Target &) const;
};

/// The host with its real vector width and `threads` (0: all cores).
Target hostTarget(unsigned threads = 0);
/// "host", or an architecture by name with the facts of its data-centre part. Unknown: an error that lists the known
/// ones.
llvm::Expected<Target> namedTarget(llvm::StringRef arch);

std::string toJson(const Target &target);
llvm::Expected<Target> parseTarget(llvm::StringRef json);
/// Canonical text of what decides a tuning record: class of device, no names.
std::string deviceClass(const Target &target);
/// A target of that class: what the class does not say is that of the architecture's data-centre part.
llvm::Expected<Target> targetOfClass(llvm::StringRef deviceClass);

} // namespace lla
#endif
