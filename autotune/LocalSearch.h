//===- LocalSearch.h - hill climbing from several starts ------------------===//
//
// First a round of starts: the most promising by prediction that differ from one
// another in several fields, and some at random. Then climbs, from the cheapest
// start on: the neighbours of the current point are asked for in predicted order;
// as soon as an answered batch holds a cheaper one, the climb moves there. At a
// local optimum the next start is climbed from; when none is left, a new round
// of random starts begins. It ends when the whole space is known, so in
// practice the budget ends it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_LOCALSEARCH_H
#define LLA_AUTOTUNE_LOCALSEARCH_H

#include "autotune/Strategy.h"
#include <deque>
#include <set>

namespace lla {

class LocalSearch : public Strategy {
public:
  LocalSearch(const SearchSpace &space, Predictor predictor, uint64_t seed);
  std::vector<Schedule> ask(size_t limit) override;

protected:
  /// Whatever is told and works is a point that a climb may start from.
  void learned(const Schedule &schedule, double cost) override;

private:
  /// Moves the climb to `point` and queues its unknown neighbours.
  void climbTo(const Schedule &point);
  void queueUnknown(llvm::ArrayRef<Schedule> schedules);
  bool climbFromNextStart();
  bool queueRandomStarts(size_t count);
  std::vector<Schedule> diverseStarts(size_t count) const;

  const SearchSpace &space;
  Predictor predictor;
  std::vector<Schedule> shuffled; ///< The space in random order; random starts come from its end.
  std::deque<Schedule> queue;     ///< To be asked next.
  std::vector<Schedule> batch;    ///< Asked last.
  std::vector<Schedule> starts;   ///< Known to work, not climbed from yet.
  std::set<Schedule> climbed;     ///< Points whose neighbours were queued.
  std::optional<Schedule> current;
};

} // namespace lla
#endif
