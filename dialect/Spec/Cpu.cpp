//===- Cpu.cpp - facts of the CPU that this process runs on ---------------===//

#include "dialect/Spec/Cpu.h"
#include <algorithm>
#include <sched.h>
#include <thread>

namespace lla {

int64_t usableCpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) > 0)
    return CPU_COUNT(&allowed);
  return std::max(1u, std::thread::hardware_concurrency());
}

unsigned cpuVectorBits() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return 512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return 256;
#endif
  return 128;
}

} // namespace lla
