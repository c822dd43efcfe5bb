//===- ScheduleFlag.cpp - a schedule of the caller's ----------------------===//

#include "tools/lla/ScheduleFlag.h"
#include "dialect/Spec/Resources.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>

namespace lla {

void ScheduleFlag::addTo(CLI::App &command) {
  std::string fields = "Fields of a schedule:\n";
  for (const ScheduleField &field : scheduleFields())
    fields += fmt::format("  {:<8} {}\n", field.name, field.help);
  command
      .add_option_function<std::string>(
          "--schedule",
          [this](const std::string &given) {
            text = given;
            wasGiven = true;
          },
          "\"load=ring rows=128 ...\" (default: the tuned one, else that of a near shape, else the default)")
      ->type_name("SCHEDULE");
  command.footer(fields);
}

llvm::Expected<ScheduleAnswer> ScheduleFlag::choose(const Cache *cache, const Problem &problem, const Target &target,
                                                    const MeasurementPolicy &policy) const {
  if (!wasGiven)
    return chooseSchedule(cache, problem, target, policy);
  llvm::Expected<Schedule> schedule = parseScheduleText(text);
  if (!schedule)
    return failure(FailureKind::Usage, "schedule: " + llvm::toString(schedule.takeError()));
  if (llvm::Error error = checkFeasible(problem, *schedule, target))
    return withKind(FailureKind::Compile, std::move(error));
  return ScheduleAnswer{*schedule, ScheduleSource::Given, "", "given on the command line", true};
}

} // namespace lla
