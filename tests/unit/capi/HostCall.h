//===- HostCall.h - a call of the C API on the host -----------------------===//
//
// fp32 tensors of a problem in host memory, dense in the problem's layout unless a
// test changes them, and what the call should give, by the formula in double
// precision. Nothing of the product but lla.h.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TESTS_UNIT_CAPI_HOSTCALL_H
#define LLA_TESTS_UNIT_CAPI_HOSTCALL_H

#include "runtime/capi/lla.h"
#include <array>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

/// The status and, where it is not LLA_OK, the message.
#define EXPECT_OK(call) EXPECT_EQ(call, LLA_OK) << lla_last_error()
#define ASSERT_OK(call) ASSERT_EQ(call, LLA_OK) << lla_last_error()

/// A failure with this status, and with a message that holds `text`.
void expectFailure(lla_status got, lla_status expected, const std::string &text);

/// A small fp32 decode of grouped heads.
lla_problem smallProblem();
/// A long context of one head, which several threads split: the splits meet in a workspace.
lla_problem splitProblem();

/// A tensor with the memory that its description points to.
struct HostTensor {
  HostTensor() = default;
  HostTensor(std::vector<int64_t> sizes, lla_data_type type = {LLA_TYPE_FLOAT, 32, 1});
  HostTensor(const HostTensor &) = delete;

  float *values() { return reinterpret_cast<float *>(memory.data()); }
  int32_t *numbers() { return reinterpret_cast<int32_t *>(memory.data()); }
  void giveStrides(std::vector<int64_t> steps);
  /// Moves to larger memory with gaps between the rows of each dimension but the last.
  void spread();

  lla_tensor view = {};
  std::array<int64_t, 6> shape = {}, strides = {};
  std::vector<char> memory;
};

/// Tensors of attention (not of a merge), filled. Packed sequences are as long as they can be; `reference` and `error`
/// know none.
struct HostCall {
  explicit HostCall(const lla_problem &problem, unsigned seed = 1);

  /// Index of (batch, row, head, dim) in a dense tensor, dim excluded, as element offsets by the view's strides.
  double reference(int64_t batch, int64_t row, int64_t head, int64_t dim) const;
  /// The largest difference of `o` from the formula; NaN counts as infinite.
  double error() const;

  lla_problem problem;
  HostTensor q, k, v, r, o, lse, tbar, vbar, lengths, starts, pageTable, cuSeqlensQ, cuSeqlensK;
  lla_tensors tensors = LLA_TENSORS_INIT;
};

/// Memory at a multiple of 256, zero-filled.
struct Workspace {
  explicit Workspace(size_t bytes) : memory(bytes + 256), bytes(bytes) {}
  void *data() {
    uintptr_t address = reinterpret_cast<uintptr_t>(memory.data());
    return memory.data() + (256 - address % 256);
  }
  std::vector<char> memory;
  size_t bytes;
};

/// A context on two threads of the host, shared by all tests: kernels are compiled once.
lla_context *hostContext();

/// A prepared plan, destroyed at the end.
struct HostPlan {
  explicit HostPlan(const lla_problem &problem, bool prepare = true);
  ~HostPlan() { lla_plan_destroy(plan); }
  lla_status run(const lla_tensors &tensors) {
    return lla_plan_run(plan, &tensors, workspace->data(), workspace->bytes, nullptr);
  }
  lla_plan *plan = nullptr;
  std::unique_ptr<Workspace> workspace;
};

#endif
