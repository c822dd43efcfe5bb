//===- DefaultSchedule.h - what the rules of default schedules share ------===//
//
// Internal: `defaultSchedule` itself is in Schedule.h. Its rules are in four files,
// of few rows on a GPU (DefaultDecode.cpp), of many lengths of these (DefaultRagged.cpp),
// of all else (DefaultSchedule.cpp), and of how many rows' keys are split
// (DefaultSplits.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_SPEC_DEFAULTSCHEDULE_H
#define LLA_DIALECT_SPEC_DEFAULTSCHEDULE_H

#include "dialect/Spec/Schedule.h"
#include <optional>

namespace lla::defaults {

/// Packed rows that are few: they fit one warpgroup's tile; on the host no tile has more.
constexpr int64_t fewRows = 64;
/// True if the packed rows are few, with those that pad a group's.
bool hasFewRows(const Problem &problem);

/// Of few rows on a GPU; of a decode's many, where many rows' schedules do not fit.
Schedule decode(const Problem &problem, const Target &target);

/// Warps, splits and order of `schedule`, of few rows (load = registers, four warps), for lengths that differ.
void divideManyLengths(const Problem &problem, int64_t tiles, const Target &target, Schedule &schedule);

bool isNarrow(const Problem &problem);
/// Rows of K and V that end within a line share it with the next head's (bhsd: the next key's).
bool sharesLines(const Problem &problem);
/// Two CTAs for nine multiprocessors of ten: nothing is left that splits could fill.
bool isFull(int64_t tiles, const Target &target);

/// `schedule`, of many rows (load = ring), or it with the keys of each row tile split, where that is faster.
Schedule withSplits(const Problem &problem, const Target &target, const Schedule &schedule);
/// Likewise; or `turns`, if any, with the last turn's row tiles divided.
Schedule levelled(const Problem &problem, const Target &target, const Schedule &schedule,
                  const std::optional<Schedule> &turns);

/// `schedule`, of rows that share K and V (load = ring) and lengths that differ, with persistent CTAs that divide all
/// of them evenly; with fewer keys where room is needed for the next rows. Null if that does not fit.
std::optional<Schedule> dividedEvenly(const Problem &problem, const Target &target, Schedule schedule);

/// Elements of K and V, of a ragged batch on average.
double keyElements(const Problem &problem);
/// Likewise those that blocks of rows (load = registers) read again, each for itself.
double elementsReadAgain(const Problem &problem);

/// The table's candidates of one field, ascending.
const std::vector<int64_t> &candidates(llvm::StringRef name);
/// The largest candidate that is at most `value`; the smallest if none is.
int64_t candidateBelow(llvm::StringRef name, int64_t value);

/// Query rows of a sequence times the heads on a KV head.
int64_t packedRows(const Problem &problem);
/// Rescaling rarely is exact, but lets p grow to 2^8: too much for p*t in fp16.
int64_t laziness(const Problem &problem);
/// Whether a warpgroup has registers for O1 and O2 of all value columns, and for scores of a few keys beside them.
bool fitsOneWarpgroup(const Problem &problem);
/// Keys of a tile, at most, that registers hold beside the accumulators of 64 rows, with no or few spills in the loop
/// (load = ring).
int64_t mostKeys(const Problem &problem, const Schedule &schedule);
/// Sequences of a ragged batch end apart: parts small enough that whoever is done early finds others to fold, and
/// short sequences in as few of them. One sequence alone is as long as it is.
void levelLengths(const Problem &problem, int64_t tiles, int64_t tasks, int64_t leastKeys, Schedule &schedule);
/// Prefetches the next tile where registers allow, and gives up warps until a CTA's merge fits.
void fitRegisterLoads(const Problem &problem, const Target &target, Schedule &schedule);

} // namespace lla::defaults
#endif
