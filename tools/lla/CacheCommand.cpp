//===- CacheCommand.cpp - `lla cache` -------------------------------------===//

#include "cache/Inspection.h"
#include "dialect/Spec/Fields.h"
#include "dialect/Spec/Resources.h"
#include "runtime/Notices.h"
#include "runtime/RuntimeError.h"
#include "runtime/Toolkit.h"
#include "runtime/UserCache.h"
#include "tools/lla/Command.h"
#include "tools/lla/Figures.h"
#include "tools/lla/Output.h"
#include "tools/lla/ProblemFlags.h"
#include "tools/lla/ScheduleFlag.h"
#include "tools/lla/SearchFlags.h"
#include "tools/lla/Table.h"
#include "tools/lla/TargetFlag.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>

using nlohmann::ordered_json;

namespace lla {
namespace {

//===--- looking ------------------------------------------------------------===//

struct PathFlags {
  OutputForm output = OutputForm::Text;
};

llvm::Error showPath(const PathFlags &flags, Knobs &knobs) {
  CacheLocation location = resolveCacheLocation(knobs.cacheEnvironment());
  if (flags.output == OutputForm::Json) {
    printJson(
        ordered_json{{"writable", location.writable}, {"read_only", location.readOnly}, {"notices", location.notices}});
    return llvm::Error::success();
  }
  print((location.writable.empty() ? "(memory only)" : location.writable) + "\n");
  for (const std::string &layer : location.readOnly)
    print(layer + " (read-only)\n");
  for (const std::string &notice : location.notices)
    print("note: " + notice + "\n");
  return llvm::Error::success();
}

llvm::Error list(const PathFlags &flags, Knobs &knobs) {
  std::vector<CacheItem> items = listCache(*openCache(knobs));
  if (flags.output == OutputForm::Json) {
    ordered_json array = ordered_json::array();
    for (const CacheItem &item : items)
      array.push_back(jsonOf(item));
    printJson(array);
    return llvm::Error::success();
  }
  Table table({"digest", "kind", "size", "layer", "what"});
  constexpr size_t shownDigits = 12;
  for (const CacheItem &item : items)
    table.add({item.digest.substr(0, shownDigits), name(item.kind).str(),
               item.kind == CacheItem::Kind::Artifact ? bytesText(item.bytes) : "-", item.layer, item.what});
  print(flags.output == OutputForm::Csv ? table.csv() : table.text());
  return llvm::Error::success();
}

struct ShowFlags {
  std::string digest;
};

llvm::Error show(const ShowFlags &flags, Knobs &knobs) {
  llvm::Expected<std::string> entry = showEntry(*openCache(knobs), flags.digest);
  if (!entry)
    return entry.takeError();
  print(*entry);
  return llvm::Error::success();
}

struct WhyFlags {
  ProblemFlags problem;
  TargetFlag target;
  ScheduleFlag schedule;
  PolicyFlag policy;
  OutputForm output = OutputForm::Text;
};

void declareWhy(CLI::App &command, WhyFlags &flags) {
  flags.problem.addTo(command);
  flags.target.addTo(command, /*mayRepeat=*/false);
  flags.schedule.addTo(command);
  flags.policy.addTo(command);
  addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
}

llvm::Error why(const WhyFlags &flags, Knobs &knobs) {
  llvm::Expected<Problem> problem = flags.problem.problem();
  if (!problem)
    return problem.takeError();
  llvm::Expected<Target> target = flags.target.target(knobs);
  if (!target)
    return target.takeError();
  llvm::Expected<MeasurementPolicy> policy = flags.policy.policy(*target);
  if (!policy)
    return policy.takeError();
  std::shared_ptr<Cache> cache = openCache(knobs);
  // In strict mode too: a miss is what is asked about, not an error.
  TuneMode mode = knobs.tune == TuneMode::Off ? TuneMode::Off : TuneMode::Cache;
  llvm::Expected<ScheduleAnswer> schedule = flags.schedule.choose(mode, cache.get(), *problem, *target, *policy);
  if (!schedule)
    return schedule.takeError();
  Key key =
      artifactKey(*problem, schedule->schedule, *target, toolchainOf(compileOptions(knobs, *target), cache.get()));
  RecordVerdict record = whyRecord(cache->records, *problem, *target, *policy);
  ArtifactVerdict artifact = whyArtifact(cache->artifacts, key);
  std::string source = name(schedule->source).str();
  if (flags.output == OutputForm::Json)
    printJson(ordered_json{{"record", jsonOf(record)},
                           {"schedule",
                            {{"fields", jsonOf(schedule->schedule)},
                             {"source", source},
                             {"layer", schedule->layer},
                             {"why", schedule->why}}},
                           {"artifact", jsonOf(artifact)}});
  else
    print("record: " + toText(record) +
          fmt::format("schedule: {} ({}: {})\n", toText(schedule->schedule), source, schedule->why) +
          "artifact: " + toText(artifact));
  return llvm::Error::success();
}

//===--- care ---------------------------------------------------------------===//

struct Nothing {};

llvm::Error verifyCache(const Nothing &, Knobs &knobs) {
  CacheFaults faults = openCache(knobs)->verify();
  for (const EntryFault &fault : faults.records)
    print("record " + toText(fault) + "\n");
  for (const ArtifactFault &fault : faults.artifacts)
    print(toText(fault) + "\n");
  if (!faults.any()) {
    print("every entry is good\n");
    return llvm::Error::success();
  }
  return failure(FailureKind::Verification, fmt::format("cache: expected good entries, got {} bad ones",
                                                        faults.records.size() + faults.artifacts.size()));
}

struct PruneFlags {
  std::string size, olderThan;
};

/// "500M" as the environment reads it.
llvm::Expected<int64_t> parseSize(const std::string &text, const Knobs &knobs) {
  if (text.empty())
    return knobs.cacheBytes.bytes;
  llvm::Expected<Knobs> read =
      Knobs::from([&](llvm::StringRef variable) { return variable == "LLA_CACHE_SIZE" ? text.c_str() : nullptr; });
  if (read)
    return read->cacheBytes.bytes;
  llvm::consumeError(read.takeError());
  return fieldError("size", "bytes, with K, M, G or T at the end if wanted", '"' + text + '"');
}

llvm::Error prune(const PruneFlags &flags, Knobs &knobs) {
  llvm::Expected<int64_t> bytes = parseSize(flags.size, knobs);
  if (!bytes)
    return bytes.takeError();
  std::optional<std::chrono::seconds> age;
  if (!flags.olderThan.empty()) {
    constexpr double secondsPerDay = 86400;
    double days = 0;
    if (llvm::StringRef(flags.olderThan).getAsDouble(days) || !(days >= 0 && days < 1e6))
      return fieldError("older-than", "days >= 0", '"' + flags.olderThan + '"');
    age = std::chrono::seconds(static_cast<int64_t>(days * secondsPerDay));
  }
  PruneReport report = openCache(knobs)->artifacts.prune(*bytes, age);
  print(fmt::format("removed {} kernels ({}), kept {} ({}); records are never pruned\n", report.removed,
                    bytesText(report.removedBytes), report.kept, bytesText(report.keptBytes)));
  return llvm::Error::success();
}

struct ClearFlags {
  bool artifacts = false, records = false, yes = false;
};

llvm::Error clear(const ClearFlags &flags, Knobs &knobs) {
  if (!flags.artifacts && !flags.records)
    return fieldError("clear", "--artifacts, --records or both", "neither");
  if (flags.records && !flags.yes)
    return fieldError("clear", "--yes: records are the outcome of tunings (`lla cache export` keeps them)", "none");
  std::shared_ptr<Cache> cache = openCache(knobs);
  if (flags.artifacts)
    if (llvm::Error error = cache->artifacts.clear())
      return error;
  if (!flags.records)
    return llvm::Error::success();
  if (llvm::Error error = cache->records.clear())
    return error;
  if (!cache->location.writable.empty()) // The searches behind the records.
    llvm::sys::fs::remove_directories(cache->location.writable + "/" + cacheSchemaFolder + "/trials");
  return llvm::Error::success();
}

//===--- moving -------------------------------------------------------------===//

struct ExportFlags {
  std::string file = "-";
};

llvm::Error exportRecords(const ExportFlags &flags, Knobs &knobs) {
  std::shared_ptr<Cache> cache = openCache(knobs);
  for (const std::unique_ptr<RecordLayer> &layer : cache->records.layers())
    for (const EntryFault &fault : layer->all().faults)
      warnOnce(knobs, "tuning record left out: " + toText(fault));
  return writeWhole(flags.file, cache->records.exportLines());
}

void report(const ImportReport &report) {
  print(fmt::format("{} records taken, {} superseded by what was there\n", report.kept, report.superseded));
  for (const EntryFault &fault : report.faults)
    print("left out: " + toText(fault) + "\n");
}

struct ImportFlags {
  std::vector<std::string> files;
};

llvm::Error importRecords(const ImportFlags &flags, Knobs &knobs) {
  std::shared_ptr<Cache> cache = openCache(knobs);
  size_t faults = 0;
  for (const std::string &file : flags.files) {
    auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(file);
    if (!buffer)
      return fieldError(file, "a readable file", buffer.getError().message());
    llvm::Expected<ImportReport> imported = cache->records.importLines((*buffer)->getBuffer(), file);
    if (!imported)
      return imported.takeError();
    report(*imported);
    faults += imported->faults.size();
  }
  if (faults == 0)
    return llvm::Error::success();
  return failure(FailureKind::Usage, fmt::format("import: expected good records, got {} bad lines", faults));
}

struct MergeFlags {
  std::string directory;
};

llvm::Error merge(const MergeFlags &flags, Knobs &knobs) {
  llvm::Expected<Cache::MergeReport> merged = openCache(knobs)->merge(flags.directory);
  if (!merged)
    return merged.takeError();
  report(merged->records);
  print(fmt::format("{} kernels taken\n", merged->newArtifacts));
  return llvm::Error::success();
}

} // namespace

void addCache(Driver &driver) {
  CLI::App &cache = *driver.app.add_subcommand("cache", "the kernels and tuning records that are kept");
  driver.add<PathFlags>(
      cache, "path", "the folders, in order of precedence",
      [](CLI::App &command, PathFlags &flags) {
        addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json});
      },
      showPath);
  driver.add<PathFlags>(
      cache, "list", "every record and kernel of every layer",
      [](CLI::App &command, PathFlags &flags) {
        addOutputFlag(command, flags.output, {OutputForm::Text, OutputForm::Json, OutputForm::Csv});
      },
      list);
  driver.add<ShowFlags>(
      cache, "show", "all that is stored of one entry, as JSON",
      [](CLI::App &command, ShowFlags &flags) {
        command.add_option("digest", flags.digest, "its first characters")->required();
      },
      show);
  driver.add<WhyFlags>(cache, "why", "what answers for a problem, and how the nearest keys differ", declareWhy, why);
  driver.add<Nothing>(
      cache, "verify",
      "read everything, check all digests and that schedules are feasible; bad kernels are quarantined; exit code 3 if "
      "anything is bad",
      [](CLI::App &, Nothing &) {}, verifyCache);
  driver.add<PruneFlags>(
      cache, "prune", "remove the kernels that were not used for longest",
      [](CLI::App &command, PruneFlags &flags) {
        command.add_option("--size", flags.size, "bytes to keep, e.g. 500M (default: LLA_CACHE_SIZE)");
        command.add_option("--older-than", flags.olderThan, "also those not used for so many days");
      },
      prune);
  driver.add<ClearFlags>(
      cache, "clear", "remove everything of one kind",
      [](CLI::App &command, ClearFlags &flags) {
        command.add_flag("--artifacts", flags.artifacts, "kernels; they are compiled again when needed");
        command.add_flag("--records", flags.records, "tuning records and trial logs");
        command.add_flag("--yes", flags.yes, "needed for records");
      },
      clear);
  driver.add<ExportFlags>(
      cache, "export", "write the records as JSON lines",
      [](CLI::App &command, ExportFlags &flags) {
        command.add_option("file", flags.file, "default: standard output")->type_name("FILE");
      },
      exportRecords);
  driver.add<ImportFlags>(
      cache, "import", "take over records that were exported",
      [](CLI::App &command, ImportFlags &flags) {
        command.add_option("files", flags.files, "'-' reads stdin")->required()->type_name("FILE");
      },
      importRecords);
  driver.add<MergeFlags>(
      cache, "merge", "take over the records and kernels of another cache folder",
      [](CLI::App &command, MergeFlags &flags) {
        command.add_option("directory", flags.directory)->required()->type_name("DIR");
      },
      merge);
}

} // namespace lla
