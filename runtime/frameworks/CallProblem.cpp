//===- CallProblem.cpp - the problem that a call's tensors make -----------===//

#include "runtime/frameworks/CallProblem.h"
#include <algorithm>
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
    return std::string(name) + ".dtype: expected fp32, bf16 or fp16, got another";
  return {};
}

} // namespace

std::string attentionProblem(const lla_tensors &tensors, bool isBhsd, lla_problem &problem) {
  for (auto [name, tensor] : {std::pair("q", tensors.q), {"k", tensors.k}, {"v", tensors.v}, {"out", tensors.o}})
    if (std::string fault = checkGiven(name, tensor, 4); !fault.empty())
      return fault;
  if (std::string fault = readType("q", *tensors.q, problem.dtype); !fault.empty())
    return fault;
  if (std::string fault = readType("out", *tensors.o, problem.output_dtype); !fault.empty())
    return fault;
  int row = isBhsd ? 2 : 1, head = 3 - row;
  const int64_t *queries = tensors.q->shape, *keys = tensors.k->shape;
  problem.layout = isBhsd ? LLA_LAYOUT_BHSD : LLA_LAYOUT_BSHD;
  problem.batch = queries[0];
  problem.query_length = std::max<int64_t>(queries[row], 1);
  problem.mode = problem.query_length == 1 ? LLA_MODE_DECODE : LLA_MODE_PREFILL;
  problem.query_heads = queries[head];
  problem.head_dim = queries[3];
  problem.kv_heads = keys[head];
  problem.context = keys[row];
  problem.probe = tensors.r ? LLA_PROBE_GIVEN : LLA_PROBE_NONE;
  problem.state = tensors.lse || tensors.tbar || tensors.vbar;
  problem.ragged = tensors.lengths || tensors.starts;
  if (tensors.page_table) {
    if (std::string fault = checkGiven("page_table", tensors.page_table, 2); !fault.empty())
      return fault;
    problem.page_size = keys[row];
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

} // namespace lla::frameworks
