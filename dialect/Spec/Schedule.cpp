//===- Schedule.cpp - the one field table, read generically ---------------===//

#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>
#include <type_traits>

namespace lla {
namespace {

constexpr NamedValue<LoadPath> loadPaths[] = {
    {LoadPath::Registers, "registers"}, {LoadPath::Ring, "ring"}, {LoadPath::Scratch, "scratch"}};
constexpr NamedValue<bool> truths[] = {{true, "true"}, {false, "false"}};

std::string valueText(const ScheduleField &field, int64_t value) {
  if (field.isLoadPath)
    return name(static_cast<LoadPath>(value)).str();
  return field.isBool ? nameIn(truths, value != 0).str() : std::to_string(value);
}

/// What a field's text may be, for errors.
std::string expectedText(const ScheduleField &field) {
  if (field.isLoadPath)
    return namesIn(loadPaths);
  return field.isBool ? namesIn(truths) : "a 64-bit integer";
}

std::optional<int64_t> parseValue(const ScheduleField &field, llvm::StringRef text) {
  if (field.isLoadPath) {
    std::optional<LoadPath> path = parseLoadPath(text);
    return path ? std::optional<int64_t>(static_cast<int64_t>(*path)) : std::nullopt;
  }
  if (field.isBool)
    return valueIn(truths, text);
  int64_t value;
  return llvm::to_integer(text, value, 10) ? std::optional<int64_t>(value) : std::nullopt;
}

void readField(FieldReader &reader, const ScheduleField &field, Schedule &schedule) {
  if (field.isLoadPath) {
    LoadPath path;
    if (reader.choice(field.name, path, loadPaths))
      field.set(schedule, static_cast<int64_t>(path));
  } else if (field.isBool) {
    bool flag;
    if (reader.boolean(field.name, flag))
      field.set(schedule, flag);
  } else if (int64_t value; reader.integer(field.name, value)) {
    field.set(schedule, value);
  }
}

llvm::Error unknownField(llvm::StringRef name) {
  std::string known;
  for (const ScheduleField &field : scheduleFields())
    known += (known.empty() ? "" : ", ") + std::string(field.name);
  return llvm::createStringError(fmt::format("{}: unknown field of a schedule; known: {}", name.str(), known));
}

} // namespace

llvm::StringRef name(LoadPath value) { return nameIn(loadPaths, value); }
std::optional<LoadPath> parseLoadPath(llvm::StringRef text) { return valueIn(loadPaths, text); }

bool Schedule::operator==(const Schedule &) const = default;

bool Schedule::operator<(const Schedule &other) const {
  for (const ScheduleField &field : scheduleFields())
    if (int64_t left = field.get(*this), right = field.get(other); left != right)
      return left < right;
  return false;
}

llvm::ArrayRef<ScheduleField> scheduleFields() {
#define LLA_UNPARENTHESIZED(...) __VA_ARGS__
  static const std::vector<ScheduleField> fields = {
#define LLA_SCHEDULE_FIELD(type, name, json, init, candidates, help)                                                   \
  ScheduleField{json,                                                                                                  \
                help,                                                                                                  \
                LLA_UNPARENTHESIZED candidates,                                                                        \
                [](const Schedule &schedule) { return static_cast<int64_t>(schedule.name); },                          \
                [](Schedule &schedule, int64_t value) { schedule.name = static_cast<type>(value); },                   \
                std::is_same_v<type, bool>,                                                                            \
                std::is_same_v<type, LoadPath>},
#include "dialect/Spec/Schedule.def"
  };
#undef LLA_UNPARENTHESIZED
  return fields;
}

std::string toText(const Schedule &schedule) {
  std::string text;
  for (const ScheduleField &field : scheduleFields())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", field.name, valueText(field, field.get(schedule)));
  return text;
}

llvm::Expected<Schedule> parseScheduleText(llvm::StringRef text, const Schedule &base) {
  Schedule schedule = base;
  std::vector<llvm::StringRef> seen;
  llvm::SmallVector<llvm::StringRef> tokens;
  llvm::SplitString(text, tokens);
  for (llvm::StringRef token : tokens) {
    auto [name, value] = token.split('=');
    const ScheduleField *field =
        llvm::find_if(scheduleFields(), [&](const ScheduleField &candidate) { return name == candidate.name; });
    if (field == scheduleFields().end())
      return unknownField(name);
    if (llvm::is_contained(seen, name))
      return fieldError(name, "one value", "two");
    seen.push_back(name);
    std::optional<int64_t> parsed = parseValue(*field, value);
    if (!parsed)
      return fieldError(name, expectedText(*field), '"' + value.str() + '"');
    field->set(schedule, *parsed);
  }
  return schedule;
}

std::string toJson(const Schedule &schedule) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const ScheduleField &field : scheduleFields()) {
    int64_t value = field.get(schedule);
    if (field.isBool)
      object[field.name] = value != 0;
    else if (field.isLoadPath)
      object[field.name] = valueText(field, value);
    else
      object[field.name] = value;
  }
  return object.dump();
}

llvm::Expected<Schedule> parseSchedule(llvm::StringRef json) { return readSchedule(FieldReader("schedule", json)); }

llvm::Expected<Schedule> readSchedule(FieldReader reader) {
  Schedule schedule;
  for (const ScheduleField &field : scheduleFields())
    readField(reader, field, schedule);
  if (llvm::Error error = reader.finish())
    return error;
  return schedule;
}

} // namespace lla
