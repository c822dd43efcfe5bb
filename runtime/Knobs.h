//===- Knobs.h - the environment, read once -------------------------------===//
//
// The only place of the project that reads environment variables. A value that
// does not parse is an error that names the variable, what was expected and
// what came.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_KNOBS_H
#define LLA_RUNTIME_KNOBS_H

#include "autotune/Effort.h"
#include "cache/Location.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lla {

enum class TuneMode { Off, Cache, Tune, Strict };
enum class LogLevel { Off, Error, Warning, Info, Debug };
llvm::StringRef name(TuneMode);
llvm::StringRef name(LogLevel);

using PathList = std::vector<std::string>;
/// A number of bytes; read with an optional suffix K, M, G or T (powers of 1024).
struct ByteCount {
  int64_t bytes = 0;
};

struct Knobs {
#define LLA_KNOB(type, name, variable, init, help) type name = init;
#include "runtime/Knobs.def"

  /// Reads this process's environment.
  static llvm::Expected<Knobs> fromEnvironment();
  /// Reads what `lookup` says a variable holds; null: not set.
  static llvm::Expected<Knobs> from(llvm::function_ref<const char *(const char *variable)> lookup);

  /// What decides where the caches are.
  CacheEnvironment cacheEnvironment() const;
};

/// One line of `lla config`.
struct KnobLine {
  std::string variable, type, value, defaultValue, help;
  bool isSet = false; ///< The environment has a (non-empty) value.
};
/// In table order.
std::vector<KnobLine> describe(const Knobs &knobs);

/// This process's environment block, for spawning children.
char **processEnvironment();

} // namespace lla
#endif
