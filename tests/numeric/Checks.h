//===- Checks.h - what the list of cases cannot say -----------------------===//
//
// Each check reports what it finds under its own name; a check that a device or
// its memory rules out reports why it was skipped.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TESTS_NUMERIC_CHECKS_H
#define LLA_TESTS_NUMERIC_CHECKS_H

#include "Workplace.h"

namespace lla::numeric {

/// The state (m, d1, d2, c, O1, O2) and its merge in double precision: a commutative monoid, random parts of a key
/// range in random order equal the whole, and the whole equals the reference. Needs no device.
void checkStateAlgebra(Report &report, const Settings &settings);

/// Each kernel family launched 1000 times (host: 8) on one workspace: the same bits every time.
void checkRepetition(Workplace &place);

/// Plan::run captured into a CUDA graph once and replayed on new inputs. CUDA only.
void checkGraphCapture(Workplace &place);

/// The keys in random shards, each a call of its own, merged at once and in any nesting: the whole. Parts that are
/// exact give the whole to fp32 rounding; empty shards change nothing.
void checkContextParallel(Workplace &place);

/// Strides that carry offsets beyond 2^31 elements, in every tensor and dimension; little of the memory is touched.
void checkFarOffsets(Workplace &place);

/// A dense K and V of more than 2^31 elements each. With --long, CUDA only: the host would take minutes to fill them.
void checkLargeTensors(Workplace &place);

struct DeviceCheck {
  const char *name;
  void (*run)(Workplace &place);
};
inline constexpr DeviceCheck deviceChecks[] = {{"repetition", checkRepetition},
                                               {"graph_capture", checkGraphCapture},
                                               {"context_parallel", checkContextParallel},
                                               {"far_offsets", checkFarOffsets},
                                               {"large_tensors", checkLargeTensors}};

} // namespace lla::numeric
#endif
