//===- Ptx.cpp - instructions that no upstream op expresses ---------------===//

#include "compiler/Conversion/TileToNVVM/Ptx.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace lla;
using lla::ptx::Values;

/// Inline assembly with `count` results of `type` (void: none); a struct is unpacked.
static Values assemble(ImplicitLocOpBuilder &b, const std::string &code, const std::string &constraints,
                       ValueRange operands, Type type, unsigned count, bool sideEffects = true) {
  MLIRContext *context = b.getContext();
  auto dialect = LLVM::AsmDialectAttr::get(context, LLVM::AsmDialect::AD_ATT);
  Type result = count <= 1 ? type : LLVM::LLVMStructType::getLiteral(context, SmallVector<Type>(count, type));
  auto op = LLVM::InlineAsmOp::create(b, result, operands, code, constraints, sideEffects,
                                      /*is_align_stack=*/false, LLVM::TailCallKind::None, dialect, ArrayAttr());
  if (count == 0)
    return {};
  if (count == 1)
    return {op.getResult(0)};
  Values values;
  for (unsigned i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, op.getResult(0), i));
  return values;
}

/// "x,x,x": `count` times.
static std::string repeat(llvm::StringRef text, unsigned count) {
  std::string joined;
  for (unsigned i = 0; i < count; ++i)
    joined += (i ? "," : "") + text.str();
  return joined;
}

/// "$first, $first+1, ...": operand numbers of a register list.
static std::string numbers(unsigned first, unsigned count) {
  std::string joined;
  for (unsigned i = 0; i < count; ++i)
    joined += (i ? ", $" : "$") + std::to_string(first + i);
  return joined;
}

/// "0,1,2": constraints that tie inputs to the first outputs.
static std::string ties(unsigned count) {
  std::string joined;
  for (unsigned i = 0; i < count; ++i)
    joined += (i ? "," : "") + std::to_string(i);
  return joined;
}

/// A load into `count` registers of `type`; 0 where `predicate` is false.
static Values loadWhere(ImplicitLocOpBuilder &b, Value predicate, const std::string &load, Value pointer, Type type,
                        unsigned count, const std::string &clobbers = "") {
  Value flag = arith::ExtUIOp::create(b, b.getI32Type(), predicate);
  std::string zeros;
  for (unsigned i = 0; i < count; ++i)
    zeros += llvm::formatv("mov.b32 ${0}, 0;\n", i);
  std::string code = llvm::formatv("{{\n.reg .pred p;\nsetp.ne.b32 p, ${0}, 0;\n{1}@p {2} {3}, [${4}];\n}", count + 1,
                                   zeros, load, count == 1 ? "$0" : "{" + numbers(0, count) + "}", count);
  std::string constraints = repeat(type.isF32() ? "=&f" : "=&r", count) + ",l,r" + clobbers;
  return assemble(b, code, constraints, {pointer, flag}, type, count);
}

// PTX ISA 9.7.9.8, ld. Not ld.global.nc, which the assembler moves above griddepcontrol.wait.
Values ptx::loadReadOnly(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.global.L1::no_allocate.v4.b32", pointer, b.getI32Type(), 4);
}
Values ptx::loadReadOnly2(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.global.L1::no_allocate.v2.b32", pointer, b.getI32Type(), 2);
}
Value ptx::loadReadOnly1(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.global.f32", pointer, b.getF32Type(), 1)[0];
}
Value ptx::lookUp(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.global.b32", pointer, b.getI32Type(), 1)[0];
}

Value ptx::lookUpEarly(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.relaxed.gpu.global.b32", pointer, b.getI32Type(), 1)[0];
}

// PTX ISA 9.7.9.8, ld. Memory counts as written, as griddepcontrol.wait has it.
Value ptx::loadAfterAwait(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  return loadWhere(b, predicate, "ld.global.f32", pointer, b.getF32Type(), 1, ",~{memory}")[0];
}

// PTX ISA 9.7.9.15, prefetch.
void ptx::prefetch(ImplicitLocOpBuilder &b, Value pointer, Value predicate) {
  Value flag = arith::ExtUIOp::create(b, b.getI32Type(), predicate);
  assemble(b, "{\n.reg .pred p;\nsetp.ne.b32 p, $1, 0;\n@p prefetch.global.L2 [$0];\n}", "l,r", {pointer, flag},
           LLVM::LLVMVoidType::get(b.getContext()), 0);
}

// PTX ISA 9.7.9.8, ld with cache operator cg.
Values ptx::loadShared(ImplicitLocOpBuilder &b, Value pointer, unsigned count) {
  std::string vector = count == 1 ? "" : ".v" + std::to_string(count);
  std::string code = llvm::formatv("ld.global.cg{0}.f32 {1}, [${2}];", vector,
                                   count == 1 ? "$0" : "{" + numbers(0, count) + "}", count);
  return assemble(b, code, repeat("=f", count) + ",l,~{memory}", pointer, b.getF32Type(), count);
}

// PTX ISA 9.7.3.20, lg2.
Value ptx::log2(ImplicitLocOpBuilder &b, Value x) {
  return assemble(b, "lg2.approx.ftz.f32 $0, $1;", "=f,f", x, b.getF32Type(), 1, /*sideEffects=*/false)[0];
}

// PTX ISA 9.7.13.5, atom; 9.7.13.4, fence.
Value ptx::arriveWrapping(ImplicitLocOpBuilder &b, Value pointer, Value last) {
  return assemble(b, "fence.acq_rel.gpu;\natom.global.inc.u32 $0, [$1], $2;\nfence.acq_rel.gpu;", "=r,l,r,~{memory}",
                  {pointer, last}, b.getI32Type(), 1)[0];
}

// PTX ISA 9.7.13.13, griddepcontrol.
Value ptx::awaitLaunch(ImplicitLocOpBuilder &b, Value value) {
  return assemble(b, "griddepcontrol.wait;", "=r,0,~{memory}", value, b.getI32Type(), 1)[0];
}

// PTX ISA 9.7.13.15, redux.sync.
Value ptx::uniform(ImplicitLocOpBuilder &b, Value value) {
  return assemble(b, "{ .reg .b32 lanes; activemask.b32 lanes; redux.sync.max.u32 $0, $1, lanes; }", "=r,r", value,
                  b.getI32Type(), 1)[0];
}

// PTX ISA 9.7.9.23, mapa.
Value ptx::peerAddress(ImplicitLocOpBuilder &b, Value address, Value rank) {
  return assemble(b, "mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r", {address, rank}, b.getI32Type(), 1,
                  /*sideEffects=*/false)[0];
}

// PTX ISA 9.7.9.12, st.async.
void ptx::storeAsync(ImplicitLocOpBuilder &b, Value address, ValueRange values, Value barrier) {
  unsigned count = values.size();
  std::string vector = count == 1 ? "" : ".v" + std::to_string(count);
  std::string source = count == 1 ? "$2" : "{" + numbers(2, count) + "}";
  Values operands = {address, barrier};
  llvm::append_range(operands, values);
  assemble(b,
           "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes" + vector + ".f32 [$0], " + source + ", [$1];",
           "r,r," + repeat("f", count) + ",~{memory}", operands, LLVM::LLVMVoidType::get(b.getContext()), 0);
}

// PTX ISA 9.7.13.1, barrier.red.
Value ptx::barrierAny(ImplicitLocOpBuilder &b, Value barrier, Value predicate) {
  Value flag = arith::ExtUIOp::create(b, b.getI32Type(), predicate);
  Value any = assemble(b,
                       "{\n.reg .pred p, q;\nsetp.ne.b32 p, $2, 0;\nbarrier.cta.red.or.pred.aligned q, $1, 128, p;\n"
                       "selp.b32 $0, 1, 0, q;\n}",
                       "=r,r,r", {barrier, flag}, b.getI32Type(), 1)[0];
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, any, zero);
}

// PTX ISA 9.7.14.16, stmatrix.
void ptx::storeMatrices(ImplicitLocOpBuilder &b, Value address, ValueRange matrices) {
  Values operands = {address};
  llvm::append_range(operands, matrices);
  assemble(b, "stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], {$1, $2, $3, $4};", "r,r,r,r,r,~{memory}", operands,
           LLVM::LLVMVoidType::get(b.getContext()), 0);
}

// PTX ISA 9.7.14.17, movmatrix.
Value ptx::transpose(ImplicitLocOpBuilder &b, Value pair) {
  return assemble(b, "movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r", pair, b.getI32Type(), 1)[0];
}

// PTX ISA 9.7.14.15, ldmatrix.
Values ptx::loadMatrices(ImplicitLocOpBuilder &b, Value address) {
  return assemble(b, "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4];", "=r,=r,=r,=r,r,~{memory}",
                  address, b.getI32Type(), 4);
}

static llvm::StringRef mmaType(Type element) { return element.isBF16() ? "bf16" : "f16"; }

// PTX ISA 9.7.15.5, wgmma.mma_async; immediates: scale-d, imm-scale-a, imm-scale-b, imm-trans-a, imm-trans-b.
Values ptx::wgmmaShared(ImplicitLocOpBuilder &b, Type element, int64_t n, Value a, Value bDescriptor,
                        ArrayRef<int64_t> aOffsets, ArrayRef<int64_t> bOffsets) {
  unsigned count = n / 2;
  std::string code = "{\n.reg .b64 da, db;\nwgmma.fence.sync.aligned;\n";
  for (auto [step, offsets] : llvm::enumerate(llvm::zip(aOffsets, bOffsets)))
    code += llvm::formatv("add.s64 da, ${0}, {2};\nadd.s64 db, ${1}, {3};\n"
                          "wgmma.mma_async.sync.aligned.m64n{4}k16.f32.{5}.{5} {{{6}}, da, db, {7}, 1, 1, 0, 0;\n",
                          count, count + 1, std::get<0>(offsets), std::get<1>(offsets), n, mmaType(element),
                          numbers(0, count), step == 0 ? 0 : 1)
                .str();
  code += "wgmma.commit_group.sync.aligned;\n}";
  return assemble(b, code, repeat("=&f", count) + ",l,l", {a, bDescriptor}, b.getF32Type(), count);
}

Values ptx::wgmmaRegistersKeys(ImplicitLocOpBuilder &b, Type element, int64_t n, ValueRange a, Value bDescriptor,
                               ArrayRef<int64_t> bOffsets) {
  unsigned count = n / 2, descriptor = count + a.size();
  std::string code = "{\n.reg .b64 db;\nwgmma.fence.sync.aligned;\n";
  for (auto [step, offset] : llvm::enumerate(bOffsets))
    code += llvm::formatv("add.s64 db, ${0}, {1};\n"
                          "wgmma.mma_async.sync.aligned.m64n{2}k16.f32.{3}.{3} {{{4}}, {{{5}}, db, {6}, 1, 1, 0;\n",
                          descriptor, offset, n, mmaType(element), numbers(0, count), numbers(count + 4 * step, 4),
                          step == 0 ? 0 : 1)
                .str();
  code += "wgmma.commit_group.sync.aligned;\n}";
  Values operands(a);
  operands.push_back(bDescriptor);
  return assemble(b, code, repeat("=&f", count) + "," + repeat("r", a.size()) + ",l", operands, b.getF32Type(), count);
}

Values ptx::wgmmaRegisters(ImplicitLocOpBuilder &b, Type element, int64_t n, ValueRange a, Value bDescriptor,
                           ArrayRef<int64_t> bOffsets, ValueRange accumulators) {
  unsigned count = n / 2, firstA = 2 * count, descriptor = firstA + a.size();
  std::string code = "{\n.reg .b64 db;\nwgmma.fence.sync.aligned;\n";
  for (auto [step, offset] : llvm::enumerate(bOffsets))
    code += llvm::formatv("add.s64 db, ${0}, {1};\n"
                          "wgmma.mma_async.sync.aligned.m64n{2}k16.f32.{3}.{3} {{{4}}, {{{5}}, db, 1, 1, 1, 1;\n",
                          descriptor, offset, n, mmaType(element), numbers(0, count), numbers(firstA + 4 * step, 4))
                .str();
  code += "wgmma.commit_group.sync.aligned;\n}";
  Values operands(accumulators);
  llvm::append_range(operands, a);
  operands.push_back(bDescriptor);
  std::string constraints = repeat("=f", count) + "," + ties(count) + "," + repeat("r", a.size()) + ",l";
  return assemble(b, code, constraints, operands, b.getF32Type(), count);
}

Values ptx::wgmmaSharedValues(ImplicitLocOpBuilder &b, Type element, int64_t n, Value a, Value bDescriptor,
                              ArrayRef<int64_t> aOffsets, ArrayRef<int64_t> bOffsets, ValueRange accumulators) {
  unsigned count = n / 2, descriptors = 2 * count;
  std::string code = "{\n.reg .b64 da, db;\nwgmma.fence.sync.aligned;\n";
  for (auto [aOffset, bOffset] : llvm::zip_equal(aOffsets, bOffsets))
    code += llvm::formatv("add.s64 da, ${0}, {2};\nadd.s64 db, ${1}, {3};\n"
                          "wgmma.mma_async.sync.aligned.m64n{4}k16.f32.{5}.{5} {{{6}}, da, db, 1, 1, 1, 0, 1;\n",
                          descriptors, descriptors + 1, aOffset, bOffset, n, mmaType(element), numbers(0, count))
                .str();
  code += "wgmma.commit_group.sync.aligned;\n}";
  Values operands(accumulators);
  operands.append({a, bDescriptor});
  return assemble(b, code, repeat("=f", count) + "," + ties(count) + ",l,l", operands, b.getF32Type(), count);
}

// PTX ISA 9.7.15.7, wgmma.wait_group.
Values ptx::wgmmaWait(ImplicitLocOpBuilder &b, int64_t pending, unsigned region, ValueRange accumulators) {
  unsigned count = accumulators.size();
  return assemble(b, llvm::formatv("wgmma.wait_group.sync.aligned {0}; // region {1}", pending, region).str(),
                  repeat("=f", count) + "," + ties(count), accumulators, b.getF32Type(), count);
}
