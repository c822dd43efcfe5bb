//===- Cache.cpp - both caches of one location ----------------------------===//

#include "cache/Cache.h"
#include "cache/Files.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <fmt/format.h>

namespace lla {
Cache::Cache(const CacheLocation &where, int64_t artifactLimit, NoticeFunction tell)
    : location(where), records(where), artifacts(where, artifactLimit, tell), tell(std::move(tell)) {}

std::vector<Neighbour> Cache::neighbours(const Problem &problem, const Target &target, const MeasurementPolicy &policy,
                                         double octaves, size_t most) const {
  Neighbourhood around = neighbourhood(records, problem, target, policy, octaves, most);
  for (const EntryFault &fault : around.damaged)
    if (tell)
      tell("tuning record left out: " + toText(fault));
  return std::move(around.neighbours);
}

Match Cache::match(const Problem &problem, const Target &target, const MeasurementPolicy &policy) const {
  Match match = lookup(records, problem, target, policy);
  for (const EntryFault &fault : match.damaged)
    if (tell)
      tell("tuning record left out: " + toText(fault));
  return match;
}

CacheFaults Cache::verify() const {
  CacheFaults faults;
  for (const std::unique_ptr<RecordLayer> &layer : records.layers()) {
    RecordScan scan = layer->all();
    llvm::append_range(faults.records, scan.faults);
    for (const Record &record : scan.records)
      for (std::string &reason : infeasibleSchedules(record))
        faults.records.push_back({layer->placeOf(record), 0, std::move(reason)});
  }
  for (const ArtifactDirectory &directory : artifacts.layers())
    llvm::append_range(faults.artifacts, directory.verify());
  return faults;
}

llvm::Expected<Cache::MergeReport> Cache::merge(const std::string &directory) {
  if (!llvm::sys::fs::is_directory(joinPath(directory, cacheSchemaFolder)))
    return fieldError(directory, fmt::format("a cache folder, which has a folder {}", cacheSchemaFolder),
                      llvm::sys::fs::is_directory(directory) ? "a folder without" : "no folder");
  llvm::Expected<ImportReport> imported = records.merge(directory);
  if (!imported)
    return imported.takeError();
  llvm::Expected<int64_t> added = artifacts.merge(directory);
  if (!added)
    return added.takeError();
  return MergeReport{std::move(*imported), *added};
}

} // namespace lla
