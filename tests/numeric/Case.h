//===- Case.h - one entry of the conformance list -------------------------===//
//
// A case is a problem as planned, the calls made on that plan, what the inputs
// look like, where the tensors lie and which schedules run it. It names no
// target: every target runs the same list (Cases.def).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TESTS_NUMERIC_CASE_H
#define LLA_TESTS_NUMERIC_CASE_H

#include "dialect/Spec/Schedule.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lla::numeric {

enum class Tier { Quick, Long };

/// What q, r, k, v hold. Keys that no row sees always hold NaN, in k and v.
enum class InputKind {
  Normal,           ///< RMS-normalised q, r/2, k; normal v.
  LargeProbe,       ///< r 32 times as large: o is a difference of large numbers.
  HugeProbe,        ///< r 1024 times as large: t is near what fp16 holds, and p t beyond it if p grew by much.
  DominantKey,      ///< One key takes practically all of the last row's weight.
  NearConstantKeys, ///< Keys differ by 1 %.
  OffsetKeys,       ///< Keys share an offset of 4 times their spread: t needs centring.
  GrowingScores,    ///< Scores grow along the keys: the running maximum moves with every tile.
  LateKeys,         ///< The last eighth of the keys weighs more, and has another t.
  SeenNaNKey,       ///< One key of the first sequence and KV head is NaN, and seen.
  SeenNaNValue,     ///< Likewise one element of a value.
};
const char *name(InputKind kind);

/// Where the tensors lie.
enum class Arrangement {
  Dense,
  Padded,      ///< Gaps after each row, head and sequence, and before the first element.
  Interleaved, ///< k and v in one buffer, row by row.
  Capacity,    ///< k and v are the beginning of a longer cache.
};
const char *name(Arrangement arrangement);

/// What a ragged call says of its sequences.
enum class SequenceInput {
  Any,           ///< Lengths in 0..context, some 0; every other sequence starts later than at key 0.
  WithoutStarts, ///< Likewise, all starting at key 0 for want of starts.
  NotGiven,      ///< Neither lengths nor starts: all of the context.
  OutOfRange,    ///< Any numbers, which are to be clamped.
};
const char *name(SequenceInput input);

/// The scales of fp8 keys and values. None is a power of two; some are negative.
enum class ScaleInput {
  PerHead,
  PerTensor,
  NotGiven, ///< 1.
};
const char *name(ScaleInput input);

/// Which schedules a case runs with; see Schedules.h.
enum class ScheduleSet { Default, Splits, RandomSplits, Clusters, Sampled, StaticSizes, Pingpong, Rounded, Weigher,
                         ValueParts, RingSplits, Swapped, LongestFirst };

/// What one run on a plan differs in.
struct Call {
  int64_t queryLength, context; ///< A merge: shards in place of the context.
  uint64_t seed = 0;
  int64_t batch = 0; ///< 0: the planned one.
};

struct Case {
  std::string name;
  Tier tier = Tier::Quick;
  Problem problem;
  std::vector<Call> calls; ///< Empty: one, of the planned lengths.
  InputKind inputKind = InputKind::Normal;
  Arrangement arrangement = Arrangement::Dense;
  ScheduleSet schedules = ScheduleSet::Default;
  std::vector<Schedule> given;         ///< If any, these and no set.
  std::optional<int64_t> randomNumber; ///< Of a random problem.
  SequenceInput sequences = SequenceInput::Any;
  ScaleInput scales = ScaleInput::PerHead;

  /// Cases read as sentences: decode(77).heads(4, 2).window(5).
  Case heads(int64_t query, int64_t kv) const;
  Case batch(int64_t sequences) const;
  Case rows(int64_t queryLength) const;
  Case dim(int64_t headDim) const;
  Case of(ElementType dtype) const;
  /// K and v of e4m3 bytes.
  Case fp8(ScaleInput input = ScaleInput::PerHead) const;
  Case causal() const;
  Case window(int64_t keys) const;
  Case scale(double factor) const;
  Case softmax() const;
  Case withState() const;
  /// o in fp32.
  Case wideOutput() const;
  Case ragged(SequenceInput input = SequenceInput::Any) const;
  Case paged(int64_t pageSize) const;
  /// Query rows, and keys, of all sequences one behind the other.
  Case packedQueries() const;
  Case packedKeys() const;
  Case packed() const { return packedQueries().packedKeys(); }
  Case with(InputKind kind) const;
  Case placed(Arrangement where) const;
  Case scheduled(ScheduleSet set) const;
  /// Contexts `least`..`most`, the query length the same (prefill) or the planned one (decode).
  Case lengths(int64_t least, int64_t most, int64_t step = 1) const;
  /// Query lengths `least`..`most` at the planned context.
  Case queryLengths(int64_t least, int64_t most, int64_t step = 1) const;
  /// These calls and no others.
  Case called(std::vector<Call> list) const;
  /// The planned lengths with inputs of `count` seeds.
  Case seeds(int64_t count) const;
};

/// The problem of one call on a plan.
Problem problemOf(const Case &entry, const Call &call);

/// The list, in order; normalised. Random problems are not in it.
std::vector<Case> conformanceCases();

/// Random problems whose numbers, divided by this, are equal have one kernel: compiling costs more than running.
constexpr int64_t problemsPerKernel = 12;
/// Problems first, first + 1, ... of those that `seed` gives: every capability mixed, small enough for the host's
/// reference, with a schedule that is feasible on `target`. Each depends on its own number only.
std::vector<Case> randomCases(uint64_t seed, int64_t first, int64_t count, const Target &target);

} // namespace lla::numeric
#endif
