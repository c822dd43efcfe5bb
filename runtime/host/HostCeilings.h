//===- HostCeilings.h - what this CPU can do at most ----------------------===//
#ifndef LLA_RUNTIME_HOST_HOSTCEILINGS_H
#define LLA_RUNTIME_HOST_HOSTCEILINGS_H

#include "runtime/host/ThreadTeam.h"

namespace lla {

/// Bytes per second at which the whole team reads `bytes` of memory that it owns, best of a few passes.
double measureReadBandwidth(ThreadTeam &team, const void *memory, int64_t bytes, unsigned vectorBits);

/// fp32 FLOPs per second of the whole team at independent fused multiply-adds (two each) in registers.
double measureMultiplyAdds(ThreadTeam &team, unsigned vectorBits);

} // namespace lla
#endif
