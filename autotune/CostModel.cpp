//===- CostModel.cpp - a first guess, in closed form ----------------------===//

#include "autotune/CostModel.h"
#include <algorithm>
#include <cmath>

namespace lla {
namespace {

constexpr double microsecondsPerSecond = 1e6;

/// Figures of a kind of device that no schedule changes.
struct DeviceRates {
  double clock;                   ///< Cycles per second.
  double exponentialsPerCycle;    ///< Of one multiprocessor (host: one core).
  double simplePerCycle;          ///< Likewise, multiplications and comparisons.
  double loadLatency;             ///< Seconds until a load from memory arrives.
  double tileLatency;             ///< Seconds of one tile's dependent steps, its data being there.
  double synchroniseMicroseconds; ///< Last CTA to arrive: fence, atomic, read back.
  double exposed;                 ///< Share of what hides behind the longest term that shows all the same.
};

DeviceRates ratesOf(const Target &target) {
  if (target.isHost()) // Own exp2: about ten vector instructions; tasks are handed out under one atomic.
    return {2.5e9, target.vectorBits / 32.0 / 10.0, target.vectorBits / 32.0, 90e-9, 0.2e-6, 5.0, 0.5};
  return {1.7e9, 16, 128, 0.8e-6, 0.45e-6, 1.3, 0.1};
}

/// Share of the GEMM rate that a load path's instructions reach.
double productEfficiency(LoadPath load) {
  switch (load) {
  case LoadPath::Registers: // mma.sync on an architecture with wgmma
    return 0.55;
  case LoadPath::Ring:
    return 0.9;
  case LoadPath::Scratch:
    return 0.7;
  }
  return 1;
}

int64_t ceilDivide(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

/// What one task does, in means over all tasks.
struct TaskShape {
  double keyTiles;     ///< Key tiles that one warp (host: task) folds.
  double longestTiles; ///< The same for the task with most keys.
  double tasks;        ///< Chains of key tiles over the whole grid.
};

TaskShape shapeOf(const Problem &problem, const Schedule &schedule, const Resources &costs) {
  double rows = static_cast<double>(std::min(schedule.rows, std::max(problem.queryLength, int64_t(1))));
  double meanKeys = static_cast<double>(problem.visiblePairs()) / static_cast<double>(problem.queryLength);
  double longest = static_cast<double>(keysOfRowTile(problem, schedule));
  // A causal edge costs half a tile of rows; its masked half is computed too.
  double touched = std::min(longest, meanKeys + (problem.causal ? rows / 2 : 0));
  double sharers = static_cast<double>(costs.keyWarps * schedule.splits);
  auto tiles = [&](double keys) {
    return std::max(1.0, std::ceil(keys / sharers / static_cast<double>(schedule.keys)));
  };
  return {tiles(touched), tiles(longest), static_cast<double>(costs.tiles) * sharers};
}

/// Microseconds for all reads, given how many bytes are in flight at once.
double memoryTime(const Problem &problem, const Schedule &schedule, const Ceilings &ceilings, const DeviceRates &rates,
                  double activeCtas, double spread, const Resources &costs) {
  double tileBytes = static_cast<double>(2 * schedule.keys * problem.headDim * elementBytes(problem.keyType()));
  double loaders = schedule.load == LoadPath::Registers ? static_cast<double>(schedule.warps) : 1;
  double ahead = schedule.load == LoadPath::Ring ? static_cast<double>(schedule.stages - 1)
                                                 : 0.5 * static_cast<double>(schedule.stages);
  double inFlight = activeCtas * loaders * ahead * tileBytes;
  double wanted = ceilings.bytesPerSecond * rates.loadLatency;
  // One multiprocessor alone draws at most about half more than its even share.
  double reached = ceilings.bytesPerSecond * std::clamp(std::min(inFlight / wanted, 1.5 * spread), 0.01, 1.0);
  // Row tiles of one head read the same keys: from the cache at about three times the memory's rate.
  double reread = static_cast<double>(costs.rowTiles - 1) / static_cast<double>(costs.rowTiles);
  double keyBytes = static_cast<double>(costs.rowTiles) * static_cast<double>(problem.keyElements()) * 2 *
                    elementBytes(problem.keyType());
  double seconds = problem.minimumBytes() / reached + reread * keyBytes / (3 * ceilings.bytesPerSecond);
  return seconds * microsecondsPerSecond;
}

/// Elements of k and v that are widened before a product: by each block of rows for itself.
double widenedElements(const Problem &problem, const Schedule &schedule, double pairs) {
  if (!problem.hasKeyScales())
    return 0;
  int64_t rows = schedule.load == LoadPath::Registers ? rowsPerBlock(problem, schedule) : schedule.rows;
  return pairs / static_cast<double>(rows) *
         static_cast<double>(paddedKeyDim(problem, schedule) + paddedValueDim(problem, schedule));
}

/// Cycles of one multiprocessor for all that is neither copy nor product: exponentials, the rescaling of the
/// accumulators at each key tile (seldom if lazy), masking where it is not peeled, and widening.
double elementwiseCycles(const Problem &problem, const Schedule &schedule, const DeviceRates &rates, double pairs) {
  constexpr double seldom = 0.1, maskSteps = 2, widenSteps = 2;
  double accumulators = (problem.hasProbe() ? 2.0 : 1.0) * static_cast<double>(paddedValueDim(problem, schedule));
  double rescales = pairs / static_cast<double>(schedule.keys) * accumulators * (schedule.lazy ? seldom : 1);
  double masks = pairs * maskSteps * (problem.causal && !schedule.peel ? 1 : 0);
  double widening = widenSteps * widenedElements(problem, schedule, pairs);
  return pairs / rates.exponentialsPerCycle + (rescales + masks + widening) / rates.simplePerCycle;
}

/// CTAs that get `split_tiles` of what row tiles the last turn has.
double sharersOfLastTurn(const Problem &problem, const Schedule &schedule, const Resources &costs) {
  int64_t left = costs.tiles % costs.grid.x, keyTiles = ceilDivide(keysOfRowTile(problem, schedule), schedule.keys);
  return static_cast<double>(std::max(left, std::min(costs.grid.x, left * keyTiles / schedule.splitTiles)));
}

double mergeTime(const Problem &problem, const Schedule &schedule, const Ceilings &ceilings, const DeviceRates &rates,
                 const Resources &costs) {
  double time = costs.keyWarps > 1 ? 0.15 * std::log2(static_cast<double>(costs.keyWarps)) : 0;
  double states = static_cast<double>(schedule.splits);
  if (schedule.streamK && problem.ragged) // Each CTA leaves its first and its last row tile's.
    states = 3;
  else if (schedule.streamK) // Each CTA begins, or goes on with, some row tile of the last turn.
    states = 1 + sharersOfLastTurn(problem, schedule, costs) /
                     static_cast<double>(std::max<int64_t>(costs.tiles % costs.grid.x, 1));
  if (states == 1)
    return time;
  // The last CTA of each row tile reads all splits' partials by itself, about 50 GB/s each; of a ring's cluster each
  // CTA reads a share.
  constexpr double oneCtaBytesPerSecond = 50e9;
  double perTile = states * static_cast<double>(partialTileFloats(problem, schedule) * 4);
  if (schedule.load == LoadPath::Ring)
    perTile /= static_cast<double>(schedule.cluster);
  else // Only rows that there are.
    perTile *= static_cast<double>(std::min(schedule.rows, costs.rowsPerHead)) / static_cast<double>(schedule.rows);
  double traffic = 2 * static_cast<double>(costs.workspaceBytes) / ceilings.bytesPerSecond;
  return time + rates.synchroniseMicroseconds + (perTile / oneCtaBytesPerSecond + traffic) * microsecondsPerSecond;
}

} // namespace

Ceilings nominalCeilings(const Target &target) {
  if (target.isHost()) { // Two fused multiply-adds per cycle and core.
    double cores = static_cast<double>(target.multiprocessors);
    return {std::min(12e9 * cores, 200e9), 2 * 2 * 2.5e9 * target.vectorBits / 32.0 * cores, 1.0};
  }
  switch (target.computeCapability()) {
  case 80:
    return {1.9e12, 280e12, 2.5};
  case 86:
    return {0.65e12, 140e12, 2.5};
  case 89:
    return {0.8e12, 330e12, 2.5};
  case 100:
    return {7.4e12, 1700e12, 2.0};
  case 120:
    return {1.6e12, 450e12, 2.5};
  default:
    return {4.7e12, 700e12, 0.6};
  }
}

int64_t residentCtas(const Problem &problem, const Schedule &schedule, const Target &target) {
  if (target.isHost())
    return 1;
  Resources costs = resources(problem, schedule, target);
  return ctasThatFit(costs, schedule, launchedSharedBytes(costs, schedule, costs.grid, target), target);
}

const char *Prediction::bound() const {
  double largest = std::max({memory, products, elementwise, chain});
  return largest == memory ? "memory" : largest == products ? "products" : largest == chain ? "chain" : "elementwise";
}

Prediction predict(const Problem &problem, const Schedule &schedule, const Target &target, const Ceilings &ceilings) {
  Resources costs = resources(problem, schedule, target);
  DeviceRates rates = ratesOf(target);
  TaskShape shape = shapeOf(problem, schedule, costs);
  Prediction result;

  result.residentCtas = residentCtas(problem, schedule, target);
  double multiprocessors = static_cast<double>(target.multiprocessors);
  double slots = multiprocessors * static_cast<double>(result.residentCtas);
  double ctas = static_cast<double>(costs.tiles) * static_cast<double>(costs.grid.y);
  double waves = schedule.streamK ? ctas / slots : std::ceil(ctas / slots);
  result.waves = static_cast<int64_t>(std::min(std::ceil(waves), 1e18));
  // A grid smaller than the slots loses only the multiprocessors that get no CTA at all; row tiles may be divided.
  double working = schedule.streamK ? static_cast<double>(costs.grid.x) : ctas;
  double spread = std::min(working, multiprocessors) / multiprocessors;
  result.fill = schedule.streamK ? 1 : waves > 1 ? ctas / (waves * slots) : spread;

  double pairs = shape.tasks * shape.keyTiles * static_cast<double>(schedule.keys * schedule.rows);
  // Each part of the value columns has scores of its own, unless a weigher forms them for all.
  int64_t parts = schedule.weigher ? 1 : schedule.valueParts;
  double dims = static_cast<double>(paddedKeyDim(problem, schedule) * parts +
                                    valuePartColumns(problem, schedule) * schedule.valueParts);
  double flops = 2 * (problem.hasProbe() ? 2 : 1) * pairs * dims;
  double productRate = ceilings.flopsPerSecond * productEfficiency(schedule.load) * result.fill;
  double cycleRate = rates.clock * multiprocessors * result.fill;
  double tileSeconds =
      std::max(rates.tileLatency, (rates.tileLatency + rates.loadLatency) / static_cast<double>(schedule.stages));

  result.launch = ceilings.launchMicroseconds;
  result.memory = memoryTime(problem, schedule, ceilings, rates, std::min(working, slots), spread, costs);
  result.products = flops / productRate * microsecondsPerSecond;
  result.elementwise = elementwiseCycles(problem, schedule, rates, pairs) / cycleRate * microsecondsPerSecond;
  result.chain = shape.longestTiles * tileSeconds * waves * microsecondsPerSecond;
  result.merge = mergeTime(problem, schedule, ceilings, rates, costs);

  double sum = result.memory + result.products + result.elementwise + result.chain;
  double longest = std::max({result.memory, result.products, result.elementwise, result.chain});
  // Without overlap the exponentials wait for both score products and are waited for.
  double serial = schedule.load == LoadPath::Ring && !schedule.overlap ? 0.2 * result.elementwise : 0;
  result.total = result.launch + longest + rates.exposed * (sum - longest) + serial + result.merge;
  return result;
}

Predictor predictorOf(const Problem &problem, const Target &target, const Ceilings &ceilings) {
  return [=](const Schedule &schedule) { return predict(problem, schedule, target, ceilings).total; };
}

} // namespace lla
