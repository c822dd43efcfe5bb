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

/// Somebody's key, for comparing with the asked one.
struct Neighbour {
  std::string label;
  std::vector<Key::Difference> differences;
};

/// Shown of the neighbours; more than these tell nothing.
constexpr size_t shownNeighbours = 3;

std::string describe(std::vector<Neighbour> neighbours) {
  llvm::sort(neighbours, [](const Neighbour &a, const Neighbour &b) {
    return std::make_pair(a.differences.size(), a.label) < std::make_pair(b.differences.size(), b.label);
  });
  neighbours.resize(std::min(neighbours.size(), shownNeighbours));
  std::string text;
  for (const Neighbour &neighbour : neighbours) {
    text += fmt::format("nearest: {}\n", neighbour.label);
    for (const Key::Difference &difference : neighbour.differences)
      text += fmt::format("  {}: asked \"{}\", has \"{}\"\n", difference.name, difference.ours, difference.theirs);
  }
  return text;
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
  return object.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
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

std::string whyArtifact(const ArtifactStore &store, const Key &asked) {
  ArtifactLoad loaded = store.load(asked);
  if (loaded.artifact)
    return fmt::format("hit: {}\n", asked.digest());
  std::vector<Neighbour> neighbours;
  for (const ArtifactDirectory &directory : store.layers())
    for (const ArtifactEntry &entry : directory.entries())
      if (llvm::Expected<ArtifactMeta> meta = directory.meta(entry.digest))
        neighbours.push_back({fmt::format("{} {}", entry.digest, meta->kernelName), asked.differences(meta->key)});
      else
        llvm::consumeError(meta.takeError());
  return fmt::format("miss: {}: {}\n", asked.digest(), loaded.reason) + describe(std::move(neighbours));
}

std::string whyRecord(const RecordStore &store, const Problem &problem, const Target &target,
                      const MeasurementPolicy &policy) {
  Match match = lookup(store, problem, target, policy);
  std::string text = fmt::format("{}: {}\n", name(match.grade).str(), match.reason);
  for (const EntryFault &fault : match.skipped)
    text += fmt::format("skipped: {}\n", toText(fault));
  if (match.grade == MatchGrade::Exact)
    return text;
  Key asked = recordKey(problem, deviceClass(target), policy);
  std::vector<Neighbour> neighbours;
  for (const std::unique_ptr<RecordLayer> &layer : store.layers())
    for (const Record &record : layer->all().records)
      neighbours.push_back({summary(record), asked.differences(record.key())});
  return text + describe(std::move(neighbours));
}

} // namespace lla
