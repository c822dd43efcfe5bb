//===- Table.cpp - rows and columns of text -------------------------------===//

#include "tools/lla/Table.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <fmt/format.h>

namespace lla {
namespace {

std::string quoted(const std::string &cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos)
    return cell;
  std::string text = "\"";
  for (char c : cell)
    text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

std::string csvLine(const std::vector<std::string> &cells) {
  return llvm::join(llvm::map_range(cells, quoted), ",") + "\r\n";
}

} // namespace

bool Table::isNumeric(size_t column) const {
  return llvm::all_of(rows, [&](const std::vector<std::string> &row) {
    auto [number, unit] = llvm::StringRef(row[column]).split(' ');
    double value;
    return number.empty() || number == "-" || (!number.getAsDouble(value) && !unit.contains(' '));
  });
}

std::string Table::text() const {
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (size_t column = 0; column < header.size(); ++column) {
    widths.push_back(header[column].size());
    for (const std::vector<std::string> &row : rows)
      widths[column] = std::max(widths[column], row[column].size());
    numeric.push_back(isNumeric(column));
  }
  std::string lines;
  auto addLine = [&](const std::vector<std::string> &cells) {
    std::string line;
    for (size_t column = 0; column < cells.size(); ++column)
      line += numeric[column] ? fmt::format("{:>{}}  ", cells[column], widths[column])
                              : fmt::format("{:<{}}  ", cells[column], widths[column]);
    lines += llvm::StringRef(line).rtrim().str() + "\n";
  };
  addLine(header);
  for (const std::vector<std::string> &row : rows)
    addLine(row);
  return lines;
}

std::string Table::markdown() const {
  std::string lines;
  auto addLine = [&](const std::vector<std::string> &cells) {
    lines += "|";
    for (llvm::StringRef cell : cells) {
      lines += " ";
      for (char c : cell)
        lines += c == '|' ? std::string("\\|") : std::string(1, c);
      lines += " |";
    }
    lines += "\n";
  };
  addLine(header);
  lines += "|";
  for (size_t column = 0; column < header.size(); ++column)
    lines += isNumeric(column) ? "---:|" : "---|";
  lines += "\n";
  for (const std::vector<std::string> &row : rows)
    addLine(row);
  return lines;
}

std::string Table::csv() const {
  std::string lines = csvLine(header);
  for (const std::vector<std::string> &row : rows)
    lines += csvLine(row);
  return lines;
}

} // namespace lla
