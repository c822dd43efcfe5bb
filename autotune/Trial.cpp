//===- Trial.cpp - one candidate's story ----------------------------------===//

#include "autotune/Trial.h"
#include "dialect/Spec/Fields.h"
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lla {

using nlohmann::ordered_json;

double Trial::cost() const {
  return isOk() && !samples.empty() ? median(samples) : std::numeric_limits<double>::infinity();
}

std::string toJson(const Trial &trial) {
  ordered_json line = {{"kind", "trial"},
                       {"schedule", toText(trial.schedule)},
                       {"outcome", name(trial.outcome).str()},
                       {"reason", trial.reason},
                       {"registers", trial.registers},
                       {"spill_bytes", trial.spillBytes},
                       {"shared_bytes", trial.sharedBytes},
                       {"workspace_bytes", trial.workspaceBytes},
                       {"compile_ms", trial.compileMilliseconds},
                       {"error", trial.error},
                       {"samples_us", trial.samples}};
  if (!trial.samples.empty()) {
    Estimate time = trial.time();
    line["median_us"] = time.median;
    line["low_us"] = time.low;
    line["high_us"] = time.high;
  }
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

llvm::Expected<Trial> parseTrial(llvm::StringRef json) {
  Trial trial;
  try {
    ordered_json line = ordered_json::parse(json.begin(), json.end());
    llvm::Expected<Schedule> schedule = parseScheduleText(line.at("schedule").get<std::string>());
    if (!schedule)
      return schedule.takeError();
    std::string outcome = line.at("outcome").get<std::string>();
    std::optional<Outcome> parsed = parseOutcome(outcome);
    if (!parsed)
      return fieldError("outcome", "a known outcome", '"' + outcome + '"');
    trial.schedule = *schedule;
    trial.outcome = *parsed;
    trial.reason = line.value("reason", "");
    trial.registers = line.value("registers", int64_t(0));
    trial.spillBytes = line.value("spill_bytes", int64_t(0));
    trial.sharedBytes = line.value("shared_bytes", int64_t(0));
    trial.workspaceBytes = line.value("workspace_bytes", int64_t(0));
    trial.compileMilliseconds = line.value("compile_ms", 0.0);
    const ordered_json &error = line.at("error");
    trial.error = error.is_null() ? std::nan("") : error.get<double>();
    trial.samples = line.at("samples_us").get<std::vector<double>>();
  } catch (const ordered_json::exception &error) {
    return llvm::createStringError(fmt::format("trial: {}", error.what()));
  }
  if (trial.isOk() && trial.samples.empty())
    return fieldError("samples_us", "at least one sample with outcome ok", "none");
  for (double sample : trial.samples)
    if (!std::isfinite(sample) || sample <= 0)
      return fieldError("samples_us", "microseconds above 0", fmt::format("{}", sample));
  return trial;
}

} // namespace lla
