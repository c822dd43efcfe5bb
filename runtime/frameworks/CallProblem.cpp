//===- CallProblem.cpp - the problem that a call's tensors make -----------===//

#include "runtime/frameworks/CallProblem.h"
#include <algorithm>
#include <tuple>
#include <utility>

namespace lla::frameworks {
namespace {

std::string checkGiven(const char *name, const lla_tensor *tensor, int32_t rank) {
  if (!tensor)
    return std::string(name) + ": expected a tensor, got None";
  if (tensor->ndim != rank)
    return std::string(name) + ".ndim: expected " + std::to_string(rank) + ", got " + std::to_string(tensor->ndim);
  return {};
}

std::string readType(const char *name, const lla_tensor &tensor, int32_t &dtype) {
  lla_data_type type = tensor.dtype;
  if (type.lanes == 1 && type.code == LLA_TYPE_FLOAT && type.bits == 32)
    dtype = LLA_FP32;
  else if (type.lanes == 1 && type.code == LLA_TYPE_FLOAT && type.bits == 16)
    dtype = LLA_FP16;
  else if (type.lanes == 1 && type.code == LLA_TYPE_BFLOAT && type.bits == 16)
    dtype = LLA_BF16;
  else
    return std::string(name) + ".dtype: expected fp32, bf16 or fp16, got " + nameOf(type);
  return {};
}

bool isFp8(lla_data_type type) { return type.code == LLA_TYPE_FLOAT8_E4M3FN && type.bits == 8 && type.lanes == 1; }

/// Keys have the type of q, or are bytes with scales.
std::string readKeyType(const lla_tensors &tensors, lla_problem &problem) {
  bool areBytes = isFp8(tensors.k->dtype);
  if (int32_t other; !areBytes && !readType("k", *tensors.k, other).empty())
    return "k.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got " + nameOf(tensors.k->dtype);
  if (areBytes && problem.dtype == LLA_FP32)
    return "q.dtype: expected bf16 or fp16 with k in fp8_e4m3, got fp32";
  if (areBytes)
    problem.kv_dtype = LLA_FP8_E4M3;
  for (auto [name, scales] : {std::pair("k_scales", tensors.k_scales), {"v_scales", tensors.v_scales}}) {
    if (scales && !areBytes)
      return std::string(name) + ": expected None with k in " + nameOf(tensors.k->dtype) +
             " (only fp8_e4m3 has scales), got a tensor";
    if (int32_t type; scales && (!readType(name, *scales, type).empty() || type != LLA_FP32))
      return std::string(name) + ".dtype: expected fp32, got " + nameOf(scales->dtype);
  }
  return {};
}

/// What a side of a call has at most, and over how many sequences.
struct Lengths {
  int64_t batch, length, heads, dim;
  bool isPacked;
};

/// Of q, or of k, whose name the places have too. A tensor that is packed has no batch.
std::string readSide(const lla_tensor &tensor, const lla_tensor *places, const char *side, int64_t longest, bool isBhsd,
                     Lengths &lengths) {
  lengths.isPacked = places;
  int32_t first = places ? 0 : 1, row = isBhsd ? first + 1 : first, head = isBhsd ? first : first + 1;
  lengths.batch = places ? 0 : tensor.shape[0];
  lengths.length = tensor.shape[row];
  lengths.heads = tensor.shape[head];
  lengths.dim = tensor.shape[first + 2];
  std::string longestName = std::string("max_seqlen_") + side, placesName = std::string("cu_seqlens_") + side;
  if (!places)
    return longest ? longestName + ": expected none without " + placesName + ", got " + std::to_string(longest)
                   : std::string();
  if (std::string fault = checkGiven(placesName.c_str(), places, 1); !fault.empty())
    return fault;
  if (places->shape[0] < 1)
    return placesName + ": expected a number more than sequences, got " + std::to_string(places->shape[0]);
  if (longest < 0)
    return longestName + ": expected >= 0, got " + std::to_string(longest);
  lengths.batch = places->shape[0] - 1;
  if (longest)
    lengths.length = std::min(lengths.length, longest);
  return {};
}

} // namespace

std::string nameOf(lla_data_type type) {
  constexpr const char *kinds[] = {"int", "uint", "fp", "opaque", "bf", "complex"}; // By DLPack's numbers.
  constexpr uint8_t boolean = 6;
  std::string lanes = type.lanes == 1 ? "" : " x " + std::to_string(type.lanes);
  if (type.code == boolean)
    return "bool" + lanes;
  if (type.code == LLA_TYPE_FLOAT8_E4M3FN)
    return "fp8_e4m3" + lanes;
  if (type.code < std::size(kinds))
    return kinds[type.code] + std::to_string(type.bits) + lanes;
  return "DLPack's type code " + std::to_string(type.code) + " of " + std::to_string(type.bits) + " bits" + lanes;
}

lla_mode attentionMode(int64_t queryLength) {
  constexpr int64_t mostOfDecode = 16; // One, and as many as are guessed ahead.
  return queryLength <= mostOfDecode ? LLA_MODE_DECODE : LLA_MODE_PREFILL;
}

std::string attentionProblem(const lla_tensors &tensors, bool isBhsd, Longest longest, lla_problem &problem) {
  int32_t queryRank = tensors.cu_seqlens_q ? 3 : 4, keyRank = tensors.cu_seqlens_k ? 3 : 4;
  for (auto [name, tensor, rank] : {std::tuple("q", tensors.q, queryRank),
                                    {"k", tensors.k, keyRank},
                                    {"v", tensors.v, keyRank},
                                    {"out", tensors.o, queryRank}})
    if (std::string fault = checkGiven(name, tensor, rank); !fault.empty())
      return fault;
  if (std::string fault = readType("q", *tensors.q, problem.dtype); !fault.empty())
    return fault;
  if (std::string fault = readType("out", *tensors.o, problem.output_dtype); !fault.empty())
    return fault;
  if (std::string fault = readKeyType(tensors, problem); !fault.empty())
    return fault;
  Lengths queries, keys;
  if (std::string fault = readSide(*tensors.q, tensors.cu_seqlens_q, "q", longest.queries, isBhsd, queries);
      !fault.empty())
    return fault;
  if (std::string fault = readSide(*tensors.k, tensors.cu_seqlens_k, "k", longest.keys, isBhsd, keys); !fault.empty())
    return fault;
  problem.layout = isBhsd ? LLA_LAYOUT_BHSD : LLA_LAYOUT_BSHD;
  problem.batch = queries.batch;
  problem.query_length = std::max<int64_t>(queries.length, 1);
  problem.mode = attentionMode(problem.query_length);
  problem.query_heads = queries.heads;
  problem.head_dim = queries.dim;
  problem.kv_heads = keys.heads;
  problem.context = keys.length;
  problem.packed_queries = queries.isPacked;
  problem.packed_keys = keys.isPacked;
  problem.probe = tensors.r ? LLA_PROBE_GIVEN : LLA_PROBE_NONE;
  problem.state = tensors.lse || tensors.tbar || tensors.vbar;
  problem.ragged = tensors.lengths || tensors.starts || queries.isPacked || keys.isPacked;
  if (tensors.page_table) {
    if (std::string fault = checkGiven("page_table", tensors.page_table, 2); !fault.empty())
      return fault;
    problem.page_size = keys.length;
    if (__builtin_mul_overflow(tensors.page_table->shape[1], problem.page_size, &problem.context))
      return "page_table: expected fewer pages, got more keys than 64 bits can count";
  }
  return {};
}

std::string mergeProblem(const lla_tensors &tensors, bool isBhsd, lla_problem &problem) {
  if (std::string fault = checkGiven("part_o", tensors.part_o, 5); !fault.empty())
    return fault;
  if (std::string fault = checkGiven("out", tensors.o, 4); !fault.empty())
    return fault;
  if (std::string fault = readType("out", *tensors.o, problem.output_dtype); !fault.empty())
    return fault;
  const int64_t *sizes = tensors.part_o->shape + 1;
  int row = isBhsd ? 2 : 1, head = 3 - row;
  problem.mode = LLA_MODE_MERGE;
  problem.dtype = LLA_FP32;
  problem.state = 1;
  problem.layout = isBhsd ? LLA_LAYOUT_BHSD : LLA_LAYOUT_BSHD;
  problem.shards = tensors.part_o->shape[0];
  problem.batch = sizes[0];
  problem.query_length = std::max<int64_t>(sizes[row], 1);
  problem.query_heads = problem.kv_heads = sizes[head];
  problem.head_dim = sizes[3];
  return {};
}

std::string callProblem(const lla_tensors &tensors, bool isBhsd, Longest longest, lla_problem &problem) {
  return tensors.part_o ? mergeProblem(tensors, isBhsd, problem) : attentionProblem(tensors, isBhsd, longest, problem);
}

} // namespace lla::frameworks
