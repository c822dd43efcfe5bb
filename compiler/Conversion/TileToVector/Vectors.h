//===- Vectors.h - code on vectors of one register ------------------------===//
#ifndef LLA_COMPILER_CONVERSION_TILETOVECTOR_VECTORS_H
#define LLA_COMPILER_CONVERSION_TILETOVECTOR_VECTORS_H

#include "compiler/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace lla {

/// Emits the operations that host code is made of: vectors of `lanes` 32-bit elements (one
/// register), addresses, counted loops. Where a vector is taken, `lanes` a power of two.
class Vectors {
public:
  using Values = mlir::SmallVector<mlir::Value>;
  using Combine = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;

  Vectors(mlir::ImplicitLocOpBuilder &b, int64_t lanes) : b(b), lanes(lanes) {}

  mlir::VectorType type(mlir::Type element) const { return mlir::VectorType::get({lanes}, element); }
  /// Vectors that cover `elements`.
  int64_t count(int64_t elements) const { return llvm::divideCeil(elements, lanes); }

  //===--- scalars and addresses --------------------------------------------===//
  mlir::Value index(int64_t value); ///< i64
  mlir::Value i32(int64_t value);
  mlir::Value f32(double value);
  mlir::Value toIndex(mlir::Value integer); ///< i32 to i64, signed.
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  /// The address of `elements` (i64 or constant) elements of type `element` after `pointer`.
  mlir::Value at(mlir::Value pointer, mlir::OpFoldResult elements, mlir::Type element);

  //===--- memory -----------------------------------------------------------===//
  /// `live` elements of type `element` (the rest is 0), widened to f32. i1 is kept as 0 and -1 in 32 bits.
  mlir::Value load(mlir::Value pointer, mlir::Type element, int64_t live);
  mlir::Value load(mlir::Value pointer, mlir::Type element) { return load(pointer, element, lanes); }
  /// The inverse of `load`: rounds to `element` and writes the first `live` lanes.
  void store(mlir::Value vector, mlir::Value pointer, mlir::Type element, int64_t live);
  void store(mlir::Value vector, mlir::Value pointer, mlir::Type element) { store(vector, pointer, element, lanes); }
  /// One element in the same representation.
  mlir::Value loadScalar(mlir::Value pointer, mlir::Type element);
  void storeScalar(mlir::Value scalar, mlir::Value pointer, mlir::Type element);

  //===--- arithmetic -------------------------------------------------------===//
  mlir::Value splat(mlir::Value scalar);
  mlir::Value zero(); ///< f32 vector
  mlir::Value lane(); ///< i32 vector 0, 1, ...
  /// i1 vector: the first `live` lanes.
  mlir::Value firstLanes(int64_t live);
  /// x y + z, fused where the machine can.
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z);
  /// 2^x of an f32 scalar or vector; see Vectors.cpp.
  mlir::Value exp2(mlir::Value x);
  /// Its inverse, likewise.
  mlir::Value log2(mlir::Value x);
  mlir::Value shuffle(mlir::Value x, mlir::Value y, llvm::ArrayRef<int64_t> mask);
  /// lanes x lanes: row i of the result is lane i of each row.
  Values transpose(Values rows);
  /// One vector whose lane i is vector i reduced over its lanes; their number is a power of two.
  /// Fewer vectors than lanes: vector i stands in every lane that is i modulo their number.
  mlir::Value reduceEach(Values vectors, Combine combine);

  //===--- loops ------------------------------------------------------------===//
  using Body = llvm::function_ref<Values(mlir::Value iv, mlir::ValueRange carried)>;
  /// for iv in [begin, end) by step (i64), with carried values; a loop of one iteration is no loop.
  Values loop(int64_t end, int64_t step, mlir::ValueRange carried, Body body);
  void loop(int64_t end, int64_t step, llvm::function_ref<void(mlir::Value iv)> body);
  void loop(mlir::Value begin, mlir::Value end, llvm::function_ref<void(mlir::Value iv)> body);
  /// if (condition) then() [else otherwise()].
  void branch(mlir::Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise = {});

  mlir::ImplicitLocOpBuilder &b;
  const int64_t lanes;

private:
  /// The two halves of exchanging lane blocks of `stride` between x and y.
  std::pair<mlir::Value, mlir::Value> exchange(mlir::Value x, mlir::Value y, int64_t stride);
  mlir::Value constant(mlir::Type type, double value);
};

} // namespace lla
#endif
