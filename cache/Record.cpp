//===- Record.cpp - what a tuning found -----------------------------------===//

#include "cache/Record.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <iterator>

using nlohmann::ordered_json;

namespace lla {
namespace {

/// "2026-01-31T23:59:59Z".
constexpr const char *timeFormat = "%Y-%m-%dT%H:%M:%SZ";
/// The last second of the year 9999: what the format can spell.
constexpr int64_t latestTime = 253402300799;

std::string timeText(int64_t seconds) {
  std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), timeFormat, &parts)};
}

std::optional<int64_t> parseTime(const std::string &text) {
  std::tm parts{};
  const char *end = ::strptime(text.c_str(), timeFormat, &parts);
  if (!end || *end)
    return std::nullopt;
  int64_t seconds = ::timegm(&parts);
  // What does not print as it was written was no date (the 31st of February).
  return seconds >= 0 && timeText(seconds) == text ? std::optional<int64_t>(seconds) : std::nullopt;
}

/// A record's numbers that have a default and may not be negative.
struct Figure {
  const char *name;
  double Record::*member;
};
constexpr Figure figures[] = {
    {"default_microseconds", &Record::defaultMicroseconds}, {"error", &Record::error}, {"roofline", &Record::roofline}};

void readRequired(FieldReader &reader, llvm::StringRef field, bool wasThere, const char *expected) {
  if (!wasThere)
    reader.fail(field, expected, "nothing");
}

void readPolicy(FieldReader &reader, MeasurementPolicy &policy) {
  std::string text;
  if (!reader.text("policy", text))
    return reader.fail("policy", "graph|eager,warm|cold", "nothing");
  if (llvm::Expected<MeasurementPolicy> parsed = parseMeasurementPolicy(text))
    policy = *parsed;
  else
    reader.fail("policy", "a valid one", llvm::toString(parsed.takeError()));
}

/// What a record is filed under.
void readFiling(FieldReader &reader, Record &record) {
  reader.nested("problem", record.problem, readProblem);
  readRequired(reader, "device_class", reader.text("device_class", record.deviceClass), "a class of devices");
  readPolicy(reader, record.policy);
  readRequired(reader, "family", reader.integer("family", record.family), "a version");
}

void readWhen(FieldReader &reader, int64_t &when) {
  std::string text;
  if (!reader.text("when", text))
    return;
  if (std::optional<int64_t> seconds = parseTime(text))
    when = *seconds;
  else
    reader.fail("when", "a time like 2026-01-31T23:59:59Z", '"' + text + '"');
}

/// The fields in which `schedule` differs, as parseScheduleText reads them: a line per alternative would be long.
std::string differenceText(const Schedule &schedule, const Schedule &base) {
  std::string text = toText(schedule), baseText = toText(base), difference;
  llvm::SmallVector<llvm::StringRef> ours, theirs;
  llvm::SplitString(text, ours);
  llvm::SplitString(baseText, theirs);
  for (auto [our, their] : llvm::zip_equal(ours, theirs))
    if (our != their)
      difference += (difference.empty() ? "" : " ") + our.str();
  return difference;
}

llvm::Expected<TimedSchedule> readAlternative(FieldReader reader, const Schedule &base) {
  TimedSchedule alternative;
  std::string text;
  readRequired(reader, "schedule", reader.text("schedule", text), "what differs from the record's");
  readRequired(reader, "microseconds", reader.number("microseconds", alternative.microseconds), "a time");
  if (llvm::Error error = reader.finish())
    return std::move(error);
  llvm::Expected<Schedule> schedule = parseScheduleText(text, base);
  if (!schedule)
    return schedule.takeError();
  alternative.schedule = *schedule;
  return alternative;
}

void readAlternatives(FieldReader &reader, Record &record) {
  std::vector<nlohmann::json> elements;
  reader.array("alternatives", elements);
  for (nlohmann::json &element : elements)
    if (llvm::Expected<TimedSchedule> alternative =
            readAlternative(FieldReader("alternative", std::move(element)), record.schedule))
      record.alternatives.push_back(*alternative);
    else
      reader.fail("alternatives", "schedules with their times", llvm::toString(alternative.takeError()));
}

} // namespace

llvm::Error checkRecord(const Record &record) {
  auto isStatic = [](const TimedSchedule &timed) { return timed.schedule.staticSizes; };
  if (record.schedule.staticSizes || llvm::any_of(record.alternatives, isStatic))
    return fieldError("schedule.static_sizes", "false (a plan by a record takes calls of other sizes, too)", "true");
  auto finite = [](double value) { return std::isfinite(value) && value >= 0; };
  if (record.deviceClass.empty())
    return fieldError("device_class", "a class of devices", "nothing");
  if (record.family < 1)
    return fieldError("family", ">= 1", std::to_string(record.family));
  if (!finite(record.microseconds) || record.microseconds == 0)
    return fieldError("microseconds", "a positive number", fmt::format("{}", record.microseconds));
  if (!finite(record.low) || !finite(record.high) || record.low > record.microseconds ||
      record.high < record.microseconds)
    return fieldError("low, high", fmt::format("an interval around {}", record.microseconds),
                      fmt::format("{}..{}", record.low, record.high));
  for (const Figure &figure : figures)
    if (double value = record.*figure.member; !finite(value))
      return fieldError(figure.name, "a number >= 0", fmt::format("{}", value));
  for (const TimedSchedule &alternative : record.alternatives)
    if (!finite(alternative.microseconds) || alternative.microseconds == 0)
      return fieldError("alternatives.microseconds", "a positive number", fmt::format("{}", alternative.microseconds));
  if (record.trials < 0 || record.clockMegahertz < 0)
    return fieldError("trials, clock_mhz", ">= 0", fmt::format("{}, {}", record.trials, record.clockMegahertz));
  if (record.when < 0 || record.when > latestTime)
    return fieldError("when", fmt::format("0..{} seconds", latestTime), std::to_string(record.when));
  return llvm::Error::success();
}

std::string toJson(const Record &record) {
  ordered_json object = {{"version", cacheSchema},
                         {"problem", ordered_json::parse(toJson(record.problem))},
                         {"device_class", record.deviceClass},
                         {"policy", toText(record.policy)},
                         {"family", record.family},
                         {"schedule", ordered_json::parse(toJson(record.schedule))},
                         {"microseconds", record.microseconds},
                         {"low", record.low},
                         {"high", record.high}};
  for (const Figure &figure : figures)
    object[figure.name] = record.*figure.member;
  object["trials"] = record.trials;
  if (!record.alternatives.empty()) {
    ordered_json alternatives = ordered_json::array();
    for (const TimedSchedule &alternative : record.alternatives)
      alternatives.push_back({{"schedule", differenceText(alternative.schedule, record.schedule)},
                              {"microseconds", alternative.microseconds}});
    object["alternatives"] = std::move(alternatives);
  }
  object["device"] = record.device;
  object["driver"] = record.driver;
  object["clock_mhz"] = record.clockMegahertz;
  object["doubt"] = record.doubt;
  object["when"] = timeText(record.when);
  object["tool"] = record.tool;
  // A driver may report any bytes as a name; they are information only.
  return object.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

std::optional<Record> parseRecordFront(llvm::StringRef json) {
  size_t end = json.find(",\"schedule\":{");
  if (end == llvm::StringRef::npos)
    return std::nullopt;
  std::string front = json.substr(0, end).str() + "}";
  Record record;
  FieldReader reader("record", llvm::StringRef(front));
  readFiling(reader, record);
  if (llvm::errorToBool(reader.finish()))
    return std::nullopt;
  return record;
}

llvm::Expected<Record> parseRecord(llvm::StringRef json) {
  Record record;
  FieldReader reader("record", json);
  readFiling(reader, record);
  reader.nested("schedule", record.schedule, readSchedule);
  readRequired(reader, "microseconds", reader.number("microseconds", record.microseconds), "a time");
  record.low = record.high = record.microseconds;
  reader.number("low", record.low);
  reader.number("high", record.high);
  for (const Figure &figure : figures)
    reader.number(figure.name, record.*figure.member);
  reader.integer("trials", record.trials);
  readAlternatives(reader, record);
  reader.text("device", record.device);
  reader.text("driver", record.driver);
  reader.integer("clock_mhz", record.clockMegahertz);
  reader.text("doubt", record.doubt);
  readWhen(reader, record.when);
  reader.text("tool", record.tool);
  if (llvm::Error error = reader.finish())
    return error;
  if (llvm::Error error = checkRecord(record))
    return error;
  return record;
}

bool replaces(const Record &challenger, const Record &holder) {
  if (challenger.when != holder.when)
    return challenger.when > holder.when;
  if (challenger.microseconds != holder.microseconds)
    return challenger.microseconds < holder.microseconds;
  return toJson(challenger) < toJson(holder);
}

std::string toText(const EntryFault &fault) {
  if (fault.line == 0)
    return fmt::format("{}: {}", fault.path, fault.reason);
  return fmt::format("{}:{}: {}", fault.path, fault.line, fault.reason);
}

std::vector<std::string> infeasibleSchedules(const Record &record) {
  std::vector<std::string> reasons;
  if (record.family != kernelFamilyVersion)
    return reasons;
  llvm::Expected<Target> target = targetOfClass(record.deviceClass);
  if (!target) {
    llvm::consumeError(target.takeError());
    return reasons;
  }
  if (llvm::Error error = checkFeasible(record.problem, record.schedule, *target))
    reasons.push_back("schedule: " + llvm::toString(std::move(error)));
  for (auto [index, alternative] : llvm::enumerate(record.alternatives))
    if (llvm::Error error = checkFeasible(record.problem, alternative.schedule, *target))
      reasons.push_back(fmt::format("alternatives[{}]: {}", index, llvm::toString(std::move(error))));
  return reasons;
}

void RecordScan::append(RecordScan other) {
  std::move(other.records.begin(), other.records.end(), std::back_inserter(records));
  std::move(other.faults.begin(), other.faults.end(), std::back_inserter(faults));
}

RecordScan parseRecordLines(llvm::StringRef text, llvm::StringRef source) {
  RecordScan scan;
  for (int64_t line = 1; !text.empty(); ++line) {
    auto [first, rest] = text.split('\n');
    text = rest;
    if (first.trim().empty())
      continue;
    if (llvm::Expected<Record> record = parseRecord(first))
      scan.records.push_back(std::move(*record));
    else
      scan.faults.push_back({source.str(), line, llvm::toString(record.takeError())});
  }
  return scan;
}

} // namespace lla
