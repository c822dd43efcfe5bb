//===- Fields.cpp - JSON objects read field by field ----------------------===//

#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <fmt/format.h>
#include <limits>

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

/// Builds the value of a text, and says what the text gets wrong that its value would not show: doubled fields of the
/// outer object, deep nesting, numbers that no double holds.
class Builder : public json::json_sax_t {
public:
  Builder(llvm::StringRef what, std::string &failure) : what(what), failure(failure) {}

  json take() { return std::move(root); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &text) override {
    return vanishes(text, value) ? fault(field, numberThatFits, text) : add(value);
  }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return true; } // JSON text has none.
  bool start_object(size_t) override { return enter(json::object()); }
  bool end_object() override { return leave(); }
  bool start_array(size_t) override { return enter(json::array()); }
  bool end_array() override { return leave(); }
  bool key(string_t &name) override {
    field = std::move(name);
    bool isDoubled = open.size() == 1 && root.contains(field);
    if (isDoubled)
      return fault(field, "one value", "two");
    place = &(*open.back())[field];
    return true;
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
  /// Puts a value where the next one belongs: into the field that was named last, or behind an array's others.
  json &put(json value) {
    if (open.empty())
      return root = std::move(value);
    if (open.back()->is_object())
      return *place = std::move(value);
    open.back()->push_back(std::move(value));
    return open.back()->back();
  }
  bool add(json value) {
    put(std::move(value));
    return true;
  }
  bool enter(json container) {
    open.push_back(&put(std::move(container)));
    return static_cast<int>(open.size()) <= maximumDepth ||
           fault(what, fmt::format("at most {} nested levels", maximumDepth), "more");
  }
  bool leave() {
    open.pop_back();
    return true;
  }

  llvm::StringRef what;
  std::string &failure;
  std::string field; ///< Whose value is being read.
  json root;
  std::vector<json *> open; ///< Containers, the outermost first: each is whole before the next of its parent begins.
  json *place = nullptr;    ///< Of the value of `field`.
};

/// Parses `text` and says in `failure` why not.
json parseObject(llvm::StringRef what, llvm::StringRef text, std::string &failure) {
  Builder builder(what, failure);
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return json::object();
  json object = builder.take();
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
  readVersion();
}

FieldReader::FieldReader(llvm::StringRef what, json object) : what(what), fields(std::move(object)) {
  if (!fields.is_object())
    failure = faultText(what, "a JSON object", describe(fields));
  readVersion();
}

void FieldReader::readVersion() {
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

bool FieldReader::object(llvm::StringRef field, json &value) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_object()) {
    fail(field, "a JSON object", describe(*found));
    return false;
  }
  value = *found;
  return true;
}

bool FieldReader::object(llvm::StringRef field, std::string &text) {
  json value;
  if (!object(field, value))
    return false;
  text = value.dump();
  return true;
}

bool FieldReader::array(llvm::StringRef field, std::vector<json> &elements) {
  const json *found = find(field);
  if (!found)
    return false;
  if (!found->is_array()) {
    fail(field, "an array", describe(*found));
    return false;
  }
  elements.assign(found->begin(), found->end());
  return true;
}

bool FieldReader::array(llvm::StringRef field, std::vector<std::string> &texts) {
  std::vector<json> elements;
  if (!array(field, elements))
    return false;
  texts.clear();
  for (const json &element : elements)
    texts.push_back(element.dump());
  return true;
}

void FieldReader::fail(llvm::StringRef field, const std::string &expected, const std::string &got) {
  if (failure.empty())
    failure = faultText(field, expected, got);
}

void FieldReader::failMissing(llvm::StringRef field, const std::string &expected) {
  if (failure.empty() && absence.empty())
    absence = faultText(field, expected, "nothing");
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
    failure = std::move(absence);
  if (failure.empty())
    return llvm::Error::success();
  return llvm::createStringError(std::move(failure));
}

} // namespace lla
