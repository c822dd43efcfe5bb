//===- Rivals.cpp - times of other kernels, from a file -------------------===//

#include "tools/lla/Rivals.h"
#include "dialect/Spec/Fields.h"
#include "llvm/Support/MemoryBuffer.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;

namespace lla {
namespace {

/// The published decode table's heads and head dimension, where a row does not say.
constexpr int64_t publishedHeads = 8, publishedHeadDim = 128;

const std::set<std::string> &shapeFields() {
  static const std::set<std::string> fields = {"batch", "context", "heads", "kv_heads", "group", "head_dim"};
  return fields;
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

llvm::Expected<Rivals> Rivals::parse(llvm::StringRef text) try {
  Rivals rivals;
  json file = json::parse(text.begin(), text.end());
  struct Section {
    const char *name;
    Mode mode;
    double unit; ///< Microseconds of its 1.
  };
  for (Section section : {Section{"rows", Mode::Decode, 1}, Section{"other", Mode::Decode, 1},
                          Section{"training_causal_ms", Mode::Prefill, 1e3}}) {
    if (!file.contains(section.name))
      continue;
    for (const json &entry : file.at(section.name)) {
      Row row = {section.mode,
                 entry.at("batch").get<int64_t>(),
                 entry.value("kv_heads", entry.value("heads", publishedHeads)),
                 entry.value("group", int64_t(1)),
                 entry.at("context").get<int64_t>(),
                 entry.value("head_dim", publishedHeadDim),
                 {}};
      for (const auto &[kernel, cell] : entry.items())
        if (!shapeFields().count(kernel))
          if (std::optional<double> time = microsecondsOf(cell, section.unit))
            row.microseconds[kernel] = *time;
      rivals.rows.push_back(std::move(row));
    }
  }
  if (rivals.rows.empty())
    return fieldError("reference", "rows, other or training_causal_ms", "none of them");
  return rivals;
} catch (const json::exception &error) {
  return llvm::createStringError(std::string("reference: ") + error.what());
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
  int64_t fullLength = problem.mode == Mode::Decode ? 1 : problem.context;
  bool isOfTheTables = problem.dtype == ElementType::BF16 && problem.hasProbe() && !problem.window &&
                       problem.queryLength == fullLength && problem.causal == (problem.mode == Mode::Prefill);
  if (!isOfTheTables)
    return times;
  for (const Row &row : rows)
    if (row.mode == problem.mode && row.batch == problem.batch && row.kvHeads == problem.kvHeads &&
        row.group == problem.group() && row.context == problem.context && row.headDim == problem.headDim)
      times.insert(row.microseconds.begin(), row.microseconds.end());
  return times;
}

std::vector<std::string> Rivals::kernelsFor(llvm::ArrayRef<Problem> problems) const {
  std::set<std::string> kernels;
  for (const Problem &problem : problems)
    for (const auto &[kernel, time] : timesOf(problem))
      kernels.insert(kernel);
  return {kernels.begin(), kernels.end()};
}

} // namespace lla
