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
          "\"load=ring rows=128 ...\"; fields left out are those of the default schedule for the problem and target, "
          "not swapped, nor longest_first, where that does not go with what is given "
          "(default: as LLA_TUNE says; the tuned one, else that of a near shape, else the default schedule)")
      ->type_name("SCHEDULE");
  command.footer(fields);
}

llvm::Expected<ScheduleAnswer> ScheduleFlag::given(const Problem &problem, const Target &target) const {
  Schedule base = defaultSchedule(problem, target);
  llvm::Expected<Schedule> schedule = parseScheduleText(text, base);
  if (!schedule)
    return failure(FailureKind::Usage, "schedule: " + llvm::toString(schedule.takeError()));
  // A default whose blocks are swapped has rows of that, which what is given may not fit: a ring, or other rows; nor
  // what else is of loads into registers.
  if ((base.swapped || base.longestFirst) && llvm::errorToBool(checkFeasible(problem, *schedule, target))) {
    base.swapped = base.spread = base.longestFirst = false;
    base.rows = rowsPerBlock(problem, base);
    if (llvm::Expected<Schedule> other = parseScheduleText(text, base);
        other && !llvm::errorToBool(checkFeasible(problem, *other, target)))
      schedule = *other;
    else if (!other)
      llvm::consumeError(other.takeError());
  }
  if (llvm::Error error = checkFeasible(problem, *schedule, target))
    return withKind(FailureKind::Compile, std::move(error));
  return ScheduleAnswer{*schedule, ScheduleSource::Given, "", "given on the command line", true};
}

llvm::Expected<ScheduleAnswer> ScheduleFlag::choose(TuneMode mode, const Cache *cache, const Problem &problem,
                                                    const Target &target, const MeasurementPolicy &policy) const {
  return wasGiven ? given(problem, target) : decideSchedule(mode, cache, problem, target, policy);
}

llvm::Expected<ScheduleAnswer> ScheduleFlag::choose(Jit &jit, const Problem &problem) const {
  return wasGiven ? given(problem, jit.executor().target()) : jit.decide(problem);
}

} // namespace lla
