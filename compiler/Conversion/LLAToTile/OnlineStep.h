//===- OnlineStep.h - folding one key tile into the state -----------------===//
#ifndef LLA_COMPILER_CONVERSION_LLATOTILE_ONLINESTEP_H
#define LLA_COMPILER_CONVERSION_LLATOTILE_ONLINESTEP_H

#include "compiler/Conversion/LLAToTile/Placement.h"

namespace lla {

/// What is worth keeping of a state besides the output: fragments of m's type, and one of O1's.
struct Statistics {
  mlir::Value lse, tbar, vbar;
};

/// The one step function; loops, ranges and placements are arguments around it.
class OnlineStep {
public:
  /// `scale` is the launch's softmax scale times log2(e), f32; `keyScale` and `valueScale` are what k and v are
  /// multiplied by, null for 1.
  OnlineStep(Placement &placement, mlir::Value scale, mlir::Value keyScale, mlir::Value valueScale);

  /// m = -inf, sums 0.
  OnlineState initialState();
  /// The state after the keys of one tile of `range` from `key` on.
  OnlineState fold(const OnlineState &state, mlir::Value key, KeyRangeKind range);
  /// Completes the sums that lanes carry in part.
  void completeSums(OnlineState &state);
  /// O1/d1 (1 + d2/d1) - O2/d1, or 0 where d1 = 0.
  mlir::Value finalize(const OnlineState &state);
  /// m + ln d1, c + d2/d1 and O1/d1 (m being in powers of two), or -inf, 0 and 0 where d1 = 0.
  Statistics statistics(const OnlineState &state);

private:
  /// Of keys from `key` on in the tile at `start`; `masked` if a row may not see all of them.
  void advance(OnlineState &state, mlir::Value start, mlir::Value key, bool masked);
  /// The same where the weights are kept rounded.
  void advanceRounded(OnlineState &state, mlir::Value start, mlir::Value key, bool masked);
  /// The state of a first tile.
  void begin(OnlineState &state, mlir::Value start, mlir::Value key);
  using Body = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange)>;
  mlir::Value map(tile::FragType type, mlir::ValueRange inputs, Body body);
  /// Scores of the tile at `start`; those of keys that their row does not see, or before `key`, are hidden.
  mlir::Value hide(mlir::Value scores, mlir::Value start, mlir::Value key);

  mlir::Value seesPart();
  mlir::Value tileMaximum(mlir::Value s);
  mlir::Value weights(mlir::Value s, mlir::Value m, bool masked);
  void rescale(OnlineState &state, mlir::Value maximum);
  mlir::Value outweighs(const OnlineState &state, mlir::Value weight);
  mlir::Value isBeyond(mlir::Value p, mlir::Value weight);
  mlir::Value any(mlir::ValueRange conditions);
  void choose(mlir::Value condition, llvm::ArrayRef<mlir::Value *> values, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = {});
  void recentre(OnlineState &state, mlir::Value p, mlir::Value t, mlir::Value weight);
  /// t where it is there to be read: in units of the scores', and 0 where p is if `masked`.
  mlir::Value arrivedProbe(mlir::Value p, mlir::Value t, bool masked);
  mlir::Value zeroWhere(mlir::Value p, mlir::Value t);
  mlir::Value centred(mlir::Value p, mlir::Value t, mlir::Value c);
  mlir::Value mean(mlir::Value sum, mlir::Value weight);
  mlir::Value nextLimit(mlir::Value weight);
  mlir::Value complete(mlir::Value sum);
  mlir::Value sumInValues(const OnlineState &state, unsigned index);
  mlir::Value partialRowSum(mlir::Value elements);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value scaled(mlir::Value values);

  Placement &place;
  mlir::ImplicitLocOpBuilder &b;
  mlir::Value scale, negativeScale;     ///< Of q k, without the keys' scale.
  mlir::Value keyScale, valueScale;     ///< Null: 1.
  mlir::Value hidden; ///< Score of a key that a row does not see: scale turns it into -inf.
};

} // namespace lla
#endif
