//===- TrialExportTest.cpp - T4 and CSV -----------------------------------===//

#include "autotune/TrialExport.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace lla {
namespace {

std::vector<Trial> someTrials() {
  Trial good;
  good.samples = {2000, 1000, 3000};
  good.error = 0.001;
  good.registers = 64;
  Trial bad;
  bad.schedule.splits = 4;
  bad.outcome = Outcome::CompileTimeout;
  bad.reason = "took \"ages\", gave up";
  return {good, bad};
}

TEST(TrialExport, T4HasWhatTheSchemaRequires) {
  nlohmann::json root = nlohmann::json::parse(toT4(someTrials()));
  EXPECT_EQ(root["schema_version"], "1.0.0");
  ASSERT_EQ(root["results"].size(), 2u);
  for (const nlohmann::json &result : root["results"]) {
    EXPECT_EQ(result["configuration"].size(), scheduleFields().size());
    EXPECT_TRUE(result["times"].is_object());
    EXPECT_TRUE(result["correctness"].is_number());
    EXPECT_TRUE(result["objectives"].is_array());
    for (const nlohmann::json &measurement : result["measurements"])
      EXPECT_TRUE(measurement["name"].is_string() && measurement["unit"].is_string());
  }
  EXPECT_EQ(root["results"][0]["invalidity"], "correct");
  EXPECT_EQ(root["results"][0]["times"]["runtimes"], (std::vector<double>{2, 1, 3}));
  EXPECT_EQ(root["results"][1]["invalidity"], "timeout");
  EXPECT_EQ(root["results"][1]["correctness"], 0);
}

TEST(TrialExport, T4KnowsEveryOutcome) {
  std::set<std::string> allowed = {"timeout", "compile", "runtime", "correctness", "constraints", "correct"};
  for (int value = 0; value <= static_cast<int>(Outcome::Cancelled); ++value) {
    Trial trial;
    trial.outcome = static_cast<Outcome>(value);
    nlohmann::json root = nlohmann::json::parse(toT4(trial));
    EXPECT_TRUE(allowed.count(root["results"][0]["invalidity"].get<std::string>()));
  }
}

TEST(TrialExport, CsvRowsHaveTheHeadersColumns) {
  std::string text = toCsv(someTrials());
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
  ASSERT_EQ(lines.size(), 3u);
  size_t columns = lines[0].count(',');
  EXPECT_EQ(columns, scheduleFields().size() + 10);
  EXPECT_EQ(lines[1].count(','), columns);
  EXPECT_NE(lines[1].find("ok,2000,1000,3000,0.001,64"), llvm::StringRef::npos) << lines[1].str();
  EXPECT_NE(lines[2].find("compile-timeout,,,,"), llvm::StringRef::npos) << lines[2].str();
  EXPECT_TRUE(lines[2].ends_with("\"took \"\"ages\"\", gave up\""));
}

} // namespace
} // namespace lla
