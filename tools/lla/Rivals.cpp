//===- Rivals.cpp - times of other kernels, from a file -------------------===//

#include "tools/lla/Rivals.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;

namespace lla {
namespace {

/// The published decode table's heads and head dimension, where a row does not say.
constexpr int64_t publishedHeads = 8, publishedHeadDim = 128;

/// A table of the file.
struct Section {
  const char *name;
  Mode mode; ///< Where a row does not say; `causal` likewise.
  bool causal;
  double unit; ///< Microseconds of its 1.
};
constexpr Section sections[] = {{"rows", Mode::Decode, false, 1},
                                {"other", Mode::Decode, false, 1},
                                {"training_causal_ms", Mode::Prefill, true, 1e3}};

constexpr NamedValue<Mode> rowModes[] = {{Mode::Decode, "decode"}, {Mode::Prefill, "prefill"}};

/// The fields of a row that are no kernel's.
bool isShapeField(llvm::StringRef field) {
  return llvm::is_contained(
      {"mode", "causal", "batch", "context", "query_length", "heads", "kv_heads", "group", "head_dim"}, field);
}

/// Microseconds of a cell, a number or an object with one for each direction; nothing if it holds no forward time.
std::optional<double> microsecondsOf(const json &cell, double unit) {
  if (cell.is_number())
    return cell.get<double>() * unit;
  if (cell.is_object() && cell.contains("forward") && cell["forward"].is_number())
    return cell["forward"].get<double>() * unit;
  return std::nullopt;
}

} // namespace

llvm::Expected<Rivals::Row> Rivals::parseRow(Mode mode, bool causal, double unit, llvm::StringRef text) {
  Row row = {mode, causal, 0, publishedHeads, 1, 0, 0, publishedHeadDim, {}};
  FieldReader reader("row", text);
  reader.allowOthers();
  reader.choice("mode", row.mode, rowModes);
  reader.boolean("causal", row.causal);
  row.causal &= row.mode == Mode::Prefill; // The one query of a decode sees every key.
  if (!reader.integer("batch", row.batch))
    reader.fail("batch", "a 64-bit integer", "nothing");
  reader.integer("heads", row.kvHeads);
  reader.integer("kv_heads", row.kvHeads);
  reader.integer("group", row.group);
  if (!reader.integer("context", row.context))
    reader.fail("context", "a 64-bit integer", "nothing");
  row.queryLength = row.mode == Mode::Decode ? 1 : row.context;
  reader.integer("query_length", row.queryLength);
  reader.integer("head_dim", row.headDim);
  if (llvm::Error error = reader.finish())
    return std::move(error);
  json fields = json::parse(text.begin(), text.end());
  for (const auto &[kernel, cell] : fields.items())
    if (std::optional<double> time = isShapeField(kernel) ? std::nullopt : microsecondsOf(cell, unit))
      row.microseconds[kernel] = *time;
  return row;
}

llvm::Expected<Rivals> Rivals::parse(llvm::StringRef text) {
  Rivals rivals;
  FieldReader reader("reference", text);
  reader.allowOthers();
  for (const Section &section : sections) {
    std::vector<std::string> rows;
    reader.array(section.name, rows);
    for (size_t i = 0; i < rows.size(); ++i) {
      llvm::Expected<Row> row = parseRow(section.mode, section.causal, section.unit, rows[i]);
      if (row)
        rivals.rows.push_back(std::move(*row));
      else
        reader.fail(fmt::format("{}[{}]", section.name, i), "a row", llvm::toString(row.takeError()));
    }
  }
  if (llvm::Error error = reader.finish())
    return std::move(error);
  if (rivals.rows.empty())
    return fieldError("reference", "rows, other or training_causal_ms", "none of them");
  return rivals;
}

llvm::Expected<Rivals> Rivals::read(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fieldError(path, "a readable file", buffer.getError().message());
  llvm::Expected<Rivals> rivals = parse((*buffer)->getBuffer());
  if (!rivals)
    return llvm::createStringError(path + ": " + llvm::toString(rivals.takeError()));
  return rivals;
}

std::map<std::string, double> Rivals::timesOf(const Problem &problem) const {
  std::map<std::string, double> times;
  bool isOfTheTables = problem.dtype == ElementType::BF16 && problem.hasProbe() && !problem.window && !problem.state &&
                       !problem.outputDtype && !problem.kvDtype && !problem.ragged && !problem.pageSize;
  if (!isOfTheTables)
    return times;
  for (const Row &row : rows)
    if (row.mode == problem.mode && row.causal == problem.causal && row.batch == problem.batch &&
        row.kvHeads == problem.kvHeads && row.group == problem.group() && row.context == problem.context &&
        row.queryLength == problem.queryLength &&
        row.headDim == problem.headDim)
      times.insert(row.microseconds.begin(), row.microseconds.end());
  return times;
}

bool Rivals::isOfThisOperator(llvm::StringRef kernel) { return kernel.starts_with("parallax") || kernel == "fla"; }

std::vector<std::string> Rivals::kernelsFor(llvm::ArrayRef<Problem> problems) const {
  std::set<std::string> kernels;
  for (const Problem &problem : problems)
    for (const auto &[kernel, time] : timesOf(problem))
      kernels.insert(kernel);
  return {kernels.begin(), kernels.end()};
}

} // namespace lla
