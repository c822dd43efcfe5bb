//===- Config.cpp - `lla config` ------------------------------------------===//

#include "tools/lla/Command.h"
#include "tools/lla/Output.h"
#include "tools/lla/Table.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

struct ConfigFlags {
  OutputForm output = OutputForm::Text;
};

llvm::Error showConfig(const ConfigFlags &flags, Knobs &knobs) {
  Table table({"variable", "value", "default", "set", "meaning"});
  ordered_json lines = ordered_json::array();
  std::string text;
  for (const KnobLine &line : describe(knobs)) {
    lines.push_back({{"variable", line.variable},
                     {"type", line.type},
                     {"value", line.value},
                     {"default", line.defaultValue},
                     {"is_set", line.isSet},
                     {"help", line.help}});
    table.add({line.variable, line.value, line.defaultValue, line.isSet ? "yes" : "no", line.help});
    text += fmt::format("{} = {}{}\n    {}\n", line.variable, line.value, line.isSet ? "" : "  (default)", line.help);
  }
  if (flags.output == OutputForm::Json)
    printJson(lines);
  else
    print(flags.output == OutputForm::Csv ? table.csv() : text);
  return llvm::Error::success();
}

} // namespace

void addConfig(Driver &driver) {
  driver.add<ConfigFlags>(
      driver.app, "config", "every environment variable, its value and its meaning",
      [](CLI::App &command, ConfigFlags &flags) {
        addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv});
      },
      showConfig);
}

} // namespace lla
