//===- Case.cpp - the conformance list, expanded --------------------------===//

#include "Case.h"
#include "dialect/Spec/Fields.h"
#include <fmt/format.h>

namespace lla::numeric {
namespace {

constexpr NamedValue<InputKind> inputKinds[] = {{InputKind::Normal, "normal"},
                                                {InputKind::LargeProbe, "large_probe"},
                                                {InputKind::HugeProbe, "huge_probe"},
                                                {InputKind::DominantKey, "dominant_key"},
                                                {InputKind::NearConstantKeys, "near_constant_keys"},
                                                {InputKind::OffsetKeys, "offset_keys"},
                                                {InputKind::GrowingScores, "growing_scores"},
                                                {InputKind::LateKeys, "late_keys"},
                                                {InputKind::SeenNaNKey, "seen_nan_key"},
                                                {InputKind::SeenNaNValue, "seen_nan_value"}};
constexpr NamedValue<Arrangement> arrangements[] = {{Arrangement::Dense, "dense"},
                                                    {Arrangement::Padded, "padded"},
                                                    {Arrangement::Interleaved, "interleaved"},
                                                    {Arrangement::Capacity, "capacity"}};

constexpr NamedValue<SequenceInput> sequenceInputs[] = {{SequenceInput::Any, "any"},
                                                        {SequenceInput::WithoutStarts, "without_starts"},
                                                        {SequenceInput::NotGiven, "not_given"},
                                                        {SequenceInput::OutOfRange, "out_of_range"}};

constexpr NamedValue<ScaleInput> scaleInputs[] = {{ScaleInput::PerHead, "per_head"},
                                                  {ScaleInput::PerTensor, "per_tensor"},
                                                  {ScaleInput::NotGiven, "no_scales"}};

Case makeCase(Mode mode, int64_t queryLength, int64_t context) {
  Case entry;
  entry.problem.mode = mode;
  entry.problem.queryLength = queryLength;
  entry.problem.context = context;
  entry.problem.headDim = 64;
  return entry;
}

Case decode(int64_t context) { return makeCase(Mode::Decode, 1, context); }
Case prefill(int64_t length) { return makeCase(Mode::Prefill, length, length); }

/// One value of something that a line of the list varies.
struct Variation {
  std::string suffix;
  std::function<Case(const Case &)> apply;
};
using Axis = std::vector<Variation>;

template <class Value, class Name, class Apply>
Axis axisOf(std::initializer_list<Value> values, Name nameOf, Apply apply) {
  Axis axis;
  for (Value value : values)
    axis.push_back({nameOf(value), [=](const Case &entry) { return apply(entry, value); }});
  return axis;
}

Axis dims(std::initializer_list<int64_t> values) {
  return axisOf(
      values, [](int64_t dim) { return fmt::format("d{}", dim); },
      [](const Case &entry, int64_t dim) { return entry.dim(dim); });
}
Axis dtypes(std::initializer_list<ElementType> values) {
  return axisOf(
      values, [](ElementType type) { return lla::name(type).str(); },
      [](const Case &entry, ElementType type) { return entry.of(type); });
}
/// fp32 is the host's; bf16 runs everywhere.
Axis twoTypes() { return dtypes({ElementType::F32, ElementType::BF16}); }
Axis sixteenBits() { return dtypes({ElementType::BF16, ElementType::F16}); }

/// Query heads per KV head, of two KV heads.
Axis groups(std::initializer_list<int64_t> values) {
  return axisOf(
      values, [](int64_t group) { return fmt::format("g{}", group); },
      [](const Case &entry, int64_t group) { return entry.heads(2 * group, 2); });
}
Axis probes() {
  return axisOf(
      {Probe::Given, Probe::None}, [](Probe probe) { return "probe_" + lla::name(probe).str(); },
      [](const Case &entry, Probe probe) { return probe == Probe::None ? entry.softmax() : entry; });
}
Axis layouts() {
  return axisOf(
      {Layout::BSHD, Layout::BHSD}, [](Layout layout) { return lla::name(layout).str(); },
      [](Case entry, Layout layout) {
        entry.problem.layout = layout;
        return entry;
      });
}
Axis windows(std::initializer_list<int64_t> values) {
  return axisOf(
      values, [](int64_t window) { return window ? fmt::format("w{}", window) : std::string("no_window"); },
      [](const Case &entry, int64_t window) { return window ? entry.window(window) : entry; });
}
Axis masks() {
  Axis axis = windows({1, 5, 64, 1000});
  axis.push_back({"full", [](const Case &entry) { return entry; }});
  axis.push_back({"causal", [](const Case &entry) { return entry.causal(); }});
  return axis;
}
Axis scales(std::initializer_list<double> values) {
  return axisOf(
      values, [](double scale) { return fmt::format("scale{}", scale); },
      [](const Case &entry, double scale) { return entry.scale(scale); });
}
Axis kinds(std::initializer_list<InputKind> values) {
  return axisOf(
      values, [](InputKind kind) { return std::string(name(kind)); },
      [](const Case &entry, InputKind kind) { return entry.with(kind); });
}
Axis placements(std::initializer_list<Arrangement> values) {
  return axisOf(
      values, [](Arrangement where) { return std::string(name(where)); },
      [](const Case &entry, Arrangement where) { return entry.placed(where); });
}

Axis sequences(std::initializer_list<SequenceInput> values) {
  return axisOf(
      values, [](SequenceInput input) { return std::string(name(input)); },
      [](const Case &entry, SequenceInput input) { return entry.ragged(input); });
}
Axis keyScales() {
  return axisOf(
      {ScaleInput::PerHead, ScaleInput::PerTensor, ScaleInput::NotGiven},
      [](ScaleInput input) { return std::string(name(input)); },
      [](const Case &entry, ScaleInput input) { return entry.fp8(input); });
}
/// 0: contiguous.
Axis pages(std::initializer_list<int64_t> values) {
  return axisOf(
      values, [](int64_t size) { return size ? fmt::format("p{}", size) : std::string("contiguous"); },
      [](const Case &entry, int64_t size) { return entry.paged(size); });
}

/// Packed queries beside keys of each kind.
Axis packings() {
  return {{"padded_keys", [](const Case &entry) { return entry.packedQueries(); }},
          {"packed_keys", [](const Case &entry) { return entry.packed(); }},
          {"only_keys", [](const Case &entry) { return entry.packedKeys(); }},
          {"p16", [](const Case &entry) { return entry.packedQueries().paged(16); }},
          {"p24", [](const Case &entry) { return entry.packedQueries().paged(24); }}};
}

/// Normalises and appends the product of `axes`; a problem that does not normalise is a fault of the list.
void expand(std::vector<Case> &list, Tier tier, const char *name, const Case &base, std::vector<Axis> axes) {
  std::vector<Case> product = {base};
  product.front().name = name;
  product.front().tier = tier;
  for (const Axis &axis : axes) {
    std::vector<Case> finer;
    for (const Case &entry : product)
      for (const Variation &variation : axis) {
        finer.push_back(variation.apply(entry));
        finer.back().name += "/" + variation.suffix;
      }
    product = std::move(finer);
  }
  for (Case &entry : product)
    llvm::cantFail(normalize(entry.problem));
  list.insert(list.end(), product.begin(), product.end());
}

} // namespace

const char *name(InputKind kind) { return nameIn(inputKinds, kind).data(); }
const char *name(SequenceInput input) { return nameIn(sequenceInputs, input).data(); }
const char *name(ScaleInput input) { return nameIn(scaleInputs, input).data(); }
const char *name(Arrangement arrangement) { return nameIn(arrangements, arrangement).data(); }

// Each method returns a changed copy, so that a base serves several lines.
#define LLA_CASE_METHOD(signature, ...)                                                                                \
  Case Case::signature const {                                                                                         \
    Case copy = *this;                                                                                                 \
    __VA_ARGS__;                                                                                                       \
    return copy;                                                                                                       \
  }
LLA_CASE_METHOD(heads(int64_t query, int64_t kv), copy.problem.queryHeads = query, copy.problem.kvHeads = kv)
LLA_CASE_METHOD(batch(int64_t sequences), copy.problem.batch = sequences)
LLA_CASE_METHOD(rows(int64_t queryLength), copy.problem.queryLength = queryLength)
LLA_CASE_METHOD(dim(int64_t headDim), copy.problem.headDim = headDim)
LLA_CASE_METHOD(of(ElementType dtype), copy.problem.dtype = dtype)
LLA_CASE_METHOD(fp8(ScaleInput input), copy.problem.kvDtype = ElementType::F8E4M3, copy.scales = input)
LLA_CASE_METHOD(causal(), copy.problem.causal = true)
LLA_CASE_METHOD(window(int64_t keys), copy.problem.window = keys)
LLA_CASE_METHOD(scale(double factor), copy.problem.scale = factor)
LLA_CASE_METHOD(softmax(), copy.problem.probe = Probe::None)
LLA_CASE_METHOD(wideOutput(), copy.problem.outputDtype = ElementType::F32)
LLA_CASE_METHOD(withState(), copy.problem.state = true)
LLA_CASE_METHOD(ragged(SequenceInput input), copy.problem.ragged = true, copy.sequences = input)
LLA_CASE_METHOD(paged(int64_t pageSize), copy.problem.pageSize = pageSize)
LLA_CASE_METHOD(packedQueries(), copy.problem.packedQueries = true)
LLA_CASE_METHOD(packedKeys(), copy.problem.packedKeys = true)
LLA_CASE_METHOD(with(InputKind kind), copy.inputKind = kind)
LLA_CASE_METHOD(placed(Arrangement where), copy.arrangement = where)
LLA_CASE_METHOD(scheduled(ScheduleSet set), copy.schedules = set)
LLA_CASE_METHOD(called(std::vector<Call> list), copy.calls = std::move(list))
#undef LLA_CASE_METHOD

Case Case::lengths(int64_t least, int64_t most, int64_t step) const {
  Case copy = *this;
  for (int64_t length = least; length <= most; length += step)
    copy.calls.push_back({problem.mode == Mode::Prefill ? length : problem.queryLength, length});
  return copy;
}

Case Case::queryLengths(int64_t least, int64_t most, int64_t step) const {
  Case copy = *this;
  for (int64_t length = least; length <= most; length += step)
    copy.calls.push_back({length, problem.context});
  return copy;
}

Case Case::seeds(int64_t count) const {
  Case copy = *this;
  for (int64_t seed = 0; seed < count; ++seed)
    copy.calls.push_back({problem.queryLength, problem.context, static_cast<uint64_t>(seed)});
  return copy;
}

Problem problemOf(const Case &entry, const Call &call) {
  Problem problem = entry.problem;
  problem.queryLength = call.queryLength;
  (problem.isMerge() ? problem.shards : problem.context) = call.context;
  if (call.batch)
    problem.batch = call.batch;
  return problem;
}

std::vector<Case> conformanceCases() {
  std::vector<Case> list;
#define LLA_CASES(tier, name, base, ...) expand(list, Tier::tier, #name, base, {__VA_ARGS__});
#include "Cases.def"
  return list;
}

} // namespace lla::numeric
