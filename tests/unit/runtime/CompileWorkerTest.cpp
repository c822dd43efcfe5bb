//===- CompileWorkerTest.cpp - compiling in processes of their own --------===//

#include "runtime/CompileWorker.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>
#include <set>

using namespace lla;

namespace {

CompileRequest request(const std::string &wish = "") {
  CompileRequest request;
  request.problem = smallProblem();
  request.target = hostTarget(2);
  request.schedule = defaultSchedule(request.problem, request.target);
  request.options.dumpDirectory = wish;
  return request;
}

struct CompileWorkerTest : testing::Test {
  TestFolder folder;
  WorkerOptions options;
  CompileWorkerTest() {
    options.executable = LLA_TEST_WORKER;
    options.temporary = folder.path;
    options.jobs = 4;
  }
  std::pair<FailureKind, std::string> faultOf(const std::string &wish) {
    llvm::Expected<Artifact> artifact = CompileWorkers(options).compile(request(wish));
    if (artifact)
      return {FailureKind::Usage, ""};
    return describe(artifact.takeError());
  }
  /// Nothing is left behind.
  void expectClean() {
    std::error_code error;
    EXPECT_EQ(llvm::sys::fs::directory_iterator(folder.path, error), llvm::sys::fs::directory_iterator());
  }
};

TEST_F(CompileWorkerTest, AnArtifactComesBackWhole) {
  llvm::Expected<Artifact> artifact = CompileWorkers(options).compile(request());
  ASSERT_TRUE(bool(artifact));
  EXPECT_EQ(artifact->kernelName, "right");
  EXPECT_EQ(artifact->bytes.substr(0, 6), std::string("\0code\xff", 6));
  expectClean();
}

TEST_F(CompileWorkerTest, ACrashIsAnErrorWithSignalAndStderr) {
  auto [kind, text] = faultOf("abort");
  EXPECT_EQ(kind, FailureKind::Worker);
  EXPECT_NE(text.find("signal 6"), std::string::npos) << text;
  EXPECT_NE(text.find("Cannot select"), std::string::npos) << text;
  expectClean();
}

TEST_F(CompileWorkerTest, AHangIsATimeout) {
  options.timeoutSeconds = 0.3;
  EXPECT_EQ(faultOf("hang").first, FailureKind::Timeout);
  expectClean();
}

TEST_F(CompileWorkerTest, ARefusalIsTheCompilersMessage) {
  EXPECT_EQ(faultOf("refuse"), std::pair(FailureKind::Compile, std::string("rows: expected 8, got 9")));
  expectClean();
}

TEST_F(CompileWorkerTest, ExitCodesTornAndMissingAnswers) {
  EXPECT_NE(faultOf("exit").second.find("code 3"), std::string::npos);
  EXPECT_EQ(faultOf("nothing").first, FailureKind::Worker);
  auto [kind, text] = faultOf("garbage");
  EXPECT_EQ(kind, FailureKind::Worker);
  EXPECT_NE(text.find("bytes: expected 8, got 1"), std::string::npos) << text;
  expectClean();
}

TEST_F(CompileWorkerTest, AWorkerThatWritesMuchDoesNotBlock) { EXPECT_EQ(faultOf("chatter").second, ""); }

TEST_F(CompileWorkerTest, NoWorkerAndNoFolderAreErrors) {
  options.executable = "/nowhere/lla";
  EXPECT_EQ(faultOf("").first, FailureKind::Worker);
  options.executable = LLA_TEST_WORKER;
  options.temporary = "/nowhere";
  EXPECT_EQ(faultOf("").first, FailureKind::Worker);
}

TEST_F(CompileWorkerTest, ABatchKeepsItsOrderWhateverHappens) {
  std::vector<CompileRequest> requests;
  const char *wishes[] = {"", "abort", "", "refuse", "nothing", ""};
  for (int i = 0; i < 18; ++i) {
    requests.push_back(request(wishes[i % 6]));
    requests.back().schedule.keys = 16 * (i % 3 + 1);
  }
  std::set<size_t> done;
  std::vector<llvm::Expected<Artifact>> results =
      CompileWorkers(options).compileAll(requests, [&](size_t i) { done.insert(i); });
  ASSERT_EQ(results.size(), requests.size());
  EXPECT_EQ(done.size(), requests.size());
  for (size_t i = 0; i < results.size(); ++i) {
    bool isFine = wishes[i % 6][0] == 0;
    EXPECT_EQ(bool(results[i]), isFine) << i;
    if (results[i])
      EXPECT_EQ(results[i]->bytes.substr(6), std::to_string(requests[i].schedule.keys));
    else
      llvm::consumeError(results[i].takeError());
  }
  expectClean();
}

TEST(CompileRequest, SurvivesTheTrip) {
  CompileRequest sent = request("dump \"here\"");
  sent.options.ptxasPath = "/p";
  sent.options.remarks = true;
  llvm::Expected<CompileRequest> received = parseCompileRequest(toJson(sent));
  ASSERT_TRUE(bool(received));
  EXPECT_EQ(received->problem, sent.problem);
  EXPECT_EQ(received->target, sent.target);
  EXPECT_EQ(received->schedule, sent.schedule);
  EXPECT_EQ(received->options.dumpDirectory, "dump \"here\"");
  EXPECT_EQ(received->options.ptxasPath, "/p");
  EXPECT_TRUE(received->options.remarks);
}

TEST(CompileRequest, GarbageIsAnError) {
  std::string good = toJson(request());
  for (std::string bad : {std::string(""), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2)})
    EXPECT_NE(textOf(parseCompileRequest(bad)), "") << bad;
  nlohmann::json other = nlohmann::json::parse(good);
  other["fingerprint"] = "another build";
  EXPECT_NE(textOf(parseCompileRequest(other.dump())).find("fingerprint"), std::string::npos);
}

TEST(CompileRequest, EveryTruncationIsAnError) {
  std::string good = toJson(request());
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(textOf(parseCompileRequest(good.substr(0, length))), "") << length;
}

TEST(CompileProtocol, WhatTheWorkerCannotReadIsAnAnswerToo) {
  TestFolder folder;
  std::string path = folder.path + "/request.json";
  EXPECT_EQ(serveCompileRequest(path, folder.path, compileInProcess), 2); // There is none.
  llvm::Expected<std::string> message = readCompileError(folder.path);
  ASSERT_TRUE(bool(message));
  EXPECT_NE(message->find("request.json"), std::string::npos);
  EXPECT_EQ(serveCompileRequest(path, folder.path + "/nowhere", compileInProcess), 1);
}

TEST(Artifact, SurvivesTheCache) {
  Artifact artifact = fakeArtifact("right");
  artifact.kind = ArtifactKind::Cubin;
  artifact.report = {40, 8, 16, 1024, "C7510"};
  artifact.compileMilliseconds = 12.5;
  StoredArtifact stored = toStored(artifact);
  EXPECT_EQ(textOf(checkArtifact(stored)), "");
  llvm::Expected<Artifact> back = fromStored(stored);
  ASSERT_TRUE(bool(back));
  EXPECT_EQ(back->kind, ArtifactKind::Cubin);
  EXPECT_EQ(back->kernelName, "right");
  EXPECT_EQ(back->bytes, artifact.bytes);
  EXPECT_EQ(back->report.registers, 40);
  EXPECT_EQ(back->report.spillBytes, 8);
  EXPECT_EQ(back->report.stackBytes, 16);
  EXPECT_EQ(back->report.sharedBytes, 1024);
  EXPECT_EQ(back->report.warnings, "C7510");
  EXPECT_EQ(back->compileMilliseconds, 12.5);
}

TEST(WorkerOptions, TheEnvironmentsWorkerWins) {
  Knobs knobs;
  knobs.worker = "/somewhere/else";
  EXPECT_EQ(workerOptions(knobs).executable, "/somewhere/else");
}

TEST(WorkerOptions, TheSearchPathIsTheLastResort) {
  TestFolder folder;
  Knobs knobs;
  knobs.log = LogLevel::Off;
  knobs.searchPath = {folder.path};
  std::string before = workerOptions(knobs).executable;
  std::error_code error = llvm::sys::fs::create_link(LLA_TEST_WORKER, folder.path + "/lla");
  ASSERT_FALSE(error);
  std::string after = workerOptions(knobs).executable;
  EXPECT_EQ(after, before.empty() ? folder.path + "/lla" : before);
}

} // namespace
