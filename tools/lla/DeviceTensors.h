//===- DeviceTensors.h - a problem's tensors on a device ------------------===//
#ifndef LLA_TOOLS_LLA_DEVICETENSORS_H
#define LLA_TOOLS_LLA_DEVICETENSORS_H

#include "runtime/Plan.h"

namespace lla {

/// Inputs and outputs of a problem, dense in its layout, its lengths, starts and page table, and a plan's workspace.
class DeviceTensors {
public:
  /// Contents undefined but for the workspace, which is zero.
  static llvm::Expected<DeviceTensors> allocate(Executor &executor, const Problem &problem, int64_t workspaceBytes);
  /// Likewise with views of other shapes than the dense ones.
  static llvm::Expected<DeviceTensors> allocate(Executor &executor, const Problem &problem, int64_t workspaceBytes,
                                                const AttentionTensors &shapes);

  const AttentionTensors &views() const { return tensors; }
  void *workspace() const { return scratch ? scratch->data() : nullptr; }
  int64_t workspaceBytes() const { return scratch ? scratch->bytes() : 0; }

  /// Seeded inputs, lengths and page tables.
  llvm::Error fillRandom(Executor &executor, const Problem &problem, uint64_t seed) const;
  /// Enqueues the plan's kernel and waits for it.
  llvm::Error run(const Plan &plan, Executor &executor) const;
  /// Each output's bytes, in the order of outputsOf.
  llvm::Expected<std::vector<std::string>> outputs(Executor &executor, const Problem &problem) const;

private:
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::unique_ptr<Buffer> scratch; ///< Null: none is needed.
  AttentionTensors tensors;
};

} // namespace lla
#endif
