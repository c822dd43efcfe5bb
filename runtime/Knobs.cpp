//===- Knobs.cpp - the environment, read once -----------------------------===//

#include "runtime/Knobs.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <limits>
#include <unistd.h>

namespace lla {
namespace {

constexpr NamedValue<TuneMode> tuneModes[] = {
    {TuneMode::Off, "off"}, {TuneMode::Cache, "cache"}, {TuneMode::Tune, "tune"}, {TuneMode::Strict, "strict"}};
constexpr NamedValue<LogLevel> logLevels[] = {{LogLevel::Off, "off"},
                                              {LogLevel::Error, "error"},
                                              {LogLevel::Warning, "warning"},
                                              {LogLevel::Info, "info"},
                                              {LogLevel::Debug, "debug"}};
constexpr NamedValue<bool> switches[] = {{false, "0"},     {true, "1"},    {false, "off"}, {true, "on"},
                                         {false, "false"}, {true, "true"}, {false, "no"},  {true, "yes"}};

/// How a type of the table is called, parsed and shown. `parse` returns what was expected, or null.
template <class Type> struct Reading;

template <> struct Reading<std::string> {
  static constexpr const char *type = "text";
  static const char *parse(llvm::StringRef text, std::string &value) {
    value = text.str();
    return nullptr;
  }
  static std::string show(const std::string &value) { return value; }
};

template <> struct Reading<PathList> {
  static constexpr const char *type = "paths";
  static const char *parse(llvm::StringRef text, PathList &value) {
    value.clear();
    for (llvm::StringRef path : llvm::split(text, ':'))
      if (!path.empty())
        value.push_back(path.str());
    return value.empty() ? "paths with ':' between" : nullptr;
  }
  static std::string show(const PathList &value) { return llvm::join(value, ":"); }
};

template <> struct Reading<bool> {
  static constexpr const char *type = "switch";
  static const char *parse(llvm::StringRef text, bool &value) {
    std::optional<bool> parsed = valueIn(switches, text.lower());
    value = parsed.value_or(value);
    return parsed ? nullptr : "0|1|off|on|false|true|no|yes";
  }
  static std::string show(bool value) { return value ? "1" : "0"; }
};

template <> struct Reading<int64_t> {
  static constexpr const char *type = "integer";
  static const char *parse(llvm::StringRef text, int64_t &value) {
    return text.getAsInteger(10, value) || value < 0 ? "an integer >= 0" : nullptr;
  }
  static std::string show(int64_t value) { return std::to_string(value); }
};

template <> struct Reading<double> {
  static constexpr const char *type = "seconds";
  static const char *parse(llvm::StringRef text, double &value) {
    bool bad = text.getAsDouble(value) || !std::isfinite(value) || value < 0;
    return bad ? "a finite number >= 0" : nullptr;
  }
  static std::string show(double value) { return fmt::format("{}", value); }
};

constexpr llvm::StringLiteral byteSuffixes = "KMGT";

template <> struct Reading<ByteCount> {
  static constexpr const char *type = "bytes";
  static const char *parse(llvm::StringRef text, ByteCount &value) {
    static constexpr const char *expected = "bytes, with K, M, G or T at the end if wanted";
    text.consume_back_insensitive("iB") || text.consume_back_insensitive("B");
    size_t suffix = text.empty() ? llvm::StringRef::npos : byteSuffixes.find(llvm::toUpper(text.back()));
    unsigned shift = suffix == llvm::StringRef::npos ? 0 : 10 * (suffix + 1);
    int64_t count = 0;
    if ((shift ? text.drop_back() : text).getAsInteger(10, count) || count < 0 ||
        count > std::numeric_limits<int64_t>::max() >> shift)
      return expected;
    value.bytes = count << shift;
    return nullptr;
  }
  static std::string show(ByteCount value) {
    unsigned suffix = 0;
    while (suffix < byteSuffixes.size() && value.bytes && value.bytes % 1024 == 0) {
      value.bytes /= 1024;
      ++suffix;
    }
    return std::to_string(value.bytes) + (suffix ? byteSuffixes.substr(suffix - 1, 1).str() : "");
  }
};

template <> struct Reading<TuneMode> {
  static constexpr const char *type = "off|cache|tune|strict";
  static const char *parse(llvm::StringRef text, TuneMode &value) {
    std::optional<TuneMode> parsed = valueIn(tuneModes, text);
    value = parsed.value_or(value);
    return parsed ? nullptr : type;
  }
  static std::string show(TuneMode value) { return name(value).str(); }
};

template <> struct Reading<Effort> {
  static constexpr const char *type = "none|quick|full";
  static const char *parse(llvm::StringRef text, Effort &value) {
    std::optional<Effort> parsed = parseEffort(text);
    value = parsed.value_or(value);
    return parsed ? nullptr : type;
  }
  static std::string show(Effort value) { return name(value).str(); }
};

template <> struct Reading<LogLevel> {
  static constexpr const char *type = "off|error|warning|info|debug";
  static const char *parse(llvm::StringRef text, LogLevel &value) {
    std::optional<LogLevel> parsed = valueIn(logLevels, text);
    value = parsed.value_or(value);
    return parsed ? nullptr : type;
  }
  static std::string show(LogLevel value) { return name(value).str(); }
};

template <class Type> llvm::Error read(const char *variable, const char *text, Type &value) {
  if (!text || !*text)
    return llvm::Error::success();
  if (const char *expected = Reading<Type>::parse(text, value))
    return fieldError(variable, expected, '"' + std::string(text) + '"');
  return llvm::Error::success();
}

template <class Type> KnobLine line(const char *variable, const Type &value, const Type &initial, const char *help) {
  const char *text = std::getenv(variable);
  return {variable,
          Reading<Type>::type,
          Reading<Type>::show(value),
          Reading<Type>::show(initial),
          help,
          /*isSet=*/text && *text};
}

} // namespace

llvm::StringRef name(TuneMode mode) { return nameIn(tuneModes, mode); }
llvm::StringRef name(LogLevel level) { return nameIn(logLevels, level); }

llvm::Expected<Knobs> Knobs::from(llvm::function_ref<const char *(const char *)> lookup) {
  Knobs knobs;
#define LLA_KNOB(type, name, variable, init, help)                                                                     \
  if (llvm::Error error = read(variable, lookup(variable), knobs.name))                                                \
    return error;
#include "runtime/Knobs.def"
  return knobs;
}

llvm::Expected<Knobs> Knobs::fromEnvironment() {
  return from([](const char *variable) -> const char * { return std::getenv(variable); });
}

CacheEnvironment Knobs::cacheEnvironment() const {
  return {llvm::join(cacheDirectories, ":"), xdgCacheHome, home, temporary};
}

std::vector<KnobLine> describe(const Knobs &knobs) {
  const Knobs initial;
  return {
#define LLA_KNOB(type, name, variable, init, help) line(variable, knobs.name, initial.name, help),
#include "runtime/Knobs.def"
  };
}

char **processEnvironment() { return environ; }

} // namespace lla
