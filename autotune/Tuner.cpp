//===- Tuner.cpp - from a search space to a winner ------------------------===//
//
// A batch of candidates becomes a vector of trials that passes through prepare,
// verify and time; each stage works on those that are still Ok and writes the
// others' outcomes. `finish` then records them in the order in which they were asked for,
// so that log, budget and strategy see the same sequence in every run.
//
//===----------------------------------------------------------------------===//

#include "autotune/Tuner.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <tuple>

namespace lla {
namespace {

/// A candidate that is this much slower than the best in its first round needs no second one.
constexpr double giveUpFactor = 4;
/// Candidates slower than the best by more than this do not race.
constexpr double finalistFactor = 1.3;
/// A new best counts as progress only beyond what noise gives.
constexpr double improvement = 0.005;

/// Bytes whose spill says nothing against a schedule: a row tile's own positions, which wait outside its key loops, and
/// what a CTA knows of its share (of 192 and 256 dims 180 to 552 bytes, at 0.6 of the time that register loads take).
int64_t harmlessSpill(const Schedule &schedule) { return schedule.streamK ? 576 : schedule.persistent ? 96 : 0; }
bool isClean(const Trial &trial) { return trial.spillBytes <= harmlessSpill(trial.schedule); }

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One answer for each question, or the evaluator broke its contract.
template <class Answer>
llvm::Expected<std::vector<Answer>> oneEach(size_t asked, llvm::Expected<std::vector<Answer>> answers) {
  if (answers && answers->size() != asked)
    return llvm::createStringError("evaluator: asked for %zu candidates, answered %zu", asked, answers->size());
  return answers;
}

} // namespace

Tuner::Tuner(const SearchSpace &space, Strategy &strategy, Evaluator &evaluator, TuneOptions given)
    : space(space), strategy(strategy), evaluator(evaluator), options(std::move(given)),
      budget(options.effort.limits, options.clock) {
  for (const Trial &trial : options.finished)
    resumed[trial.schedule] = trial;
}

llvm::Expected<TuneResult> Tuner::run() {
  result.counts.product = space.productSize();
  result.counts.feasible = static_cast<int64_t>(space.size());
  emit(TuneEventKind::Started, nullptr);
  if (llvm::Error error = search())
    return error;
  if (llvm::Error error = evaluateSpilled())
    return error;
  if (llvm::Error error = raceFinalists())
    return error;
  if (isCancelled())
    result.stop = StopReason::Cancelled;
  result.conditions = evaluator.conditions();
  result.seconds = budget.secondsUsed();
  emit(TuneEventKind::Finished, nullptr);
  return std::move(result);
}

//===--- Search -------------------------------------------------------------===//

llvm::Error Tuner::search() {
  std::vector<Schedule> batch = {options.incumbent};
  for (const Schedule &hint : options.hints)
    if (!llvm::is_contained(batch, hint))
      batch.push_back(hint);
  batch.resize(budget.trialsLeft(static_cast<int64_t>(batch.size())));
  while (!batch.empty()) {
    if (llvm::Error error = evaluate(batch))
      return error;
    if (isCancelled()) {
      result.stop = StopReason::Cancelled;
      return llvm::Error::success();
    }
    if (std::optional<StopReason> reason = budget.searchEnds()) {
      result.stop = *reason;
      return llvm::Error::success();
    }
    batch = strategy.ask(budget.trialsLeft(static_cast<int64_t>(options.effort.batch)));
  }
  return llvm::Error::success();
}

llvm::Error Tuner::evaluate(llvm::ArrayRef<Schedule> batch) {
  std::vector<Trial> fresh;
  for (const Schedule &schedule : batch)
    if (!resumed.count(schedule)) {
      Trial &trial = fresh.emplace_back();
      trial.schedule = schedule;
      trial.workspaceBytes = resources(space.problem(), schedule, space.target()).workspaceBytes;
    }
  for (auto stage : {&Tuner::prepare, &Tuner::verify, &Tuner::time})
    if (llvm::Error error = (this->*stage)(fresh))
      return error;
  auto next = fresh.begin();
  for (const Schedule &schedule : batch) {
    auto earlier = resumed.find(schedule);
    finish(earlier != resumed.end() ? earlier->second : *next++);
  }
  return llvm::Error::success();
}

/// Outcome, reason and the assembler's figures. Spilling candidates are set aside, but not the incumbent: it is
/// what would run otherwise.
llvm::Error Tuner::prepare(std::vector<Trial> &trials) {
  if (trials.empty())
    return llvm::Error::success();
  std::vector<Schedule> schedules;
  for (const Trial &trial : trials)
    schedules.push_back(trial.schedule);
  llvm::Expected<std::vector<Preparation>> answers = oneEach(schedules.size(), evaluator.prepare(schedules));
  if (!answers)
    return answers.takeError();
  for (auto [trial, answer] : llvm::zip(trials, *answers)) {
    trial.outcome = answer.outcome;
    trial.reason = answer.reason;
    trial.registers = answer.registers;
    trial.spillBytes = answer.spillBytes;
    trial.sharedBytes = answer.sharedBytes;
    trial.compileMilliseconds = answer.compileMilliseconds;
    if (trial.isOk() && !isClean(trial) && !(trial.schedule == options.incumbent)) {
      trial.outcome = Outcome::Spilled;
      trial.reason = std::to_string(trial.spillBytes) + " bytes of registers spilled";
    }
  }
  return llvm::Error::success();
}

llvm::Error Tuner::verify(std::vector<Trial> &trials) {
  for (Trial &trial : trials) {
    if (!trial.isOk())
      continue;
    if (isCancelled()) {
      trial.outcome = Outcome::Cancelled;
      continue;
    }
    llvm::Expected<Verification> answer = evaluator.verify(trial.schedule);
    if (!answer)
      return answer.takeError();
    trial.outcome = answer->outcome;
    trial.reason = answer->reason;
    trial.error = answer->error;
    if (trial.isOk())
      ready.insert(trial.schedule);
  }
  return llvm::Error::success();
}

llvm::Error Tuner::time(std::vector<Trial> &trials) {
  std::vector<Trial *> runners;
  std::vector<Schedule> schedules;
  for (Trial &trial : trials)
    if (trial.isOk()) {
      runners.push_back(&trial);
      schedules.push_back(trial.schedule);
    }
  if (runners.empty())
    return llvm::Error::success();
  double limit = best() ? giveUpFactor * best()->cost() : infinity;
  llvm::Expected<std::vector<Timing>> answers =
      oneEach(schedules.size(), evaluator.measure(schedules, {options.effort.searchRounds, limit}));
  if (!answers)
    return answers.takeError();
  for (auto [trial, answer] : llvm::zip(runners, *answers)) {
    trial->outcome = answer.outcome;
    trial->reason = answer.reason;
    trial->samples = std::move(answer.microseconds);
  }
  return llvm::Error::success();
}

void Tuner::finish(const Trial &trial) {
  if (trial.outcome == Outcome::Cancelled)
    return;
  double before = best() ? best()->cost() : infinity;
  places[trial.schedule] = result.trials.size();
  result.trials.push_back(trial);
  if (trial.cost() < before)
    bestPlace = places[trial.schedule];
  count(trial, 1);
  budget.recordTrial(trial.cost() < before * (1 - improvement));
  strategy.tell(trial.schedule, trial.cost());
  if (options.log && !resumed.count(trial.schedule))
    log(options.log->write(trial));
  emit(TuneEventKind::TrialFinished, &trial);
}

void Tuner::amend(const Trial &trial) {
  if (trial.outcome == Outcome::Cancelled)
    return;
  Trial &recorded = result.trials[places[trial.schedule]];
  count(recorded, -1);
  recorded = trial;
  count(recorded, 1);
  for (const auto &[schedule, place] : places)
    if (result.trials[place].cost() < (best() ? best()->cost() : infinity))
      bestPlace = place;
  if (options.log)
    log(options.log->write(trial));
}

/// Brings trials of an earlier stage or session to where they may be timed: nothing runs unverified.
llvm::Error Tuner::requalify(std::vector<Trial> &trials, bool maySpill) {
  if (llvm::Error error = prepare(trials))
    return error;
  for (Trial &trial : trials)
    if (trial.outcome == Outcome::Spilled && maySpill) {
      trial.outcome = Outcome::Ok;
      trial.reason.clear();
    }
  return verify(trials);
}

/// Nothing clean works: better a kernel that spills than none.
llvm::Error Tuner::evaluateSpilled() {
  bool cleanWorks = llvm::any_of(result.trials, [](const Trial &t) { return t.isOk() && isClean(t); });
  if (cleanWorks || isCancelled())
    return llvm::Error::success();
  std::vector<Trial> spilled;
  llvm::copy_if(result.trials, std::back_inserter(spilled),
                [](const Trial &t) { return t.outcome == Outcome::Spilled; });
  llvm::sort(spilled, [](const Trial &a, const Trial &b) {
    return std::tie(a.spillBytes, a.schedule) < std::tie(b.spillBytes, b.schedule);
  });
  spilled.resize(std::min(spilled.size(), options.effort.finalists));
  if (llvm::Error error = requalify(spilled, /*maySpill=*/true))
    return error;
  if (llvm::Error error = time(spilled))
    return error;
  for (const Trial &trial : spilled)
    amend(trial);
  return llvm::Error::success();
}

//===--- Race ---------------------------------------------------------------===//

/// The best of the search, then the incumbent, if they worked.
std::vector<Trial> Tuner::bestTrials() const {
  std::vector<Trial> field;
  llvm::copy_if(result.trials, std::back_inserter(field),
                [&](const Trial &trial) { return trial.isOk() && !(trial.schedule == options.incumbent); });
  llvm::sort(field, [](const Trial &a, const Trial &b) {
    return a.cost() != b.cost() ? a.cost() < b.cost() : a.schedule < b.schedule;
  });
  field.resize(std::min(field.size(), options.effort.finalists));
  double limit = field.empty() ? 0 : finalistFactor * field.front().cost();
  llvm::erase_if(field, [&](const Trial &trial) { return trial.cost() > limit; });
  if (const Trial *incumbent = find(options.incumbent); incumbent && incumbent->isOk())
    field.push_back(*incumbent);
  return field;
}

/// Those of the best that this session's evaluator has verified, or verifies now.
llvm::Expected<std::vector<Contender>> Tuner::finalists() {
  std::vector<Trial> field, unready;
  for (const Trial &trial : bestTrials())
    (ready.count(trial.schedule) ? field : unready).push_back(trial);
  bool maySpill = llvm::all_of(field, [](const Trial &trial) { return !isClean(trial); });
  if (llvm::Error error = requalify(unready, maySpill))
    return error;
  for (const Trial &trial : unready) {
    if (trial.isOk())
      field.push_back(trial);
    else
      amend(trial);
  }
  std::vector<Contender> contenders;
  for (Trial &trial : field) {
    Contender &contender = contenders.emplace_back();
    contender.isIncumbent = trial.schedule == options.incumbent;
    contender.trial = std::move(trial);
  }
  return contenders;
}

llvm::Error Tuner::raceFinalists() {
  if (isCancelled())
    return llvm::Error::success();
  llvm::Expected<std::vector<Contender>> contenders = finalists();
  if (!contenders)
    return contenders.takeError();
  result.counts.raced = static_cast<int64_t>(contenders->size());
  llvm::Expected<RaceResult> raced = race(
      evaluator, std::move(*contenders), options.effort.race, [&] { return isCancelled() || budget.isOutOfTime(); },
      [&](llvm::ArrayRef<Contender> field, unsigned) { emit(TuneEventKind::RungFinished, nullptr, field); });
  if (!raced)
    return raced.takeError();
  result.race = std::move(*raced);
  for (const Contender &contender : result.race.contenders) {
    if (!contender.trial.isOk())
      amend(contender.trial);
    if (contender.isIncumbent && contender.trial.isOk() && !contender.samples.empty())
      result.incumbentTime = estimate(contender.samples);
  }
  if (options.log)
    log(options.log->write(result.race));
  for (size_t index : result.race.ties)
    result.ties.push_back(result.race.contenders[index].trial.schedule);
  result.gain = result.race.gain;
  if (result.race.winner) {
    const Contender &winner = result.race.contenders[*result.race.winner];
    result.winner = winner.trial;
    result.winnerTime = estimate(winner.samples);
    result.keptIncumbent = winner.isIncumbent;
  }
  return llvm::Error::success();
}

//===--- Bookkeeping ----------------------------------------------------------===//

/// The stages a trial came through, by what ended it.
void Tuner::count(const Trial &trial, int64_t one) {
  StageCounts &counts = result.counts;
  counts.tried += one;
  if (trial.outcome != Outcome::Ok)
    counts.failures[trial.outcome] += one;
  bool compiled = trial.outcome != Outcome::Infeasible && trial.outcome != Outcome::CompileFailed &&
                  trial.outcome != Outcome::CompileTimeout && trial.outcome != Outcome::CompileCrashed;
  counts.compiled += compiled ? one : 0;
  counts.clean += compiled && isClean(trial) ? one : 0;
  counts.correct += trial.isOk() ? one : 0;
  counts.timed += trial.isOk() && !trial.samples.empty() ? one : 0;
}

/// A log that cannot be written must not cost the search: said once, then done without.
void Tuner::log(llvm::Error written) {
  if (!written)
    return;
  result.complaints.push_back(llvm::toString(std::move(written)));
  options.log = nullptr;
}

void Tuner::emit(TuneEventKind kind, const Trial *trial, llvm::ArrayRef<Contender> contenders) {
  if (!options.onEvent)
    return;
  const Trial *incumbent = find(options.incumbent);
  TuneEvent event;
  event.kind = kind;
  event.counts = &result.counts;
  event.trial = trial;
  event.best = best();
  event.defaultMicroseconds = incumbent && incumbent->isOk() ? incumbent->cost() : 0;
  event.contenders = contenders;
  event.seconds = budget.secondsUsed();
  event.progress = kind == TuneEventKind::Finished ? 1 : budget.progress();
  options.onEvent(event);
}

const Trial *Tuner::find(const Schedule &schedule) const {
  auto place = places.find(schedule);
  return place == places.end() ? nullptr : &result.trials[place->second];
}

const Trial *Tuner::best() const { return bestPlace ? &result.trials[*bestPlace] : nullptr; }

} // namespace lla
