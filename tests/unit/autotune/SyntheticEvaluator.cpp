//===- SyntheticEvaluator.cpp - a machine made of a formula ---------------===//

#include "SyntheticEvaluator.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/xxhash.h"
#include <cmath>
#include <numbers>
#include <random>

namespace lla {
namespace {

bool failsIn(Outcome outcome, std::initializer_list<Outcome> stage) { return llvm::is_contained(stage, outcome); }

} // namespace

llvm::Expected<std::vector<Preparation>> SyntheticEvaluator::prepare(llvm::ArrayRef<Schedule> candidates) {
  if (beforePrepare)
    beforePrepare();
  if (dies)
    return llvm::createStringError(*dies);
  std::vector<Preparation> answers;
  for (const Schedule &candidate : candidates) {
    ++prepared[candidate];
    Preparation answer;
    answer.registers = registers(candidate);
    if (auto failure = failures.find(candidate); failure != failures.end())
      if (failsIn(failure->second,
                  {Outcome::Infeasible, Outcome::CompileFailed, Outcome::CompileTimeout, Outcome::CompileCrashed})) {
        answer.outcome = failure->second;
        answer.reason = "planted: " + name(failure->second).str();
      }
    if (auto spill = spills.find(candidate); spill != spills.end())
      answer.spillBytes = spill->second;
    answers.push_back(answer);
  }
  return answers;
}

llvm::Expected<Verification> SyntheticEvaluator::verify(const Schedule &candidate) {
  brokeContract |= prepared[candidate] == 0;
  ++verified[candidate];
  auto failure = failures.find(candidate);
  if (failure != failures.end() && failure->second == Outcome::WrongResult)
    return Verification{Outcome::WrongResult, "planted: error 0.5", 0.5};
  return Verification{Outcome::Ok, "", 1e-3};
}

double SyntheticEvaluator::sampleOf(const Schedule &schedule, unsigned rounds, unsigned round) const {
  uint64_t mixed = seed * 0x9E3779B97F4A7C15ull + rounds * 1000003ull + round;
  // Of what differs from the defaults: a field that no schedule here sets changes no sample.
  for (const ScheduleField &field : scheduleFields())
    if (field.get(schedule) != field.get(Schedule()))
      mixed = (mixed ^ llvm::xxh3_64bits(field.name) ^ static_cast<uint64_t>(field.get(schedule))) * 0x100000001B3ull;
  std::mt19937_64 generator(mixed);
  auto uniform = [&] { return (static_cast<double>(generator() >> 11) + 0.5) / 9007199254740992.0; };
  double normal = std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  return cost(schedule) * std::max(0.5, 1 + noise * normal);
}

llvm::Expected<std::vector<Timing>> SyntheticEvaluator::measure(llvm::ArrayRef<Schedule> candidates,
                                                                const MeasureRequest &request) {
  std::vector<Timing> answers;
  for (const Schedule &candidate : candidates) {
    brokeContract |= verified[candidate] == 0;
    ++measured[candidate];
    auto failure = failures.find(candidate);
    if (failure != failures.end() && failsIn(failure->second, {Outcome::RunFailed, Outcome::RunTimeout})) {
      answers.push_back({failure->second, "planted: " + name(failure->second).str(), {}});
      continue;
    }
    Timing timing;
    for (unsigned round = 0; round < request.rounds; ++round) {
      timing.microseconds.push_back(sampleOf(candidate, request.rounds, round));
      if (round == 0 && timing.microseconds[0] > request.giveUpAbove)
        break;
    }
    answers.push_back(timing);
  }
  return answers;
}

Problem decodeProblem(int64_t batch, int64_t context) {
  Problem problem;
  problem.batch = batch;
  problem.queryHeads = problem.kvHeads = 8;
  problem.context = context;
  problem.headDim = 128;
  llvm::cantFail(normalize(problem));
  return problem;
}

Target target(const char *arch) { return llvm::cantFail(namedTarget(arch)); }

std::vector<ScheduleField> reducedTable(const std::map<std::string, std::vector<int64_t>> &kept, const Schedule &base) {
  std::vector<ScheduleField> table = scheduleFields().vec();
  for (ScheduleField &field : table) {
    auto entry = kept.find(field.name);
    field.values = entry != kept.end() ? entry->second : std::vector<int64_t>{field.get(base)};
  }
  return table;
}

SearchSpace smallSpace() {
  Problem problem = decodeProblem();
  Target gpu = target("sm_90a");
  Schedule base = defaultSchedule(problem, gpu);
  base.spread = false; // It takes splits that fill few places.
  auto table = reducedTable({{"keys", {16, 32, 48}},
                             {"warps", {1, 2, 4, 8}},
                             {"splits", {1, 2, 4, 8, 16, 32}},
                             {"stages", {1, 2}},
                             {"cluster", {1}},
                             {"lazy", {0, 8}}},
                            base);
  return SearchSpace::enumerate(problem, gpu, table);
}

std::function<double(const Schedule &)> bowl(const Schedule &optimum, double floor, double slope) {
  return [=](const Schedule &schedule) {
    double distance = 0;
    for (const ScheduleField &field : scheduleFields()) {
      double here = std::log2(1.0 + static_cast<double>(field.get(schedule)));
      double there = std::log2(1.0 + static_cast<double>(field.get(optimum)));
      distance += (here - there) * (here - there);
    }
    return floor * (1 + slope * distance);
  };
}

} // namespace lla
