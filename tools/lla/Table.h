//===- Table.h - rows and columns of text ---------------------------------===//
#ifndef LLA_TOOLS_LLA_TABLE_H
#define LLA_TOOLS_LLA_TABLE_H

#include <string>
#include <vector>

namespace lla {

class Table {
public:
  /// Columns of numbers, with a unit or without, are aligned right; "-" and nothing go with them.
  explicit Table(std::vector<std::string> header) : header(std::move(header)) {}
  /// As many cells as the header has.
  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }
  bool empty() const { return rows.empty(); }

  /// Aligned lines, the header first.
  std::string text() const;
  /// RFC 4180.
  std::string csv() const;
  /// A table of GitHub's Markdown.
  std::string markdown() const;

private:
  bool isNumeric(size_t column) const;

  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

} // namespace lla
#endif
