//===- HostRun.h - compile a problem for the host and run it --------------===//
#ifndef LLA_TESTS_UNIT_COMPILER_HOSTRUN_H
#define LLA_TESTS_UNIT_COMPILER_HOSTRUN_H

#include "compiler/Compile.h"
#include "dialect/Spec/KernelArguments.h"
#include <memory>
#include <vector>

namespace lla::test {

/// Memory that ends right before an inaccessible page: a read one element too far faults.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t bytes);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory &) = delete;
  GuardedMemory &operator=(const GuardedMemory &) = delete;
  char *data() const { return begin; }

private:
  char *mapping, *begin;
  size_t mappingBytes;
};

/// A (batch, row, head, dim) tensor in the problem's layout.
struct HostTensor {
  /// Of the problem's dim and element type.
  HostTensor(const Problem &problem, int64_t rows, int64_t heads);
  HostTensor(const Problem &problem, int64_t rows, int64_t heads, int64_t dim, ElementType type);
  double get(int64_t batch, int64_t row, int64_t head, int64_t d) const;
  void set(int64_t batch, int64_t row, int64_t head, int64_t d, double value);
  /// Dense (batch, row, head, dim).
  std::vector<double> values() const;

  int64_t batch, rows, heads, dim;
  ElementType type;
  int64_t batchStride, rowStride, headStride; ///< Elements.
  std::unique_ptr<GuardedMemory> memory;

private:
  char *element(int64_t batch, int64_t row, int64_t head, int64_t d) const;
};

/// One problem's inputs (normally distributed, rounded to the dtype) and outputs; the last three are written with
/// state only.
struct HostTensors {
  HostTensors(const Problem &problem, unsigned seed);
  HostTensor q, r, k, v, o, lse, tbar, vbar;
};

enum class TaskOrder { Forward, Backward, TwoThreads };

/// Compiles, loads and runs; `runs` launches share one workspace. An error text, or empty.
std::string runOnHost(const Problem &problem, const Schedule &schedule, unsigned vectorBits, HostTensors &tensors,
                      TaskOrder order = TaskOrder::Forward, int runs = 1);

} // namespace lla::test
#endif
