//===- RecordLayer.h - one place that holds records -----------------------===//
//
// A directory, or a table in memory (the records shipped in the binary; everything
// where nothing can be written). A layer holds one record per key.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_CACHE_RECORDLAYER_H
#define LLA_CACHE_RECORDLAYER_H

#include "cache/Record.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>
#include <mutex>

namespace lla {

class RecordLayer {
public:
  virtual ~RecordLayer();
  /// For people: a path, "memory", "shipped".
  virtual std::string name() const = 0;
  /// At most one record: that with `wanted`'s key.
  virtual RecordScan exact(const Record &wanted) const = 0;
  /// Records of `wanted`'s kind: any sizes, any device. In a fixed order.
  virtual RecordScan kind(const Record &wanted) const = 0;
  /// In a fixed order.
  virtual RecordScan all() const = 0;
  /// Keeps the record unless the holder of its key is preferred. True: kept. Only a writable layer does more than fail.
  virtual llvm::Expected<bool> put(const Record &record);
  /// Removes everything.
  virtual llvm::Error clear();
};

/// ROOT/v1/records/KIND/h8-c8192-q1-bshd.DEVICE.json, one file per record. Readers take no lock.
class RecordDirectory : public RecordLayer {
public:
  RecordDirectory(std::string root, bool isWritable);
  std::string name() const override { return root; }
  RecordScan exact(const Record &wanted) const override;
  RecordScan kind(const Record &wanted) const override;
  RecordScan all() const override;
  llvm::Expected<bool> put(const Record &record) override;
  llvm::Error clear() override;

private:
  std::string folderOf(const Record &record) const;
  std::string pathOf(const Record &record) const;

  std::string root, schema; ///< `schema` = ROOT/v1.
  bool isWritable;
};

/// Records in memory. Safe for threads.
class RecordTable : public RecordLayer {
public:
  /// Empty and writable.
  explicit RecordTable(std::string label) : label(std::move(label)), isWritable(true) {}
  /// Read-only; `lines` outlive the table and are parsed when first asked for.
  RecordTable(std::string label, llvm::StringRef lines) : label(std::move(label)), unread(lines) {}
  std::string name() const override { return label; }
  RecordScan exact(const Record &wanted) const override;
  RecordScan kind(const Record &wanted) const override;
  RecordScan all() const override;
  llvm::Expected<bool> put(const Record &record) override;
  llvm::Error clear() override;

private:
  RecordScan select(llvm::function_ref<bool(const Record &)> isWanted) const;
  /// Under the lock.
  bool insert(const Record &record) const;

  std::string label;
  bool isWritable = false;
  mutable std::mutex mutex;
  mutable llvm::StringRef unread;
  mutable std::map<std::string, Record> records; ///< By the key's text.
  mutable std::vector<EntryFault> faults;        ///< Of the lines.
};

} // namespace lla
#endif
