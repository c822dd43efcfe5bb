//===- Key.cpp - what a cached thing depends on ---------------------------===//

#include "cache/Key.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "dialect/Spec/Shape.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <fmt/format.h>

using nlohmann::json;

namespace lla {
namespace {

constexpr NamedValue<bool> launches[] = {{true, "graph"}, {false, "eager"}};
constexpr NamedValue<bool> caches[] = {{true, "cold"}, {false, "warm"}};

const char *truth(bool value) { return value ? "true" : "false"; }

/// What generated code bakes in of a problem.
void addCode(Key &key, const Problem &problem) {
  key.add("mode", name(problem.mode));
  key.add("probe", name(problem.probe));
  key.add("lambda", fmt::format("{}", problem.lambda));
  key.add("group", std::to_string(problem.group()));
  key.add("head_dim", std::to_string(problem.headDim));
  key.add("dtype", name(problem.dtype));
  key.add("causal", truth(problem.causal));
  key.add("window", std::to_string(problem.window));
  key.add("single_query", truth(problem.queryLength == 1));
  // Only where asked for, so that what was stored before such problems is still found.
  if (problem.state)
    key.add("state", truth(true));
  if (problem.outputDtype)
    key.add("output_dtype", name(*problem.outputDtype));
  if (problem.ragged)
    key.add("ragged", truth(true));
  if (problem.pageSize)
    key.add("page_size", std::to_string(problem.pageSize));
  if (problem.packedQueries)
    key.add("packed_queries", truth(true));
  if (problem.packedKeys)
    key.add("packed_keys", truth(true));
  if (problem.kvDtype)
    key.add("kv_dtype", name(*problem.kvDtype));
}

/// What a launch tells a kernel otherwise.
void addStaticSizes(Key &key, const Problem &problem) {
  for (const ShapeField &field : shapeFields())
    key.add(std::string("static.") + field.name, std::to_string(problem.*field.size));
}

/// The schedule field by field, but for what a launch decides: `spread`, and, unless sizes are static, the number of
/// splits and their least size.
void addSchedule(Key &key, const Schedule &schedule) {
  std::string text = toText(schedule);
  llvm::SmallVector<llvm::StringRef> tokens;
  llvm::SplitString(text, tokens);
  for (llvm::StringRef token : tokens) {
    auto [name, value] = token.split('=');
    bool isSize = name == "splits" || name == "split_tiles";
    if (name != "spread" && (schedule.staticSizes || !isSize))
      key.add(("schedule." + name).str(), value);
  }
  key.add("schedule.several_splits", truth(schedule.splits > 1));
  key.add("schedule.several_grid_splits", truth(gridSplits(schedule) > 1));
}

/// No tie exists: a power of two times sqrt(2) is no integer.
int64_t nearestPowerOfTwo(int64_t value) {
  return int64_t(1) << std::lround(std::log2(static_cast<double>(std::max<int64_t>(value, 1))));
}

} // namespace

std::string Key::text() const {
  return json(values).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

llvm::Expected<Key> Key::parse(llvm::StringRef text) {
  json object = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    return fieldError("key", "a JSON object", object.is_discarded() ? "no JSON" : object.type_name());
  Key key;
  for (const auto &[name, value] : object.items()) {
    if (!value.is_string())
      return fieldError("key." + name, "a string", value.type_name());
    key.add(name, value.get_ref<const std::string &>());
  }
  return key;
}

std::vector<Key::Difference> Key::differences(const Key &theirs) const {
  std::map<std::string, Difference> all;
  for (const auto &[name, value] : values)
    all[name] = {name, value, ""};
  for (const auto &[name, value] : theirs.values) {
    all[name].name = name;
    all[name].theirs = value;
  }
  std::vector<Difference> result;
  for (const auto &[name, difference] : all)
    if (difference.ours != difference.theirs)
      result.push_back(difference);
  return result;
}

std::string toText(const MeasurementPolicy &policy) {
  return fmt::format("{},{}", nameIn(launches, policy.graphReplay).str(), nameIn(caches, policy.coldCache).str());
}

llvm::Expected<MeasurementPolicy> parseMeasurementPolicy(llvm::StringRef text) {
  auto [launch, cache] = text.split(',');
  std::optional<bool> graphReplay = valueIn(launches, launch), coldCache = valueIn(caches, cache);
  if (!graphReplay || !coldCache)
    return fieldError("policy", fmt::format("{},{}", namesIn(launches), namesIn(caches)), '"' + text.str() + '"');
  return MeasurementPolicy{*graphReplay, *coldCache};
}

Key artifactKey(const Problem &problem, const Schedule &schedule, const Target &target, const Toolchain &toolchain) {
  Key key;
  key.add("artifact_schema", std::to_string(cacheSchema));
  key.add("arch", target.arch);
  key.add("vector_bits", std::to_string(target.isHost() ? target.vectorBits : 0));
  addCode(key, problem);
  addSchedule(key, schedule);
  if (schedule.staticSizes)
    addStaticSizes(key, problem);
  key.add("options", toolchain.options);
  key.add("compiler", toolchain.fingerprint);
  key.add("llvm", toolchain.llvmVersion);
  key.add("ptxas", toolchain.ptxasVersion);
  return key;
}

Key recordKindKey(const Problem &problem, const MeasurementPolicy &policy, int64_t family) {
  Key key;
  key.add("record_schema", std::to_string(cacheSchema));
  key.add("family", std::to_string(family));
  key.add("policy", toText(policy));
  addCode(key, problem);
  return key;
}

Key recordKey(const Problem &problem, llvm::StringRef deviceClass, const MeasurementPolicy &policy, int64_t family) {
  Key key = recordKindKey(problem, policy, family);
  key.add("device_class", deviceClass);
  key.add("layout", name(problem.layout));
  key.add("heads", std::to_string(problem.batch * problem.kvHeads));
  key.add("context", std::to_string(problem.foldLength()));
  key.add("query_length", std::to_string(problem.queryLength));
  return key;
}

Problem bucketed(Problem problem) {
  int64_t group = problem.group();
  problem.kvHeads = nearestPowerOfTwo(problem.batch * problem.kvHeads);
  problem.queryHeads = problem.kvHeads * group;
  problem.batch = 1;
  int64_t &length = problem.isMerge() ? problem.shards : problem.context;
  length = nearestPowerOfTwo(length);
  problem.queryLength = nearestPowerOfTwo(problem.queryLength);
  return problem;
}

} // namespace lla
