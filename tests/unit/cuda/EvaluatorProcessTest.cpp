//===- EvaluatorProcessTest.cpp - a child may die, the tuning goes on -----===//

#include "runtime/cuda/EvaluatorProcess.h"
#include "runtime/cuda/EvaluatorChild.h"
#include <cmath>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace lla;

namespace {

Problem problem() {
  Problem problem;
  problem.context = 256;
  problem.headDim = 64;
  llvm::cantFail(normalize(problem));
  return problem;
}

Schedule schedule(int64_t splits) {
  Schedule schedule;
  schedule.splits = splits;
  return schedule;
}

//===--- lines --------------------------------------------------------------===//

TEST(EvaluatorProtocol, RequestsSurviveTheTrip) {
  OpenRequest open{problem(), "cuda:1", false, true, 17, ~uint64_t(0)};
  auto parsed = parseEvaluatorRequest(toJson(EvaluatorRequest(open)));
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  const auto &opened = std::get<OpenRequest>(*parsed);
  EXPECT_EQ(opened.problem, open.problem);
  EXPECT_EQ(opened.target, "cuda:1");
  EXPECT_FALSE(opened.graphReplay);
  EXPECT_TRUE(opened.coldCache);
  EXPECT_EQ(opened.verifiedRows, 17);
  EXPECT_EQ(opened.seed, ~uint64_t(0));

  RaceRequest race{{{schedule(2), "/a"}, {schedule(4), "/b \"quoted\""}}, {7, 12.5}};
  parsed = parseEvaluatorRequest(toJson(EvaluatorRequest(race)));
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  const auto &raced = std::get<RaceRequest>(*parsed);
  ASSERT_EQ(raced.candidates.size(), 2u);
  EXPECT_EQ(raced.candidates[1].schedule, schedule(4));
  EXPECT_EQ(raced.candidates[1].directory, "/b \"quoted\"");
  EXPECT_EQ(raced.measure.rounds, 7u);
  EXPECT_EQ(raced.measure.giveUpAbove, 12.5);

  race.measure.giveUpAbove = std::numeric_limits<double>::infinity();
  parsed = parseEvaluatorRequest(toJson(EvaluatorRequest(race)));
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  EXPECT_TRUE(std::isinf(std::get<RaceRequest>(*parsed).measure.giveUpAbove));
}

TEST(EvaluatorProtocol, RepliesSurviveTheTrip) {
  EvaluatorReply reply;
  reply.verification = {Outcome::WrongResult, "line\nbreak", std::nan("")};
  reply.timings = {{Outcome::Ok, "", {1.5, 2.5}}, {Outcome::RunFailed, "fault", {}}};
  reply.doubt = "throttled";
  reply.deviceLost = true;
  std::string line = toJson(reply);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  auto parsed = parseEvaluatorReply(line);
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  EXPECT_EQ(parsed->verification.outcome, Outcome::WrongResult);
  EXPECT_EQ(parsed->verification.reason, "line\nbreak");
  EXPECT_TRUE(std::isnan(parsed->verification.error));
  EXPECT_EQ(parsed->timings[0].microseconds, (std::vector<double>{1.5, 2.5}));
  EXPECT_EQ(parsed->timings[1].outcome, Outcome::RunFailed);
  EXPECT_EQ(parsed->doubt, "throttled");
  EXPECT_TRUE(parsed->deviceLost);

  EvaluatorReply failed;
  failed.failure = {FailureKind::NoDevice, "no driver"};
  parsed = parseEvaluatorReply(toJson(failed));
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  EXPECT_EQ(parsed->failure->first, FailureKind::NoDevice);
}

TEST(EvaluatorProtocol, NonsenseIsAnError) {
  for (const char *line : {"", "{", "null", "[]", "{}", "{\"race\":1}", "{\"verify\":{\"schedule\":{}}}",
                           "{\"verification\":{\"outcome\":\"splendid\",\"reason\":\"\",\"error\":0}}"}) {
    auto request = parseEvaluatorRequest(line);
    EXPECT_FALSE(bool(request)) << line;
    llvm::consumeError(request.takeError());
    auto reply = parseEvaluatorReply(line);
    EXPECT_FALSE(bool(reply)) << line;
    llvm::consumeError(reply.takeError());
  }
}

//===--- the child's side ---------------------------------------------------===//

/// Splits of 13 lose the device.
class FakeEvaluator : public Evaluator {
public:
  explicit FakeEvaluator(std::shared_ptr<bool> lost) : lost(std::move(lost)) {}
  llvm::Expected<std::vector<Preparation>> prepare(llvm::ArrayRef<Schedule> candidates) override {
    return std::vector<Preparation>(candidates.size());
  }
  llvm::Expected<Verification> verify(const Schedule &candidate) override {
    *lost = candidate.splits == 13;
    return Verification{*lost ? Outcome::RunFailed : Outcome::Ok, "", 0.25};
  }
  llvm::Expected<std::vector<Timing>> measure(llvm::ArrayRef<Schedule> candidates,
                                              const MeasureRequest &request) override {
    std::vector<Timing> timings;
    for (const Schedule &candidate : candidates)
      timings.push_back({Outcome::Ok, "", std::vector<double>(request.rounds, double(candidate.splits))});
    return timings;
  }
  Conditions conditions() const override { return {true, false, "fake"}; }

private:
  std::shared_ptr<bool> lost;
};

/// A child in a thread; ask() is its other side.
class ServedChild : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    child = std::thread([this] {
      code = serveEvaluator(ends[1], ends[1], [](const OpenRequest &) -> llvm::Expected<ServedEvaluator> {
        auto lost = std::make_shared<bool>(false);
        return ServedEvaluator{std::make_unique<FakeEvaluator>(lost), [lost] { return *lost; },
                               std::make_shared<std::map<Schedule, std::string>>()};
      });
      shutdown(ends[1], SHUT_RDWR);
    });
  }
  void TearDown() override {
    shutdown(ends[0], SHUT_WR);
    child.join();
    close(ends[0]);
    close(ends[1]);
  }
  EvaluatorReply ask(const EvaluatorRequest &request) { return askLine(toJson(request)); }
  EvaluatorReply askLine(std::string line) {
    line += '\n';
    EXPECT_EQ(write(ends[0], line.data(), line.size()), ssize_t(line.size()));
    std::string answer;
    for (char byte; read(ends[0], &byte, 1) == 1 && byte != '\n';)
      answer += byte;
    auto reply = parseEvaluatorReply(answer);
    if (reply)
      return *reply;
    ADD_FAILURE() << llvm::toString(reply.takeError());
    return {};
  }

  int ends[2];
  int code = -1;
  std::thread child;
};

TEST_F(ServedChild, VerifiesRacesAndEndsWithItsInput) {
  EXPECT_EQ(ask(OpenRequest{problem(), "cuda:0"}).doubt, "fake");
  EXPECT_EQ(ask(VerifyRequest{{schedule(2), "/a"}}).verification.error, 0.25);
  EvaluatorReply reply = ask(RaceRequest{{{schedule(2), "/a"}, {schedule(3), "/b"}}, {2}});
  ASSERT_EQ(reply.timings.size(), 2u);
  EXPECT_EQ(reply.timings[1].microseconds, (std::vector<double>{3, 3}));
  shutdown(ends[0], SHUT_WR);
  child.join();
  EXPECT_EQ(code, 0);
  child = std::thread([] {});
}

TEST_F(ServedChild, ALostDeviceEndsIt) {
  ask(OpenRequest{problem(), "cuda:0"});
  EXPECT_TRUE(ask(VerifyRequest{{schedule(13), "/a"}}).deviceLost);
  child.join();
  EXPECT_EQ(code, 3);
  child = std::thread([] {});
}

TEST_F(ServedChild, ARequestBeforeOpeningIsRefused) {
  EXPECT_TRUE(ask(VerifyRequest{{schedule(2), "/a"}}).failure.has_value());
}

TEST_F(ServedChild, NonsenseIsRefused) { EXPECT_TRUE(askLine("hello").failure.has_value()); }

//===--- the tuner's side ---------------------------------------------------===//

/// Gives the facts that candidates are compiled for; runs nothing.
class Facts : public Executor {
public:
  const Target &target() const override { return facts; }
  llvm::Expected<std::unique_ptr<LoadedKernel>> load(const Artifact &, const Problem &, const Schedule &) override {
    return none();
  }
  llvm::Expected<std::unique_ptr<Buffer>> allocate(int64_t) override { return none(); }
  llvm::Error copyIn(void *, const void *, int64_t, Stream) override { return none(); }
  llvm::Error copyOut(void *, const void *, int64_t, Stream) override { return none(); }
  llvm::Error fill(void *, uint8_t, int64_t, Stream) override { return none(); }
  llvm::Error launch(const Launch &, Stream) override { return none(); }
  llvm::Error synchronize(Stream) override { return none(); }
  llvm::Expected<std::vector<std::vector<double>>> time(llvm::ArrayRef<std::vector<Launch>>,
                                                        const TimingPolicy &) override {
    return none();
  }
  llvm::Expected<Ceilings> ceilings(int64_t, ElementType) override { return none(); }

private:
  static llvm::Error none() { return failure(FailureKind::Execution, "nothing runs here"); }
  Target facts = llvm::cantFail(namedTarget("sm_90a"));
};

/// A tuner's side whose children are shell scripts.
class Children {
public:
  explicit Children(const std::string &script, double requestSeconds = 30) {
    EvaluatorOptions options;
    options.compileAll = [](llvm::ArrayRef<CompileRequest> requests) {
      std::vector<llvm::Expected<Artifact>> artifacts;
      for (size_t i = 0; i < requests.size(); ++i) {
        Artifact artifact;
        artifact.kind = ArtifactKind::Ptx;
        artifact.kernelName = "kernel";
        artifact.bytes = ".version 8.0";
        artifacts.push_back(artifact);
      }
      return artifacts;
    };
    EvaluatorProcessOptions process;
    process.command = {"/bin/sh", "-c", script};
    process.requestSeconds = requestSeconds;
    evaluator = std::make_unique<EvaluatorProcess>(problem(), std::make_shared<Facts>(), "cuda:0", options, process);
    candidate = defaultSchedule(problem(), Facts().target());
    auto prepared = evaluator->prepare(candidate);
    EXPECT_TRUE(bool(prepared));
    EXPECT_EQ(prepared->front().outcome, Outcome::Ok) << prepared->front().reason;
  }
  Verification verify() {
    auto verification = evaluator->verify(candidate);
    if (verification)
      return *verification;
    ADD_FAILURE() << llvm::toString(verification.takeError());
    return {};
  }
  std::unique_ptr<EvaluatorProcess> evaluator;
  Schedule candidate;
};

std::string lineOf(const Verification &verification) {
  EvaluatorReply reply;
  reply.verification = verification;
  return toJson(reply);
}

/// Answers the opening, then does `rest`.
std::string afterOpening(const std::string &rest) { return "read line; echo '" + lineOf({}) + "'; " + rest; }

TEST(EvaluatorProcess, PassesAnswersOn) {
  Children children(
      afterOpening("while read line; do echo '" + lineOf({Outcome::WrongResult, "off", 0.5}) + "'; done"));
  for (int i = 0; i < 3; ++i) {
    Verification verification = children.verify();
    EXPECT_EQ(verification.outcome, Outcome::WrongResult);
    EXPECT_EQ(verification.error, 0.5);
  }
  EXPECT_EQ(children.evaluator->children(), 1);
}

TEST(EvaluatorProcess, ACrashCostsOneCandidateAndOneChild) {
  Children children(afterOpening("read line; echo illegal address >&2; kill -SEGV $$"));
  for (int64_t i = 1; i <= 2; ++i) {
    Verification verification = children.verify();
    EXPECT_EQ(verification.outcome, Outcome::RunFailed);
    EXPECT_NE(verification.reason.find("signal 11"), std::string::npos) << verification.reason;
    EXPECT_NE(verification.reason.find("illegal address"), std::string::npos) << verification.reason;
    EXPECT_EQ(children.evaluator->children(), i);
  }
}

TEST(EvaluatorProcess, AHangCostsOneCandidate) {
  Children children(afterOpening("cat >/dev/null"), 0.2);
  EXPECT_EQ(children.verify().outcome, Outcome::RunTimeout);
}

TEST(EvaluatorProcess, GarbageCostsOneCandidate) {
  Children children(afterOpening("read line; echo garbage"));
  EXPECT_EQ(children.verify().outcome, Outcome::RunFailed);
}

TEST(EvaluatorProcess, AChildThatCannotOpenTheDeviceEndsTheSearch) {
  EvaluatorReply failed;
  failed.failure = {FailureKind::NoDevice, "no CUDA driver"};
  Children children("read line; echo '" + toJson(failed) + "'");
  auto verification = children.evaluator->verify(children.candidate);
  ASSERT_FALSE(bool(verification));
  auto [kind, text] = describe(verification.takeError());
  EXPECT_EQ(kind, FailureKind::NoDevice);
  EXPECT_NE(text.find("no CUDA driver"), std::string::npos);
}

TEST(EvaluatorProcess, OneOfTwoThatCrashesDoesNotTakeTheOther) {
  // The script dies whenever the line holds the bad schedule (3 splits), and answers one timing otherwise.
  EvaluatorReply reply;
  reply.timings = {{Outcome::Ok, "", {2.0}}};
  Children children(afterOpening("while read line; do case \"$line\" in *'\"splits\":3'*) exit 9;; esac; echo '" +
                                 toJson(reply) + "'; done"));
  Schedule bad = children.candidate;
  bad.splits = 3;
  bad.cluster = 1;
  auto prepared = children.evaluator->prepare(bad);
  ASSERT_TRUE(bool(prepared));
  ASSERT_EQ(prepared->front().outcome, Outcome::Ok) << prepared->front().reason;
  auto timings = children.evaluator->measure({bad, children.candidate}, MeasureRequest{});
  ASSERT_TRUE(bool(timings)) << llvm::toString(timings.takeError());
  EXPECT_EQ((*timings)[0].outcome, Outcome::RunFailed);
  EXPECT_EQ((*timings)[1].outcome, Outcome::Ok);
  EXPECT_EQ((*timings)[1].microseconds, std::vector<double>{2.0});
}

TEST(EvaluatorProcess, WhatWasNotPreparedIsRefused) {
  Children children(afterOpening("cat >/dev/null"));
  Schedule other = children.candidate;
  other.splits = 99;
  EXPECT_EQ(describe(children.evaluator->verify(other).takeError()).first, FailureKind::NotPrepared);
}

} // namespace
