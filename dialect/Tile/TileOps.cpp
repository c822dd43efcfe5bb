//===- TileOps.cpp - one check per numbered constraint --------------------===//

#include "dialect/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace lla::tile;

#define GET_OP_CLASSES
#include "dialect/Tile/TileOps.cpp.inc"

LogicalResult KernelOp::verify() {
  if (getWarps() < 1 || (getProducerWarps() != 0 && getProducerWarps() != 4)) // C1
    return emitOpError() << "C1: expected warps >= 1 and 0 or 4 producer warps, got " << getWarps() << " and "
                         << getProducerWarps();
  if (getStages() < 1) // C2
    return emitOpError() << "C2: expected stages >= 1, got " << getStages();
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

LogicalResult ViewOp::verify() {
  if (getGroup() < 1) // C1
    return emitOpError() << "C1: expected group >= 1, got " << getGroup();
  return success();
}

LogicalResult LoadOp::verify() {
  FragType type = getResult().getType();
  Layout layout = type.getLayout();
  int64_t columns = getTransposed() ? type.getRows() : type.getColumns();
  if ((getStacked() && getStacked().getType() != getView().getType()) || getView().getType().getColumns() > columns) // C1
    return emitOpError() << "C1: expected views of one type with at most " << columns << " columns, got "
                         << getView().getType();
  if ((getStacked() && layout != Layout::Rows && layout != Layout::Dense) ||
      (getTransposed() && layout != Layout::Dense)) // C2
    return emitOpError("C2: expected stacked views with layout rows or dense, transposition with dense");
  if (layout != Layout::Rows && layout != Layout::Keys && layout != Layout::Values && layout != Layout::Dense) // C3
    return emitOpError() << "C3: expected layout rows, keys, values or dense, got " << stringifyLayout(layout);
  return success();
}

LogicalResult StoreOp::verify() {
  Layout layout = getValue().getType().getLayout();
  if (layout != Layout::Accumulator && layout != Layout::Columns && layout != Layout::Flat && layout != Layout::Dense) // C1
    return emitOpError() << "C1: expected layout accumulator, columns, flat or dense, got " << stringifyLayout(layout);
  return success();
}

//===----------------------------------------------------------------------===//
// tile.dot
//===----------------------------------------------------------------------===//

bool DotOp::isAsync() { return isa<SharedType>(getB().getType()); }

/// Rows and columns of a fragment or shared tile.
static std::pair<int64_t, int64_t> shape(Type type) {
  if (auto frag = dyn_cast<FragType>(type))
    return {frag.getRows(), frag.getColumns()};
  auto shared = cast<SharedType>(type);
  return {shared.getRows(), shared.getColumns()};
}

/// True if (a, b) is a row of the op's table.
static bool isMachineProduct(Type a, Type b, bool transposed) {
  auto layout = [](Type type) -> std::optional<Layout> {
    auto frag = dyn_cast<FragType>(type);
    return frag ? std::optional(frag.getLayout()) : std::nullopt;
  };
  std::optional<Layout> la = layout(a), lb = layout(b);
  if (la == Layout::Rows)
    return lb == Layout::Keys && transposed;
  if (la == Layout::Operand)
    return (lb == Layout::Values || !lb) && !transposed;
  if (la == Layout::Dense)
    return lb == Layout::Dense;
  return !la && !lb && transposed;
}

LogicalResult DotOp::verify() {
  Type a = getA().getType(), b = getB().getType();
  if (!isMachineProduct(a, b, getTransposeB())) // C1
    return emitOpError() << "C1: no machine product of " << a << " and " << b
                         << (getTransposeB() ? " transposed" : "");
  auto [aRows, aColumns] = shape(a);
  auto [bRows, bColumns] = shape(b);
  if (getTransposeB())
    std::swap(bRows, bColumns);
  FragType result = getResult().getType();
  // A shared first operand holds the rows of all computing warps, 16 of each.
  bool rowsAgree = isa<SharedType>(a) ? result.getRows() == 16 : result.getRows() == aRows;
  if (aColumns != bRows || !rowsAgree || result.getColumns() != bColumns ||
      (getAccumulator() && getAccumulator().getType() != result)) // C2
    return emitOpError() << "C2: shapes disagree: " << a << " times " << b << " gives " << result;
  return success();
}

LogicalResult WaitOp::verify() {
  if (getValues().getTypes() != getResults().getTypes())
    return emitOpError("expected results of the operands' types");
  return success();
}

//===----------------------------------------------------------------------===//
// tile.map, tile.row_reduce, shapes
//===----------------------------------------------------------------------===//

LogicalResult MapOp::verify() {
  if (getResults().empty() || (!getAt().empty() && getAt().size() != 2))
    return emitOpError("C2: expected at least one result, and two offsets after `at`");
  auto first = cast<FragType>(getResults().front().getType());
  for (Type type : llvm::concat<Type>(llvm::to_vector(getInputs().getTypes()), llvm::to_vector(getResults().getTypes()))) {
    auto frag = cast<FragType>(type);
    bool same = frag.getRows() == first.getRows() && frag.getColumns() == first.getColumns() &&
                frag.getLayout() == first.getLayout();
    bool row = frag.getRows() == first.getRows() && frag.getColumns() == 1 &&
               (frag.getLayout() == Layout::Row || frag.getLayout() == Layout::Dense);
    if (!same && !row) // C1
      return emitOpError() << "C1: expected the shape of " << first << " or a row fragment of as many rows, got " << frag;
  }
  Block &block = getBody().front();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (block.getNumArguments() != getInputs().size() + getAt().size() || !yield ||
      yield.getValues().size() != getNumResults()) // C2
    return emitOpError() << "C2: expected " << getInputs().size() + getAt().size() << " arguments and "
                         << getNumResults() << " yielded values";
  return success();
}

LogicalResult RowReduceOp::verify() {
  FragType value = getValue().getType(), result = getResult().getType();
  bool layoutFits = value.getLayout() == Layout::Dense
                        ? result.getLayout() == Layout::Dense
                        : result.getLayout() == Layout::Row || result.getLayout() == Layout::PartialRow;
  if (!layoutFits || result.getRows() != value.getRows() || result.getColumns() != 1 ||
      !result.getElementType().isF32()) // C1
    return emitOpError() << "C1: expected an f32 row fragment of " << value.getRows() << " rows, got " << result;
  return success();
}

static FragType withRows(FragType type, int64_t rows) {
  return FragType::get(type.getContext(), rows, type.getColumns(), type.getElementType(), type.getLayout(),
                       type.getThreads());
}

void SplitOp::build(OpBuilder &builder, OperationState &state, Value value) {
  FragType half = withRows(cast<FragType>(value.getType()), 8);
  build(builder, state, half, half, value);
}

LogicalResult SplitOp::verify() {
  FragType type = getValue().getType();
  if (type.getRows() != 16 || getUpper().getType() != withRows(type, 8) || getLower().getType() != withRows(type, 8))
    return emitOpError() << "C1: expected two halves of 16 rows, got " << type << " into " << getUpper().getType(); // C1
  return success();
}

void StackOp::build(OpBuilder &builder, OperationState &state, Value upper, Value lower) {
  build(builder, state, withRows(cast<FragType>(upper.getType()), 16), upper, lower);
}

LogicalResult StackOp::verify() {
  FragType type = getUpper().getType();
  if (type.getRows() != 8 || getResult().getType() != withRows(type, 16)) // C1
    return emitOpError() << "C1: expected 8 rows over 8, got " << type << " into " << getResult().getType();
  return success();
}

LogicalResult ConvertOp::verify() {
  FragType from = getValue().getType(), to = getResult().getType();
  if (from.getLayout() != Layout::Accumulator || !from.getElementType().isF32() || from.getRows() != 16 ||
      to.getLayout() != Layout::Operand || to.getElementType().getIntOrFloatBitWidth() != 16 ||
      from.getRows() != to.getRows() || from.getColumns() != to.getColumns()) // C1
    return emitOpError() << "C1: expected a 16-row f32 accumulator into a 16-bit operand of its shape, got " << from
                         << " into " << to;
  return success();
}

LogicalResult MergeOp::verify() {
  if (bool(getD2()) != bool(getO2()) || bool(getD2()) != bool(getC())) // C1
    return emitOpError("C1: expected d2, c and o2 together");
  Layout layout = getO1().getType().getLayout();
  bool fits = getGrid() ? layout == Layout::Flat || layout == Layout::Dense : layout == Layout::Columns;
  if (!fits) // C2
    return emitOpError() << "C2: no merge over " << (getGrid() ? "grid" : "warps") << " from layout "
                         << stringifyLayout(layout);
  return success();
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

LogicalResult RingFillOp::verify() {
  size_t tiles = getRing().getType().getTiles().size();
  if (getViews().size() != tiles || getAt().size() != tiles) // C1
    return emitOpError() << "C1: expected " << tiles << " views and rows, got " << getViews().size() << " and "
                         << getAt().size();
  return success();
}

LogicalResult RingAcquireOp::verify() {
  if (!llvm::equal(getTiles().getTypes(), getRing().getType().getTiles())) // C1
    return emitOpError() << "C1: expected the tiles of " << getRing().getType();
  return success();
}
