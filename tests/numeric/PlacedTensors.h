//===- PlacedTensors.h - one call's tensors in an executor's memory -------===//
#ifndef LLA_TESTS_NUMERIC_PLACEDTENSORS_H
#define LLA_TESTS_NUMERIC_PLACEDTENSORS_H

#include "CaseInputs.h"
#include "GuardedRegion.h"

namespace lla::numeric {

/// Inputs written where an arrangement says, NaN everywhere else; outputs that are NaN until they are written.
class PlacedTensors {
public:
  static llvm::Expected<PlacedTensors> create(Executor &executor, const Problem &problem, Arrangement arrangement,
                                              const DenseInputs &inputs);

  const AttentionTensors &views() const { return device; }
  llvm::Error poisonOutputs(Executor &executor);
  /// Fails with Verification if a byte that is not an output changed: red zones, gaps between rows, any input.
  llvm::Expected<Outputs> outputs(Executor &executor);

private:
  llvm::Error addRegion(Executor &executor, int64_t bytes);
  /// Numbers of each sequence, `gap` of nobody's after each row.
  llvm::Error addIndices(Executor &executor, IndexView &view, const std::vector<int32_t> &numbers, int64_t each,
                         int64_t gap);
  llvm::Error write(Executor &executor, TensorView &view, size_t region, int64_t offset,
                    const std::vector<double> &values);
  llvm::Expected<std::vector<double>> output(Executor &executor, size_t index, const std::string &name);

  std::vector<GuardedRegion> regions; ///< Those of the outputs first, in the order of outputsOf.
  AttentionTensors device;
  std::vector<TensorView> outputCopies; ///< Of each output, in its region's copy.
  std::vector<const char *> outputNames;
};

} // namespace lla::numeric
#endif
