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

/// True if `number`, a JSON number that reads as `value`, is too small for a double: it is no zero, but reads as one.
bool vanishes(llvm::StringRef number, double value);

/// Reads one JSON object. Each reader returns true if the field is there and of
/// the right type, and leaves `value` alone otherwise. The schema's optional
/// `version` field is read by the constructor; only version 1 exists.
class FieldReader {
public:
  /// `what` names the object in errors, e.g. "problem".
  FieldReader(llvm::StringRef what, llvm::StringRef json);
  FieldReader(llvm::StringRef what, const char *json) : FieldReader(what, llvm::StringRef(json)) {}
  /// Of a value that another reader gave.
  FieldReader(llvm::StringRef what, nlohmann::json object);
  /// Fields that nobody asks for are no fault: newer files stay readable.
  void allowOthers() { isOpen = true; }

  bool integer(llvm::StringRef field, int64_t &value);
  /// An integer of 64 bits from 0.
  bool natural(llvm::StringRef field, uint64_t &value);
  bool boolean(llvm::StringRef field, bool &value);
  /// A finite number; integers are numbers too.
  bool number(llvm::StringRef field, double &value);
  /// Likewise; null is not-a-number, which JSON has no other word for.
  bool numberOrNull(llvm::StringRef field, double &value);
  bool numbers(llvm::StringRef field, std::vector<double> &values);
  bool text(llvm::StringRef field, std::string &value);
  /// A nested object, for its own reader, or as JSON text.
  bool object(llvm::StringRef field, nlohmann::json &value);
  bool object(llvm::StringRef field, std::string &text);
  /// Likewise each element of an array.
  bool array(llvm::StringRef field, std::vector<nlohmann::json> &elements);
  bool array(llvm::StringRef field, std::vector<std::string> &texts);
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

  /// A nested object through its own reader, whose message goes under `field`. One that is not there is a fault.
  template <class Value>
  void nested(llvm::StringRef field, Value &value, llvm::Expected<Value> (*read)(FieldReader)) {
    nlohmann::json inner;
    if (!object(field, inner))
      return fail(field, "an object", "nothing");
    keep(field, value, read(FieldReader(field, std::move(inner))));
  }

  /// Likewise through its parser.
  template <class Value>
  void nested(llvm::StringRef field, Value &value, llvm::Expected<Value> (*parse)(llvm::StringRef)) {
    std::string text;
    if (!object(field, text))
      return fail(field, "an object", "nothing");
    keep(field, value, parse(text));
  }

  /// Records a fault of a field's value; the first one wins.
  void fail(llvm::StringRef field, const std::string &expected, const std::string &got);
  /// Records that a field is not there. Others are read on: what was misspelt is the better news.
  void failMissing(llvm::StringRef field, const std::string &expected);
  /// The first fault; else the first field that nobody asked for; else the first that is missing.
  llvm::Error finish();

private:
  template <class Value> void keep(llvm::StringRef field, Value &value, llvm::Expected<Value> parsed) {
    if (parsed)
      value = std::move(*parsed);
    else
      fail(field, "a valid one", llvm::toString(parsed.takeError()));
  }
  void readVersion();
  /// The field's value, or null if it is absent or something failed before.
  const nlohmann::json *find(llvm::StringRef field);

  std::string what;
  bool isOpen = false;
  std::vector<std::string> known; ///< Fields asked for, in order.
  std::string failure;            ///< First fault; empty: none. Parsing `fields` writes it.
  std::string absence;            ///< First field that is missing; empty: none.
  nlohmann::json fields;
};

} // namespace lla
#endif
