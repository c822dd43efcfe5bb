//===- GemmYardstick.h - what cuBLAS reaches on this GPU ------------------===//
//
// A measure of the tensor cores under the present clocks and power limit, never
// a part of a computation: cuBLAS is opened at run time, where there is one.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CUDA_GEMMYARDSTICK_H
#define LLA_RUNTIME_CUDA_GEMMYARDSTICK_H

#include "dialect/Spec/Problem.h"
#include "runtime/cuda/Device.h"

namespace lla::cuda {

class GemmYardstick {
public:
  static constexpr int size = 8192;
  static constexpr double flops = 2.0 * size * size * size;

  /// Two random square matrices of `dtype`. Fails without cuBLAS, or if memory does not suffice.
  static llvm::Expected<std::unique_ptr<GemmYardstick>> create(std::shared_ptr<const Device> device,
                                                               const std::string &toolkit, ElementType dtype);
  ~GemmYardstick();
  GemmYardstick(const GemmYardstick &) = delete;
  GemmYardstick &operator=(const GemmYardstick &) = delete;

  /// Enqueues one product, accumulated in fp32.
  llvm::Error multiply(CUstream stream);

private:
  struct Functions;
  GemmYardstick(std::shared_ptr<const Device> device, std::unique_ptr<Functions> functions, ElementType dtype, Memory a,
                Memory b, Memory c);

  std::shared_ptr<const Device> device;
  std::unique_ptr<Functions> functions;
  void *handle = nullptr;
  ElementType dtype;
  Memory a, b, c;
};

} // namespace lla::cuda
#endif
