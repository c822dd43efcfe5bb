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
#include <set>

namespace lla {

/// A record that was not read yet: where it lies, and what its name tells.
struct RecordLead {
  Problem shape;              ///< Only what `shapeDistance` looks at; batch holds the product with kv_heads, context
                              ///< the fold's length.
  bool isOtherDevice = false; ///< Than the wanted record's.
  std::string place;          ///< The layer's own, for `read`.
};

class RecordLayer {
public:
  virtual ~RecordLayer();
  /// For people: a path, "memory", "shipped".
  virtual std::string name() const = 0;
  /// Where the layer keeps a record of its, for people.
  virtual std::string placeOf(const Record &) const { return name(); }
  /// At most one record: that with `wanted`'s key.
  virtual RecordScan exact(const Record &wanted) const = 0;
  /// Those of `wanted`'s kind: any sizes, any device. In a fixed order. What has no record's name is left out.
  virtual std::vector<RecordLead> kind(const Record &wanted) const = 0;
  /// The record of a lead of `kind(wanted)`; none if it has gone since.
  virtual RecordScan read(const Record &wanted, const RecordLead &lead) const = 0;
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
  std::string placeOf(const Record &record) const override;
  RecordScan exact(const Record &wanted) const override;
  std::vector<RecordLead> kind(const Record &wanted) const override;
  RecordScan read(const Record &wanted, const RecordLead &lead) const override;
  RecordScan all() const override;
  llvm::Expected<bool> put(const Record &record) override;
  llvm::Error clear() override;

private:
  std::string folderOf(const Record &record) const;

  std::string root, schema; ///< `schema` = ROOT/v1.
  bool isWritable;
};

/// Records in memory. Safe for threads.
class RecordTable : public RecordLayer {
public:
  /// Empty and writable.
  explicit RecordTable(std::string label) : label(std::move(label)), isWritable(true) {}
  /// Read-only; `lines` outlive the table. Each is parsed when a question first may concern it.
  RecordTable(std::string label, llvm::StringRef lines);
  std::string name() const override { return label; }
  RecordScan exact(const Record &wanted) const override;
  std::vector<RecordLead> kind(const Record &wanted) const override;
  RecordScan read(const Record &wanted, const RecordLead &lead) const override;
  RecordScan all() const override;
  llvm::Expected<bool> put(const Record &record) override;
  llvm::Error clear() override;

private:
  struct Line {
    int64_t number;
    llvm::StringRef text;
  };
  /// A record and the name of its kind. Of one with a line only what it is filed under was read.
  struct Entry {
    Record record;
    std::string kind;
    Line line = {};
  };
  /// The lock is held.
  void parse(llvm::function_ref<bool(llvm::StringRef line)> isWanted) const;
  void parseKind(const Record &wanted) const;
  bool insert(const Record &record, Line line = {}) const;
  /// False: the rest of the line is bad, which is now one of `faults`.
  bool complete(Entry &entry) const;
  RecordScan readPlace(const std::string &key) const;

  std::string label;
  bool isWritable = false;
  mutable std::mutex mutex;
  mutable std::vector<Line> unread;
  mutable std::set<std::string> parsedKinds; ///< As kindSpellings tells them apart: none of these is unread.
  mutable std::map<std::string, Entry> records; ///< By the key's text.
  mutable Record last;                          ///< That was inserted, and the name of its kind.
  mutable std::string lastKind;
  mutable std::vector<EntryFault> faults;       ///< Of the lines.
};

} // namespace lla
#endif
