//===- Match.cpp - the best that is known for a problem -------------------===//

#include "cache/Match.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <fmt/format.h>

namespace lla {
namespace {

constexpr NamedValue<MatchGrade> grades[] = {{MatchGrade::Exact, "exact"},
                                             {MatchGrade::NearbyShape, "nearby shape"},
                                             {MatchGrade::OtherDevice, "other device"},
                                             {MatchGrade::None, "none"}};

struct Candidate {
  Record record;
  std::string layer;
  bool isOtherDevice;
  double distance;
  size_t order; ///< Of reading: upper layers come first.
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
    match.skipped = std::move(skipped);
    return match;
  }

private:
  /// An infeasible record is skipped, and reported: a hand or an older program wrote it.
  bool isFeasible(const Record &record, const std::string &layer) {
    llvm::Error error = checkFeasible(asked.problem, record.schedule, target);
    if (!error)
      return true;
    skipped.push_back({layer, 0, "infeasible here: " + llvm::toString(std::move(error))});
    return false;
  }

  std::vector<Record> withoutFaults(RecordScan scan) {
    llvm::append_range(skipped, scan.faults);
    return std::move(scan.records);
  }

  Match exact() {
    for (const std::unique_ptr<RecordLayer> &layer : store.layers())
      for (Record &record : withoutFaults(layer->exact(asked)))
        if (isFeasible(record, layer->name()))
          return answer({std::move(record), layer->name(), /*isOtherDevice=*/false, /*distance=*/0, /*order=*/0},
                        MatchGrade::Exact);
    return {};
  }

  /// This device class first, then by distance; a tie goes to the upper layer.
  std::vector<Candidate> candidates() {
    std::vector<Candidate> all;
    for (const std::unique_ptr<RecordLayer> &layer : store.layers())
      for (Record &record : withoutFaults(layer->kind(asked))) {
        bool isOtherDevice = record.deviceClass != asked.deviceClass;
        double distance = shapeDistance(record.problem, asked.problem);
        all.push_back({std::move(record), layer->name(), isOtherDevice, distance, all.size()});
      }
    llvm::sort(all, [](const Candidate &a, const Candidate &b) {
      return std::tie(a.isOtherDevice, a.distance, a.order) < std::tie(b.isOtherDevice, b.distance, b.order);
    });
    return all;
  }

  Match nearest() {
    skipped.clear(); // The same files are read again.
    std::vector<Candidate> all = candidates();
    for (Candidate &candidate : all)
      if (isFeasible(candidate.record, candidate.layer)) {
        MatchGrade grade = candidate.isOtherDevice ? MatchGrade::OtherDevice : MatchGrade::NearbyShape;
        return answer(std::move(candidate), grade);
      }
    Match none;
    none.reason = all.empty() ? "no record of this kind of problem"
                              : fmt::format("none of {} records of this kind is feasible here", all.size());
    return none;
  }

  Match answer(Candidate candidate, MatchGrade grade) const {
    Match match;
    match.grade = grade;
    match.sameBucket = !candidate.isOtherDevice && recordKey(bucketed(candidate.record.problem), "", asked.policy) ==
                                                       recordKey(bucketed(asked.problem), "", asked.policy);
    match.reason = reason(candidate, grade);
    match.record = std::move(candidate.record);
    match.layer = std::move(candidate.layer);
    match.distance = candidate.distance;
    return match;
  }

  static std::string reason(const Candidate &candidate, MatchGrade grade) {
    const Problem &problem = candidate.record.problem;
    if (grade == MatchGrade::Exact)
      return fmt::format("this problem's record, from {}", candidate.layer);
    std::string where =
        grade == MatchGrade::OtherDevice ? fmt::format(" on another device ({})", candidate.record.deviceClass) : "";
    return fmt::format("record of batch {} x kv_heads {}, context {}, query_length {}, {:.2f} octaves away{}, from {}",
                       problem.batch, problem.kvHeads, problem.context, problem.queryLength, candidate.distance, where,
                       candidate.layer);
  }

  const RecordStore &store;
  const Target &target;
  Record asked; ///< Only what a record is filed under.
  std::vector<EntryFault> skipped;
};

} // namespace

llvm::StringRef name(MatchGrade value) { return nameIn(grades, value); }

double shapeDistance(const Problem &a, const Problem &b) {
  auto octaves = [](int64_t x, int64_t y) { return std::log2(static_cast<double>(x) / static_cast<double>(y)); };
  constexpr double otherLayout = 0.25;
  return std::hypot(std::hypot(octaves(a.batch * a.kvHeads, b.batch * b.kvHeads), octaves(a.context, b.context)),
                    octaves(a.queryLength, b.queryLength), a.layout == b.layout ? 0 : otherLayout);
}

Match lookup(const RecordStore &store, const Problem &problem, const Target &target, const MeasurementPolicy &policy,
             int64_t family) {
  return Search(store, problem, target, policy, family).run();
}

} // namespace lla
