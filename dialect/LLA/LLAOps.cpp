//===- LLAOps.cpp - one function per numbered constraint ------------------===//

#include "dialect/LLA/LLADialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace lla;

//===----------------------------------------------------------------------===//
// Assembly: `type(q), type(k) -> type(o) [, type(lse), type(tbar), type(vbar)]`; r
// has q's type and v has k's
//===----------------------------------------------------------------------===//

static ParseResult parseAttentionTypes(OpAsmParser &parser, Type &q, Type &r, Type &k, Type &v, Type &o,
                                       SmallVectorImpl<Type> &statistics,
                                       std::optional<OpAsmParser::UnresolvedOperand> probe) {
  if (parser.parseType(q) || parser.parseComma() || parser.parseType(k) || parser.parseArrow() || parser.parseType(o))
    return failure();
  if (probe)
    r = q;
  v = k;
  return failed(parser.parseOptionalComma()) ? success() : parser.parseTypeList(statistics);
}

static void printAttentionTypes(OpAsmPrinter &printer, Operation *, Type q, Type, Type k, Type, Type o,
                                TypeRange statistics, Value) {
  printer << q << ", " << k << " -> " << o;
  for (Type type : statistics)
    printer << ", " << type;
}

#define GET_OP_CLASSES
#include "dialect/LLA/LLAOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared constraints
//===----------------------------------------------------------------------===//

/// window >= 1, and only with causal.
static LogicalResult verifyWindow(Operation *op, bool causal, std::optional<uint64_t> window,
                                  llvm::StringRef constraint) {
  if (!window)
    return success();
  if (static_cast<int64_t>(*window) < 1)
    return op->emitOpError() << constraint << ": expected window >= 1, got " << static_cast<int64_t>(*window);
  if (!causal)
    return op->emitOpError() << constraint << ": expected causal beside window";
  return success();
}

/// lengths with starts, a page table with its page size, cu_seqlens with lengths; the others name the constraints.
template <typename OpT>
static LogicalResult verifySequences(OpT op, llvm::StringRef pairing, llvm::StringRef paging, llvm::StringRef packing) {
  if (bool(op.getLengths()) != bool(op.getStarts()))
    return op.emitOpError() << pairing << ": expected lengths and starts together";
  std::optional<uint64_t> pageSize = op.getPageSize();
  if (bool(op.getPageTable()) != pageSize.has_value())
    return op.emitOpError() << paging << ": expected a page table and a page size together";
  if (pageSize && static_cast<int64_t>(*pageSize) < 8)
    return op.emitOpError() << paging << ": expected pages of at least 8 keys, got " << static_cast<int64_t>(*pageSize);
  if ((op.getCuSeqlensQ() || op.getCuSeqlensK()) && !op.getLengths())
    return op.emitOpError() << packing << ": expected lengths beside cu_seqlens";
  if (op.getCuSeqlensK() && op.getPageTable())
    return op.emitOpError() << packing << ": expected cu_seqlens_k or pages, got both";
  return success();
}

static RankedTensorType tensor(Value value) { return cast<RankedTensorType>(value.getType()); }
static bool isOfBytes(Value keys) { return isa<Float8E4M3FNType>(tensor(keys).getElementType()); }

/// True if keys (or values) of the type of `tensor` may meet rows of `element`.
static bool fitsRows(RankedTensorType tensor, Type element, bool isOfKeys) {
  bool isOfBytes = isOfKeys && isa<Float8E4M3FNType>(tensor.getElementType()) && element.getIntOrFloatBitWidth() == 16;
  return tensor.getElementType() == element || isOfBytes;
}

/// Static heads, those of q a multiple of those of k.
static LogicalResult verifyHeads(Operation *op, RankedTensorType q, RankedTensorType k, llvm::StringRef constraint) {
  for (RankedTensorType type : {q, k})
    if (type.isDynamicDim(2))
      return op->emitOpError() << constraint << ": expected static heads, got " << type;
  int64_t queryHeads = q.getDimSize(2), kvHeads = k.getDimSize(2);
  if (kvHeads < 1 || queryHeads < 1 || queryHeads % kvHeads != 0)
    return op->emitOpError() << constraint << ": expected query heads to be a multiple of KV heads, got " << queryHeads
                             << " and " << kvHeads;
  return success();
}

//===----------------------------------------------------------------------===//
// lla.attention
//===----------------------------------------------------------------------===//

/// Types of lse (and tbar) and vbar of rows with the shape of `query`.
static std::pair<Type, Type> stateTypes(RankedTensorType query) {
  Type element = Float32Type::get(query.getContext());
  return {RankedTensorType::get(query.getShape().drop_back(), element), query.clone(element)};
}

static LogicalResult verifyRanks(AttentionOp op) { // C1
  for (Value operand : {op.getQ(), op.getR(), op.getK(), op.getV()}) {
    if (!operand)
      continue;
    RankedTensorType type = tensor(operand);
    if (type.getRank() != 4)
      return op.emitOpError() << "C1: expected rank 4, got " << type;
    if (!fitsRows(type, tensor(op.getQ()).getElementType(), operand == op.getK() || operand == op.getV()))
      return op.emitOpError() << "C1: expected element type " << tensor(op.getQ()).getElementType() << ", got " << type;
  }
  return success();
}

static LogicalResult verifyProbeShape(AttentionOp op) { // C2
  if (op.getR() && op.getR().getType() != op.getQ().getType())
    return op.emitOpError() << "C2: expected r of type " << op.getQ().getType() << ", got " << op.getR().getType();
  RankedTensorType q = tensor(op.getQ()), o = tensor(op.getO());
  if (o != q && o != q.clone(Float32Type::get(op.getContext())))
    return op.emitOpError() << "C2: expected a result of type " << q << ", or of f32, got " << o;
  return success();
}

static LogicalResult verifyKeyShape(AttentionOp op) { // C3
  if (op.getK().getType() != op.getV().getType())
    return op.emitOpError() << "C3: expected v of type " << op.getK().getType() << ", got " << op.getV().getType();
  RankedTensorType q = tensor(op.getQ()), k = tensor(op.getK());
  bool sharesBatch = !op.getPageTable() && !op.getCuSeqlensQ() && !op.getCuSeqlensK();
  for (unsigned dim : {0u, 3u})
    if (q.getDimSize(dim) != k.getDimSize(dim) && (dim != 0 || sharesBatch))
      return op.emitOpError() << "C3: expected dimension " << dim << " of k to be that of q, got " << k << " and " << q;
  return success();
}

static LogicalResult verifyHeads(AttentionOp op) { // C4
  RankedTensorType q = tensor(op.getQ()), k = tensor(op.getK());
  if (q.isDynamicDim(3))
    return op.emitOpError() << "C4: expected a static dim, got " << q;
  return verifyHeads(op, q, k, "C4");
}

static LogicalResult verifyDim(AttentionOp op) { // C5
  int64_t dim = tensor(op.getQ()).getDimSize(3);
  if (dim < 16 || dim > 256 || dim % 8 != 0)
    return op.emitOpError() << "C5: expected dim to be a multiple of 8 in 16..256, got " << dim;
  return success();
}

static LogicalResult verifyState(AttentionOp op) { // C7
  auto [row, value] = stateTypes(tensor(op.getQ()));
  Type expected[] = {row, row, value};
  TypeRange types = op.getStatistics().getTypes();
  if (types.empty() || types == TypeRange(expected))
    return success();
  return op.emitOpError() << "C7: expected no statistics, or those of types " << ArrayRef(expected) << ", got "
                          << types;
}

static LogicalResult verifyScales(AttentionOp op) { // C11
  bool isExpected = isOfBytes(op.getK());
  if (bool(op.getKScales()) != isExpected || bool(op.getVScales()) != isExpected)
    return op.emitOpError() << "C11: expected " << (isExpected ? "" : "no ") << "scales of keys of "
                            << tensor(op.getK()).getElementType();
  if (int64_t dim = tensor(op.getQ()).getDimSize(3); isExpected && dim % 16 != 0)
    return op.emitOpError() << "C11: expected dim to be a multiple of 16, got " << dim;
  return success();
}

LogicalResult AttentionOp::verify() {
  return success(succeeded(verifyRanks(*this)) && succeeded(verifyProbeShape(*this)) &&
                 succeeded(verifyKeyShape(*this)) && succeeded(verifyHeads(*this)) && succeeded(verifyDim(*this)) &&
                 succeeded(verifyWindow(*this, getCausal(), getWindow(), "C6")) && succeeded(verifyState(*this)) &&
                 succeeded(verifySequences(*this, "C8", "C9", "C10")) && succeeded(verifyScales(*this)));
}

//===----------------------------------------------------------------------===//
// lla.merge_states
//===----------------------------------------------------------------------===//

LogicalResult MergeStatesOp::verify() {
  RankedTensorType parts = tensor(getPartO());
  bool partsFit = parts.getRank() == 5 && getPartVbar().getType() == parts;
  for (Value statistic : {getPartLse(), getPartTbar()})
    partsFit = partsFit && statistic.getType() == stateTypes(parts).first;
  if (!partsFit) // C1
    return emitOpError()
           << "C1: expected o and vbar of rank 5 and one type, lse and tbar of their shape without dim, got "
           << getOperandTypes();
  RankedTensorType merged = parts.clone(parts.getShape().drop_front());
  auto [row, value] = stateTypes(merged);
  bool mergedFit = tensor(getO()).getShape() == merged.getShape() && getLse().getType() == row &&
                   getTbar().getType() == row && getVbar().getType() == value;
  if (!mergedFit) // C2
    return emitOpError() << "C2: expected results of the shapes of " << merged << " and " << row << ", got "
                         << getResultTypes();
  int64_t dim = parts.getDimSize(4);
  if (parts.isDynamicDim(3) || parts.isDynamicDim(4) || dim < 16 || dim > 256 || dim % 8 != 0) // C3
    return emitOpError() << "C3: expected static heads and a dim that is a multiple of 8 in 16..256, got " << parts;
  return success();
}

//===----------------------------------------------------------------------===//
// lla.pack_rows
//===----------------------------------------------------------------------===//

LogicalResult PackRowsOp::verify() {
  RowsType rows = getRows().getType();
  bool probe = rows.getPacking() != Packing::None;
  if (probe != bool(getR()) || (getR() && getR().getType() != getQ().getType())) // C1
    return emitOpError() << "C1: expected a probe of q's type exactly if the packing is not none, got " << rows;
  RankedTensorType q = tensor(getQ());
  if (q.getRank() != 4 || q.getElementType() != rows.getElementType() || q.getDimSize(3) != rows.getDim() ||
      q.isDynamicDim(2) || q.getDimSize(2) % rows.getGroup() != 0) // C2
    return emitOpError() << "C2: expected element type, dim and a divisor of the heads of " << q << ", got " << rows;
  return success();
}

//===----------------------------------------------------------------------===//
// lla.online_*
//===----------------------------------------------------------------------===//

LogicalResult OnlineInitOp::verify() {
  if (!getState().getType().getUnmerged().empty()) // C1
    return emitOpError() << "C1: expected a state with nothing unmerged, got " << getState().getType();
  return success();
}

static LogicalResult verifyTensors(OnlineUpdateOp op) { // C6
  Type element = op.getRows() ? op.getRows().getType().getElementType() : tensor(op.getQ()).getElementType();
  for (Value operand : {op.getQ(), op.getR(), op.getK(), op.getV()}) {
    bool isOfKeys = operand == op.getK() || operand == op.getV();
    if (operand && (tensor(operand).getRank() != 4 || !fitsRows(tensor(operand), element, isOfKeys)))
      return op.emitOpError() << "C6: expected rank 4 and elements " << element << ", got " << operand.getType();
  }
  if (op.getK().getType() != op.getV().getType() || (op.getR() && op.getR().getType() != op.getQ().getType()))
    return op.emitOpError("C6: expected k and v, and q and r, of one type");
  if (bool(op.getKScales()) != isOfBytes(op.getK()))
    return op.emitOpError() << "C6: expected k_scales exactly with keys of f8E4M3FN, got " << op.getK().getType();
  return success();
}

LogicalResult OnlineUpdateOp::verify() {
  if (bool(getQ()) == bool(getRows()) || (getR() && !getQ())) // C1
    return emitOpError("C1: expected either queries (and a probe) or packed rows");
  if (failed(verifyTensors(*this)))
    return failure();
  StateType state = getState().getType();
  bool probe = getRows() ? getRows().getType().getPacking() != Packing::None : bool(getR());
  if (probe != state.getProbe()) // C2
    return emitOpError() << "C2: expected a state " << (probe ? "with" : "without") << " a probe, got " << state;
  int64_t rowDim = getRows() ? getRows().getType().getDim() : tensor(getQ()).getDimSize(3);
  for (int64_t dim : {rowDim, tensor(getK()).getDimSize(3), tensor(getV()).getDimSize(3)}) // C3
    if (dim != state.getDim())
      return emitOpError() << "C3: expected dim " << state.getDim() << " of rows, keys and values, got " << dim;
  StateType result = getResult().getType();
  if (result.getDim() != state.getDim() || result.getProbe() != state.getProbe() ||
      (!state.getUnmerged().empty() && state != result)) // C4
    return emitOpError() << "C4: expected the result to be " << state << " with its splits unmerged, got " << result;
  if (getQ() && failed(verifyHeads(*this, tensor(getQ()), tensor(getK()), "C7")))
    return failure();
  if (failed(verifySequences(*this, "C8", "C8", "C8")))
    return failure();
  return verifyWindow(*this, getCausal(), getWindow(), "C5");
}

LogicalResult OnlineMergeOp::verify() {
  StateType state = getState().getType(), result = getResult().getType();
  if (state.getUnmerged().empty() || state.getUnmerged().front() != getAxis() ||
      result != StateType::get(getContext(), state.getDim(), state.getProbe(), state.getUnmerged().drop_front())) // C1
    return emitOpError() << "C1: expected " << stringifySplitAxis(getAxis()) << " as first unmerged axis of " << state
                         << " and the others left in " << result;
  return success();
}

LogicalResult OnlineFinalizeOp::verify() {
  StateType state = getState().getType();
  if (!state.getUnmerged().empty()) // C1
    return emitOpError() << "C1: expected a merged state, got " << state;
  if (tensor(getO()).getRank() != 4 || tensor(getO()).getDimSize(3) != state.getDim()) // C2
    return emitOpError() << "C2: expected rank 4 and dim " << state.getDim() << ", got " << getO().getType();
  return success();
}

LogicalResult OnlineStatisticsOp::verify() {
  StateType state = getState().getType();
  if (!state.getUnmerged().empty()) // C1
    return emitOpError() << "C1: expected a merged state, got " << state;
  RankedTensorType value = tensor(getVbar());
  bool fits = value.getRank() == 4 && value.getDimSize(3) == state.getDim();
  if (!fits || getLse().getType() != stateTypes(value).first || getTbar().getType() != getLse().getType()) // C2
    return emitOpError() << "C2: expected lse and tbar of rank 3 and vbar with a dim " << state.getDim()
                         << " more, got " << getLse().getType() << ", " << getTbar().getType() << " and " << value;
  return success();
}
