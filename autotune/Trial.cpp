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
  std::string schedule, outcome;
  FieldReader reader("trial", json);
  reader.allowOthers();
  if (!reader.text("schedule", schedule))
    reader.fail("schedule", "the candidate's fields", "nothing");
  if (!reader.text("outcome", outcome))
    reader.fail("outcome", "how the candidate fared", "nothing");
  reader.text("reason", trial.reason);
  reader.integer("registers", trial.registers);
  reader.integer("spill_bytes", trial.spillBytes);
  reader.integer("shared_bytes", trial.sharedBytes);
  reader.integer("workspace_bytes", trial.workspaceBytes);
  reader.number("compile_ms", trial.compileMilliseconds);
  if (!reader.numberOrNull("error", trial.error))
    reader.fail("error", "a number, or null for not-a-number", "nothing");
  if (!reader.numbers("samples_us", trial.samples))
    reader.fail("samples_us", "an array of numbers", "nothing");
  if (llvm::Error error = reader.finish())
    return error;
  llvm::Expected<Schedule> parsed = parseScheduleText(schedule);
  if (!parsed)
    return fieldError("schedule", "a valid one", llvm::toString(parsed.takeError()));
  trial.schedule = *parsed;
  std::optional<Outcome> known = parseOutcome(outcome);
  if (!known)
    return fieldError("outcome", "a known outcome", '"' + outcome + '"');
  trial.outcome = *known;
  if (trial.isOk() && trial.samples.empty())
    return fieldError("samples_us", "at least one sample with outcome ok", "none");
  for (double sample : trial.samples)
    if (!std::isfinite(sample) || sample <= 0)
      return fieldError("samples_us", "microseconds above 0", fmt::format("{}", sample));
  return trial;
}

} // namespace lla
