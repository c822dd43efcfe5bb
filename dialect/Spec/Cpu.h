//===- Cpu.h - facts of the CPU that this process runs on -----------------===//
//
// Standard library only: the ahead-of-time runtime shares it.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_CPU_H
#define LLA_DIALECT_SPEC_CPU_H

#include <cstdint>

namespace lla {

/// CPUs that this process may run on: containers and taskset narrow them.
int64_t usableCpus();
/// What host code may be compiled for: 512 (AVX-512), 256 (AVX2 and FMA) or 128.
unsigned cpuVectorBits();

} // namespace lla
#endif
