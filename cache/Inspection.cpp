//===- Inspection.cpp - the caches' contents for people and programs ------===//

#include "cache/Inspection.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

constexpr NamedValue<CacheItem::Kind> itemKinds[] = {{CacheItem::Kind::Record, "record"},
                                                     {CacheItem::Kind::Artifact, "artifact"}};

/// Shown of the neighbours; more than these tell nothing.
constexpr size_t shownNeighbours = 3;

std::vector<KeyNeighbour> nearestOf(std::vector<KeyNeighbour> neighbours) {
  llvm::sort(neighbours, [](const KeyNeighbour &a, const KeyNeighbour &b) {
    return std::make_pair(a.differences.size(), a.label) < std::make_pair(b.differences.size(), b.label);
  });
  neighbours.resize(std::min(neighbours.size(), shownNeighbours));
  return neighbours;
}

std::string textOf(llvm::ArrayRef<KeyNeighbour> neighbours) {
  std::string text;
  for (const KeyNeighbour &neighbour : neighbours) {
    text += fmt::format("nearest: {}\n", neighbour.label);
    for (const Key::Difference &difference : neighbour.differences)
      text += fmt::format("  {}: asked \"{}\", has \"{}\"\n", difference.name, difference.ours, difference.theirs);
  }
  return text;
}

ordered_json jsonOf(llvm::ArrayRef<KeyNeighbour> neighbours) {
  ordered_json array = ordered_json::array();
  for (const KeyNeighbour &neighbour : neighbours) {
    ordered_json differences = ordered_json::object();
    for (const Key::Difference &difference : neighbour.differences)
      differences[difference.name] = {{"asked", difference.ours}, {"has", difference.theirs}};
    array.push_back({{"label", neighbour.label}, {"differences", differences}});
  }
  return array;
}

ordered_json jsonOf(llvm::ArrayRef<EntryFault> faults) {
  ordered_json array = ordered_json::array();
  for (const EntryFault &fault : faults)
    array.push_back(toText(fault));
  return array;
}

std::string lineOf(const ordered_json &object) {
  return object.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

std::string indented(ordered_json object, const std::string &layer) {
  object["layer"] = layer;
  return object.dump(2, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace) + "\n";
}

std::string summary(const Record &record) {
  const Problem &problem = record.problem;
  return fmt::format("{} batch={} heads={}/{} query_length={} context={} [{}] on {}, {}: {:.2f} us",
                     problem.kernelName(), problem.batch, problem.queryHeads, problem.kvHeads, problem.queryLength,
                     problem.context, toText(record.schedule), record.deviceClass, toText(record.policy),
                     record.microseconds);
}

/// An entry with the text that `showEntry` gives for it.
struct Listed {
  CacheItem item;
  std::string json;
};

std::vector<Listed> listAll(const Cache &cache) {
  std::vector<Listed> all;
  for (const std::unique_ptr<RecordLayer> &layer : cache.records.layers())
    for (const Record &record : layer->all().records)
      all.push_back({{CacheItem::Kind::Record, record.key().digest(), layer->name(), summary(record), 0},
                     indented(ordered_json::parse(toJson(record)), layer->name())});
  for (const ArtifactDirectory &directory : cache.artifacts.layers())
    for (const ArtifactEntry &entry : directory.entries())
      if (llvm::Expected<ArtifactMeta> meta = directory.meta(entry.digest))
        all.push_back({{CacheItem::Kind::Artifact, entry.digest, directory.name(), meta->kernelName, entry.bytes},
                       indented(ordered_json::parse(toJson(*meta)), directory.name())});
      else
        llvm::consumeError(meta.takeError()); // `verify` tells.
  return all;
}

} // namespace

llvm::StringRef name(CacheItem::Kind kind) { return nameIn(itemKinds, kind); }

std::string toJson(const CacheItem &item) {
  ordered_json object = {{"kind", name(item.kind).str()},
                         {"digest", item.digest},
                         {"layer", item.layer},
                         {"what", item.what},
                         {"bytes", item.bytes}};
  return lineOf(object);
}

std::vector<CacheItem> listCache(const Cache &cache) {
  std::vector<CacheItem> items;
  for (Listed &listed : listAll(cache))
    items.push_back(std::move(listed.item));
  return items;
}

llvm::Expected<std::string> showEntry(const Cache &cache, llvm::StringRef prefix) {
  std::vector<Listed> all = listAll(cache);
  llvm::erase_if(all, [&](const Listed &listed) { return !llvm::StringRef(listed.item.digest).starts_with(prefix); });
  if (all.empty())
    return fieldError("digest", "the start of an entry's digest", '"' + prefix.str() + "\", which none starts with");
  bool areSame = llvm::all_of(all, [&](const Listed &listed) { return listed.item.digest == all[0].item.digest; });
  if (!areSame)
    return fieldError("digest", "the start of one entry's digest",
                      fmt::format("\"{}\", which {} entries start with", prefix.str(), all.size()));
  std::string text;
  for (const Listed &listed : all) // One key in several layers.
    text += listed.json;
  return text;
}

ArtifactVerdict whyArtifact(const ArtifactStore &store, const Key &asked) {
  ArtifactLoad loaded = store.load(asked);
  ArtifactVerdict verdict{loaded.artifact.has_value(), asked.digest(), loaded.reason, {}};
  if (verdict.isHit)
    return verdict;
  std::vector<KeyNeighbour> neighbours;
  for (const ArtifactDirectory &directory : store.layers())
    for (const ArtifactEntry &entry : directory.entries())
      if (llvm::Expected<ArtifactMeta> meta = directory.meta(entry.digest))
        neighbours.push_back({fmt::format("{} {}", entry.digest, meta->kernelName), asked.differences(meta->key)});
      else
        llvm::consumeError(meta.takeError());
  verdict.nearest = nearestOf(std::move(neighbours));
  return verdict;
}

RecordVerdict whyRecord(const RecordStore &store, const Problem &problem, const Target &target,
                        const MeasurementPolicy &policy) {
  RecordVerdict verdict{lookup(store, problem, target, policy), {}};
  if (verdict.match.grade == MatchGrade::Exact)
    return verdict;
  Key asked = recordKey(problem, deviceClass(target), policy);
  std::vector<KeyNeighbour> neighbours;
  for (const std::unique_ptr<RecordLayer> &layer : store.layers())
    for (const Record &record : layer->all().records)
      neighbours.push_back({summary(record), asked.differences(record.key())});
  verdict.nearest = nearestOf(std::move(neighbours));
  return verdict;
}

std::string toText(const ArtifactVerdict &verdict) {
  if (verdict.isHit)
    return fmt::format("hit: {}\n", verdict.digest);
  return fmt::format("miss: {}: {}\n", verdict.digest, verdict.reason) + textOf(verdict.nearest);
}

std::string toText(const RecordVerdict &verdict) {
  const Match &match = verdict.match;
  std::string text = fmt::format("{}: {}\n", name(match.grade).str(), match.reason);
  for (const std::vector<EntryFault> *faults : {&match.damaged, &match.infeasible})
    for (const EntryFault &fault : *faults)
      text += fmt::format("skipped: {}\n", toText(fault));
  return text + textOf(verdict.nearest);
}

std::string toJson(const ArtifactVerdict &verdict) {
  return lineOf({{"hit", verdict.isHit},
                 {"digest", verdict.digest},
                 {"reason", verdict.reason},
                 {"nearest", jsonOf(verdict.nearest)}});
}

std::string toJson(const RecordVerdict &verdict) {
  const Match &match = verdict.match;
  bool isThere = match.grade != MatchGrade::None;
  return lineOf({{"grade", name(match.grade).str()},
                 {"reason", match.reason},
                 {"layer", match.layer},
                 {"octaves", match.distance},
                 {"record", isThere ? ordered_json::parse(toJson(match.record)) : ordered_json()},
                 {"damaged", jsonOf(match.damaged)},
                 {"infeasible", jsonOf(match.infeasible)},
                 {"nearest", jsonOf(verdict.nearest)}});
}

} // namespace lla
