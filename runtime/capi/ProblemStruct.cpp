//===- ProblemStruct.cpp - lla_problem and the vocabulary's Problem -------===//

#include "runtime/RuntimeError.h"
#include "runtime/capi/Structs.h"
#include <fmt/format.h>

namespace lla::capi {
namespace {

llvm::Error usage(std::string text) { return failure(FailureKind::Usage, std::move(text)); }

/// No struct of this API comes near; what is larger was not set.
constexpr size_t largestStruct = 4096;

/// The value at a field's number.
template <class Value, size_t N>
llvm::Error select(const char *field, int32_t number, const Value (&values)[N], Value &value) {
  if (number < 0 || number >= static_cast<int32_t>(N))
    return usage(fmt::format("{}: expected 0..{}, got {}", field, N - 1, number));
  value = values[number];
  return llvm::Error::success();
}

/// The number of a field's value.
template <class Value, size_t N> int32_t numberOf(const Value (&values)[N], Value value) {
  return static_cast<int32_t>(std::find(values, values + N, value) - values);
}

// By the numbers of lla.h.
constexpr Mode modes[] = {Mode::Decode, Mode::Prefill, Mode::Merge};
constexpr Probe probes[] = {Probe::Given, Probe::None, Probe::Solved};
constexpr Layout layouts[] = {Layout::BSHD, Layout::BHSD};
using OptionalType = std::optional<ElementType>;
constexpr OptionalType types[] = {std::nullopt, ElementType::F32, ElementType::BF16, ElementType::F16};
constexpr OptionalType keyTypes[] = {std::nullopt, ElementType::F32, ElementType::BF16, ElementType::F16,
                                     ElementType::F8E4M3};
constexpr bool flags[] = {false, true};

struct SizeMember {
  int64_t lla_problem::*given;
  int64_t Problem::*known;
};
constexpr SizeMember sizeMembers[] = {
    {&lla_problem::batch, &Problem::batch},        {&lla_problem::query_heads, &Problem::queryHeads},
    {&lla_problem::kv_heads, &Problem::kvHeads},   {&lla_problem::query_length, &Problem::queryLength},
    {&lla_problem::context, &Problem::context},    {&lla_problem::head_dim, &Problem::headDim},
    {&lla_problem::window, &Problem::window},      {&lla_problem::shards, &Problem::shards},
    {&lla_problem::page_size, &Problem::pageSize},
};

} // namespace

llvm::Error checkStruct(const char *name, const void *given, size_t least, size_t known) {
  if (!given)
    return usage(fmt::format("{}: expected a struct, got null", name));
  size_t size;
  std::memcpy(&size, given, sizeof(size));
  if (size < least || size > largestStruct)
    return usage(fmt::format("{}.struct_size: expected {}, got {}", name, known, size));
  for (size_t i = known; i < size; ++i)
    if (static_cast<const char *>(given)[i])
      return usage(fmt::format("{}.struct_size: expected at most {}, got {}, with members that this library does not "
                               "know (its version is {}.{}.{})",
                               name, known, size, LLA_VERSION_MAJOR, LLA_VERSION_MINOR, LLA_VERSION_PATCH));
  return llvm::Error::success();
}

llvm::Expected<Problem> toProblem(const lla_problem *given) {
  lla_problem read;
  if (llvm::Error error = readStruct("problem", given, read))
    return std::move(error);
  Problem problem;
  OptionalType dtype;
  bool hasScale = false;
  if (llvm::Error error = select("mode", read.mode, modes, problem.mode))
    return std::move(error);
  if (llvm::Error error = select("probe", read.probe, probes, problem.probe))
    return std::move(error);
  if (llvm::Error error = select("dtype", read.dtype, types, dtype))
    return std::move(error);
  if (llvm::Error error = select("output_dtype", read.output_dtype, types, problem.outputDtype))
    return std::move(error);
  if (llvm::Error error = select("layout", read.layout, layouts, problem.layout))
    return std::move(error);
  if (llvm::Error error = select("causal", read.causal, flags, problem.causal))
    return std::move(error);
  if (llvm::Error error = select("state", read.state, flags, problem.state))
    return std::move(error);
  if (llvm::Error error = select("ragged", read.ragged, flags, problem.ragged))
    return std::move(error);
  if (llvm::Error error = select("packed_queries", read.packed_queries, flags, problem.packedQueries))
    return std::move(error);
  if (llvm::Error error = select("packed_keys", read.packed_keys, flags, problem.packedKeys))
    return std::move(error);
  if (llvm::Error error = select("kv_dtype", read.kv_dtype, keyTypes, problem.kvDtype))
    return std::move(error);
  if (llvm::Error error = select("has_scale", read.has_scale, flags, hasScale))
    return std::move(error);
  if (read.reserved != 0)
    return usage(fmt::format("reserved: expected 0, got {}", read.reserved));
  if (read.reserved_keys != 0)
    return usage(fmt::format("reserved_keys: expected 0, got {}", read.reserved_keys));
  problem.dtype = dtype.value_or(problem.isMerge() ? ElementType::F32 : ElementType::BF16);
  for (const SizeMember &size : sizeMembers)
    problem.*size.known = read.*size.given;
  if (hasScale)
    problem.scale = read.scale;
  problem.lambda = read.lambda;
  return problem;
}

lla_problem fromProblem(const Problem &problem) {
  lla_problem given = LLA_PROBLEM_INIT;
  given.mode = numberOf(modes, problem.mode);
  given.probe = numberOf(probes, problem.probe);
  given.dtype = numberOf(types, OptionalType(problem.dtype));
  given.output_dtype = numberOf(types, problem.outputDtype);
  given.layout = numberOf(layouts, problem.layout);
  given.causal = problem.causal;
  given.state = problem.state;
  given.ragged = problem.ragged;
  given.has_scale = problem.scale.has_value();
  for (const SizeMember &size : sizeMembers)
    given.*size.given = problem.*size.known;
  given.scale = problem.scale.value_or(0);
  given.lambda = problem.lambda;
  given.packed_queries = problem.packedQueries;
  given.packed_keys = problem.packedKeys;
  given.kv_dtype = numberOf(keyTypes, problem.kvDtype);
  return given;
}

} // namespace lla::capi
