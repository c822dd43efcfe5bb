//===- TrialExport.cpp - trials for other programs ------------------------===//

#include "autotune/TrialExport.h"
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lla {
namespace {

using nlohmann::ordered_json;

/// The schema's word for an outcome.
const char *invalidity(Outcome outcome) {
  switch (outcome) {
  case Outcome::Ok:
    return "correct";
  case Outcome::Infeasible:
  case Outcome::Spilled:
    return "constraints";
  case Outcome::CompileFailed:
  case Outcome::CompileCrashed:
    return "compile";
  case Outcome::CompileTimeout:
  case Outcome::RunTimeout:
    return "timeout";
  case Outcome::WrongResult:
    return "correctness";
  case Outcome::RunFailed:
  case Outcome::Cancelled:
    return "runtime";
  }
  return "runtime";
}

ordered_json measurement(const char *name, double value, const char *unit) {
  return {{"name", name}, {"value", value}, {"unit", unit}};
}

ordered_json resultOf(const Trial &trial) {
  std::vector<double> milliseconds;
  for (double sample : trial.samples)
    milliseconds.push_back(sample / 1000);
  ordered_json measurements = {measurement("registers", static_cast<double>(trial.registers), ""),
                               measurement("spill_bytes", static_cast<double>(trial.spillBytes), "B")};
  if (trial.isOk())
    measurements.push_back(measurement("time", trial.cost() / 1000, "ms"));
  if (std::isfinite(trial.error))
    measurements.push_back(measurement("error", trial.error, ""));
  return {{"configuration", ordered_json::parse(toJson(trial.schedule))},
          {"objectives", {"time"}},
          {"times", {{"compilation_time", trial.compileMilliseconds}, {"runtimes", milliseconds}}},
          {"invalidity", invalidity(trial.outcome)},
          {"correctness", trial.isOk() ? 1 : 0},
          {"measurements", measurements}};
}

std::string quoted(const std::string &text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string result = "\"";
  for (char c : text)
    result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

std::string scheduleCells(const Schedule &schedule) {
  std::string cells;
  for (const ScheduleField &field : scheduleFields())
    cells += field.isLoadPath ? name(schedule.load).str() + ',' : fmt::format("{},", field.get(schedule));
  return cells;
}

} // namespace

std::string toT4(llvm::ArrayRef<Trial> trials) {
  ordered_json results = ordered_json::array();
  for (const Trial &trial : trials)
    results.push_back(resultOf(trial));
  ordered_json root = {{"schema_version", "1.0.0"}, {"results", results}};
  return root.dump(1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string toCsv(llvm::ArrayRef<Trial> trials) {
  std::string text;
  for (const ScheduleField &field : scheduleFields())
    text += std::string(field.name) + ',';
  text += "outcome,median_us,low_us,high_us,error,registers,spill_bytes,shared_bytes,workspace_bytes,compile_ms,"
          "reason\n";
  for (const Trial &trial : trials) {
    Estimate time = trial.time();
    std::string times = trial.samples.empty() ? ",," : fmt::format("{},{},{}", time.median, time.low, time.high);
    text += scheduleCells(trial.schedule) + fmt::format("{},{},{},{},{},{},{},{},{}\n", name(trial.outcome).str(),
                                                        times, trial.error, trial.registers, trial.spillBytes,
                                                        trial.sharedBytes, trial.workspaceBytes,
                                                        trial.compileMilliseconds, quoted(trial.reason));
  }
  return text;
}

} // namespace lla
