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

int64_t lla::tile::registersPerLane(FragType type) {
  int64_t rows = type.getRows(), columns = type.getColumns();
  switch (type.getLayout()) {
  case Layout::Accumulator:
  case Layout::Columns:
    return rows * columns / 32;
  case Layout::Row:
  case Layout::PartialRow:
    return rows / 8;
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
  int64_t halves = type.getRows() / 8;
  if (type.getLayout() == Layout::Row || type.getLayout() == Layout::PartialRow)
    return index;
  return (index / 2) % halves;
}

ElementPosition lla::tile::elementPosition(FragType type, int64_t index) {
  int64_t half = rowIndex(type, index);
  if (type.getLayout() == Layout::Row || type.getLayout() == Layout::PartialRow)
    return {8 * half, 0, 0};
  int64_t block = index / (2 * (type.getRows() / 8)), e = index % 2;
  if (type.getLayout() == Layout::Columns)
    return {8 * half, 64 * (block / 8) + 8 * e + block % 8, 16};
  return {8 * half, 8 * block + e, 2};
}
