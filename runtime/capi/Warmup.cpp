//===- Warmup.cpp - the kernels of many problems at once ------------------===//

#include "dialect/Spec/Cpu.h"
#include "runtime/RuntimeError.h"
#include "runtime/capi/Objects.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>
#include <thread>
#include <vector>

namespace lla::capi {
namespace {

struct Outcome {
  lla_status status = LLA_ERROR_CANCELLED;
  std::string message = "problem: not begun, for the warm-up was cancelled";
};

/// One warm-up; threads take the next problem until there is none.
class Warmup {
public:
  Warmup(const Context &context, std::vector<Problem> problems, const lla_warmup_options &options)
      : context(context), problems(std::move(problems)), options(options), outcomes(this->problems.size()) {}

  void run();
  /// Of all: the first failure in the order of the problems.
  lla_status conclude() const;

private:
  size_t threads() const;
  void work();
  llvm::Error prepare(Problem problem) const;
  /// Keeps an outcome and tells of it.
  void finish(size_t index, Outcome outcome);

  const Context &context;
  const std::vector<Problem> problems;
  const lla_warmup_options &options;
  std::vector<Outcome> outcomes;
  std::atomic<size_t> next = 0;
  std::atomic<bool> cancelled = false;
  std::mutex telling; ///< Guards `done`, and calls of the callback.
  size_t done = 0;
};

size_t Warmup::threads() const {
  // In this process, one at a time: nobody has promised more of the compiler.
  if (workerOptions(context.knobs).executable.empty())
    return 1;
  int64_t jobs = options.jobs ? options.jobs : context.knobs.jobs;
  size_t wanted = jobs > 0 ? jobs : usableCpus();
  return std::min(wanted, problems.size());
}

void Warmup::run() {
  std::vector<std::thread> team;
  try {
    for (size_t i = 1, count = threads(); i < count; ++i)
      team.emplace_back([this] { work(); });
  } catch (const std::system_error &) {
    // As many threads as the system gives.
  }
  work();
  for (std::thread &thread : team)
    thread.join();
}

void Warmup::work() {
  for (size_t i; !cancelled && (i = next.fetch_add(1)) < problems.size();) {
    Outcome outcome;
    try {
      std::tie(outcome.status, outcome.message) = split(prepare(problems[i]));
    } catch (const std::exception &exception) {
      outcome = {LLA_ERROR_INTERNAL, exception.what()};
    }
    finish(i, std::move(outcome));
  }
}

llvm::Error Warmup::prepare(Problem problem) const {
  if (llvm::Error error = normalize(problem))
    return withKind(FailureKind::Usage, std::move(error));
  return context.jit->get(problem).takeError();
}

void Warmup::finish(size_t index, Outcome outcome) {
  std::lock_guard<std::mutex> lock(telling);
  outcomes[index] = std::move(outcome);
  ++done;
  const Outcome &kept = outcomes[index];
  if (options.statuses)
    options.statuses[index] = kept.status;
  if (options.progress &&
      options.progress(options.user, done, problems.size(), index, kept.status, kept.message.c_str()) != 0)
    cancelled = true;
}

lla_status Warmup::conclude() const {
  size_t failed = 0, first = problems.size();
  for (size_t i = 0; i < problems.size(); ++i) {
    if (outcomes[i].status == LLA_OK || outcomes[i].status == LLA_ERROR_CANCELLED)
      continue;
    ++failed;
    first = std::min(first, i);
  }
  if (done < problems.size()) // Else the word came too late to cancel anything.
    return fail(LLA_ERROR_CANCELLED, fmt::format("warm-up: cancelled after {} of {} problems, {} of which failed", done,
                                                 problems.size(), failed));
  if (failed)
    return fail(outcomes[first].status, fmt::format("problems[{}]: {} ({} of {} failed)", first,
                                                    outcomes[first].message, failed, problems.size()));
  return LLA_OK;
}

llvm::Expected<std::vector<Problem>> readProblems(const lla_problem *given, size_t count) {
  std::vector<Problem> problems;
  if (count && !given)
    return failure(FailureKind::Usage, fmt::format("problems: expected {} of them, got null", count));
  for (size_t i = 0; i < count; ++i) {
    // Elements are as far apart as the caller's struct is large.
    const auto *one =
        reinterpret_cast<const lla_problem *>(reinterpret_cast<const char *>(given) + i * given->struct_size);
    if (one->struct_size != given->struct_size)
      return failure(FailureKind::Usage, fmt::format("problems[{}].struct_size: expected {} as of the first, got {}", i,
                                                     given->struct_size, one->struct_size));
    llvm::Expected<Problem> problem = toProblem(one);
    if (!problem) {
      auto [kind, message] = describe(problem.takeError());
      return failure(kind, fmt::format("problems[{}]: {}", i, message));
    }
    problems.push_back(*problem);
  }
  return problems;
}

lla_status warmup(const Context &context, const lla_problem *given, size_t count, const lla_warmup_options *from) {
  lla_warmup_options options = LLA_WARMUP_OPTIONS_INIT;
  if (from)
    if (llvm::Error error = readStruct("options", from, options))
      return toStatus(std::move(error));
  if (options.jobs < 0)
    return fail(LLA_ERROR_USAGE, fmt::format("options.jobs: expected >= 0, got {}", options.jobs));
  llvm::Expected<std::vector<Problem>> problems = readProblems(given, count);
  if (!problems)
    return toStatus(problems.takeError());
  if (options.statuses)
    std::fill_n(options.statuses, count, LLA_ERROR_CANCELLED);
  Warmup all(context, std::move(*problems), options);
  all.run();
  return all.conclude();
}

} // namespace
} // namespace lla::capi

lla_status lla_warmup(lla_context *handle, const lla_problem *problems, size_t count,
                      const lla_warmup_options *options) {
  using namespace lla::capi;
  return guarded([&] {
    const Context *context = contexts.find(handle);
    return context ? warmup(*context, problems, count, options) : badHandle("context", handle);
  });
}
