//===- Key.h - what a cached thing depends on -----------------------------===//
//
// A key is a set of named values. Its text is what people compare, its digest is
// what names files. Artifacts and tuning records have different keys:
// bytes depend on the toolchain and on nothing of the device but its architecture;
// times depend on the device's class and on how they were taken.
//
// Batch, context, lengths, number of KV heads, strides and scale are arguments of a
// kernel, hence in no artifact's key (static_sizes=true: all but strides and scale are).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_KEY_H
#define LLA_CACHE_KEY_H

#include "dialect/Spec/Schedule.h"
#include <map>
#include <string>
#include <vector>

namespace lla {

/// Version of keys and files: in every key, in the path, in each file.
constexpr int cacheSchema = 1;
/// The folder of a cache directory that this version reads and writes.
constexpr const char *cacheSchemaFolder = "v1";
/// Raised by hand when kernels change so much that older times would mislead.
constexpr int64_t kernelFamilyVersion = 1;

/// 64 lower-case hexadecimal digits.
std::string sha256(llvm::StringRef bytes);

class Key {
public:
  struct Difference {
    std::string name, ours, theirs; ///< An absent field is empty.
  };

  void add(llvm::StringRef name, llvm::StringRef value) { values[name.str()] = value.str(); }
  /// By name.
  const std::map<std::string, std::string> &fields() const { return values; }
  /// Canonical: one line of JSON, an object of strings, sorted by name.
  std::string text() const;
  static llvm::Expected<Key> parse(llvm::StringRef text);
  std::string digest() const { return sha256(text()); }
  /// Fields whose values differ, by name.
  std::vector<Difference> differences(const Key &theirs) const;
  bool operator==(const Key &) const = default;

private:
  std::map<std::string, std::string> values;
};

/// What made the code, as the compiler's interface reports it.
struct Toolchain {
  std::string fingerprint; ///< Changes whenever generated code may change.
  std::string llvmVersion;
  std::string ptxasVersion; ///< Empty: no ptxas took part.
  std::string options;      ///< Lowering options that change code.
};

/// How times were taken.
struct MeasurementPolicy {
  bool graphReplay = false; ///< Else each launch on its own.
  bool coldCache = false;   ///< Last-level cache flushed before each launch.
  bool operator==(const MeasurementPolicy &) const = default;
};
/// "graph|eager,warm|cold".
std::string toText(const MeasurementPolicy &policy);
llvm::Expected<MeasurementPolicy> parseMeasurementPolicy(llvm::StringRef text);

/// `problem` is normalised, here and below. Of `splits` and `split_tiles`, only whether there are several splits is
/// code (static_sizes=true: all); of `spread` nothing is.
Key artifactKey(const Problem &problem, const Schedule &schedule, const Target &target, const Toolchain &toolchain);

/// What two records must share for one's schedule to be a candidate for the other: all that code and policy
/// depend on, but neither sizes nor device.
Key recordKindKey(const Problem &problem, const MeasurementPolicy &policy, int64_t family = kernelFamilyVersion);
/// The kind, the device class (`deviceClass(target)`) and the sizes.
Key recordKey(const Problem &problem, llvm::StringRef deviceClass, const MeasurementPolicy &policy,
              int64_t family = kernelFamilyVersion);

/// The problem with batch * kv_heads, context (a merge: shards) and query_length each rounded to the nearest power of
/// two: problems of one bucket share a tuning.
Problem bucketed(Problem problem);

} // namespace lla
#endif
