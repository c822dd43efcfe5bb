//===- IrStatistics.cpp - a stage's text, counted -------------------------===//

#include "tools/lla/IrStatistics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

namespace lla {
namespace {

bool isNameCharacter(char c) { return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$'; }

/// The operation that a line of MLIR begins with, after its results; empty if it begins with none.
llvm::StringRef operationOf(llvm::StringRef line) {
  if (line.starts_with("%")) {
    size_t equals = line.find(" = ");
    if (equals == llvm::StringRef::npos)
      return "";
    line = line.drop_front(equals + 3);
  }
  line.consume_front("\"");
  llvm::StringRef name = line.take_while(isNameCharacter);
  bool isQualified = name.contains('.') && !name.ends_with(".");
  return isQualified && llvm::isAlpha(name.front()) ? name : "";
}

/// The mnemonic of a line of assembly; empty for labels, directives and comments.
std::string mnemonicOf(llvm::StringRef line) {
  if (line.starts_with("@")) // A predicate.
    line = line.split(' ').second.ltrim();
  bool isOther = line.empty() || !llvm::isAlpha(line.front()) || line.ends_with(":");
  if (isOther)
    return "";
  llvm::StringRef mnemonic = line.take_while(isNameCharacter);
  if (line.drop_front(mnemonic.size()).starts_with(":"))
    return "";
  auto [first, rest] = mnemonic.split('.');
  return rest.empty() ? first.str() : (first + "." + rest.split('.').first).str();
}

template <class NameOf> IrStatistics countLines(llvm::StringRef text, NameOf nameOf) {
  IrStatistics statistics;
  statistics.bytes = static_cast<int64_t>(text.size());
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    line = line.trim();
    if (line.empty())
      continue;
    ++statistics.lines;
    if (std::string name(nameOf(line)); !name.empty())
      ++statistics.operations[name];
  }
  return statistics;
}

} // namespace

int64_t IrStatistics::total() const {
  int64_t sum = 0;
  for (const auto &[name, count] : operations)
    sum += count;
  return sum;
}

std::vector<std::pair<std::string, int64_t>> IrStatistics::top(size_t count) const {
  std::vector<std::pair<std::string, int64_t>> sorted(operations.begin(), operations.end());
  llvm::stable_sort(sorted, [](const auto &a, const auto &b) { return a.second > b.second; });
  sorted.resize(std::min(sorted.size(), count));
  return sorted;
}

IrStatistics countOperations(llvm::StringRef mlir) { return countLines(mlir, operationOf); }

IrStatistics countInstructions(llvm::StringRef assembly) { return countLines(assembly, mnemonicOf); }

} // namespace lla
