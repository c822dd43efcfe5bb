//===- Enumerate.cpp - `lla enumerate` ------------------------------------===//

#include "autotune/CostModel.h"
#include "autotune/SearchSpace.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/Table.h"
#include "tools/lla/TargetFlag.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct EnumerateFlags {
  ProblemFlags problem;
  TargetFlag target;
  OutputForm output = OutputForm::Text;
  bool list = false;
  std::optional<size_t> limit;
};

void declare(CLI::App &command, EnumerateFlags &flags) {
  flags.problem.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/false);
  command.add_flag("--list", flags.list, "the feasible schedules too, cheapest predicted first");
  command.add_option("--limit", flags.limit, "of the list (default: all)");
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv, OutputForm::T1});
}

/// Feasible schedules in predicted order, as many as were asked for.
std::vector<std::pair<Schedule, Prediction>> listed(const EnumerateFlags &flags, const SearchSpace &space) {
  const Ceilings ceilings = nominalCeilings(space.target());
  std::vector<std::pair<Schedule, Prediction>> list;
  for (const Schedule &schedule :
       orderedByPrediction(space.schedules(), predictorOf(space.problem(), space.target(), ceilings))) {
    if (flags.limit && list.size() >= *flags.limit)
      break;
    list.emplace_back(schedule, predict(space.problem(), schedule, space.target(), ceilings));
  }
  return list;
}

Table tableOf(const EnumerateFlags &flags, const SearchSpace &space) {
  Table table({"predicted us", "bound by", "schedule"});
  for (const auto &[schedule, prediction] : listed(flags, space))
    table.add({fmt::format("{:.2f}", prediction.total), prediction.bound(), toText(schedule)});
  return table;
}

ordered_json jsonOf(const EnumerateFlags &flags, const SearchSpace &space) {
  ordered_json rejections = ordered_json::array();
  for (const Rejection &rejection : space.rejections())
    rejections.push_back(
        {{"check", rejection.check}, {"schedules", rejection.schedules}, {"example", rejection.example}});
  ordered_json object = {{"problem", jsonOf(space.problem())},
                         {"target", jsonOf(space.target())},
                         {"product", space.productSize()},
                         {"feasible", space.size()},
                         {"rejections", rejections}};
  if (!flags.list)
    return object;
  object["schedules"] = ordered_json::array();
  for (const auto &[schedule, prediction] : listed(flags, space))
    object["schedules"].push_back({{"schedule", jsonOf(schedule)},
                                   {"text", toText(schedule)},
                                   {"predicted_us", prediction.total},
                                   {"bound_by", prediction.bound()}});
  return object;
}

std::string textOf(const EnumerateFlags &flags, const SearchSpace &space) {
  std::string text = fmt::format("{} on {}: {} combinations, {} feasible\n", titleOf(space.problem()),
                                 space.target().arch, space.productSize(), space.size());
  for (const Rejection &rejection : space.rejections())
    text +=
        fmt::format("  {:>9} turned away by {}, e.g. {}\n", rejection.schedules, rejection.check, rejection.example);
  return flags.list ? text + tableOf(flags, space).text() : text;
}

llvm::Error enumerate(const EnumerateFlags &flags, Knobs &knobs) {
  llvm::Expected<Problem> problem = flags.problem.problem();
  if (!problem)
    return problem.takeError();
  llvm::Expected<Target> target = flags.target.target(knobs);
  if (!target)
    return target.takeError();
  SearchSpace space = SearchSpace::enumerate(*problem, *target);
  switch (flags.output) {
  case OutputForm::T1:
    print(space.toT1() + "\n");
    break;
  case OutputForm::Json:
    printJson(jsonOf(flags, space));
    break;
  case OutputForm::Csv:
    print(tableOf(flags, space).csv());
    break;
  default:
    print(textOf(flags, space));
  }
  return llvm::Error::success();
}

} // namespace

void addEnumerate(Driver &driver) {
  driver.add<EnumerateFlags>(driver.app, "enumerate",
                             "the feasible schedules of a problem, and what turned others away", declare, enumerate);
}

} // namespace lla
