//===- ForkTest.cpp - the host target in forked children ------------------===//
//
// A child has none of its parent's threads, and what they had locked stays locked
// there. A hang ends by SIGALRM, which fails the test.
//
//===----------------------------------------------------------------------===//

#include "HostCall.h"
#include <atomic>
#include <functional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr double tolerance = 2e-6;
constexpr unsigned hangSeconds = 60;

/// The wait status of a child: 0 if `body` was true there.
int inChild(const std::function<bool()> &body) {
  pid_t child = fork();
  if (child == 0) {
    alarm(hangSeconds);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child ? status : -1;
}

bool isRight(HostPlan &plan, HostCall &call) {
  std::fill_n(call.o.values(), call.o.memory.size() / sizeof(float), 0.0f); // Or what the parent computed would do.
  return plan.run(call.tensors) == LLA_OK && call.error() <= tolerance;
}

TEST(Fork, ChildrenRunPlansOfTheirParent) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem);
  ASSERT_TRUE(isRight(plan, call));
  EXPECT_EQ(inChild([&] { return isRight(plan, call) && isRight(plan, call); }), 0);
  // Not even the parent ran one; and a child's child.
  HostPlan fresh(call.problem);
  EXPECT_EQ(inChild([&] {
              return isRight(fresh, call) && inChild([&] { return isRight(fresh, call) && isRight(plan, call); }) == 0;
            }),
            0);
  EXPECT_TRUE(isRight(plan, call));
}

TEST(Fork, WhileOtherThreadsRun) {
  HostCall call(smallProblem());
  HostPlan plan(call.problem);
  std::atomic<bool> enough = false;
  std::atomic<int> wrong = 0;
  auto keepRunning = [&](unsigned seed) {
    HostCall own(call.problem, seed);
    Workspace workspace(plan.workspace->bytes);
    while (!enough)
      wrong += lla_plan_run(plan.plan, &own.tensors, workspace.data(), workspace.bytes, nullptr) != LLA_OK;
    wrong += !(own.error() <= tolerance);
  };
  std::thread one(keepRunning, 2), two(keepRunning, 3);
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(inChild([&] {
                // Two threads of the child need its first threads at once.
                std::atomic<bool> right = true;
                std::thread other([&] {
                  HostCall own(call.problem, 4);
                  Workspace workspace(plan.workspace->bytes);
                  right = lla_plan_run(plan.plan, &own.tensors, workspace.data(), workspace.bytes, nullptr) == LLA_OK &&
                          own.error() <= tolerance;
                });
                bool mine = isRight(plan, call);
                other.join();
                return mine && right;
              }),
              0);
  enough = true;
  one.join();
  two.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Fork, ChildrenMakePlansAndDestroyTheirParents) {
  lla_problem problem = smallProblem();
  HostCall call(problem);
  lla_context *context = nullptr;
  lla_plan *plan = nullptr;
  ASSERT_OK(lla_context_create("host:2", &context));
  ASSERT_OK(lla_plan_create(context, &problem, &plan));
  ASSERT_OK(lla_plan_prepare(plan));
  EXPECT_EQ(inChild([&] {
              lla_problem other = problem;
              other.head_dim = 24; // That no kernel was compiled for.
              HostCall otherCall(other);
              HostPlan made(other);
              return isRight(made, otherCall) && lla_plan_destroy(plan) == LLA_OK &&
                     lla_context_destroy(context) == LLA_OK;
            }),
            0);
  EXPECT_OK(lla_plan_destroy(plan));
  EXPECT_OK(lla_context_destroy(context));
}

} // namespace
