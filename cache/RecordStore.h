//===- RecordStore.h - all tuning records, layer over layer ---------------===//
//
// The user's directory first, then directories that are only read, then what the
// binary was shipped with. Records are never evicted.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_RECORDSTORE_H
#define LLA_CACHE_RECORDSTORE_H

#include "cache/Location.h"
#include "cache/RecordLayer.h"
#include <memory>

namespace lla {

/// A file of records that became part of the binary.
struct EmbeddedRecords {
  const char *name;  ///< "NVIDIA_H200.jsonl".
  const char *lines; ///< JSON Lines.
};
/// Those of cache/pretuned.
llvm::ArrayRef<EmbeddedRecords> shippedRecords();

/// What became of records that came from elsewhere.
struct ImportReport {
  int64_t kept = 0;       ///< New, or preferred to what was there.
  int64_t superseded = 0; ///< What was there is preferred, or the same.
  std::vector<EntryFault> faults;
};

class RecordStore {
public:
  explicit RecordStore(const CacheLocation &location, llvm::ArrayRef<EmbeddedRecords> embedded = shippedRecords());

  /// In order of precedence; the first one takes what is put.
  llvm::ArrayRef<std::unique_ptr<RecordLayer>> layers() const { return stack; }
  /// False if a preferred record with its key is there already.
  llvm::Expected<bool> put(const Record &record) { return stack.front()->put(record); }

  /// Lines of JSON, of the user's records and those of directories below; the first layer's record of each key. A
  /// record of the binary is not exported.
  std::string exportLines() const;
  /// Bad lines are reported and left out. Fails only if a record cannot be kept.
  llvm::Expected<ImportReport> importLines(llvm::StringRef lines, llvm::StringRef source);
  /// All records of another cache directory.
  llvm::Expected<ImportReport> merge(const std::string &directory);
  /// Removes the user's records.
  llvm::Error clear() { return stack.front()->clear(); }

private:
  /// Records that their own device cannot run are left out, as faults of `placeOf`.
  llvm::Expected<ImportReport> keep(RecordScan scan, llvm::function_ref<std::string(const Record &)> placeOf);

  std::vector<std::unique_ptr<RecordLayer>> stack;
  size_t exported = 0; ///< Layers from the top that are not part of the binary.
};

} // namespace lla
#endif
