//===- TileDialect.cpp - types of the tile dialect ------------------------===//

#include "dialect/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lla::tile;

#include "dialect/Tile/TileDialect.cpp.inc"
#include "dialect/Tile/TileEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Tile/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Tile/TileOps.cpp.inc"
      >();
}

LogicalResult FragType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns,
                               Type elementType, Layout layout, int64_t threads) {
  if (rows < 1 || columns < 1)
    return emitError() << "expected positive sizes, got " << rows << " x " << columns;
  if ((layout == Layout::Flat) != (threads > 0))
    return emitError() << "expected threads exactly with layout flat";
  auto expectMultiple = [&](int64_t rowUnit, int64_t columnUnit) -> LogicalResult {
    if (rows % rowUnit == 0 && columns % columnUnit == 0)
      return success();
    return emitError() << "expected a multiple of " << rowUnit << " x " << columnUnit << " for layout "
                       << stringifyLayout(layout) << ", got " << rows << " x " << columns;
  };
  switch (layout) {
  case Layout::Accumulator:
    return expectMultiple(8, 8);
  case Layout::Columns:
    return expectMultiple(8, 64);
  case Layout::Row:
  case Layout::PartialRow:
    return expectMultiple(8, 1);
  case Layout::Operand:
    return expectMultiple(16, 16);
  case Layout::Rows:
    return expectMultiple(16, 32);
  case Layout::Keys:
    return expectMultiple(8, 32);
  case Layout::Values:
    return expectMultiple(16, 64);
  case Layout::Flat:
  case Layout::Dense:
    return success();
  }
  return success();
}

LogicalResult SharedType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns,
                                 Type elementType) {
  if (rows < 8 || rows % 8 != 0 || columns < 64 || columns % 64 != 0 || elementType.getIntOrFloatBitWidth() != 16)
    return emitError() << "expected rows in steps of 8, columns in steps of 64 and 16-bit elements, got " << rows
                       << " x " << columns << " x " << elementType;
  return success();
}

int64_t RingType::getSlotBytes() const {
  int64_t bytes = 0;
  for (Type tile : getTiles())
    bytes += cast<SharedType>(tile).getBytes();
  return bytes;
}
