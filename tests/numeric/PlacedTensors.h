//===- PlacedTensors.h - one call's tensors in an executor's memory -------===//
#ifndef LLA_TESTS_NUMERIC_PLACEDTENSORS_H
#define LLA_TESTS_NUMERIC_PLACEDTENSORS_H

#include "CaseInputs.h"
#include "GuardedRegion.h"

namespace lla::numeric {

/// Inputs written where an arrangement says, NaN everywhere else; an output that is NaN until it is written.
class PlacedTensors {
public:
  static llvm::Expected<PlacedTensors> create(Executor &executor, const Problem &problem, Arrangement arrangement,
                                              const DenseInputs &inputs);

  const AttentionTensors &views() const { return device; }
  llvm::Error poisonOutput(Executor &executor) { return regions[outputRegion].upload(executor); }
  /// Dense (batch, row, head, dim). Fails with Verification if a byte that is not an output changed: red zones,
  /// gaps between rows of o, any input.
  llvm::Expected<std::vector<double>> output(Executor &executor);

private:
  llvm::Error write(Executor &executor, TensorView &view, size_t region, int64_t offset,
                    const std::vector<double> &values);

  static constexpr size_t outputRegion = 0;
  std::vector<GuardedRegion> regions;
  AttentionTensors device;
  TensorView outputCopy; ///< o in its region's copy.
};

} // namespace lla::numeric
#endif
