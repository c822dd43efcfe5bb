//===- Fields.cpp - JSON objects read field by field ----------------------===//

#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

using nlohmann::json;

namespace lla {
namespace {

/// Objects here are flat or nearly so; a limit keeps a hostile text from being stored at any depth.
constexpr int maximumDepth = 64;

std::string faultText(llvm::StringRef field, const std::string &expected, const std::string &got) {
  return fmt::format("{}: expected {}, got {}", field.str(), expected, got);
}

/// A value as an error shows it: scalars as they are (cut short), containers by type only.
std::string describe(const json &value) {
  if (value.is_structured())
    return fmt::format("an {}", value.type_name());
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  constexpr size_t shown = 60;
  return text.size() <= shown ? text : text.substr(0, shown) + "...";
}

/// What a text gets wrong that its parsed form would not show: doubled fields of the outer object, deep nesting,
/// numbers that no double holds.
class Inspector : public json::json_sax_t {
public:
  Inspector(llvm::StringRef what, std::string &failure) : what(what), failure(failure) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t value, const string_t &text) override {
    return !vanishes(text, value) || fault(field, numberThatFits, text);
  }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t &name) override {
    field = name;
    return depth > 1 || seen.insert(name).second || fault(name, "one value", "two");
  }
  bool parse_error(size_t, const std::string &token, const json::exception &error) override {
    constexpr int numberOverflow = 406;
    if (error.id == numberOverflow)
      return fault(field, numberThatFits, token);
    // After the library's own "[json.exception.parse_error.101] ".
    return fault(what, "a JSON object",
                 "text that is not valid JSON: " + llvm::StringRef(error.what()).split("] ").second.str());
  }

private:
  static constexpr const char *numberThatFits = "a number that a double holds";

  bool fault(llvm::StringRef where, const std::string &expected, const std::string &got) {
    failure = faultText(where.empty() ? what : where, expected, got);
    return false;
  }
  bool enter() {
    return ++depth <= maximumDepth || fault(what, fmt::format("at most {} nested levels", maximumDepth), "more");
  }
  bool leave() {
    --depth;
    return true;
  }

  llvm::StringRef what;
  std::string &failure;
  std::string field; ///< Whose value is being read.
  std::set<std::string> seen;
  int depth = 0;
};

/// Parses `text` and says in `failure` why not.
json parseObject(llvm::StringRef what, llvm::StringRef text, std::string &failure) {
  Inspector inspector(what, failure);
  if (!json::sax_parse(text.begin(), text.end(), &inspector))
    return json::object();
  json object = json::parse(text.begin(), text.end());
  if (!object.is_object())
    failure = faultText(what, "a JSON object", describe(object));
  return object;
}

} // namespace

llvm::Error fieldError(llvm::StringRef field, const std::string &expected, const std::string &got) {
  return llvm::createStringError(faultText(field, expected, got));
}

bool vanishes(llvm::StringRef number, double value) {
  return value == 0 && number.take_until([](char c) { return c == 'e' || c == 'E'; }).find_first_of("123456789") !=
                           llvm::StringRef::npos;
}

FieldReader::FieldReader(llvm::StringRef what, llvm::StringRef text)
    : what(what), fields(parseObject(what, text, failure)) {
  int64_t version = 1;
  if (integer("version", version) && version != 1)
    fail("version", "1", std::to_string(version));
}

const json *FieldReader::find(llvm::StringRef field) {
  known.push_back(field.str());
  if (!failure.empty())
    return nullptr;
  auto entry = fields.find(known.back());
  return entry == fields.end() ? nullptr : &*entry;
}

bool FieldReader::integer(llvm::StringRef field, int64_t &value) {
  const json *found = find(field);
  if (!found)
    return false;
  bool fits = found->is_number_integer() &&
              (!found->is_number_unsigned() ||
               found->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (!fits) {
    fail(field, "a 64-bit integer", describe(*found));
    return false;
  }
  value = found->get<int64_t>();
  return true;
}

bool FieldReader::natural(llvm::StringRef field, uint64_t &value) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_number_unsigned()) {
    fail(field, "a 64-bit integer >= 0", describe(*found));
    return false;
  }
  value = found->get<uint64_t>();
  return true;
}

bool FieldReader::boolean(llvm::StringRef field, bool &value) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_boolean()) {
    fail(field, "true or false", describe(*found));
    return false;
  }
  value = found->get<bool>();
  return true;
}

bool FieldReader::number(llvm::StringRef field, double &value) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_number() || !std::isfinite(found->get<double>())) {
    fail(field, "a finite number", describe(*found));
    return false;
  }
  value = found->get<double>();
  return true;
}

bool FieldReader::numberOrNull(llvm::StringRef field, double &value) {
  auto entry = fields.find(field.str());
  if (failure.empty() && entry != fields.end() && entry->is_null()) {
    known.push_back(field.str());
    value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  return number(field, value);
}

bool FieldReader::numbers(llvm::StringRef field, std::vector<double> &values) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_array() || !llvm::all_of(*found, [](const json &value) { return value.is_number(); })) {
    fail(field, "an array of numbers", describe(*found));
    return false;
  }
  values = found->get<std::vector<double>>();
  return true;
}

bool FieldReader::text(llvm::StringRef field, std::string &value) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_string()) {
    fail(field, "a string", describe(*found));
    return false;
  }
  value = found->get<std::string>();
  return true;
}

bool FieldReader::object(llvm::StringRef field, std::string &json) {
  const nlohmann::json *found = find(field);
  if (!found)
    return false;
  if (!found->is_object()) {
    fail(field, "a JSON object", describe(*found));
    return false;
  }
  json = found->dump();
  return true;
}

bool FieldReader::array(llvm::StringRef field, std::vector<std::string> &elements) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_array()) {
    fail(field, "an array", describe(*found));
    return false;
  }
  elements.clear();
  for (const json &element : *found)
    elements.push_back(element.dump());
  return true;
}

void FieldReader::fail(llvm::StringRef field, const std::string &expected, const std::string &got) {
  if (failure.empty())
    failure = faultText(field, expected, got);
}

llvm::Error FieldReader::finish() {
  if (failure.empty() && !isOpen)
    for (const auto &[field, value] : fields.items())
      if (!llvm::is_contained(known, field)) {
        failure =
            fmt::format("{}: unknown field of a {}; known: {}", describe(json(field)), what, llvm::join(known, ", "));
        break;
      }
  if (failure.empty())
    return llvm::Error::success();
  return llvm::createStringError(std::move(failure));
}

} // namespace lla
