//===- Suites.cpp - problems that are asked for by name -------------------===//

#include "tools/lla/Suites.h"
#include "dialect/Spec/Fields.h"
#include <algorithm>

namespace lla {
namespace {

enum class Suite { Decode, Prefill, Chunk, Grid, Pretuned, PretunedMha };
constexpr NamedValue<Suite> suites[] = {{Suite::Decode, "decode"},
                                        {Suite::Prefill, "prefill"},
                                        {Suite::Chunk, "chunk"},
                                        {Suite::Grid, "grid"},
                                        {Suite::Pretuned, "pretuned"},
                                        {Suite::PretunedMha, "pretuned-mha"}};

struct Heads {
  int64_t query, keyValue, dim;
};

/// The sizes here are all valid: `normalize` only fills in defaults.
Problem normalised(Problem problem) {
  llvm::cantFail(normalize(problem));
  return problem;
}

Problem decode(int64_t batch, int64_t context, Heads heads) {
  Problem problem;
  problem.mode = Mode::Decode;
  problem.batch = batch;
  problem.context = context;
  problem.queryHeads = heads.query;
  problem.kvHeads = heads.keyValue;
  problem.headDim = heads.dim;
  return normalised(problem);
}

Problem causalPrefill(int64_t batch, int64_t length, Heads heads) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.batch = batch;
  problem.context = length;
  problem.queryHeads = heads.query;
  problem.kvHeads = heads.keyValue;
  problem.headDim = heads.dim;
  problem.causal = true;
  return normalised(problem);
}

/// Rows of a prompt's chunk behind what is in the cache. Without a mask, which changes little then: PyTorch's attention
/// aligns a causal one at the beginning.
Problem chunk(int64_t rows, int64_t context, Heads heads) {
  Problem problem = causalPrefill(1, context, heads);
  problem.queryLength = rows;
  problem.causal = false;
  return normalised(problem);
}

/// So many KV heads of all sequences: 8 a sequence where there are as many.
Problem decodeOf(int64_t allHeads, int64_t context, int64_t group, int64_t dim) {
  int64_t heads = std::min<int64_t>(allHeads, 8);
  return decode(allHeads / heads, context, {group * heads, heads, dim});
}

std::vector<Problem> grid() {
  constexpr int64_t mostBytes = int64_t(1) << 31; // Of K, and of V.
  std::vector<Problem> problems;
  for (int64_t dim : {64, 128})
    for (int64_t heads = 1; heads <= 2048; heads *= 2)
      for (int64_t context = 128; context <= 32768; context *= 2)
        if (heads * context * dim * elementBytes(ElementType::BF16) <= mostBytes)
          problems.push_back(decodeOf(heads, context, 1, dim));
  return problems;
}

/// The first of a search teach the next ones: neighbours follow one another.
std::vector<Problem> pretuned(std::initializer_list<int64_t> groups) {
  std::vector<Problem> problems;
  for (int64_t group : groups)
    for (int64_t dim : {128, 64})
      for (int64_t heads : {1, 8, 64, 512})
        for (int64_t context : {512, 2048, 8192, 32768})
          problems.push_back(decodeOf(heads, context, group, dim));
  return problems;
}

} // namespace

std::string suiteNames() { return namesIn(suites); }

llvm::Expected<std::vector<Problem>> suite(llvm::StringRef name) {
  std::optional<Suite> which = valueIn(suites, name);
  if (!which)
    return fieldError("suite", suiteNames(), '"' + name.str() + '"');
  std::vector<Problem> problems;
  if (*which == Suite::Grid)
    return grid();
  if (*which == Suite::Pretuned)
    return pretuned({1, 4, 8});
  if (*which == Suite::PretunedMha)
    return pretuned({1});
  if (*which == Suite::Decode) {
    for (int64_t batch : {1, 32})
      for (int64_t context : {512, 1024, 4096, 16384})
        problems.push_back(decode(batch, context, {8, 8, 128}));
    return problems;
  }
  if (*which == Suite::Chunk) {
    for (int64_t context : {8192, 32768})
      for (int64_t rows : {64, 128, 512, 2048})
        problems.push_back(chunk(rows, context, {8, 8, 128}));
    for (int64_t rows : {64, 512})
      problems.push_back(chunk(rows, 32768, {32, 8, 128}));
    return problems;
  }
  for (int64_t dim : {64, 128})
    for (int64_t length : {2048, 8192})
      problems.push_back(causalPrefill(1, length, {16, 16, dim}));
  problems.push_back(causalPrefill(4, 2048, {16, 16, 128}));
  return problems;
}

std::vector<NamedProblem> modelProblems(const Target &target) {
  bool isHost = target.isHost();
  int64_t batch = isHost ? 1 : 32;
  return {{"Qwen3-0.6B/1.7B decode", decode(batch, isHost ? 2048 : 4096, {16, 8, 128})},
          {"Llama-3-8B decode", decode(batch, 8192, {32, 8, 128})},
          {"causal prefill D=64", causalPrefill(1, isHost ? 1024 : 4096, {16, 16, 64})}};
}

} // namespace lla
