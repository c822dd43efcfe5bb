//===- TrialLogTest.cpp - logs, good and bad ------------------------------===//

#include "autotune/TrialLog.h"
#include "SyntheticEvaluator.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <gtest/gtest.h>

namespace lla {
namespace {

class TrialLogFile : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("lla-trial-log", directory));
    path = (directory + "/trials.jsonl").str();
    header.problem = decodeProblem();
    header.target = target("sm_90a");
    header.compiler = "test-1";
    header.conditions = {true, false, ""};
    header.strategy = "local";
    header.seed = 18446744073709551615ull;
    header.spaceSize = 12;
  }
  void TearDown() override { llvm::sys::fs::remove_directories(directory); }

  std::string text() const { return (*llvm::MemoryBuffer::getFile(path))->getBuffer().str(); }
  void setText(const std::string &content) {
    std::error_code failure;
    llvm::raw_fd_ostream(path, failure) << content;
    ASSERT_FALSE(failure);
  }

  static Trial good(int64_t splits) {
    Trial trial;
    trial.schedule.splits = splits;
    trial.registers = 128;
    trial.error = 2e-3;
    trial.samples = {10.5, 10, 11};
    return trial;
  }
  static Trial bad(int64_t splits, Outcome outcome) {
    Trial trial;
    trial.schedule.splits = splits;
    trial.outcome = outcome;
    trial.reason = "because \"of\"\nthat \xff byte";
    return trial;
  }

  llvm::SmallString<128> directory;
  std::string path;
  TrialLogHeader header;
};

std::string message(llvm::Error error) { return llvm::toString(std::move(error)); }

TEST_F(TrialLogFile, RoundTrip) {
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(path, header));
    llvm::cantFail(writer.write(good(1)));
    llvm::cantFail(writer.write(bad(2, Outcome::CompileCrashed)));
  }
  TrialLog log = llvm::cantFail(readTrialLog(path));
  EXPECT_TRUE(log.complaints.empty());
  EXPECT_EQ(log.header.problem, header.problem);
  EXPECT_EQ(log.header.seed, header.seed);
  EXPECT_EQ(log.header.compiler, "test-1");
  ASSERT_EQ(log.trials.size(), 2u);
  EXPECT_EQ(log.trials[0].samples, good(1).samples);
  EXPECT_EQ(log.trials[0].cost(), 10.5);
  EXPECT_EQ(log.trials[0].registers, 128);
  EXPECT_EQ(log.trials[1].outcome, Outcome::CompileCrashed);
  EXPECT_NE(log.trials[1].reason.find("because \"of\"\nthat"), std::string::npos);
  EXPECT_TRUE(std::isinf(log.trials[1].cost()));
  EXPECT_FALSE(llvm::errorToBool(checkSameExperiment(log.header, header)));
}

TEST_F(TrialLogFile, NotANumberSurvives) {
  Trial trial = bad(1, Outcome::WrongResult);
  trial.error = std::nan("");
  EXPECT_TRUE(std::isnan(llvm::cantFail(parseTrial(toJson(trial))).error));
}

TEST_F(TrialLogFile, CreateRefusesToOverwrite) {
  setText("precious");
  EXPECT_NE(message(TrialLogWriter::create(path, header).takeError()).find(path), std::string::npos);
  EXPECT_EQ(text(), "precious");
}

TEST_F(TrialLogFile, TruncatedAtEveryByteStillReads) {
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(path, header));
    for (int64_t splits = 1; splits <= 3; ++splits)
      llvm::cantFail(writer.write(good(splits)));
  }
  std::string whole = text();
  size_t headerEnd = whole.find('\n');
  for (size_t length = headerEnd + 1; length < whole.size(); ++length) {
    TrialLog log = llvm::cantFail(parseTrialLog(llvm::StringRef(whole).take_front(length)));
    size_t lines = std::count(whole.begin() + headerEnd + 1, whole.begin() + length, '\n');
    bool cutsALine = whole[length - 1] != '\n';
    bool lacksTheNewlineOnly = cutsALine && whole[length] == '\n';
    EXPECT_EQ(log.trials.size(), lines + lacksTheNewlineOnly) << length;
    EXPECT_EQ(log.complaints.size(), cutsALine && !lacksTheNewlineOnly ? 1u : 0u) << length;
    if (!log.complaints.empty())
      EXPECT_NE(log.complaints[0].find("truncated"), std::string::npos);
  }
  for (size_t length = 0; length < headerEnd; ++length)
    EXPECT_TRUE(llvm::errorToBool(parseTrialLog(llvm::StringRef(whole).take_front(length)).takeError()));
}

TEST_F(TrialLogFile, ATornHeaderIsTheBeginningOfOneAndNothingElse) {
  { llvm::cantFail(TrialLogWriter::create(path, header)); }
  std::string whole = text();
  for (size_t length = 0; length < whole.size(); ++length) {
    setText(whole.substr(0, length));
    EXPECT_TRUE(llvm::cantFail(isTornAtHeader(path))) << length;
  }
  for (const std::string &other : {whole, whole + "{\"kind\":\"tri", std::string("not a header\n"),
                                   std::string("somebody's notes"), std::string("{\"kind\":\"trial\"}")}) {
    setText(other);
    EXPECT_FALSE(llvm::cantFail(isTornAtHeader(path))) << other;
  }
  EXPECT_NE(message(isTornAtHeader(path + "-absent").takeError()).find("expected a trial log that can be read"),
            std::string::npos);
}

TEST_F(TrialLogFile, AppendClosesATruncatedLine) {
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::create(path, header));
    llvm::cantFail(writer.write(good(1)));
    llvm::cantFail(writer.write(good(2)));
  }
  setText(text().substr(0, text().size() - 20));
  {
    TrialLogWriter writer = llvm::cantFail(TrialLogWriter::append(path));
    llvm::cantFail(writer.write(good(3)));
  }
  TrialLog log = llvm::cantFail(readTrialLog(path));
  ASSERT_EQ(log.trials.size(), 2u);
  EXPECT_EQ(log.trials[1].schedule.splits, 3);
  EXPECT_EQ(log.complaints.size(), 1u);
}

TEST_F(TrialLogFile, GarbageLinesAreSkippedAndReported) {
  {
    llvm::cantFail(TrialLogWriter::create(path, header));
  }
  std::string lines =
      text() + "not json\n" + "[1,2]\n" + "{\"kind\":\"verdict\"}\n" + "\n" +
      "{\"kind\":\"trial\",\"schedule\":\"rows=x\",\"outcome\":\"ok\",\"error\":0,\"samples_us\":[1]}\n" +
      "{\"kind\":\"trial\",\"schedule\":7}\n" +
      "{\"kind\":\"trial\",\"schedule\":\"rows=8\",\"outcome\":\"great\",\"error\":0,\"samples_us\":[1]}\n" +
      "{\"kind\":\"trial\",\"schedule\":\"rows=8\",\"outcome\":\"ok\",\"error\":0,\"samples_us\":[]}\n" +
      "{\"kind\":\"trial\",\"schedule\":\"rows=8\",\"outcome\":\"ok\",\"error\":0,\"samples_us\":[-1]}\n" +
      std::string("\0\xfe\n", 3) + toJson(good(4)) + "\n";
  TrialLog log = llvm::cantFail(parseTrialLog(lines));
  ASSERT_EQ(log.trials.size(), 1u);
  EXPECT_EQ(log.trials[0].schedule.splits, 4);
  ASSERT_EQ(log.complaints.size(), 9u);
  EXPECT_TRUE(llvm::StringRef(log.complaints[0]).starts_with("line 2: line: expected a JSON object, got text"));
  EXPECT_EQ(log.complaints[2], "line 4: kind: expected trial|race|winner, got \"verdict\"");
  EXPECT_EQ(log.complaints[3],
            "line 6: schedule: expected a valid one, got rows: expected a 64-bit integer, got \"x\"");
  EXPECT_EQ(log.complaints[4], "line 7: schedule: expected a string, got 7");
  EXPECT_TRUE(llvm::StringRef(log.complaints[8]).starts_with("line 11: "));
}

TEST_F(TrialLogFile, BadHeadersAreErrors) {
  for (const char *head :
       {"", "{}", "[]", "{\"kind\":\"trial\"}", "{\"kind\":\"header\"}", "{\"kind\":\"header\",\"log_version\":2}",
        "{\"kind\":\"header\",\"log_version\":1}", "{\"kind\":\"header\",\"log_version\":\"x\"}",
        "{\"kind\":\"header\",\"log_version\":1,\"problem\":{\"head_dim\":7},\"target\":{}}"})
    EXPECT_NE(message(parseTrialLog(head).takeError()).find("line 1"), std::string::npos) << head;
  EXPECT_NE(message(readTrialLog(path).takeError()).find(path + ": expected a trial log that can be read, got "),
            std::string::npos);
  EXPECT_EQ(message(parseTrialLog("{\"kind\":\"trial\"}").takeError()),
            "trial log, line 1: kind: expected header, got \"trial\"");
  EXPECT_EQ(message(parseTrialLog("{\"kind\":\"header\",\"log_version\":2}").takeError()),
            "trial log, line 1: log_version: expected 1, got 2");
  EXPECT_EQ(message(parseTrialLog("{\"kind\":\"header\",\"log_version\":1}").takeError()),
            "trial log, line 1: problem: expected an object, got nothing");
}

TEST_F(TrialLogFile, LaterLineOfAScheduleWins) {
  {
    llvm::cantFail(TrialLogWriter::create(path, header));
  }
  TrialLog log =
      llvm::cantFail(parseTrialLog(text() + toJson(good(1)) + "\n" + toJson(bad(1, Outcome::RunFailed)) + "\n"));
  ASSERT_EQ(log.trials.size(), 1u);
  EXPECT_EQ(log.trials[0].outcome, Outcome::RunFailed);
}

TEST_F(TrialLogFile, AnotherExperimentIsNamed) {
  auto difference = [&](auto change) {
    TrialLogHeader other = header;
    change(other);
    return message(checkSameExperiment(other, header));
  };
  EXPECT_NE(difference([](TrialLogHeader &h) { h.problem = decodeProblem(2); }).find("problem"), std::string::npos);
  EXPECT_NE(difference([](TrialLogHeader &h) { h.target = target("sm_80"); }).find("target"), std::string::npos);
  EXPECT_NE(difference([](TrialLogHeader &h) { h.compiler = "test-2"; }).find("compiler"), std::string::npos);
  EXPECT_NE(difference([](TrialLogHeader &h) { h.conditions.coldCache = true; }).find("policy"), std::string::npos);
  EXPECT_EQ(difference([](TrialLogHeader &h) {
              h.seed = 1;
              h.strategy = "random";
            }),
            "");
}

TEST_F(TrialLogFile, FullDiskIsAnError) {
  llvm::Expected<TrialLogWriter> writer = TrialLogWriter::append("/dev/full");
  if (!writer)
    GTEST_SKIP() << "no /dev/full: " << message(writer.takeError());
  EXPECT_TRUE(llvm::errorToBool(writer->write(good(1))));
}

TEST(Outcomes, NamesRoundTrip) {
  for (int value = 0; value <= static_cast<int>(Outcome::Cancelled); ++value) {
    Outcome outcome = static_cast<Outcome>(value);
    EXPECT_EQ(parseOutcome(name(outcome)), outcome);
  }
  EXPECT_FALSE(parseOutcome("fine"));
}

} // namespace
} // namespace lla
