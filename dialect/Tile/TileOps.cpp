//===- TileOps.cpp - one check per numbered constraint --------------------===//
//
// Of the kernel, its launch, what moves tiles, rings and roles; TileArithmetic.cpp
// has those of what computes.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lla::tile;

#define GET_OP_CLASSES
#include "dialect/Tile/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Kernel and launch
//===----------------------------------------------------------------------===//

LogicalResult KernelOp::verify() {
  if (getWarps() < 1 || getWarps() > 32 || (getProducerWarps() != 0 && getProducerWarps() != 4)) // C1
    return emitOpError() << "C1: expected 1..32 warps and 0 or 4 producer warps, got " << getWarps() << " and "
                         << getProducerWarps();
  if (getStages() < 1 || getStages() > 8 || getCtas() < 1 || getCluster() < 1 || getCluster() > 16) // C2
    return emitOpError() << "C2: expected 1..8 stages, ctas >= 1 and 1..16 CTAs in a cluster, got " << getStages()
                         << ", " << getCtas() << " and " << getCluster();
  return success();
}

LogicalResult ArgumentOp::verify() {
  Builder b(getContext());
  Type expected = llvm::StringSwitch<Type>(getName())
#define LLA_POINTER(name, what)
#define LLA_I64(name, what) .Case(#name, b.getI64Type())
#define LLA_I32(name, what) .Case(#name, b.getI32Type())
#define LLA_F32(name, what) .Case(#name, b.getF32Type())
#include "dialect/Spec/KernelArguments.def"
                      .Default(Type());
  if (!expected || expected != getResult().getType()) // C1
    return emitOpError() << "C1: expected a field of the launch record and its type, got " << getName() << " of type "
                         << getResult().getType();
  return success();
}

LogicalResult LookupOp::verify() {
  if (!llvm::is_contained({"lengths", "starts", "cu_seqlens_q", "cu_seqlens_k"}, getArray())) // C1
    return emitOpError() << "C1: expected lengths, starts, cu_seqlens_q or cu_seqlens_k, got " << getArray();
  return success();
}

LogicalResult SeekOp::verify() {
  Block &body = getBody().front();
  auto isI32 = [](Type type) { return type.isInteger(32); };
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  if (body.getNumArguments() != 1 || !isI32(body.getArgument(0).getType()) || !yield || // C1
      yield.getValues().size() != 1 || !isI32(yield.getValues().front().getType()))
    return emitOpError() << "C1: expected a region from i32 to i32";
  if ((*this)->getParentOfType<RolesOp>() || (*this)->getParentOfType<SeekOp>()) // C2
    return emitOpError() << "C2: expected not to be among the roles' ops, nor in another seek";
  return success();
}

LogicalResult ByLengthOp::verify() {
  if ((*this)->getParentOfType<RolesOp>()) // C1
    return emitOpError() << "C1: expected not to be among the roles' ops";
  return success();
}

LogicalResult ScaleOp::verify() {
  if (getTensor() != Tensor::K && getTensor() != Tensor::V) // C1
    return emitOpError() << "C1: expected k or v, got " << stringifyTensor(getTensor());
  return success();
}

LogicalResult PageOp::verify() {
  if (!getView().getType().isPaged()) // C1
    return emitOpError() << "C1: expected a paged view, got " << getView().getType();
  return success();
}

LogicalResult ViewOp::verify() {
  if (getGroup() < 1) // C1
    return emitOpError() << "C1: expected group >= 1, got " << getGroup();
  int64_t group = static_cast<int64_t>(getGroup()), rows = static_cast<int64_t>(getQueryRows());
  if (rows != 0 && (group == 1 || rows < group || !llvm::isPowerOf2_64(static_cast<uint64_t>(rows)))) // C1
    return emitOpError() << "C1: expected query_rows that are 0 or, of a group > 1, a power of two of at least "
                         << group << ", got " << rows;
  bool isPart = llvm::is_contained({Tensor::PartO, Tensor::PartLse, Tensor::PartTbar, Tensor::PartVbar}, getTensor());
  if (bool(getShard()) != isPart) // C2
    return emitOpError() << "C2: expected " << (isPart ? "a" : "no") << " shard of " << stringifyTensor(getTensor());
  bool ofKeys = getTensor() == Tensor::K || getTensor() == Tensor::V;
  if (getType().isPaged() && !(ofKeys && getGroup() == 1)) // C3
    return emitOpError() << "C3: expected pages of k or v only, with group 1, got " << stringifyTensor(getTensor())
                         << " and group " << getGroup();
  auto kernel = (*this)->getParentOfType<KernelOp>();
  if (rows && (ofKeys || (kernel && kernel.getProducerWarps() == 0))) // C4
    return emitOpError() << "C4: expected no query_rows of keys or in a kernel without producers, got " << rows;
  return success();
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// True if `pages` are as many as rows of a paged tensor's tile may be divided by: in parts of 8, 16, ...
static bool dividesRows(size_t pages, int64_t rows) {
  return pages > 0 && rows % static_cast<int64_t>(8 * pages) == 0;
}

LogicalResult LoadOp::verify() {
  FragType type = getResult().getType();
  Layout layout = type.getLayout();
  int64_t columns = getTransposed() ? type.getRows() : type.getColumns(),
          viewColumns = getView().getType().getColumns();
  bool fits = layout == Layout::Flat ? viewColumns == columns || viewColumns == 1 : viewColumns <= columns;
  if ((getStacked() && getStacked().getType() != getView().getType()) || !fits) // C1
    return emitOpError() << "C1: expected views of one type with " << (layout == Layout::Flat ? "1 or " : "at most ")
                         << columns << " columns, got " << getView().getType();
  if ((getStacked() && layout != Layout::Rows && layout != Layout::Dense) ||
      (getTransposed() && layout != Layout::Dense)) // C2
    return emitOpError("C2: expected stacked views with layout rows or dense, transposition with dense");
  if (!llvm::is_contained({Layout::Rows, Layout::Keys, Layout::Values, Layout::Flat, Layout::Dense}, layout)) // C3
    return emitOpError() << "C3: expected layout rows, keys, values, flat or dense, got " << stringifyLayout(layout);
  if (layout != Layout::Dense && type.getElementType() != getView().getType().getElementType()) // C4
    return emitOpError() << "C4: expected the element type of " << getView().getType() << ", got " << type;
  if (!getPages().empty() && !(getView().getType().isPaged() && layout != Layout::Dense &&
                               dividesRows(getPages().size(), type.getRows()))) // C5
    return emitOpError() << "C5: expected pages of a paged view, each of a multiple of 8 rows, got "
                         << getPages().size() << " for " << type;
  if (getFrom() && layout != Layout::Keys && layout != Layout::Values) // C6
    return emitOpError() << "C6: expected from with layout keys or values, got " << stringifyLayout(layout);
  return success();
}

/// True if a tile of `rows` rows of `view` can be copied in boxes of `boxRows` (0: in one).
static bool hasBoxes(ViewType view, int64_t rows, int64_t boxRows, bool bounded) {
  if (!view.isPaged())
    return boxRows == 0;
  return bounded && boxRows > 0 && boxRows % 8 == 0 && rows % boxRows == 0 && view.getPageSize() % boxRows == 0;
}

LogicalResult CopyOp::verify() {
  if (bool(getFrom()) != bool(getLimit())) // C1
    return emitOpError("C1: expected from and until together");
  int64_t boxRows = getBoxRows();
  if (!hasBoxes(getView().getType(), getType().getRows(), boxRows, bool(getFrom()))) // C2
    return emitOpError() << "C2: expected bounds and boxes of a multiple of 8 rows that divides tile and page with a "
                            "paged view only, got boxes of "
                         << boxRows << " for " << getView().getType() << " into " << getType();
  if (getFrom() && !getType().hasWidePanels()) // C3
    return emitOpError() << "C3: expected panels of 64 columns with bounds, got " << getType();
  return success();
}

LogicalResult PrefetchOp::verify() {
  if (static_cast<int64_t>(getRows()) < 1 || getViews().empty() || !llvm::all_equal(getViews().getTypes())) // C1
    return emitOpError() << "C1: expected rows of views of one type, got " << static_cast<int64_t>(getRows()) << " of "
                         << getViews().getTypes();
  return success();
}

LogicalResult ColumnsOp::verify() {
  SharedType from = getTile().getType(), to = getResult().getType();
  if (from.getRows() != to.getRows() || from.getElementType() != to.getElementType() ||
      from.getPanelColumns() != to.getPanelColumns() || to.getColumns() > from.getColumns()) // C1
    return emitOpError() << "C1: expected at most " << from.getColumns() << " columns of " << from << ", got " << to;
  llvm::APInt column;
  if (matchPattern(getColumn(), m_ConstantInt(&column)) && column.urem(from.getPanelColumns()) != 0) // C2
    return emitOpError() << "C2: expected a multiple of " << from.getPanelColumns() << ", got column "
                         << column.getSExtValue();
  return success();
}

LogicalResult StoreOp::verify() {
  Layout layout = getValue().getType().getLayout();
  if (!llvm::is_contained({Layout::Accumulator, Layout::Columns, Layout::Row, Layout::Flat, Layout::Dense},
                          layout)) // C1
    return emitOpError() << "C1: expected layout accumulator, columns, row, flat or dense, got "
                         << stringifyLayout(layout);
  int64_t columns = getValue().getType().getColumns(), viewColumns = getView().getType().getColumns();
  if (getColumn() && layout != Layout::Accumulator && layout != Layout::Columns) // C2
    return emitOpError() << "C2: expected layout accumulator or columns with a column, got " << stringifyLayout(layout);
  if (layout == Layout::Accumulator && getValue().getType().getSwapped()) // C1
    return emitOpError() << "C1: expected no swapped accumulator, got " << getValue().getType();
  bool isDense = layout == Layout::Dense;
  if (!getColumn() && (columns < viewColumns || (isDense && columns != viewColumns))) // C2
    return emitOpError() << "C2: expected " << (isDense ? "" : "at least ") << viewColumns << " columns, got "
                         << columns;
  return success();
}

//===----------------------------------------------------------------------===//
// Rings and roles
//===----------------------------------------------------------------------===//

LogicalResult OnesOp::verify() {
  SharedType type = getResult().getType();
  if (type.getRows() != 16 || type.getColumns() != 64 || !type.hasWidePanels()) // C1
    return emitOpError() << "C1: expected 16 rows of 64 columns in one panel, got " << type;
  return success();
}

LogicalResult RingFillOp::verify() {
  size_t tiles = getRing().getType().getTiles().size();
  if (getViews().size() != tiles || getAt().size() != tiles) // C1
    return emitOpError() << "C1: expected " << tiles << " views and rows, got " << getViews().size() << " and "
                         << getAt().size();
  for (auto [view, tile] : llvm::zip(getViews(), getRing().getType().getTiles()))
    if (cast<ViewType>(view.getType()).getElementType() != cast<SharedType>(tile).getElementType()) // C1
      return emitOpError() << "C1: expected a view of the elements of " << tile << ", got " << view.getType();
  auto rowsOf = [](Type tile) { return cast<SharedType>(tile).getRows(); };
  bool sameRows =
      llvm::all_equal(getAt()) && llvm::all_equal(llvm::map_range(getRing().getType().getTiles(), rowsOf));
  if (bool(getBegin()) != bool(getEnd()) || (getBegin() && !sameRows)) // C2
    return emitOpError("C2: expected begin and end together, for tiles of as many rows from the same row on");
  int64_t boxRows = getBoxRows();
  for (auto [view, tile] : llvm::zip(getViews(), getRing().getType().getTiles()))
    if (!hasBoxes(cast<ViewType>(view.getType()), rowsOf(tile), boxRows, bool(getBegin()))) // C3
      return emitOpError() << "C3: expected bounds and boxes of a multiple of 8 rows that divides tile and page with "
                              "paged views only, got boxes of "
                           << boxRows << " for " << view.getType() << " into " << tile;
  for (Type tile : getRing().getType().getTiles())
    if (getBegin() && !cast<SharedType>(tile).hasWidePanels()) // C4
      return emitOpError() << "C4: expected panels of 64 columns with bounds, got " << tile;
  return success();
}

LogicalResult RingAcquireOp::verify() {
  if (!llvm::equal(getTiles().getTypes(), getRing().getType().getTiles())) // C1
    return emitOpError() << "C1: expected the tiles of " << getRing().getType();
  return success();
}

LogicalResult RingOp::verify() {
  if (getReaders() > 32 || getFillers() < 1 || getFillers() > 128) // C1
    return emitOpError() << "C1: expected readers in 0..32 and fillers in 1..128, got " << getReaders() << " and "
                         << getFillers();
  return success();
}

LogicalResult RingClaimOp::verify() {
  if (!llvm::equal(getTiles().getTypes(), getRing().getType().getTiles())) // C1
    return emitOpError() << "C1: expected the tiles of " << getRing().getType();
  return success();
}

/// True if `value` is the rows of one of the weigher's warps, 16, of `tile`.
static bool isOfTile(Type value, Type tile) {
  auto frag = dyn_cast<FragType>(value);
  auto shared = dyn_cast<SharedType>(tile);
  return frag && shared && frag.getLayout() == Layout::Operand && frag.getRows() == 16 && shared.getRows() == 64 &&
         frag.getColumns() == shared.getColumns() && frag.getElementType() == shared.getElementType();
}

static bool fillsTile(Type value, Type tile) { return isOfTile(value, tile) && cast<SharedType>(tile).hasWidePanels(); }

int64_t lla::tile::noteBytes(Type value) {
  if (value.isInteger(1))
    return 16;
  auto frag = dyn_cast<FragType>(value);
  bool isRow = frag && frag.getLayout() == Layout::Row && frag.getRows() == 16 && frag.getElementType().isF32();
  return isRow ? 256 : 0;
}

LogicalResult HandOverOp::verify() {
  Type from = getValue().getType(), to = getResult().getType();
  if (!fillsTile(from, to) && (from != to || noteBytes(from) == 0)) // C1
    return emitOpError() << "C1: expected an operand for a shared tile of 64 rows, or rows or a flag, got " << from
                         << " for " << to;
  return success();
}

LogicalResult DepositOp::verify() {
  if (!fillsTile(getValue().getType(), getTile().getType())) // C1
    return emitOpError() << "C1: expected an operand for a shared tile of 64 rows, got " << getValue().getType()
                         << " for " << getTile().getType();
  return success();
}

LogicalResult CollectOp::verify() {
  if (!isOfTile(getResult().getType(), getTile().getType())) // C1
    return emitOpError() << "C1: expected an operand of a shared tile of 64 rows, got " << getResult().getType()
                         << " of " << getTile().getType();
  return success();
}

static LogicalResult verifyNote(Operation *op, Type value, RingType ring, int64_t at) {
  int64_t bytes = noteBytes(value);
  if (bytes == 0 || at < 0 || at % 16 != 0 || at > ring.getNoteBytes() - bytes) // C1
    return op->emitOpError() << "C1: expected rows or a flag within the notes of " << ring << ", got " << value
                             << " at " << at;
  return success();
}

LogicalResult NoteOp::verify() { return verifyNote(*this, getValue().getType(), getRing().getType(), getAt()); }
LogicalResult ReadNoteOp::verify() { return verifyNote(*this, getResult().getType(), getRing().getType(), getAt()); }

LogicalResult RolesOp::verify() {
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  if (kernel.getProducerWarps() == 0 || (!getWeigher().empty() && kernel.getWarps() < 8)) // C1
    return emitOpError("C1: expected a kernel with producer warps, and with a weigher 8 warps or more");
  bool isIdle = !getWeigher().empty() && getWeigher().front().empty();
  if (getWeigher().empty() == getWeigherRegisters().has_value() || isIdle) // C3
    return emitOpError("C3: expected weigher registers with a weigher that does something");
  for (uint64_t registers : {getProducerRegisters(), getWeigherRegisters().value_or(24), getConsumerRegisters()})
    if (registers < 24 || registers > 256 || registers % 8 != 0) // C2
      return emitOpError() << "C2: expected registers to be a multiple of 8 in 24..256, got " << registers;
  return success();
}

static LogicalResult verifyTurn(Operation *op) {
  auto roles = op->getParentOfType<RolesOp>();
  if (!roles || !roles.getConsumer().isAncestor(op->getParentRegion())) // C1
    return op->emitOpError("C1: expected to be in the consumer of a tile.roles");
  if (uint64_t warps = cast<KernelOp>(roles->getParentOp()).getWarps(); warps < 8) // C2
    return op->emitOpError() << "C2: expected a kernel of 8 warps or more, got " << warps;
  return success();
}

LogicalResult AwaitTurnOp::verify() { return verifyTurn(*this); }
LogicalResult PassTurnOp::verify() { return verifyTurn(*this); }
