//===- TileDialect.cpp - types of the tile dialect ------------------------===//

#include "dialect/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lla::tile;

#include "dialect/Tile/TileDialect.cpp.inc"
#include "dialect/Tile/TileEnums.cpp.inc"

/// `[` types `]`, of which there may be none.
static ParseResult parseTiles(AsmParser &parser, SmallVector<Type> &tiles) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                        [&] { return parser.parseType(tiles.emplace_back()); });
}
static void printTiles(AsmPrinter &printer, ArrayRef<Type> tiles) {
  printer << '[';
  llvm::interleaveComma(tiles, printer);
  printer << ']';
}

/// [`, threads =` threads] [`, swapped`]
static ParseResult parseSpread(AsmParser &parser, int64_t &threads, bool &swapped) {
  threads = 0, swapped = false;
  if (failed(parser.parseOptionalComma()))
    return success();
  if (succeeded(parser.parseOptionalKeyword("threads"))) {
    if (parser.parseEqual() || parser.parseInteger(threads))
      return failure();
    if (failed(parser.parseOptionalComma()))
      return success();
  }
  swapped = true;
  return parser.parseKeyword("swapped");
}
static void printSpread(AsmPrinter &printer, int64_t threads, bool swapped) {
  if (threads)
    printer << ", threads = " << threads;
  if (swapped)
    printer << ", swapped";
}

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

/// Layouts of q (and r), of what products with it give, and of weights.
static bool hasRowsOfQueries(Layout layout) {
  return llvm::is_contained({Layout::Accumulator, Layout::Columns, Layout::Row, Layout::PartialRow, Layout::Operand,
                             Layout::Rows},
                            layout);
}

static bool isNarrow(Type type) { return type.isBF16() || type.isF16(); }
static bool isByte(Type type) { return isa<Float8E4M3FNType>(type); }

LogicalResult FragType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns,
                               Type elementType, Layout layout, int64_t threads, bool swapped) {
  constexpr int64_t most = 1024;
  if (rows < 1 || columns < 1 || rows > most || columns > most)
    return emitError() << "expected sizes in 1.." << most << ", got " << rows << " x " << columns;
  bool isFactor = llvm::is_contained({Layout::Operand, Layout::Rows, Layout::Keys, Layout::Values}, layout);
  bool mayBeByte = layout == Layout::Keys || layout == Layout::Values;
  bool fits = isByte(elementType)     ? mayBeByte
              : isNarrow(elementType) ? isFactor || layout == Layout::Dense
                                      : !isFactor && (elementType.isF32() || elementType.isInteger(1));
  if (!fits)
    return emitError() << "expected "
                       << (mayBeByte  ? "bf16, f16 or f8E4M3FN"
                           : isFactor ? "bf16 or f16"
                                      : "f32 or i1")
                       << " elements for layout "
                       << stringifyLayout(layout) << ", got " << elementType;
  if ((layout == Layout::Flat) != (threads > 0))
    return emitError() << "expected threads exactly with layout flat";
  if (swapped && !hasRowsOfQueries(layout))
    return emitError() << "expected swapped only of what has rows of queries in lanes, got layout "
                       << stringifyLayout(layout);
  auto expectMultiple = [&](int64_t rowUnit, int64_t columnUnit, int64_t mostRows = 16,
                            int64_t mostColumns = most) -> LogicalResult {
    if (rows % rowUnit == 0 && columns % columnUnit == 0 && rows <= mostRows && columns <= mostColumns)
      return success();
    return emitError() << "expected a multiple of " << rowUnit << " x " << columnUnit << ", at most " << mostRows
                       << " x " << mostColumns << ", for layout " << stringifyLayout(layout) << ", got " << rows
                       << " x " << columns;
  };
  int64_t blockRows = swapped ? 8 : 16; // Of one machine product; half as many where a probe's are beside.
  switch (layout) {
  case Layout::Accumulator:
    return expectMultiple(blockRows / 2, swapped ? 16 : 8, blockRows);
  case Layout::Columns:
    return expectMultiple(blockRows / 2, 64, blockRows);
  case Layout::Row:
  case Layout::PartialRow:
    return expectMultiple(blockRows / 2, 1, blockRows, 1);
  case Layout::Operand:
    return expectMultiple(blockRows, 16, blockRows);
  case Layout::Rows:
    return expectMultiple(blockRows, 32, blockRows);
  case Layout::Keys:
    return expectMultiple(8, 32, most);
  case Layout::Values:
    return expectMultiple(16, 64, most);
  case Layout::Flat:
  case Layout::Dense:
    return success();
  }
  return success();
}

LogicalResult SharedType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns,
                                 Type elementType, int64_t panelColumns) {
  // 256: the most that one bulk tensor copy, or one product, takes.
  bool fits = rows >= 8 && rows <= 256 && rows % 8 == 0 && columns >= 8 && columns <= 256 && columns % 8 == 0;
  if (!fits || !isNarrow(elementType))
    return emitError() << "expected 8..256 rows in steps of 8, 8..256 columns in steps of 8 and bf16 or f16, got "
                       << rows << " x " << columns << " x " << elementType;
  if (panelColumns != 32 && panelColumns != 64)
    return emitError() << "expected panels of 32 or 64 columns, got " << panelColumns;
  if (rows * panelColumns % (16 * 32) != 0) // A tile is a multiple of 1024 bytes: the next one's swizzle begins there.
    return emitError() << "expected a multiple of 16 rows in panels of 32 columns, got " << rows;
  return success();
}

LogicalResult ViewType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t columns, Type elementType,
                               int64_t pageSize) {
  if (columns < 1 || !(elementType.isF32() || isNarrow(elementType) || isByte(elementType)))
    return emitError() << "expected columns >= 1 of f32, bf16, f16 or f8E4M3FN, got " << columns << " x "
                       << elementType;
  if (pageSize != 0 && pageSize < 8)
    return emitError() << "expected pages of at least 8 rows, got " << pageSize;
  return success();
}

LogicalResult RingType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t slots,
                               llvm::ArrayRef<Type> tiles, int64_t noteBytes) {
  bool isEmpty = tiles.empty() && noteBytes == 0;
  if (slots < 1 || slots > 8 || isEmpty || !llvm::all_of(tiles, llvm::IsaPred<SharedType>))
    return emitError() << "expected 1..8 slots of shared tiles, got " << slots << " of " << tiles;
  constexpr int64_t mostNotes = 64 << 10;
  if (noteBytes < 0 || noteBytes % 16 != 0 || noteBytes > mostNotes)
    return emitError() << "expected a multiple of 16 bytes of notes, at most " << mostNotes << ", got " << noteBytes;
  return success();
}

int64_t RingType::getSlotBytes() const {
  int64_t bytes = 0;
  for (Type tile : getTiles())
    bytes += cast<SharedType>(tile).getBytes();
  return bytes;
}
