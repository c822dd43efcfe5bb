//===- FragmentLayout.cpp - which lane holds which element ----------------===//

#include "dialect/Tile/FragmentLayout.h"
#include "llvm/Support/MathExtras.h"

using namespace lla::tile;

static constexpr int64_t longestRun = 2;

int64_t lla::tile::flatRun(FragType type) {
  return type.getRows() * type.getColumns() > type.getThreads() ? longestRun : 1;
}

int64_t lla::tile::flatShare(int64_t elements, int64_t ctas) {
  return longestRun * llvm::divideCeil(elements, longestRun * ctas);
}

int64_t lla::tile::rowsPerLane(FragType type) { return type.getRows() / (type.getSwapped() ? 4 : 8); }

int64_t lla::tile::lanesPerRow(FragType type) { return type.getSwapped() ? 8 : 4; }

int64_t lla::tile::registersPerLane(FragType type) {
  int64_t rows = type.getRows(), columns = type.getColumns();
  switch (type.getLayout()) {
  case Layout::Accumulator:
  case Layout::Columns:
    return rows * columns / 32;
  case Layout::Row:
  case Layout::PartialRow:
    return rowsPerLane(type);
  case Layout::Operand:
  case Layout::Rows:
    return rows * columns / 64;
  case Layout::Keys:
  case Layout::Values:
    return rows * columns / (type.isOfBytes() ? 128 : 64);
  case Layout::Flat:
    return flatRun(type) * llvm::divideCeil(rows * columns, type.getThreads() * flatRun(type));
  case Layout::Dense:
    return 0;
  }
  return 0;
}

int64_t lla::tile::rowIndex(FragType type, int64_t index) {
  if (type.getLayout() == Layout::Row || type.getLayout() == Layout::PartialRow)
    return index;
  return (type.getSwapped() ? index : index / 2) % rowsPerLane(type);
}

LanePosition lla::tile::rowPosition(FragType type, int64_t index) {
  return type.getSwapped() ? LanePosition{index, 0, rowsPerLane(type)} : LanePosition{8 * index, 1, 0};
}

ElementPosition lla::tile::elementPosition(FragType type, int64_t index) {
  LanePosition row = rowPosition(type, rowIndex(type, index));
  if (type.getLayout() == Layout::Row || type.getLayout() == Layout::PartialRow)
    return {row, {}};
  bool isWide = type.getLayout() == Layout::Columns;
  if (type.getSwapped()) {
    int64_t x = index / rowsPerLane(type); // A block of 8 keys, or one of 8 neighbouring columns.
    return {row, isWide ? LanePosition{64 * (x / 8) + x % 8, 8, 0} : LanePosition{8 * x, 1, 0}};
  }
  int64_t block = index / (2 * rowsPerLane(type)), e = index % 2;
  return {row, isWide ? LanePosition{64 * (block / 8) + 8 * e + block % 8, 0, 16} : LanePosition{8 * block + e, 0, 2}};
}

llvm::SmallVector<ColumnRun> lla::tile::columnRuns(FragType type, int64_t row) {
  int64_t neighbours = type.getLayout() == Layout::Columns ? 8 : 2;
  llvm::SmallVector<ColumnRun> runs;
  for (int64_t i = 0, e = registersPerLane(type); i < e; ++i) {
    if (rowIndex(type, i) != row)
      continue;
    LanePosition column = elementPosition(type, i).column;
    int64_t begin = column.offset / neighbours * neighbours;
    if (begin == column.offset)
      runs.push_back({column, {}});
    llvm::find_if(runs, [&](const ColumnRun &run) { return run.first.offset == begin; })->registers.push_back(i);
  }
  return runs;
}
