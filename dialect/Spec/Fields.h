//===- Fields.h - named values and JSON objects read field by field -------===//
//
// Every JSON object of this project is read the same way: each known field once,
// typed; then `finish` reports the first fault, an unknown or doubled field
// included. nlohmann/json throws; nothing leaves this seam but llvm::Error.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_FIELDS_H
#define LLA_DIALECT_SPEC_FIELDS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lla {

/// "FIELD: expected EXPECTED, got GOT".
llvm::Error fieldError(llvm::StringRef field, const std::string &expected, const std::string &got);

/// One spelling of an enum; a table of them defines name, parser and error text.
template <class Enum> struct NamedValue {
  Enum value;
  const char *name;
};

template <class Enum, size_t N> llvm::StringRef nameIn(const NamedValue<Enum> (&table)[N], Enum value) {
  for (const NamedValue<Enum> &entry : table)
    if (entry.value == value)
      return entry.name;
  return "unknown";
}

template <class Enum, size_t N> std::optional<Enum> valueIn(const NamedValue<Enum> (&table)[N], llvm::StringRef name) {
  for (const NamedValue<Enum> &entry : table)
    if (name == entry.name)
      return entry.value;
  return std::nullopt;
}

/// "decode|prefill".
template <class Enum, size_t N> std::string namesIn(const NamedValue<Enum> (&table)[N]) {
  std::string names;
  for (const NamedValue<Enum> &entry : table)
    names += (names.empty() ? "" : "|") + std::string(entry.name);
  return names;
}

/// Reads one JSON object. Each reader returns true if the field is there and of
/// the right type, and leaves `value` alone otherwise. The schema's optional
/// `version` field is read by the constructor; only version 1 exists.
class FieldReader {
public:
  /// `what` names the object in errors, e.g. "problem".
  FieldReader(llvm::StringRef what, llvm::StringRef json);

  bool integer(llvm::StringRef field, int64_t &value);
  bool boolean(llvm::StringRef field, bool &value);
  /// A finite number; integers are numbers too.
  bool number(llvm::StringRef field, double &value);
  bool text(llvm::StringRef field, std::string &value);
  /// A nested object, as JSON text for its own reader.
  bool object(llvm::StringRef field, std::string &json);
  template <class Enum, size_t N> bool choice(llvm::StringRef field, Enum &value, const NamedValue<Enum> (&table)[N]) {
    std::string spelling;
    if (!text(field, spelling))
      return false;
    if (std::optional<Enum> parsed = valueIn(table, spelling)) {
      value = *parsed;
      return true;
    }
    fail(field, namesIn(table), '"' + spelling + '"');
    return false;
  }

  /// Records a fault of a field's value; the first one wins.
  void fail(llvm::StringRef field, const std::string &expected, const std::string &got);
  /// The first fault; else the first field that nobody asked for.
  llvm::Error finish();

private:
  /// The field's value, or null if it is absent or something failed before.
  const nlohmann::json *find(llvm::StringRef field);

  std::string what;
  std::vector<std::string> known; ///< Fields asked for, in order.
  std::string failure;            ///< First fault; empty: none. Parsing `fields` writes it.
  nlohmann::json fields;
};

} // namespace lla
#endif
