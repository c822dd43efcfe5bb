//===- CostModel.h - a first guess, in closed form ------------------------===//
//
// Predicted microseconds of a schedule. Never decides: it orders candidates, so
// that a search starts where it is likely to end, and it explains ("bound by
// memory, 92 % of the slots filled"). Nothing is fitted to a measurement of ours.
//
//   total = launch + longest + exposed * (the other three) + merge,   longest of
//     memory, products, elementwise, chain;  exposed: what does not hide (0.1; host 0.5)
//
//   memory        bytes that must move / (bandwidth * share that is reached); the share is the bytes in flight over
//                 bandwidth * latency, at most 1.5 times the share of multiprocessors that work, at most 1
//   products      padded FLOPs / (FLOP rate of the load path * fill)
//   elementwise   cycles for exponentials, rescales and masks / (clock * multiprocessors * fill)
//   chain         key tiles one task folds one after the other * latency of a tile * waves
//   fill          share of the slots that work: grid / (waves * slots), slots = multiprocessors * resident CTAs
//   merge         states of key warps and splits: written, waited for, read
//
//===----------------------------------------------------------------------===//
#ifndef LLA_AUTOTUNE_COSTMODEL_H
#define LLA_AUTOTUNE_COSTMODEL_H

#include "autotune/Strategy.h"
#include "dialect/Spec/Resources.h"

namespace lla {

/// What the device reaches on the simplest kernels; measured by the caller where there is a device.
struct Ceilings {
  double bytesPerSecond = 0;     ///< Of a plain read.
  double flopsPerSecond = 0;     ///< Of a large GEMM in the problem's type.
  double launchMicroseconds = 0; ///< Of an empty kernel.
};

/// Published figures of the architecture's data-centre part; a rough guess on the host.
Ceilings nominalCeilings(const Target &target);

struct Prediction {
  double memory = 0, products = 0, elementwise = 0, chain = 0; ///< Microseconds; they overlap.
  double launch = 0, merge = 0;                                ///< Microseconds.
  double fill = 1;                                             ///< Share of the slots that work, over all waves.
  int64_t residentCtas = 1;                                    ///< Per multiprocessor.
  int64_t waves = 1;
  double total = 0; ///< Microseconds.

  /// "memory", "products", "elementwise" or "chain": the largest.
  const char *bound() const;
};

/// For a feasible schedule.
Prediction predict(const Problem &problem, const Schedule &schedule, const Target &target, const Ceilings &ceilings);

/// `predict(...).total` as strategies take it; holds copies.
Predictor predictorOf(const Problem &problem, const Target &target, const Ceilings &ceilings);

/// CTAs that one multiprocessor holds at once: shared memory, registers, threads; 1 on the host.
int64_t residentCtas(const Problem &problem, const Schedule &schedule, const Target &target);

} // namespace lla
#endif
