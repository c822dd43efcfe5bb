//===- KernelArguments.h - the launch record as a struct ------------------===//
#ifndef LLA_DIALECT_SPEC_KERNELARGUMENTS_H
#define LLA_DIALECT_SPEC_KERNELARGUMENTS_H

#include <cstdint>

namespace lla {

/// What a kernel is launched with. The GPU entry takes it by value, followed (load = ring) by the tensor maps of
/// q, r, k, v (r left out without a probe) and, ragged or paged, of single rows of k, v; the host entry is
///   void kernel(const KernelArguments *, int32_t gridX, int32_t gridY, void *scratch).
struct KernelArguments {
#define LLA_POINTER(name, what) void *name = nullptr;
#define LLA_I64(name, what) int64_t name = 0;
#define LLA_I32(name, what) int32_t name = 0;
#define LLA_F32(name, what) float name = 0;
#include "dialect/Spec/KernelArguments.def"
};

} // namespace lla
#endif
