//===- Problem.cpp - what is to be computed -------------------------------===//

#include "dialect/Spec/Problem.h"
#include "dialect/Spec/Defaults.h"
#include "dialect/Spec/Fields.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numbers>

namespace lla {
namespace {

constexpr NamedValue<Mode> modes[] = {{Mode::Decode, "decode"}, {Mode::Prefill, "prefill"}, {Mode::Merge, "merge"}};
constexpr NamedValue<Probe> probes[] = {{Probe::None, "none"}, {Probe::Given, "given"}, {Probe::Solved, "solved"}};
constexpr NamedValue<ElementType> elementTypes[] = {
    {ElementType::F32, "fp32"}, {ElementType::BF16, "bf16"}, {ElementType::F16, "fp16"},
    {ElementType::F8E4M3, "fp8_e4m3"}};
/// Of q, r and o.
constexpr NamedValue<ElementType> rowTypes[] = {elementTypes[0], elementTypes[1], elementTypes[2]};
constexpr NamedValue<Layout> layouts[] = {{Layout::BSHD, "bshd"}, {Layout::BHSD, "bhsd"}};

/// The counts that may be any from 1 on, by the name of their JSON field.
struct SizeField {
  const char *name;
  int64_t Problem::*member;
};
constexpr SizeField sizeFields[] = {{"batch", &Problem::batch},      {"query_heads", &Problem::queryHeads},
                                    {"kv_heads", &Problem::kvHeads}, {"query_length", &Problem::queryLength},
                                    {"context", &Problem::context},  {"shards", &Problem::shards}};
/// Of them, what a merge and what attention has not.
bool isUnused(const Problem &problem, const SizeField &size) {
  return size.member == (problem.isMerge() ? &Problem::context : &Problem::shards);
}

/// The launch record and the grid hold 32-bit counts.
constexpr int64_t maximumCount = std::numeric_limits<int32_t>::max();

/// The product, or nothing if it leaves 64 bits.
std::optional<int64_t> product(std::initializer_list<int64_t> factors) {
  int64_t result = 1;
  for (int64_t factor : factors)
    if (llvm::MulOverflow(result, factor, result))
      return std::nullopt;
  return result;
}

void fillDefaults(Problem &problem) {
  if (problem.queryLength == 0)
    problem.queryLength = problem.mode == Mode::Prefill ? problem.context : 1;
  problem.state |= problem.isMerge();
  problem.ragged |= problem.packedQueries || problem.packedKeys;
  problem.causal = resolvedCausal(problem.causal, problem.window, problem.queryLength);
  if (!problem.scale)
    problem.scale = problem.effectiveScale();
  if (problem.outputDtype == problem.dtype)
    problem.outputDtype.reset(); // One spelling.
  if (problem.kvDtype == problem.dtype)
    problem.kvDtype.reset();
}

llvm::Error checkProbe(const Problem &problem) {
  if (problem.probe == Probe::Solved)
    return fieldError("probe", "none or given", "solved, which is not supported yet");
  if (problem.lambda != 0)
    return fieldError("lambda", "0 unless probe is solved", fmt::format("{}", problem.lambda));
  return llvm::Error::success();
}

llvm::Error checkSizes(const Problem &problem) {
  for (const SizeField &size : sizeFields) {
    int64_t count = problem.*size.member;
    if (isUnused(problem, size) ? count == 0 : count >= 1 && count <= maximumCount)
      continue;
    return fieldError(size.name,
                      isUnused(problem, size) ? fmt::format("none with mode={}", name(problem.mode).str())
                                              : fmt::format("1..{}", maximumCount),
                      std::to_string(count));
  }
  if (problem.queryHeads % problem.kvHeads != 0)
    return fieldError("query_heads", fmt::format("a multiple of kv_heads ({})", problem.kvHeads),
                      std::to_string(problem.queryHeads));
  if (problem.headDim % 8 != 0 || problem.headDim < 16 || problem.headDim > 256)
    return fieldError("head_dim", "a multiple of 8 in 16..256", std::to_string(problem.headDim));
  return llvm::Error::success();
}

/// Every count that later code forms without looking: rows of the launch, bytes of each tensor.
llvm::Error checkProducts(const Problem &p) {
  std::optional<int64_t> rows = product({p.batch, p.queryHeads, p.queryLength});
  if (!rows || *rows > maximumCount)
    return fieldError("batch x query_heads x query_length", fmt::format("at most {}", maximumCount),
                      fmt::format("{} x {} x {}", p.batch, p.queryHeads, p.queryLength));
  int64_t bytes = elementBytes(p.dtype);
  int64_t keys = p.pageSize ? (p.context + p.pageSize - 1) / p.pageSize * p.pageSize : p.context;
  if (!product({p.batch, p.kvHeads, keys, p.headDim, bytes}))
    return fieldError("batch x kv_heads x context x head_dim", "a byte count within 64 bits",
                      fmt::format("{} x {} x {} x {} of {} bytes", p.batch, p.kvHeads, keys, p.headDim, bytes));
  // A number in cu_seqlens_k counts the keys of all sequences before one.
  if (std::optional<int64_t> all = product({p.batch, p.context}); p.packedKeys && (!all || *all > maximumCount))
    return fieldError("batch x context", fmt::format("at most {} with packed_keys", maximumCount),
                      fmt::format("{} x {}", p.batch, p.context));
  if (!product({p.shards, *rows, p.headDim, bytes}))
    return fieldError("shards x batch x query_heads x query_length x head_dim", "a byte count within 64 bits",
                      fmt::format("{} x {} x {} of {} bytes", p.shards, *rows, p.headDim, bytes));
  return llvm::Error::success();
}

llvm::Error checkPages(const Problem &problem) {
  constexpr int64_t least = 8;
  if (problem.pageSize != 0 && (problem.pageSize < least || problem.pageSize > maximumCount))
    return fieldError("page_size", fmt::format("0 (contiguous keys) or {}..{}", least, maximumCount),
                      std::to_string(problem.pageSize));
  if (problem.pageSize != 0 && problem.packedKeys)
    return fieldError("page_size", "0 with packed_keys (keys are one behind the other or in pages)",
                      std::to_string(problem.pageSize));
  return llvm::Error::success();
}

llvm::Error checkMaskAndScale(const Problem &problem) {
  if (problem.window < 0 || problem.window > maximumCount)
    return fieldError("window", fmt::format("1..{} (leave it out for none)", maximumCount),
                      std::to_string(problem.window));
  double scale = *problem.scale;
  if (!std::isfinite(scale))
    return fieldError("scale", "a finite number", fmt::format("{}", scale));
  // A launch is given scale * log2(e) in fp32.
  float launched = static_cast<float>(scale * std::numbers::log2e);
  if (!std::isfinite(launched) || (launched == 0 && scale != 0))
    return fieldError("scale", "a number that fp32 holds, also times log2(e)", fmt::format("{}", scale));
  return llvm::Error::success();
}

/// What a merge does not have is left at its default: keys, masks, a probe to choose, 16-bit parts.
llvm::Error checkMerge(const Problem &problem) {
  auto expect = [](bool holds, const char *field, const std::string &expected, const std::string &got) {
    return holds ? llvm::Error::success() : fieldError(field, expected + " with mode=merge", got);
  };
  std::string heads = std::to_string(problem.queryHeads);
  if (llvm::Error error =
          expect(problem.kvHeads == problem.queryHeads, "kv_heads", heads, std::to_string(problem.kvHeads)))
    return error;
  if (llvm::Error error = expect(problem.dtype == ElementType::F32, "dtype", "fp32", name(problem.dtype).str()))
    return error;
  if (llvm::Error error = expect(problem.probe == Probe::Given, "probe", "given", name(problem.probe).str()))
    return error;
  if (llvm::Error error = expect(problem.window == 0, "window", "none", std::to_string(problem.window)))
    return error;
  if (llvm::Error error = expect(!problem.causal, "causal", "false", "true"))
    return error;
  if (llvm::Error error = expect(!problem.packedQueries, "packed_queries", "false", "true"))
    return error;
  if (llvm::Error error = expect(!problem.packedKeys, "packed_keys", "false", "true"))
    return error;
  if (llvm::Error error = expect(!problem.ragged, "ragged", "false", "true"))
    return error;
  if (llvm::Error error = expect(problem.pageSize == 0, "page_size", "0", std::to_string(problem.pageSize)))
    return error;
  if (llvm::Error error = expect(!problem.kvDtype, "kv_dtype", "none", name(problem.keyType()).str()))
    return error;
  double scale = defaultScale(problem.headDim);
  return expect(*problem.scale == scale, "scale", fmt::format("none (or {})", scale),
                fmt::format("{}", *problem.scale));
}

/// What a caller of C++ may have set; files and flags cannot.
llvm::Error checkType(const Problem &problem) {
  if (problem.dtype != ElementType::F8E4M3)
    return llvm::Error::success();
  return fieldError("dtype", namesIn(rowTypes), name(problem.dtype).str());
}

/// Lanes of a GPU load 16 bytes; fp32 rows would not gain by keys of a byte.
llvm::Error checkKeyType(const Problem &problem) {
  if (!problem.kvDtype)
    return llvm::Error::success();
  if (problem.keyType() != ElementType::F8E4M3)
    return fieldError("kv_dtype", fmt::format("{} (as dtype) or fp8_e4m3", name(problem.dtype).str()),
                      name(problem.keyType()).str());
  if (problem.dtype == ElementType::F32)
    return fieldError("kv_dtype", "fp32 with dtype=fp32", name(problem.keyType()).str());
  constexpr int64_t dimStep = 16;
  if (problem.headDim % dimStep != 0)
    return fieldError("head_dim", fmt::format("a multiple of {} with kv_dtype=fp8_e4m3", dimStep),
                      std::to_string(problem.headDim));
  return llvm::Error::success();
}

llvm::Error checkOutput(const Problem &problem) {
  if (problem.isMerge() || problem.outputType() == problem.dtype || problem.outputType() == ElementType::F32)
    return llvm::Error::success();
  return fieldError("output_dtype", fmt::format("{} (as dtype) or fp32", name(problem.dtype).str()),
                    name(problem.outputType()).str());
}

/// A zero stands for "not given" in the struct; given, it is a fault.
void readPositive(FieldReader &reader, llvm::StringRef field, int64_t &value, const char *whenLeftOut) {
  if (reader.integer(field, value) && value < 1)
    reader.fail(field, fmt::format(">= 1 (leave it out for {})", whenLeftOut), std::to_string(value));
}

} // namespace

llvm::StringRef name(Mode value) { return nameIn(modes, value); }
llvm::StringRef name(Probe value) { return nameIn(probes, value); }
llvm::StringRef name(ElementType value) { return nameIn(elementTypes, value); }
llvm::StringRef name(Layout value) { return nameIn(layouts, value); }
std::optional<Mode> parseMode(llvm::StringRef text) { return valueIn(modes, text); }
std::optional<Probe> parseProbe(llvm::StringRef text) { return valueIn(probes, text); }
std::optional<ElementType> parseElementType(llvm::StringRef text) { return valueIn(elementTypes, text); }
std::optional<Layout> parseLayout(llvm::StringRef text) { return valueIn(layouts, text); }

unsigned elementBytes(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return 4;
  case ElementType::BF16:
  case ElementType::F16:
    return 2;
  case ElementType::F8E4M3:
    return 1;
  }
  return 0;
}

double Problem::effectiveScale() const { return scale ? *scale : defaultScale(headDim); }

int64_t Problem::queryElements() const { return batch * queryLength * queryHeads * headDim; }

int64_t Problem::keyElements() const { return batch * context * kvHeads * headDim; }

int64_t Problem::visiblePairs() const {
  if (!causal)
    return queryLength * foldLength();
  // Without a window, successive rows see first, first + 1, ..., context keys.
  int64_t first = std::max<int64_t>(context - queryLength + 1, 1);
  int64_t most = window ? std::min(window, context) : context;
  if (first > most)
    return (context - first + 1) * most;
  return (first + most) * (most - first + 1) / 2 + (context - most) * most;
}

int64_t Problem::visibleSpan() const {
  return window ? std::min(context, window + queryLength - 1) : foldLength();
}

double Problem::flops() const {
  double perElement = hasProbe() ? 8 : 4;
  return perElement * static_cast<double>(visiblePairs()) * headDim * queryHeads * batch;
}

double Problem::minimumBytes() const {
  double singleBytes = elementBytes(ElementType::F32);
  double outputBytes = static_cast<double>(queryElements()) * elementBytes(outputType());
  double stateBytes = state ? singleBytes * static_cast<double>(queryElements() + 2 * stateRows()) : 0;
  if (isMerge()) { // Each shard has an o and a state, both in fp32.
    double partBytes = singleBytes * static_cast<double>(queryElements()) + stateBytes;
    return static_cast<double>(shards) * partBytes + outputBytes + stateBytes;
  }
  // A window hides the keys before the first row's range from every row.
  int64_t unseen = window ? std::max<int64_t>(context - queryLength + 1 - window, 0) : 0;
  double querySide = (hasProbe() ? 2.0 : 1.0) * static_cast<double>(queryElements());
  double keySide = 2.0 * static_cast<double>(context - unseen) * batch * kvHeads * headDim;
  return querySide * elementBytes(dtype) + keySide * elementBytes(keyType()) + outputBytes + stateBytes;
}

std::string Problem::kernelName() const {
  std::string symbol = isMerge()
                           ? fmt::format("lla_merge_d{}_{}", headDim, name(dtype).str())
                           : fmt::format("lla_{}_d{}_g{}_{}", name(mode).str(), headDim, group(), name(dtype).str());
  if (kvDtype)
    symbol += "_kv_" + name(*kvDtype).str();
  if (outputDtype)
    symbol += "_to_" + name(*outputDtype).str();
  if (causal)
    symbol += "_causal";
  if (window)
    symbol += fmt::format("_w{}", window);
  if (ragged)
    symbol += "_ragged";
  if (packedQueries)
    symbol += "_pq";
  if (packedKeys)
    symbol += "_pk";
  if (pageSize)
    symbol += fmt::format("_p{}", pageSize);
  if (!hasProbe())
    symbol += "_softmax";
  if (state && !isMerge())
    symbol += "_state";
  return symbol;
}

bool Problem::operator==(const Problem &) const = default;

llvm::Error normalize(Problem &problem) {
  fillDefaults(problem);
  if (llvm::Error error = checkType(problem))
    return error;
  if (llvm::Error error = checkProbe(problem))
    return error;
  if (llvm::Error error = checkSizes(problem))
    return error;
  if (llvm::Error error = checkPages(problem))
    return error;
  if (llvm::Error error = checkProducts(problem))
    return error;
  if (llvm::Error error = checkMaskAndScale(problem))
    return error;
  if (problem.isMerge())
    if (llvm::Error error = checkMerge(problem))
      return error;
  if (llvm::Error error = checkKeyType(problem))
    return error;
  return checkOutput(problem);
}

llvm::Expected<Problem> parseProblem(llvm::StringRef json) { return readProblem(FieldReader("problem", json)); }

llvm::Expected<Problem> readProblem(FieldReader reader) {
  Problem problem;
  reader.choice("mode", problem.mode, modes);
  if (problem.isMerge())
    problem.dtype = ElementType::F32;
  reader.choice("probe", problem.probe, probes);
  reader.number("lambda", problem.lambda);
  reader.integer("batch", problem.batch);
  reader.integer("query_heads", problem.queryHeads);
  problem.kvHeads = problem.queryHeads;
  reader.integer("kv_heads", problem.kvHeads);
  readPositive(reader, "query_length", problem.queryLength, "context in prefill, else 1");
  if (!reader.integer("context", problem.context) && !problem.isMerge())
    reader.failMissing("context", "the number of keys per sequence");
  if (!reader.integer("head_dim", problem.headDim))
    reader.failMissing("head_dim", "a multiple of 8 in 16..256");
  reader.choice("dtype", problem.dtype, rowTypes);
  reader.choice("layout", problem.layout, layouts);
  reader.boolean("causal", problem.causal);
  readPositive(reader, "window", problem.window, "none");
  if (double scale; reader.number("scale", scale))
    problem.scale = scale;
  reader.boolean("state", problem.state);
  if (ElementType type; reader.choice("output_dtype", type, rowTypes))
    problem.outputDtype = type;
  if (!reader.integer("shards", problem.shards) && problem.isMerge())
    reader.failMissing("shards", "the number of partial results of each row");
  reader.boolean("ragged", problem.ragged);
  reader.integer("page_size", problem.pageSize);
  reader.boolean("packed_queries", problem.packedQueries);
  reader.boolean("packed_keys", problem.packedKeys);
  if (ElementType type; reader.choice("kv_dtype", type, elementTypes))
    problem.kvDtype = type;
  if (llvm::Error error = reader.finish())
    return error;
  if (llvm::Error error = normalize(problem))
    return error;
  return problem;
}

std::string toJson(const Problem &problem) {
  nlohmann::ordered_json object = {
      {"version", 1},
      {"mode", name(problem.mode).str()},
      {"probe", name(problem.probe).str()},
      {"lambda", problem.lambda},
      {"batch", problem.batch},
      {"query_heads", problem.queryHeads},
      {"kv_heads", problem.kvHeads},
      {"query_length", problem.queryLength},
      {problem.isMerge() ? "shards" : "context", problem.foldLength()},
      {"head_dim", problem.headDim},
      {"dtype", name(problem.dtype).str()},
      {"layout", name(problem.layout).str()},
      {"causal", problem.causal},
  };
  if (problem.window)
    object["window"] = problem.window;
  object["scale"] = problem.effectiveScale();
  if (problem.state)
    object["state"] = true;
  if (problem.outputDtype)
    object["output_dtype"] = name(*problem.outputDtype).str();
  if (problem.ragged)
    object["ragged"] = true;
  if (problem.pageSize)
    object["page_size"] = problem.pageSize;
  if (problem.packedQueries)
    object["packed_queries"] = true;
  if (problem.packedKeys)
    object["packed_keys"] = true;
  if (problem.kvDtype)
    object["kv_dtype"] = name(*problem.kvDtype).str();
  return object.dump();
}

} // namespace lla
