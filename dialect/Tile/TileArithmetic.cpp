//===- TileArithmetic.cpp - one check per numbered constraint -------------===//
//
// Of the ops that compute: on fragments and, in products, on shared tiles.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/TileDialect.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lla::tile;

LogicalResult FillOp::verify() {
  if (!getResult().getType().getElementType().isF32()) // C1
    return emitOpError() << "C1: expected f32 elements, got " << getResult().getType();
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

static bool isSwapped(Type type) {
  auto frag = dyn_cast<FragType>(type);
  return frag && frag.getSwapped();
}

static Type elementType(Type type) {
  auto frag = dyn_cast<FragType>(type);
  return frag ? frag.getElementType() : cast<SharedType>(type).getElementType();
}

/// The last column of the op's table.
static Layout productLayout(Type b) {
  auto frag = dyn_cast<FragType>(b);
  if (frag && frag.getLayout() == Layout::Values)
    return Layout::Columns;
  return frag && frag.getLayout() == Layout::Dense ? Layout::Dense : Layout::Accumulator;
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
    return !lb || (lb == Layout::Values && !transposed);
  if (la == Layout::Dense)
    return lb == Layout::Dense;
  return !la && !lb;
}

/// True if `b` is of bytes, which its product widens.
static bool isOfBytes(Type b) {
  auto frag = dyn_cast<FragType>(b);
  return frag && frag.isOfBytes();
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
  // A shared first operand holds the rows of all computing warps, 16 of each, by warpgroups of four; of a product with
  // values those of one warpgroup.
  bColumns += getOnes() ? 8 : 0;
  bool fitsWarpgroups = getTransposeB() ? aRows % 64 == 0 : aRows == 64;
  bool rowsAgree = isa<SharedType>(a) ? result.getRows() == 16 && fitsWarpgroups : result.getRows() == aRows;
  bool swapped = isSwapped(a), sameKind = result.getSwapped() == swapped && (!swapped || isa<FragType>(b));
  bool wholeSteps = !isa<SharedType>(a) || aColumns % 16 == 0;
  if (aColumns != bRows || !rowsAgree || !sameKind || !wholeSteps || result.getColumns() != bColumns ||
      (getAccumulator() && getAccumulator().getType() != result)) // C2
    return emitOpError() << "C2: shapes disagree: " << a << " times " << b << " gives " << result;
  bool elementsAgree = elementType(a) == elementType(b) || isOfBytes(b);
  if (!elementsAgree || !result.getElementType().isF32() || result.getLayout() != productLayout(b)) // C3
    return emitOpError() << "C3: expected one element type and an f32 result of layout "
                         << stringifyLayout(productLayout(b)) << ", got " << a << " times " << b << " gives " << result;
  auto shared = dyn_cast<SharedType>(b);
  if (getOnes() && (!shared || isa<SharedType>(a) || shared.getColumns() != 64 || getTransposeB() ||
                    getOnes().getType() != SharedType::get(getContext(), 16, 64, shared.getElementType(), 64))) // C4
    return emitOpError() << "C4: expected 16 rows of ones behind 64 shared columns of their type, got "
                         << getOnes().getType() << " beside " << b;
  return success();
}

LogicalResult WaitOp::verify() {
  if (getValues().getTypes() != getResults().getTypes()) // C1
    return emitOpError("C1: expected results of the operands' types");
  if (getPending() > 7) // C2
    return emitOpError() << "C2: expected pending in 0..7, got " << static_cast<int64_t>(getPending());
  return success();
}

//===----------------------------------------------------------------------===//
// tile.map, tile.row_reduce, shapes
//===----------------------------------------------------------------------===//

static bool isSameShape(FragType x, FragType y) {
  return x.getRows() == y.getRows() && x.getColumns() == y.getColumns() && x.getLayout() == y.getLayout() &&
         x.getThreads() == y.getThreads() && x.getSwapped() == y.getSwapped();
}

/// True if `row` has one element for each row of `type`, where its elements are.
static bool isRowOf(FragType row, FragType type) {
  Layout layout = type.getLayout() == Layout::Dense ? Layout::Dense : Layout::Row;
  return row.getRows() == type.getRows() && row.getColumns() == 1 && row.getLayout() == layout &&
         row.getSwapped() == type.getSwapped();
}

static SmallVector<Type> elementTypes(TypeRange types) {
  return llvm::map_to_vector(types, [](Type type) { return cast<FragType>(type).getElementType(); });
}

void MapOp::build(OpBuilder &builder, OperationState &state, TypeRange results, ValueRange inputs, ValueRange at,
                  ElementBody body) {
  build(builder, state, results, inputs, at);
  Block &block = state.regions.front()->emplaceBlock();
  for (Type type : elementTypes(inputs.getTypes()))
    block.addArgument(type, state.location);
  for (Value offset : at)
    block.addArgument(offset.getType(), state.location);
  ImplicitLocOpBuilder inner(state.location, builder.getContext()); // The block is of no op yet.
  inner.setInsertionPointToStart(&block);
  SmallVector<Value> yielded = body(inner, block.getArguments());
  YieldOp::create(inner, yielded);
}

LogicalResult MapOp::verify() {
  if (getResults().empty() || (!getAt().empty() && getAt().size() != 2)) // C2
    return emitOpError("C2: expected at least one result, and two offsets after `at`");
  auto first = cast<FragType>(getResults().front().getType());
  bool isFlat = first.getLayout() == Layout::Flat;
  for (Type type : getResultTypes())
    if (!isSameShape(cast<FragType>(type), first)) // C1
      return emitOpError() << "C1: expected results of the shape of " << first << ", got " << type;
  for (auto type : llvm::map_range(getInputs().getTypes(), llvm::CastTo<FragType>))
    if (!isSameShape(type, first) && (isFlat || !isRowOf(type, first))) // C1
      return emitOpError() << "C1: expected the shape of " << first << " or a row fragment of as many rows, got "
                           << type;
  if (isFlat && !getAt().empty()) // C1
    return emitOpError("C1: expected no positions of a flat fragment");

  SmallVector<Type> arguments = elementTypes(getInputs().getTypes()), results = elementTypes(getResultTypes());
  arguments.append(getAt().size(), IntegerType::get(getContext(), 32));
  Block &block = getBody().front();
  auto yield = dyn_cast<YieldOp>(block.back());
  if (block.getArgumentTypes() != TypeRange(arguments) || !yield ||
      yield.getValues().getTypes() != TypeRange(results)) // C2
    return emitOpError() << "C2: expected arguments " << arguments << " and yielded values " << results;
  return success();
}

/// Layouts whose registers belong to rows of a lane: g and g + 8, swapped 2 c and 2 c + 1.
static bool hasLaneRows(Layout layout) {
  return llvm::is_contained({Layout::Accumulator, Layout::Columns, Layout::Row, Layout::PartialRow}, layout);
}

LogicalResult RowReduceOp::verify() {
  FragType value = getValue().getType(), result = getResult().getType();
  bool isOperandSum = value.getLayout() == Layout::Operand && getKind() == Reduction::Sum &&
                      result.getLayout() == Layout::PartialRow && !value.getSwapped();
  bool isFloats = value.getElementType().isF32() &&
                  (hasLaneRows(value.getLayout()) || value.getLayout() == Layout::Dense);
  if (!isFloats && !isOperandSum) // C1
    return emitOpError() << "C1: expected f32 in layout accumulator, columns, row, partial_row or dense, or a sum of "
                            "an operand, got "
                         << value;
  bool layoutFits = value.getLayout() == Layout::Dense
                        ? result.getLayout() == Layout::Dense
                        : result.getLayout() == Layout::Row || result.getLayout() == Layout::PartialRow;
  if (!layoutFits || result.getRows() != value.getRows() || result.getColumns() != 1 ||
      !result.getElementType().isF32() || result.getSwapped() != value.getSwapped()) // C2
    return emitOpError() << "C2: expected an f32 row fragment of " << value.getRows() << " rows, got " << result;
  return success();
}

LogicalResult LastColumnOp::verify() {
  FragType value = getValue().getType(), result = getResult().getType();
  if (!value.getElementType().isF32() || value.getLayout() != Layout::Accumulator || value.getSwapped()) // C1
    return emitOpError() << "C1: expected f32 in layout accumulator, got " << value;
  if (!result.getElementType().isF32() || !isRowOf(result, value)) // C2
    return emitOpError() << "C2: expected an f32 row fragment of " << value.getRows() << " rows, got " << result;
  return success();
}

LogicalResult AnyOp::verify() {
  auto isCondition = [](Type type) {
    auto frag = cast<FragType>(type);
    return frag.getElementType().isInteger(1) &&
           llvm::is_contained({Layout::Row, Layout::PartialRow, Layout::Dense}, frag.getLayout());
  };
  if (getConditions().empty() || !llvm::all_of(getConditions().getTypes(), isCondition)) // C1
    return emitOpError() << "C1: expected one condition or more, i1 in layout row, partial_row or dense, got "
                         << getConditions().getTypes();
  return success();
}

/// C2 of split and stack.
static LogicalResult verifyLaneRows(Operation *op, FragType type) {
  if (hasLaneRows(type.getLayout()))
    return success();
  return op->emitOpError() << "C2: expected layout accumulator, columns, row or partial_row, got " << type;
}

/// Rows of what is stacked: of one machine product.
static int64_t stackedRows(FragType type) { return type.getSwapped() ? 8 : 16; }

void SplitOp::build(OpBuilder &builder, OperationState &state, Value value) {
  auto type = cast<FragType>(value.getType());
  FragType half = type.withRows(type.getRows() / 2);
  build(builder, state, half, half, value);
}

LogicalResult SplitOp::verify() {
  FragType type = getValue().getType();
  if (failed(verifyLaneRows(*this, type)))
    return failure();
  int64_t rows = stackedRows(type);
  if (type.getRows() != rows || getUpper().getType() != type.withRows(rows / 2) ||
      getLower().getType() != getUpper().getType()) // C1
    return emitOpError() << "C1: expected two halves of " << rows << " rows, got " << type << " into "
                         << getUpper().getType();
  return success();
}

void StackOp::build(OpBuilder &builder, OperationState &state, Value upper, Value lower) {
  auto type = cast<FragType>(upper.getType());
  build(builder, state, type.withRows(2 * type.getRows()), upper, lower);
}

LogicalResult StackOp::verify() {
  FragType type = getUpper().getType();
  if (failed(verifyLaneRows(*this, type)))
    return failure();
  int64_t half = stackedRows(type) / 2;
  if (type.getRows() != half || getResult().getType() != type.withRows(2 * half)) // C1
    return emitOpError() << "C1: expected " << half << " rows over " << half << ", got " << type << " into "
                         << getResult().getType();
  return success();
}

LogicalResult ConvertOp::verify() {
  FragType from = getValue().getType(), to = getResult().getType();
  if (from.getLayout() != Layout::Accumulator || !from.getElementType().isF32() ||
      from.getRows() != stackedRows(from) || to.getLayout() != Layout::Operand ||
      to.getElementType().getIntOrFloatBitWidth() != 16 || from.getRows() != to.getRows() ||
      from.getColumns() != to.getColumns() || from.getSwapped() != to.getSwapped()) // C1
    return emitOpError() << "C1: expected an f32 accumulator of a product's rows into a 16-bit operand of its shape, "
                         << "got " << from << " into " << to;
  return success();
}

/// Who has a state of such values before a merge over the grid has the same of the merged one.
static bool keepsLayout(Layout layout) { return layout == Layout::Accumulator || layout == Layout::Dense; }

/// C3 of merge.
static bool operandsFit(MergeOp op) {
  FragType m = op.getM().getType(), o1 = op.getO1().getType();
  for (Value row : {op.getD1(), op.getD2(), op.getC()})
    if (row && row.getType() != m)
      return false;
  int64_t rows = op.getRows(), columns = op.getColumns(), keyWarps = op.getKeyWarps();
  bool statisticsFit = o1.getLayout() == Layout::Flat ? m == o1 : isRowOf(m, o1) && m.getElementType().isF32();
  if (o1.getLayout() == Layout::Accumulator && (o1.getRows() != 16 || o1.getSwapped()))
    return false;
  return statisticsFit && (!op.getO2() || op.getO2().getType() == o1) && rows >= 1 && rows <= o1.getRows() &&
         columns >= 1 && columns <= o1.getColumns() && (op.getScope() != Scope::Warps || columns % 8 == 0) &&
         keyWarps >= 1 && keyWarps <= 32;
}

/// C4 of merge, over a cluster from accumulators: all of `types` as `states`, but for fewer columns of values.
static bool sharesFit(FragType o1, TypeRange types, ArrayRef<Type> states) {
  auto o = types.size() == states.size() ? dyn_cast<FragType>(types[2]) : FragType();
  if (!o || o.getColumns() > o1.getColumns())
    return false;
  auto shared = FragType::get(o1.getContext(), o1.getRows(), o.getColumns(), o1.getElementType(), o1.getLayout(),
                              o1.getThreads());
  return llvm::all_of(llvm::zip(types, states), [&](auto pair) {
    auto [type, state] = pair;
    return type == (state == o1 ? Type(shared) : state);
  });
}

/// C4 of merge.
static bool resultsFit(MergeOp op) {
  auto types = op.getResults().getTypes();
  SmallVector<Type> states = llvm::to_vector(llvm::make_filter_range(op->getOperandTypes(), llvm::IsaPred<FragType>));
  FragType o1 = op.getO1().getType();
  if (op.getScope() == Scope::Cluster && keepsLayout(o1.getLayout()))
    return sharesFit(o1, types, states);
  if (keepsLayout(o1.getLayout()))
    return llvm::equal(types, states);
  auto flat = dyn_cast<FragType>(types.empty() ? Type() : types.front());
  if (types.size() != states.size() || !flat || !llvm::all_equal(types))
    return false;
  bool threadsFit = op.getScope() == Scope::Warps     ? true
                    : op.getScope() == Scope::Cluster ? flat.getThreads() % o1.getThreads() == 0
                                                      : o1.getThreads() % flat.getThreads() == 0;
  return threadsFit && flat.getLayout() == Layout::Flat && flat.getElementType().isF32() &&
         flat.getRows() == static_cast<int64_t>(op.getRows()) &&
         flat.getColumns() == static_cast<int64_t>(op.getColumns());
}

LogicalResult MergeOp::verify() {
  if (bool(getD2()) != bool(getO2()) || bool(getD2()) != bool(getC())) // C1
    return emitOpError("C1: expected d2, c and o2 together");
  Layout layout = getO1().getType().getLayout();
  bool fits = getScope() == Scope::Warps     ? layout == Layout::Columns
              : getScope() == Scope::Cluster ? layout == Layout::Flat || layout == Layout::Accumulator
                                             : layout == Layout::Flat || keepsLayout(layout);
  if (!fits) // C2
    return emitOpError() << "C2: no merge over " << stringifyScope(getScope()) << " from layout "
                         << stringifyLayout(layout);
  if (!operandsFit(*this)) // C3
    return emitOpError() << "C3: operands disagree: statistics " << getM().getType() << ", values " << getO1().getType()
                         << ", rows " << getRows() << ", columns " << getColumns() << ", key_warps " << getKeyWarps();
  if (!resultsFit(*this)) // C4
    return emitOpError() << "C4: expected results of "
                         << (!keepsLayout(layout)               ? "flat rows x columns"
                             : getScope() == Scope::Cluster ? "the operands' types with a share of the columns"
                                                            : "the operands' types")
                         << ", got "
                         << getResults().getTypes();
  if (getSplits() && getScope() != Scope::Grid) // C5
    return emitOpError() << "C5: expected splits over grid only, got them over " << stringifyScope(getScope());
  bool hasPlace(getFirst());
  if (hasPlace != bool(getPlace()) || (hasPlace && !(getSplits() && layout == Layout::Accumulator))) // C5
    return emitOpError("C5: expected a state's place together with splits, of accumulators");
  return success();
}
