//===- HostTask.h - the code of one host task -----------------------------===//
#ifndef LLA_COMPILER_CONVERSION_TILETOVECTOR_HOSTTASK_H
#define LLA_COMPILER_CONVERSION_TILETOVECTOR_HOSTTASK_H

#include "compiler/Conversion/TileToVector/BufferPlan.h"
#include "compiler/Conversion/TileToVector/Vectors.h"
#include "mlir/IR/IRMapping.h"

namespace lla {

/// A dense tile's memory.
struct DenseTile : DenseShape {
  mlir::Value base; ///< Pointer to (0, 0), aligned to 64 bytes.
  mlir::Type element;

  /// A column is one run of `rows`, any other tile rows of `columns`.
  bool isColumn() const { return columns == 1; }
  int64_t runs() const { return isColumn() ? 1 : rows; }
  int64_t runLength() const { return isColumn() ? rows : columns; }
};

/// A tile.view: rows of a launch tensor.
struct HostView {
  mlir::Value base;                  ///< Pointer to row 0 of head `head` of sequence `batch`.
  mlir::Value rowStride, headStride; ///< i64, elements.
  int64_t group, columns;
  mlir::Type element;
  int64_t pageSize = 0;          ///< 0: not paged. Else `base` is that of page 0, and
  mlir::Value table, pageStride; ///< the sequence's page numbers, elements between pages (i64),
  mlir::Value lastPage;          ///< and the number of the pool's last page (i32), which numbers of no page mean.
};

/// What all emitters share: the launch, the scratch, and what has been emitted so far.
class HostTask {
public:
  HostTask(mlir::ImplicitLocOpBuilder &b, int64_t lanes, const BufferPlan &plan, mlir::LLVM::LLVMFuncOp function)
      : b(b), v(b, lanes), plan(plan), record(function.getArgument(0)), gridX(function.getArgument(1)),
        gridY(function.getArgument(2)), scratch(function.getArgument(3)) {}

  DenseTile tile(mlir::Value frag);
  /// The address of (row, column), both i64; row-major order for a column.
  mlir::Value address(const DenseTile &tile, mlir::Value row, mlir::Value column);
  mlir::Value address(const DenseTile &tile, mlir::Value row, int64_t column) {
    return address(tile, row, v.index(column));
  }
  /// A field of the launch record (KernelArguments.def).
  mlir::Value field(llvm::StringRef name);
  /// The pointer to a row (i64) of a view.
  mlir::Value rowPointer(const HostView &view, mlir::Value row);
  /// The scalar that stands for a value of the tile kernel.
  mlir::Value scalar(mlir::Value original) { return scalars.lookupOrDefault(original); }

  mlir::ImplicitLocOpBuilder &b;
  Vectors v;
  const BufferPlan &plan;
  mlir::Value record, gridX, gridY, scratch;
  mlir::IRMapping scalars;
  llvm::DenseMap<mlir::Value, HostView> views;
};

// One emitter per op; results that are tiles go to their buffers.
HostView makeView(HostTask &, tile::ViewOp);
/// i32: the element, or the op's other value where the launch has no such array.
mlir::Value emitLookup(HostTask &, tile::LookupOp);
mlir::Value emitScale(HostTask &, tile::ScaleOp);
/// Ends the task where the condition holds; what is emitted from here on runs elsewhere.
void emitLeave(HostTask &, tile::LeaveOp);
mlir::LogicalResult emitLoad(HostTask &, tile::LoadOp);
void emitStore(HostTask &, tile::StoreOp);
mlir::LogicalResult emitDot(HostTask &, tile::DotOp);
mlir::LogicalResult emitMap(HostTask &, tile::MapOp);
void emitFill(HostTask &, tile::FillOp);
void emitRowReduce(HostTask &, tile::RowReduceOp);
/// i1: true if any row's condition holds.
mlir::Value emitAny(HostTask &, tile::AnyOp);
/// i1: true for the task that arrived last.
mlir::Value emitGridMerge(HostTask &, tile::MergeOp);

} // namespace lla
#endif
