//===- RecordStore.cpp - all tuning records, layer over layer -------------===//

#include "cache/RecordStore.h"
#include <fmt/format.h>
#include <set>

namespace lla {

RecordStore::RecordStore(const CacheLocation &location, llvm::ArrayRef<EmbeddedRecords> embedded) {
  if (location.writable.empty())
    stack.push_back(std::make_unique<RecordTable>("memory"));
  else
    stack.push_back(std::make_unique<RecordDirectory>(location.writable, /*isWritable=*/true));
  for (const std::string &directory : location.readOnly)
    stack.push_back(std::make_unique<RecordDirectory>(directory, /*isWritable=*/false));
  exported = stack.size();
  for (const EmbeddedRecords &file : embedded)
    stack.push_back(std::make_unique<RecordTable>(std::string("shipped ") + file.name, llvm::StringRef(file.lines)));
}

std::string RecordStore::exportLines() const {
  std::string lines;
  std::set<std::string> seen;
  for (const std::unique_ptr<RecordLayer> &layer : layers().take_front(exported))
    for (const Record &record : layer->all().records)
      if (seen.insert(record.key().text()).second)
        lines += toJson(record) + "\n";
  return lines;
}

llvm::Expected<ImportReport> RecordStore::importLines(llvm::StringRef lines, llvm::StringRef source) {
  return keep(parseRecordLines(lines, source),
              [&](const Record &record) { return fmt::format("{}: {}", source.str(), toJson(record.problem)); });
}

llvm::Expected<ImportReport> RecordStore::merge(const std::string &directory) {
  RecordDirectory layer(directory, /*isWritable=*/false);
  return keep(layer.all(), [&](const Record &record) { return layer.placeOf(record); });
}

llvm::Expected<ImportReport> RecordStore::keep(RecordScan scan,
                                               llvm::function_ref<std::string(const Record &)> placeOf) {
  ImportReport report;
  report.faults = std::move(scan.faults);
  for (const Record &record : scan.records) {
    std::vector<std::string> reasons = infeasibleSchedules(record);
    for (std::string &reason : reasons)
      report.faults.push_back({placeOf(record), 0, std::move(reason)});
    if (!reasons.empty())
      continue;
    llvm::Expected<bool> kept = put(record);
    if (!kept)
      return kept.takeError();
    ++(*kept ? report.kept : report.superseded);
  }
  return report;
}

} // namespace lla
