//===- Resources.h - what a schedule costs, in closed form ----------------===//
//
// The one formula that verifier, search-space pruning, shared-memory
// allocation, grid computation and launch share.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_RESOURCES_H
#define LLA_DIALECT_SPEC_RESOURCES_H

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Schedule.h"
#include "dialect/Spec/Target.h"

namespace lla {

/// Launch shape. x runs over row tiles of all (sequence, head)s, or over the CTAs that share them; y over splits.
struct Grid {
  int64_t x = 1, y = 1;
};

struct Resources {
  int64_t threads = 0;           ///< Per CTA, producer included; 1 on the host.
  int64_t registersPerThread = 0;///< Estimate of what a computing thread needs live.
  int64_t sharedBytes = 0;       ///< Dynamic shared memory of one CTA; scratch bytes of one task on the host.
  int64_t rowsPerHead = 0;       ///< Packed rows that one grid row of tiles covers (see `rowsPerQuery`).
  int64_t rowTiles = 0;          ///< Tiles of `schedule.rows` that cover them.
  int64_t tiles = 0;             ///< Row tiles of all (sequence, head)s.
  int64_t keyWarps = 1;          ///< Warps of a CTA that share a row tile and divide its keys.
  int64_t arrivals = 1;          ///< Counters of each x: one, or (ring) of each warp and place in a cluster, or state.
  int64_t clusterBytes = 0;      ///< Of sharedBytes, at its end: what the cluster's CTAs write to one of them.
  int64_t workspaceBytes = 0;    ///< Split partials and arrival counters; 0 without splits.
  Grid grid;
};

/// CTAs of `sharedBytes` that one multiprocessor holds at once: shared memory, registers (their estimate), threads,
/// places.
int64_t ctasThatFit(const Resources &costs, const Schedule &schedule, int64_t sharedBytes, const Target &target);
/// Dynamic shared memory that a launch of `grid` asks for: what the code uses (`costs.sharedBytes`); of a `spread`
/// schedule so much that a multiprocessor has room for no more than its share of the CTAs. The system would give
/// some multiprocessors more than others, which then do nothing at the end; most of all where the CTAs of the launch
/// before (`dependent`) still hold places.
int64_t launchedSharedBytes(const Resources &costs, const Schedule &schedule, Grid grid, const Target &target);
/// True if `spread` changes what launches of the problem ask for.
bool spreadMatters(const Problem &problem, Schedule schedule, const Target &target);
/// The most that any launch asks for.
int64_t mostSharedBytes(const Resources &costs, const Schedule &schedule, const Target &target);

/// True if the GQA group's heads are rows of one tile, false if each query head has its own tiles. With load = ring
/// they are where a tile of 64 rows has whole query rows, none of them idle or in a decode, which waits for bytes; with
/// a window, only if these are as many as the keys of a tile, or keys are copied row by row at their ends (ragged, or
/// pages): other copies cannot stop short of keys that no row sees.
bool packsGroup(const Problem &problem, const Schedule &schedule);
/// Rows of a tile that a query row has: one for each head of a packed group, and (load = ring) idle ones up to a power
/// of two, which are read as zeros and not stored.
int64_t rowsPerQuery(const Problem &problem, const Schedule &schedule);
/// Query rows of a warp's block of mma.sync, which has 16 rows, swapped 8: half of them, with a probe, are its.
int64_t rowsPerBlock(const Problem &problem, const Schedule &schedule);
/// Rows of a block that a merge exchanges: the group's in decode with one query, else all (the query
/// length is a run-time argument and must not shape the code).
int64_t liveRows(const Problem &problem, const Schedule &schedule);
/// Keys that the rows of one tile see at most: of a window fewer than all rows do.
int64_t keysOfRowTile(const Problem &problem, const Schedule &schedule);
/// Registers of a thread of each role with load = ring, where `warps` compute: multiples of 8 that 64 K allow.
struct RoleRegisters {
  int64_t producer, weigher, consumer;
};
RoleRegisters roleRegisters(int64_t warps, bool hasWeigher, bool holdsRows);
/// Registers of a thread that `schedule` may use: what the file holds for its CTAs, and what an instruction can name.
int64_t registerLimit(const Schedule &schedule, const Target &target);
/// Columns that stand side by side in shared memory (load = ring); the last panel of a tile may have fewer.
constexpr int64_t panelColumns = 64, narrowColumns = 32;
/// Columns of a panel of q, r and k; and of v: narrow ones where those of more than 128 columns, or v's parts, have
/// fewer columns so, and all rows of a tile are copied at once.
int64_t keyPanelColumns(const Problem &problem, const Schedule &schedule);
int64_t valuePanelColumns(const Problem &problem, const Schedule &schedule);
/// headDim rounded up to what the products need (ring: 16 for K, 8 for V, or 64 where ones stand behind it; registers:
/// 32 for K, 64 for V; host: 1).
int64_t paddedKeyDim(const Problem &problem, const Schedule &schedule);
int64_t paddedValueDim(const Problem &problem, const Schedule &schedule);

/// Value columns that one warp accumulates, and how far the parts of `schedule.valueParts` begin from each other: with
/// a panel each. The last has the columns that are left, the others as many, so that they may overlap.
int64_t valuePartColumns(const Problem &problem, const Schedule &schedule);
int64_t valuePartStride(const Problem &problem, const Schedule &schedule);

/// Keys of a tile that lie in one page, whichever page, and are found by one look into the page table: gcd(page size,
/// keys of a tile). 1 where even 8 neighbouring keys may lie in two pages, and on the host: each row by itself.
int64_t keysPerLookup(const Problem &problem, const Schedule &schedule);
/// Slots in which a weigher hands tiles of weights over.
constexpr int64_t weightSlots = 2;
/// Warpgroups that multiply values with weights: all that compute, but a weigher.
int64_t valueWarpgroups(const Schedule &schedule);
/// Slots of query and probe rows with load = ring: a second one where the next row tile's are copied ahead, unless the
/// last one's are in registers by then.
int64_t rowSlots(const Schedule &schedule);
/// Rows of the boxes in which load = ring copies a tile of keys.
int64_t rowsPerKeyCopy(const Problem &problem, const Schedule &schedule);

/// The costs, whether or not they fit, of a normalised problem. Bytes saturate at the largest int64.
Resources resources(const Problem &problem, const Schedule &schedule, const Target &target);

/// Whether such targets have kernels for the problem's types at all; where not, no schedule is feasible.
inline bool runsOn(const Problem &problem, const Target &target) {
  return problem.dtype != ElementType::F32 || problem.isMerge() || target.isHost();
}

/// Success if `schedule` can run `problem` on `target`; otherwise why not, with
/// the field, the limit and the figure.
llvm::Error checkFeasible(const Problem &problem, const Schedule &schedule, const Target &target);

/// Division by multiplication: n / divisor is the upper half of the 64 bits of n * multiplier, shifted right; n itself
/// where the multiplier is 0. For n < 2^31 and 1 <= divisor < 2^31 (Granlund and Montgomery, Division by Invariant
/// Integers using Multiplication, 1994, theorem 4.2).
struct Quotient {
  uint32_t multiplier = 0, shift = 0;
};
Quotient quotientOf(int64_t divisor);

/// Sizes as a launch tells them to a kernel: the LLA_SIZEs of KernelArguments.def. Of a schedule with static sizes they
/// are constants of its code.
struct LaunchSizes {
#define LLA_SIZE(name, what) int64_t name;
#include "dialect/Spec/KernelArguments.def"
};
LaunchSizes launchSizes(const Problem &problem, const Schedule &schedule, const Resources &costs);

/// Whether all keys of some row tiles are one CTA's, or one cluster's, and those of others are not.
bool mayBeAlone(const Problem &problem, const Schedule &schedule);
/// Splits that merge over the grid: one state each, of a CTA or of a cluster.
int64_t gridSplits(const Schedule &schedule);
/// Merged elements (of liveRows x headDim) that each CTA of a cluster owns; all of them without a cluster.
int64_t clusterShare(const Problem &problem, const Schedule &schedule);

/// Bytes of one split's partial state of one row: O1, O2 [headDim] and m, d1, d2, c, in fp32.
int64_t partialRowFloats(const Problem &problem);
/// Floats of one split's partial state of a row tile: of its rows, or (load = ring) what its warps' lanes leave of it
/// for the cluster and for the grid.
int64_t partialTileFloats(const Problem &problem, const Schedule &schedule);
/// Counters (int32, zero-filled once by the caller, self-resetting) stand first in
/// the workspace, one per x of the grid and kind of arrival, padded to 256 bytes.
int64_t counterBytes(const Resources &resources);

} // namespace lla
#endif
