//===- HostTask.cpp - the code of one host task ---------------------------===//

#include "compiler/Conversion/TileToVector/HostTask.h"
#include "dialect/Spec/KernelArguments.h"
#include <cstddef>

using namespace mlir;
using namespace lla;

DenseTile HostTask::tile(Value frag) {
  auto type = cast<tile::FragType>(frag.getType());
  Value base = v.at(scratch, b.getI64IntegerAttr(plan.offset(frag)), b.getI8Type());
  return {DenseShape(type), base, type.getElementType()};
}

Value HostTask::address(const DenseTile &tile, Value row, Value column) {
  // Memory elements are 32 bits wide, conditions included.
  return v.at(tile.base, v.add(v.mul(row, v.index(tile.stride)), column), b.getF32Type());
}

namespace {
struct RecordField {
  llvm::StringRef name;
  int64_t offset; ///< Bytes.
  enum Kind { Pointer, I64, I32, F32 } kind;
};
constexpr RecordField recordFields[] = {
#define LLA_POINTER(name, what) {#name, offsetof(KernelArguments, name), RecordField::Pointer},
#define LLA_I64(name, what) {#name, offsetof(KernelArguments, name), RecordField::I64},
#define LLA_I32(name, what) {#name, offsetof(KernelArguments, name), RecordField::I32},
#define LLA_F32(name, what) {#name, offsetof(KernelArguments, name), RecordField::F32},
#include "dialect/Spec/KernelArguments.def"
};
} // namespace

Value HostTask::field(llvm::StringRef name) {
  const RecordField *field = llvm::find_if(recordFields, [&](const RecordField &f) { return f.name == name; });
  Type types[] = {record.getType(), b.getI64Type(), b.getI32Type(), b.getF32Type()};
  Value address = v.at(record, b.getI64IntegerAttr(field->offset), b.getI8Type());
  return LLVM::LoadOp::create(b, types[field->kind], address);
}

void lla::emitLeave(HostTask &task, tile::LeaveOp op) {
  Region *function = task.b.getInsertionBlock()->getParent();
  Block *done = &function->emplaceBlock(), *rest = &function->emplaceBlock();
  LLVM::CondBrOp::create(task.b, task.scalar(op.getCondition()), done, rest);
  task.b.setInsertionPointToEnd(done);
  LLVM::ReturnOp::create(task.b, ValueRange());
  task.b.setInsertionPointToEnd(rest);
}

Value HostTask::rowPointer(const HostView &view, Value row) {
  Value elements;
  if (view.pageSize) {
    Value size = v.index(view.pageSize);
    Value number = v.at(view.table, arith::DivUIOp::create(b, row, size).getResult(), b.getI32Type());
    Value given = LLVM::LoadOp::create(b, b.getI32Type(), number);
    // Unsigned, so that numbers below 0 are out of range too.
    Value page = v.toIndex(arith::MinUIOp::create(b, given, view.lastPage));
    elements = v.add(v.mul(page, view.pageStride), v.mul(arith::RemUIOp::create(b, row, size), view.rowStride));
  } else if (view.group == 1) {
    elements = v.mul(row, view.rowStride);
  } else {
    Value group = v.index(view.group);
    elements = v.add(v.mul(arith::DivUIOp::create(b, row, group), view.rowStride),
                     v.mul(arith::RemUIOp::create(b, row, group), view.headStride));
  }
  return v.at(view.base, elements, view.element);
}
