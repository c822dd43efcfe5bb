//===- ChildProcessTest.cpp - a spawned process that may die or hang ------===//

#include "runtime/ChildProcess.h"
#include "FakeKernels.h"
#include "runtime/RuntimeError.h"

using namespace lla;

namespace {

llvm::Expected<ChildProcess> shell(const std::string &script, bool withChannel = false) {
  return ChildProcess::spawn({"/bin/sh", "-c", script}, withChannel);
}

TEST(ChildProcess, ExitCodeAndErrors) {
  llvm::Expected<ChildProcess> child = shell("echo sad >&2; exit 7");
  ASSERT_TRUE(bool(child));
  ChildExit exit = child->wait(60);
  EXPECT_TRUE(exit.isCode(7)) << exit.text();
  EXPECT_EQ(child->errorTail(), "sad\n");
  EXPECT_TRUE(child->wait(60).isCode(7)); // Again: the same.
}

TEST(ChildProcess, Signal) {
  llvm::Expected<ChildProcess> child = shell("kill -ABRT $$");
  ASSERT_TRUE(bool(child));
  ChildExit exit = child->wait(60);
  EXPECT_EQ(exit.kind, ChildExit::Signalled);
  EXPECT_NE(exit.text().find("signal 6"), std::string::npos);
}

TEST(ChildProcess, AHangIsStoppedWithItsGrandchildren) {
  // The grandchild holds stderr open; were it left alive, its own end would tell.
  llvm::Expected<ChildProcess> child = shell("trap '' TERM; (read never < /dev/zero) & echo started >&2; wait");
  ASSERT_TRUE(bool(child));
  EXPECT_EQ(child->wait(0.2).kind, ChildExit::TimedOut);
}

TEST(ChildProcess, AGrandchildThatOutlivesTheChildIsNotWaitedFor) {
  llvm::Expected<ChildProcess> child = shell("tail -f /dev/null & exit 4");
  ASSERT_TRUE(bool(child));
  EXPECT_TRUE(child->wait(60).isCode(4));
}

TEST(ChildProcess, AChannelCarriesLinesBothWays) {
  llvm::Expected<ChildProcess> child = shell("while read line; do echo \"<$line>\"; done", true);
  ASSERT_TRUE(bool(child));
  for (std::string line : {"one", "", "two words"}) {
    EXPECT_EQ(textOf(child->sendLine(line)), "");
    llvm::Expected<std::string> answer = child->receiveLine(60);
    ASSERT_TRUE(bool(answer));
    EXPECT_EQ(*answer, "<" + line + ">");
  }
  llvm::Expected<std::string> none = child->receiveLine(0.01);
  ASSERT_FALSE(bool(none));
  EXPECT_EQ(describe(none.takeError()).first, FailureKind::Timeout);
}

TEST(ChildProcess, ADeadChildAnswersNothing) {
  llvm::Expected<ChildProcess> child = shell("exit 0", true);
  ASSERT_TRUE(bool(child));
  llvm::Expected<std::string> none = child->receiveLine(60);
  ASSERT_FALSE(bool(none));
  EXPECT_EQ(describe(none.takeError()).first, FailureKind::Worker);
  EXPECT_NE(textOf(child->sendLine("anybody?")), "");
}

TEST(ChildProcess, WhatCannotStartIsAnError) {
  EXPECT_NE(textOf(ChildProcess::spawn({"/nowhere/lla"}, false)).find("/nowhere/lla"), std::string::npos);
}

} // namespace
