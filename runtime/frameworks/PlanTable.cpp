//===- PlanTable.cpp - a prepared plan for each kind of call --------------===//

#include "runtime/frameworks/PlanTable.h"
#include "dialect/Spec/Defaults.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace lla::frameworks {
namespace {

/// A problem on a device. Compared and hashed as bytes: neither struct has gaps.
struct Key {
  lla_problem problem;
  lla_device device;

  bool operator==(const Key &other) const { return std::memcmp(this, &other, sizeof(Key)) == 0; }
};
static_assert(sizeof(lla_problem) == 8 + 10 * 4 + 9 * 8 + 2 * 8 + 4 * 4 && sizeof(Key) == sizeof(lla_problem) + 8);

struct KeyHash {
  size_t operator()(const Key &key) const {
    uint64_t words[sizeof(Key) / 8], hash = 0;
    std::memcpy(words, &key, sizeof(Key));
    for (uint64_t word : words)
      hash = (std::rotl(hash, 5) ^ word) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
  }
};

std::shared_mutex plansMutex;
std::mutex contextsMutex; // Held while one is made.
// Never destroyed: the process may be ending while another thread calls.
std::unordered_map<Key, PreparedPlan, KeyHash> &plans = *new std::unordered_map<Key, PreparedPlan, KeyHash>;
std::vector<std::pair<lla_device, LLA_API_NAME(context) *>> &contexts =
    *new std::vector<std::pair<lla_device, LLA_API_NAME(context) *>>;

int64_t roundUp(int64_t count) {
  constexpr int64_t most = int64_t(1) << 30;
  return count <= 1 || count > most ? std::max<int64_t>(count, 1)
                                    : static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(count)));
}

} // namespace

lla_device placeOf(lla_device device) {
  if (device.type == LLA_DEVICE_CUDA_MANAGED)
    return {LLA_DEVICE_CUDA, device.id};
  if (device.type == LLA_DEVICE_CPU || device.type == LLA_DEVICE_CUDA_HOST)
    return {LLA_DEVICE_CPU, 0};
  return device;
}

lla_problem rounded(const lla_problem &problem) {
  lla_problem result = problem;
  result.batch = roundUp(problem.batch);
  if (problem.query_length > 1)
    result.query_length = roundUp(problem.query_length);
  if (problem.mode == LLA_MODE_MERGE)
    result.shards = roundUp(problem.shards);
  else
    result.context = roundUp(problem.context);
  result.causal = resolvedCausal(problem.causal, problem.window, problem.query_length);
  if (!problem.has_scale)
    result.scale = defaultScale(problem.head_dim);
  result.has_scale = 1;
  if (result.kv_dtype == result.dtype)
    result.kv_dtype = LLA_DTYPE_DEFAULT;
  return result;
}

Failure findContext(lla_device given, LLA_API_NAME(context) * &context) {
  lla_device device = placeOf(given);
  std::lock_guard<std::mutex> lock(contextsMutex);
  for (const auto &[place, made] : contexts)
    if (place.type == device.type && place.id == device.id) {
      context = made;
      return {};
    }
  std::string target = "host";
  if (device.type == LLA_DEVICE_CUDA)
    target = "cuda:" + std::to_string(device.id);
  else if (device.type != LLA_DEVICE_CPU)
    return {LLA_ERROR_USAGE,
            "device: expected the host or a CUDA GPU, got DLPack's device type " + std::to_string(device.type)};
  if (lla_status status = LLA_API_NAME(context_create)(target.c_str(), &context))
    return {status, LLA_API_NAME(last_error)()};
  contexts.emplace_back(device, context);
  return {};
}

PreparedPlan *findPlan(const lla_problem &problem, lla_device device) {
  std::shared_lock<std::shared_mutex> lock(plansMutex);
  auto found = plans.find(Key{problem, placeOf(device)});
  return found == plans.end() ? nullptr : &found->second;
}

Failure preparePlan(const lla_problem &problem, lla_device device, PreparedPlan *&plan) {
  if ((plan = findPlan(problem, device)))
    return {};
  LLA_API_NAME(context) *context = nullptr;
  if (Failure failure = findContext(device, context))
    return failure;
  PreparedPlan made;
  lla_status status = LLA_API_NAME(plan_create)(context, &problem, &made.plan);
  if (!status)
    status = LLA_API_NAME(plan_prepare)(made.plan);
  if (!status)
    status = LLA_API_NAME(plan_workspace_size)(made.plan, &made.workspaceBytes);
  if (status) {
    Failure failure = {status, LLA_API_NAME(last_error)()};
    LLA_API_NAME(plan_destroy)(made.plan);
    return failure;
  }
  std::unique_lock<std::shared_mutex> lock(plansMutex);
  auto [place, isNew] = plans.emplace(Key{problem, placeOf(device)}, made);
  if (!isNew) // Another thread was first.
    LLA_API_NAME(plan_destroy)(made.plan);
  plan = &place->second;
  return {};
}

} // namespace lla::frameworks
