//===- Lane.h - one lane's share of a kernel ------------------------------===//
//
// What the patterns of this conversion share: the facts of the kernel, the values
// that views and rings become, and arithmetic that reads like the formula.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_COMPILER_CONVERSION_TILETONVVM_LANE_H
#define LLA_COMPILER_CONVERSION_TILETONVVM_LANE_H

#include "compiler/Transforms/Passes.h"
#include "dialect/Tile/FragmentLayout.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"

namespace lla {

using mlir::ImplicitLocOpBuilder;
using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value>;

/// What is fixed for the kernel being converted.
struct KernelFacts {
  mlir::Value record;                          ///< Pointer to the launch record.
  llvm::DenseMap<tile::Tensor, Value> maps;    ///< Tensor maps, where rings need them.
  llvm::DenseMap<tile::Tensor, Value> rowMaps; ///< Likewise of single rows, where copies have bounds.
  mlir::LLVM::GlobalOp sharedMemory;
  int64_t warps = 0, producerWarps = 0;        ///< Computing and copying warps.
  int64_t cluster = 1;                         ///< CTAs of a cluster.
  bool convertsBytes = false;                  ///< The machine has an instruction from e4m3 to f16.
  int64_t threads() const { return 32 * (warps + producerWarps); }
  int64_t warpgroups() const { return warps / 4; } ///< That compute.
  /// Named barriers: 0 is the CTA's; then come each warpgroup's own, and those of their turns.
  int64_t ownBarrier() const { return 1; }
  int64_t turnBarrier() const { return 1 + warpgroups(); }
};

/// A view's values, in the order of its 1:N conversion.
struct ViewValues {
  Value base;                  ///< First element of (batch, row 0, head), ptr<1>.
  Value rowStride, headStride; ///< Elements, i64.
  Value group, queryRows;      ///< i32 constants: heads that interleave, and rows of each query row.
  Value batch, head;           ///< i32.
  Value map, rowMap;           ///< Tensor maps, or null pointers.
  Value table;                 ///< Page number of row 0, ptr<1>; null unless paged.
  Value pageStride;            ///< Elements, i64; 0 unless paged. `base` is then that of page 0.

  static llvm::SmallVector<mlir::Type> types(mlir::MLIRContext *context);
  static ViewValues of(ValueRange values);
  /// What a constant among them is.
  static int64_t constant(Value value);
  Values flatten() const {
    return {base, rowStride, headStride, group, queryRows, batch, head, map, rowMap, table, pageStride};
  }
};

/// The first element of a run of a flat fragment: its row-major index, and the index within this CTA's share.
struct FlatRun {
  Value index, within;
  Value inside; ///< False past the end, where index and within are those of another run; null if never.
};

/// The one value of an optional operand; null if it is absent.
inline Value onlyValue(ValueRange operand) { return operand.empty() ? Value() : operand.front(); }
/// The values of a variadic operand that have one each.
inline Values onlyValues(llvm::ArrayRef<ValueRange> operands) { return llvm::map_to_vector<6>(operands, onlyValue); }

/// Arithmetic and positions of a lane.
class Lane {
public:
  Lane(ImplicitLocOpBuilder &b, const KernelFacts &facts) : b(b), facts(facts) {}

  Value i32(int64_t value);
  Value i64(int64_t value);
  Value f32(double value);
  Value add(Value x, Value y);
  Value add(Value x, int64_t y);
  Value mul(Value x, Value y);
  Value mul(Value x, int64_t y);
  Value div(Value x, int64_t y);
  Value rem(Value x, int64_t y);
  Value less(Value x, Value y);
  Value both(Value x, Value y);
  Value equal(Value x, int64_t y);
  Value extend(Value i32);

  /// lane / 4 and lane mod 4.
  Value g();
  Value c();
  Value lane();
  /// `base` and the lane's place from there.
  Value at(Value base, const tile::LanePosition &place);
  /// True in the first of the lanes that share a row.
  Value isFirstOfRow(tile::FragType type);
  Value thread();
  /// Index of the warp, the same in all its lanes, producers included.
  Value warp();
  /// Index of the warpgroup among those that compute.
  Value warpgroup();

  /// This CTA among its cluster's.
  Value clusterRank();
  /// Run `i` of this thread.
  FlatRun flat(tile::FragType type, int64_t i);

  /// Byte address in shared memory, i32, and as a pointer.
  Value sharedAddress(int64_t offset);
  Value sharedPointer(Value address);
  /// A field of the launch record.
  Value field(llvm::StringRef name);
  /// Pointer to (row, column) of a view with `elementBytes`.
  Value element(const ViewValues &view, Value row, Value column, int64_t elementBytes);
  Value offset(Value pointer, Value bytes);
  /// True if `row` is below `limit`, and a head's.
  Value isOfHead(const ViewValues &view, Value row, Value limit);
  /// The page of a row, 0 where `inside` is false: not looked up then. A number of no page gives the pool's last.
  /// `early`: for a prefetch, before earlier launches have ended.
  Value page(const ViewValues &view, int64_t pageSize, Value row, Value inside, bool early = false);
  /// The view with its base moved so that its row 0 is `row` of the paged view, and what follows in that row's page.
  ViewValues onPage(const ViewValues &view, int64_t pageSize, Value page, Value row, int64_t elementBytes);

  /// Two 16-bit floats in a register, rounded to `element`.
  Value pack(mlir::Type element, Value low, Value high);
  /// The two 16-bit floats of a register, exactly.
  std::pair<Value, Value> floats(mlir::Type element, Value pair);
  /// The four e4m3 bytes of a register as two pairs of `element`, bf16 or f16; exactly.
  std::pair<Value, Value> widen(mlir::Type element, Value bytes);
  /// The bytes of `first` and `second` that the hexadecimal digits of `selector` choose, the lowest first. (prmt)
  Value permute(Value first, Value second, int64_t selector);

  /// x of the lane whose number differs by `mask`.
  Value exchange(Value x, int64_t mask);
  /// x of lane `other`.
  Value ofLane(Value x, Value other);
  /// Of four words of each of the four lanes of a row, word i of lane j becomes word j of lane i.
  Values transposeInRow(Values words);
  /// `values` of one type side by side at `pointer`, 16 bytes at most, in one access.
  void store(ValueRange values, Value pointer);
  /// Runs `then` where `condition` holds.
  void when(Value condition, llvm::function_ref<void()> then);

  ImplicitLocOpBuilder &b;
  const KernelFacts &facts;

private:
  Value specialRegister(llvm::StringRef kind);
};

/// Pattern of this conversion: knows the kernel's facts.
template <typename OpT> class LanePattern : public mlir::OpConversionPattern<OpT> {
public:
  LanePattern(const mlir::TypeConverter &converter, mlir::MLIRContext *context, const KernelFacts &facts)
      : mlir::OpConversionPattern<OpT>(converter, context), facts(facts) {}
  using Adaptor = typename mlir::OpConversionPattern<OpT>::OneToNOpAdaptor;

protected:
  const KernelFacts &facts;
};

/// What a merge over the cluster needs at the kernel's entry.
void openCluster(ImplicitLocOpBuilder &b, tile::MergeOp merge, const KernelFacts &facts);
/// Spins until the barrier's (a shared address) phase of `parity` has completed.
void waitForPhase(Lane &lane, Value barrier, Value parity);

using Patterns = mlir::RewritePatternSet;
void populateKernelPatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);
void populateCopyPatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);
void populateDotPatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);
void populateElementwisePatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);
void populateRingPatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);
void populateMergePatterns(const mlir::TypeConverter &, Patterns &, const KernelFacts &);

} // namespace lla
#endif
