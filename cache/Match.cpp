//===- Match.cpp - the best that is known for a problem -------------------===//

#include "cache/Match.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <fmt/format.h>
#include <set>

namespace lla {
namespace {

constexpr NamedValue<MatchGrade> grades[] = {{MatchGrade::Exact, "exact"},
                                             {MatchGrade::NearbyShape, "nearby shape"},
                                             {MatchGrade::OtherDevice, "other device"},
                                             {MatchGrade::None, "none"}};

/// A record that may answer. Only its name was read so far.
struct Candidate {
  const RecordLayer *layer;
  RecordLead lead;
  double distance;
  size_t order; ///< Upper layers come first.
};

/// What a lookup asks, and the faults it meets.
class Search {
public:
  Search(const RecordStore &store, const Problem &problem, const Target &target, const MeasurementPolicy &policy,
         int64_t family)
      : store(store), target(target) {
    asked.problem = problem;
    asked.deviceClass = deviceClass(target);
    asked.policy = policy;
    asked.family = family;
  }

  Match run() {
    Match match = exact();
    if (match.grade == MatchGrade::None)
      match = nearest();
    match.damaged = std::move(damaged);
    match.infeasible = std::move(infeasible);
    return match;
  }

  Neighbourhood around(double octaves, size_t most) {
    Neighbourhood result;
    std::set<std::string> seen;
    for (const Candidate &candidate : candidates()) {
      if (candidate.lead.isOtherDevice || candidate.distance > octaves || result.neighbours.size() == most)
        break;
      for (Record &record : withoutFaults(candidate.layer->read(asked, candidate.lead)))
        if (seen.insert(record.key().text()).second)
          result.neighbours.push_back({std::move(record), candidate.layer->name(), candidate.distance});
    }
    result.damaged = std::move(damaged);
    return result;
  }

private:
  /// An infeasible record is skipped, and reported: a hand or an older program wrote it.
  bool isFeasible(const Record &record, const std::string &layer) {
    llvm::Error error = checkFeasible(asked.problem, record.schedule, target);
    if (!error)
      return true;
    infeasible.push_back({layer, 0, "infeasible here: " + llvm::toString(std::move(error))});
    return false;
  }

  std::vector<Record> withoutFaults(RecordScan scan) {
    llvm::append_range(damaged, scan.faults);
    return std::move(scan.records);
  }

  Match exact() {
    for (const std::unique_ptr<RecordLayer> &layer : store.layers())
      for (Record &record : withoutFaults(layer->exact(asked)))
        if (isFeasible(record, layer->name()))
          return answer(std::move(record), layer->name(), MatchGrade::Exact, /*distance=*/0);
    return {};
  }

  /// This device class first, then by distance; a tie goes to the upper layer.
  std::vector<Candidate> candidates() const {
    std::vector<Candidate> all;
    for (const std::unique_ptr<RecordLayer> &layer : store.layers())
      for (RecordLead &lead : layer->kind(asked)) {
        double distance = shapeDistance(lead.shape, asked.problem);
        all.push_back({layer.get(), std::move(lead), distance, all.size()});
      }
    llvm::sort(all, [](const Candidate &a, const Candidate &b) {
      return std::tie(a.lead.isOtherDevice, a.distance, a.order) < std::tie(b.lead.isOtherDevice, b.distance, b.order);
    });
    return all;
  }

  Match nearest() {
    damaged.clear(); // The same files are read again.
    infeasible.clear();
    for (const Candidate &candidate : candidates())
      for (Record &record : withoutFaults(candidate.layer->read(asked, candidate.lead)))
        if (isFeasible(record, candidate.layer->name()))
          return answer(std::move(record), candidate.layer->name(),
                        candidate.lead.isOtherDevice ? MatchGrade::OtherDevice : MatchGrade::NearbyShape,
                        candidate.distance);
    Match none;
    none.reason = infeasible.empty()
                      ? "no record of this kind of problem"
                      : fmt::format("none of {} records of this kind is feasible here", infeasible.size());
    return none;
  }

  Match answer(Record record, std::string layer, MatchGrade grade, double distance) const {
    Match match;
    match.grade = grade;
    match.sameBucket = grade != MatchGrade::OtherDevice && recordKey(bucketed(record.problem), "", asked.policy) ==
                                                               recordKey(bucketed(asked.problem), "", asked.policy);
    match.distance = distance;
    match.record = std::move(record);
    match.layer = std::move(layer);
    match.reason = reasonOf(match);
    return match;
  }

  static std::string reasonOf(const Match &match) {
    const Problem &problem = match.record.problem;
    if (match.grade == MatchGrade::Exact)
      return fmt::format("this problem's record, from {}", match.layer);
    std::string where =
        match.grade == MatchGrade::OtherDevice ? fmt::format(" on another device ({})", match.record.deviceClass) : "";
    return fmt::format("record of batch {} x kv_heads {}, {} {}, query_length {}, {:.2f} octaves away{}, from {}",
                       problem.batch, problem.kvHeads, problem.isMerge() ? "shards" : "context", problem.foldLength(),
                       problem.queryLength, match.distance, where, match.layer);
  }

  const RecordStore &store;
  const Target &target;
  Record asked; ///< Only what a record is filed under.
  std::vector<EntryFault> damaged, infeasible;
};

} // namespace

llvm::StringRef name(MatchGrade value) { return nameIn(grades, value); }

Match lookup(const RecordStore &store, const Problem &problem, const Target &target, const MeasurementPolicy &policy,
             int64_t family) {
  return Search(store, problem, target, policy, family).run();
}

Neighbourhood neighbourhood(const RecordStore &store, const Problem &problem, const Target &target,
                            const MeasurementPolicy &policy, double octaves, size_t most, int64_t family) {
  return Search(store, problem, target, policy, family).around(octaves, most);
}

} // namespace lla
