//===- SearchSpace.cpp - every schedule worth trying ----------------------===//
//
// The product of the table is billions; a check costs about a microsecond. So
// fields are set one by one, and a partial schedule is completed with the rest's
// gentlest values: if even that is infeasible, its whole subtree is.
//
// Why it is right: for a *monotone* field the gentlest value is feasible whenever
// any value is (fewer CTAs, fewer splits ask for less). The other fields, which
// bind one another (a ring's rows and warps), are set first and unpruned.
//
//===----------------------------------------------------------------------===//

#include "autotune/SearchSpace.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace lla {
namespace {

/// Fields that never make a schedule feasible by leaving this value; in the order in which they are set: what makes
/// another's values feasible (held_rows, persistent, stream_k and split_tiles) before it.
struct MonotoneField {
  const char *name;
  int64_t gentlest;
};
constexpr MonotoneField monotoneFields[] = {{"overlap", 1}, {"peel", 0}, {"lazy", 0}, {"ctas", 1}, {"splits", 1},
                                            {"cluster", 1}, {"dependent", 0}, {"held_rows", 0}, {"persistent", 0},
                                            {"stream_k", 0}, {"split_tiles", 1}, {"pingpong", 0}, {"rounded", 0},
                                            {"spread", 0}, {"longest_first", 0}, {"static_sizes", 0}};

/// Feasible, but a part of the machine would have nothing to do.
llvm::Error checkWorthwhile(const Problem &problem, const Schedule &schedule, const Target &target) {
  int64_t span = keysOfRowTile(problem, schedule);
  if (schedule.keys >= span + 16 && schedule.keys > 16)
    return fieldError("idle keys", fmt::format("a tile of about the {} visible keys at most", span),
                      std::to_string(schedule.keys));
  Resources costs = resources(problem, schedule, target);
  int64_t tiles = (span + schedule.keys - 1) / schedule.keys;
  int64_t sharers = costs.keyWarps * schedule.splits;
  if (sharers > 1 && sharers > tiles)
    return fieldError("idle splits or warps", fmt::format("at most {} (key tiles that are visible)", tiles),
                      fmt::format("{} splits x {} warps", schedule.splits, costs.keyWarps));
  if (schedule.streamK && !problem.ragged && costs.tiles % target.multiprocessors == 0)
    return fieldError("idle stream_k", fmt::format("row tiles for a last turn on {} multiprocessors",
                                                   target.multiprocessors), std::to_string(costs.tiles));
  if (schedule.load == LoadPath::Ring && schedule.splits > 1) {
    constexpr int64_t mostWaves = 8;
    int64_t most = mostWaves * target.multiprocessors / costs.tiles;
    if (schedule.splits > most)
      return fieldError("idle splits",
                        fmt::format("at most {} ({} row tiles)", std::max<int64_t>(most, 1), costs.tiles),
                        std::to_string(schedule.splits));
    if (2 * costs.rowsPerHead < schedule.rows)
      return fieldError("idle rows", fmt::format("at most {} where keys are split", 2 * costs.rowsPerHead),
                        std::to_string(schedule.rows));
  }
  if (problem.isMerge() && schedule.stages > problem.shards)
    return fieldError("idle stages", fmt::format("at most {} (shards)", problem.shards),
                      std::to_string(schedule.stages));
  if (problem.isMerge() && costs.threads >= 2 * schedule.rows * problem.headDim)
    return fieldError("idle warps",
                      fmt::format("threads for about the {} elements of a tile", schedule.rows * problem.headDim),
                      std::to_string(costs.threads));
  if (schedule.spread && !spreadMatters(problem, schedule, target))
    return fieldError("idle spread", "false where a multiprocessor has no room for more than its share of the CTAs",
                      "true");
  if (schedule.longestFirst && (problem.batch == 1 || costs.tiles * schedule.splits <= target.multiprocessors))
    return fieldError("idle longest_first", "false where no CTA waits for a place, or of one sequence", "true");
  if (schedule.swapped && costs.rowsPerHead > rowsPerBlock(problem, schedule))
    return fieldError("several swapped blocks", fmt::format("at most {} rows of each, which share no reads",
                                                            rowsPerBlock(problem, schedule)),
                      std::to_string(costs.rowsPerHead));
  if (costs.rowTiles == 1 && schedule.rows >= 2 * std::max(costs.rowsPerHead, rowsPerBlock(problem, schedule)) &&
      schedule.load != LoadPath::Ring)
    return fieldError("idle rows", fmt::format("a tile of about the {} rows there are", costs.rowsPerHead),
                      std::to_string(schedule.rows));
  return llvm::Error::success();
}

/// "rows" of "rows: expected ...".
std::string checkName(llvm::StringRef message) {
  auto [head, rest] = message.split(": ");
  return rest.empty() ? message.split('=').first.str() : head.str();
}

} // namespace

/// One run of `SearchSpace::enumerate`.
class SpaceEnumeration {
public:
  SpaceEnumeration(SearchSpace &space, llvm::ArrayRef<ScheduleField> table) : space(space) {
    std::vector<const ScheduleField *> monotone;
    for (const MonotoneField &entry : monotoneFields)
      for (const ScheduleField &field : table)
        if (llvm::StringRef(field.name) == entry.name) {
          monotone.push_back(&field);
          gentlest.push_back(entry.gentlest);
        }
    for (const ScheduleField &field : table)
      if (!llvm::is_contained(monotone, &field))
        order.push_back(&field);
    binding = order.size();
    llvm::append_range(order, monotone);
    auto isStreamK = [](const ScheduleField *field) { return llvm::StringRef(field->name) == "stream_k"; };
    streamK = static_cast<size_t>(llvm::find_if(order, isStreamK) - order.begin());
  }

  void run() {
    space.product = subtree(0);
    Schedule schedule;
    for (size_t depth = binding; depth < order.size(); ++depth)
      order[depth]->set(schedule, gentlest[depth - binding]);
    descend(schedule, 0);
    for (auto &[check, rejection] : rejections)
      space.rejected.push_back(std::move(rejection));
    llvm::sort(space.rejected, [](const Rejection &a, const Rejection &b) {
      return a.schedules != b.schedules ? a.schedules > b.schedules : a.check < b.check;
    });
    space.seal();
  }

private:
  /// Schedules below a node whose first `depth` fields are set.
  int64_t subtree(size_t depth) const {
    int64_t count = 1;
    for (; depth < order.size(); ++depth)
      count *= static_cast<int64_t>(order[depth]->values.size());
    return count;
  }

  void descend(Schedule &schedule, size_t depth) {
    if (depth >= binding && !passes(schedule, depth))
      return;
    if (depth == order.size()) {
      space.members.push_back(schedule);
      return;
    }
    const ScheduleField &field = *order[depth];
    int64_t before = field.get(schedule);
    for (int64_t value : field.values) {
      field.set(schedule, value);
      descend(schedule, depth + 1);
    }
    field.set(schedule, before);
  }

  /// Checks the node's gentlest completion; a leaf also has to be worthwhile.
  bool passes(Schedule schedule, size_t depth) {
    if (space.what.ragged && depth <= streamK) // The only way to be persistent.
      schedule.streamK = schedule.persistent;
    llvm::Error error = checkFeasible(space.what, schedule, space.where);
    if (!error)
      error = checkWorthwhile(space.what, schedule, space.where);
    if (!error)
      return true;
    std::string message = llvm::toString(std::move(error));
    Rejection &rejection = rejections[checkName(message)];
    if (rejection.schedules == 0) {
      rejection.check = checkName(message);
      rejection.example = message;
    }
    rejection.schedules += subtree(depth);
    return false;
  }

  SearchSpace &space;
  std::vector<const ScheduleField *> order; ///< Binding fields, then monotone ones.
  std::vector<int64_t> gentlest;            ///< Of the monotone fields in `order`.
  size_t binding = 0;                       ///< How many of `order` bind one another.
  size_t streamK = 0;                       ///< Where stream_k is among them.
  std::map<std::string, Rejection> rejections;
};

SearchSpace SearchSpace::enumerate(const Problem &problem, const Target &target, llvm::ArrayRef<ScheduleField> fields) {
  SearchSpace space(problem, target);
  SpaceEnumeration(space, fields).run();
  return space;
}

SearchSpace SearchSpace::of(const Problem &problem, const Target &target, std::vector<Schedule> schedules) {
  SearchSpace space(problem, target);
  space.members = std::move(schedules);
  space.seal();
  space.product = static_cast<int64_t>(space.members.size());
  return space;
}

void SearchSpace::seal() {
  llvm::sort(members);
  members.erase(llvm::unique(members), members.end());
  values.clear();
  for (const ScheduleField &field : scheduleFields()) {
    std::vector<int64_t> &seen = values.emplace_back();
    for (const Schedule &member : members)
      seen.push_back(field.get(member));
    llvm::sort(seen);
    seen.erase(llvm::unique(seen), seen.end());
  }
}

bool SearchSpace::contains(const Schedule &schedule) const {
  return std::binary_search(members.begin(), members.end(), schedule);
}

std::vector<Schedule> SearchSpace::neighbours(const Schedule &schedule) const {
  std::vector<Schedule> result;
  for (size_t field = 0; field < values.size(); ++field)
    for (bool up : {false, true})
      if (std::optional<Schedule> next = step(schedule, field, up))
        result.push_back(*next);
  llvm::sort(result);
  result.erase(llvm::unique(result), result.end());
  return result;
}

/// The nearest member in this direction of this field.
std::optional<Schedule> SearchSpace::step(const Schedule &from, size_t index, bool up) const {
  const ScheduleField &field = scheduleFields()[index];
  const std::vector<int64_t> &candidates = values[index];
  int64_t current = field.get(from);
  Schedule moved = from;
  auto tryValue = [&](int64_t value) -> std::optional<Schedule> {
    field.set(moved, value);
    return contains(moved) ? std::optional<Schedule>(moved) : repair(moved, index);
  };
  if (up) {
    for (auto value = llvm::upper_bound(candidates, current); value != candidates.end(); ++value)
      if (std::optional<Schedule> next = tryValue(*value))
        return next;
  } else {
    for (auto value = llvm::lower_bound(candidates, current); value != candidates.begin();)
      if (std::optional<Schedule> next = tryValue(*--value))
        return next;
  }
  return std::nullopt;
}

/// A member that differs from `schedule` in one field other than `fixedField`, by the least distance.
std::optional<Schedule> SearchSpace::repair(const Schedule &schedule, size_t fixedField) const {
  std::optional<Schedule> best;
  int64_t least = 0;
  for (auto [index, field] : llvm::enumerate(scheduleFields())) {
    if (index == fixedField)
      continue;
    int64_t current = field.get(schedule);
    Schedule moved = schedule;
    for (int64_t value : values[index]) {
      int64_t distance = std::abs(value - current);
      if (distance == 0 || (best && distance >= least))
        continue;
      field.set(moved, value);
      if (contains(moved)) {
        best = moved;
        least = distance;
      }
    }
  }
  return best;
}

std::string SearchSpace::toT1() const {
  using nlohmann::ordered_json;
  ordered_json parameters = ordered_json::array();
  for (auto [index, field] : llvm::enumerate(scheduleFields())) {
    std::string list;
    for (int64_t value : values[index]) {
      std::string text = field.isLoadPath ? '\'' + name(static_cast<LoadPath>(value)).str() + '\''
                         : field.isBool   ? (value ? "True" : "False")
                                          : std::to_string(value);
      list += (list.empty() ? "" : ", ") + text;
    }
    const char *type = field.isLoadPath ? "string" : field.isBool ? "bool" : "int";
    parameters.push_back({{"Name", field.name}, {"Type", type}, {"Values", "[" + list + "]"}});
  }
  ordered_json root;
  root["General"] = {{"FormatVersion", 1}, {"TimeUnit", "Microseconds"}};
  root["ConfigurationSpace"] = {{"TuningParameters", parameters}};
  root["KernelSpecification"] = {{"Language", "CUDA"},
                                 {"KernelName", what.kernelName()},
                                 {"KernelFile", ""},
                                 {"GlobalSize", {{"X", "1"}}},
                                 {"LocalSize", {{"X", "1"}}}};
  return root.dump(2);
}

} // namespace lla
