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

/// Parses `text` and says in `failure` why not. Doubled fields of the outer object and deep nesting are faults.
json parseObject(llvm::StringRef what, llvm::StringRef text, std::string &failure) {
  std::set<std::string> seen;
  std::string doubled;
  bool tooDeep = false;
  auto watch = [&](int depth, json::parse_event_t event, json &parsed) {
    tooDeep |= depth > maximumDepth;
    if (depth == 1 && event == json::parse_event_t::key && !seen.insert(parsed.get<std::string>()).second)
      doubled = parsed.get<std::string>();
    return depth <= maximumDepth;
  };
  try {
    json object = json::parse(text.begin(), text.end(), watch);
    if (tooDeep)
      failure = fmt::format("{}: expected at most {} nested levels", what.str(), maximumDepth);
    else if (!object.is_object())
      failure = faultText(what, "a JSON object", describe(object));
    else if (!doubled.empty())
      failure = fmt::format("{}: given twice", doubled);
    return object;
  } catch (const json::exception &error) {
    failure = fmt::format("{}: not valid JSON: {}", what.str(), error.what());
    return json::object();
  }
}

} // namespace

llvm::Error fieldError(llvm::StringRef field, const std::string &expected, const std::string &got) {
  return llvm::createStringError(faultText(field, expected, got));
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

void FieldReader::fail(llvm::StringRef field, const std::string &expected, const std::string &got) {
  if (failure.empty())
    failure = faultText(field, expected, got);
}

llvm::Error FieldReader::finish() {
  if (failure.empty())
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
