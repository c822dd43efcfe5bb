//===- HostCall.cpp - a call of the C API on the host ---------------------===//

#include "HostCall.h"
#include <algorithm>
#include <cmath>
#include <limits>

void expectFailure(lla_status got, lla_status expected, const std::string &text) {
  EXPECT_STREQ(lla_status_name(got), lla_status_name(expected)) << lla_last_error();
  EXPECT_NE(std::string(lla_last_error()).find(text), std::string::npos)
      << "expected \"" << text << "\" in \"" << lla_last_error() << '"';
}

lla_problem smallProblem() {
  lla_problem problem = LLA_PROBLEM_INIT;
  problem.dtype = LLA_FP32;
  problem.batch = 2;
  problem.query_heads = 4;
  problem.kv_heads = 2;
  problem.context = 40;
  problem.head_dim = 16;
  return problem;
}

lla_problem splitProblem() {
  lla_problem problem = smallProblem();
  problem.batch = problem.query_heads = problem.kv_heads = 1;
  problem.context = 20000;
  return problem;
}

HostTensor::HostTensor(std::vector<int64_t> sizes, lla_data_type type) {
  size_t elements = 1;
  for (size_t i = 0; i < sizes.size(); ++i)
    elements *= shape[i] = sizes[i];
  memory.resize(elements * type.bits / 8);
  view = {memory.data(), {LLA_DEVICE_CPU, 0}, static_cast<int32_t>(sizes.size()), type, shape.data(), nullptr, 0};
}

void HostTensor::giveStrides(std::vector<int64_t> steps) {
  std::copy(steps.begin(), steps.end(), strides.begin());
  view.strides = strides.data();
}

void HostTensor::spread() {
  std::vector<float> old(values(), values() + memory.size() / sizeof(float));
  int64_t step = 1, elements = 1;
  for (int i = view.ndim - 1; i >= 0; --i) {
    strides[i] = step;
    step = step * shape[i] + (i == view.ndim - 1 ? 4 : 8);
    elements *= shape[i];
  }
  memory.assign(step * sizeof(float) + 64, 0x7f); // NaN where nothing is.
  view.data = memory.data();
  view.strides = strides.data();
  view.byte_offset = 64;
  for (int64_t element = 0; element < elements; ++element) {
    int64_t rest = element, offset = 16;
    for (int i = view.ndim - 1; i >= 0; rest /= shape[i--])
      offset += rest % shape[i] * strides[i];
    values()[offset] = old[element];
  }
}

namespace {

/// Where an element is, by what the view says.
const char *addressIn(const lla_tensor &view, std::initializer_list<int64_t> index) {
  int64_t offset = 0, dense = 0;
  int i = 0;
  for (int64_t one : index) {
    dense = dense * view.shape[i] + one;
    offset += view.strides ? one * view.strides[i] : 0;
    ++i;
  }
  return static_cast<const char *>(view.data) + view.byte_offset +
         (view.strides ? offset : dense) * view.dtype.bits / 8;
}
template <class Number> Number at(const lla_tensor &view, std::initializer_list<int64_t> index) {
  return *reinterpret_cast<const Number *>(addressIn(view, index));
}

} // namespace

HostCall::HostCall(const lla_problem &given, unsigned seed)
    : problem(given), q(), k(), v(), r(), o(), lse(), tbar(), vbar(), lengths(), starts(), pageTable(),
      cuSeqlensQ(), cuSeqlensK() {
  bool isBhsd = problem.layout == LLA_LAYOUT_BHSD;
  int64_t rows = problem.query_length ? problem.query_length : 1;
  auto make = [&](HostTensor &tensor, const lla_tensor *&member, std::vector<int64_t> sizes, lla_data_type type) {
    std::destroy_at(&tensor);
    std::construct_at(&tensor, sizes, type);
    member = &tensor.view;
  };
  auto real = [&](HostTensor &tensor, const lla_tensor *&member, int64_t batch, int64_t row, int64_t head,
                  int64_t dim) {
    std::vector<int64_t> sizes = {batch, isBhsd ? head : row, isBhsd ? row : head};
    bool isKey = &tensor == &k || &tensor == &v;
    if (isKey ? problem.packed_keys : problem.packed_queries)
      sizes = {isBhsd ? head : batch * row, isBhsd ? batch * row : head};
    if (dim)
      sizes.push_back(dim);
    make(tensor, member, sizes, {LLA_TYPE_FLOAT, 32, 1});
    for (size_t i = 0; i < tensor.memory.size() / sizeof(float); ++i) {
      seed = seed * 1664525u + 1013904223u;
      tensor.values()[i] = static_cast<float>(seed >> 8) / (1 << 23) - 1;
    }
  };
  auto whole = [&](HostTensor &tensor, const lla_tensor *&member, std::vector<int64_t> sizes) {
    make(tensor, member, sizes, {LLA_TYPE_INT, 32, 1});
  };
  int64_t pagesEach = problem.page_size ? (problem.context + problem.page_size - 1) / problem.page_size : 0;
  int64_t keyBatch = problem.page_size ? problem.batch * pagesEach : problem.batch;
  int64_t keyRows = problem.page_size ? problem.page_size : problem.context;
  real(q, tensors.q, problem.batch, rows, problem.query_heads, problem.head_dim);
  real(k, tensors.k, keyBatch, keyRows, problem.kv_heads, problem.head_dim);
  real(v, tensors.v, keyBatch, keyRows, problem.kv_heads, problem.head_dim);
  if (problem.probe == LLA_PROBE_GIVEN)
    real(r, tensors.r, problem.batch, rows, problem.query_heads, problem.head_dim);
  real(o, tensors.o, problem.batch, rows, problem.query_heads, problem.head_dim);
  if (problem.state) {
    real(lse, tensors.lse, problem.batch, rows, problem.query_heads, 0);
    real(tbar, tensors.tbar, problem.batch, rows, problem.query_heads, 0);
    real(vbar, tensors.vbar, problem.batch, rows, problem.query_heads, problem.head_dim);
  }
  if (problem.ragged) {
    whole(lengths, tensors.lengths, {problem.batch});
    for (int64_t i = 0; i < problem.batch; ++i)
      lengths.numbers()[i] = static_cast<int32_t>(problem.context - 3 * i - 1);
  }
  auto places = [&](HostTensor &tensor, const lla_tensor *&member, int64_t each) {
    whole(tensor, member, {problem.batch + 1});
    for (int64_t i = 0; i <= problem.batch; ++i)
      tensor.numbers()[i] = static_cast<int32_t>(i * each);
  };
  if (problem.packed_queries)
    places(cuSeqlensQ, tensors.cu_seqlens_q, rows);
  if (problem.packed_keys)
    places(cuSeqlensK, tensors.cu_seqlens_k, problem.context);
  if (problem.page_size) {
    whole(pageTable, tensors.page_table, {problem.batch, pagesEach});
    for (int64_t i = 0; i < problem.batch * pagesEach; ++i) // Backwards, so that the order matters.
      pageTable.numbers()[i] = static_cast<int32_t>(problem.batch * pagesEach - 1 - i);
  }
}

double HostCall::reference(int64_t batch, int64_t row, int64_t head, int64_t dim) const {
  bool isBhsd = problem.layout == LLA_LAYOUT_BHSD;
  auto element = [&](const lla_tensor &view, int64_t b, int64_t s, int64_t h, int64_t d) -> double {
    return isBhsd ? at<float>(view, {b, h, s, d}) : at<float>(view, {b, s, h, d});
  };
  int64_t kvHead = head / (problem.query_heads / problem.kv_heads);
  auto key = [&](const lla_tensor &view, int64_t j, int64_t d) {
    if (!problem.page_size)
      return element(view, batch, j, kvHead, d);
    int64_t page = at<int32_t>(pageTable.view, {batch, j / problem.page_size});
    return element(view, page, j % problem.page_size, kvHead, d);
  };
  int64_t rows = q.view.shape[isBhsd ? 2 : 1];
  int64_t keys = problem.page_size ? problem.context : k.view.shape[isBhsd ? 2 : 1];
  if (tensors.lengths)
    keys = at<int32_t>(lengths.view, {batch});
  bool isCausal = problem.causal || problem.window;
  int64_t end = isCausal ? std::min(keys, keys - rows + row + 1) : keys;
  int64_t begin = problem.window ? std::max<int64_t>(keys - rows + row + 1 - problem.window, 0) : 0;
  double scale = problem.has_scale ? problem.scale : 1 / std::sqrt(static_cast<double>(problem.head_dim));
  double sum = 0, tsum = 0, vsum = 0, tvsum = 0;
  for (int64_t j = begin; j < end; ++j) {
    double s = 0, t = 0;
    for (int64_t d = 0; d < problem.head_dim; ++d) {
      s += scale * element(q.view, batch, row, head, d) * key(k.view, j, d);
      if (tensors.r)
        t += element(r.view, batch, row, head, d) * key(k.view, j, d);
    }
    double p = std::exp(s), value = key(v.view, j, dim);
    sum += p;
    tsum += p * t;
    vsum += p * value;
    tvsum += p * t * value;
  }
  return sum ? vsum / sum * (1 + tsum / sum) - tvsum / sum : 0;
}

double HostCall::error() const {
  bool isBhsd = problem.layout == LLA_LAYOUT_BHSD;
  double worst = 0;
  const int64_t *sizes = o.view.shape;
  for (int64_t b = 0; b < sizes[0]; ++b)
    for (int64_t i = 0; i < sizes[1]; ++i)
      for (int64_t j = 0; j < sizes[2]; ++j)
        for (int64_t d = 0; d < sizes[3]; ++d) {
          double right = isBhsd ? reference(b, j, i, d) : reference(b, i, j, d);
          double difference = std::abs(at<float>(o.view, {b, i, j, d}) - right);
          worst = difference <= worst || difference > 0 ? std::max(worst, difference)
                                                        : std::numeric_limits<double>::infinity();
        }
  return worst;
}

lla_context *hostContext() {
  static lla_context *context = [] {
    lla_context *created = nullptr;
    EXPECT_OK(lla_context_create("host:2", &created));
    return created;
  }();
  return context;
}

HostPlan::HostPlan(const lla_problem &problem, bool prepare) {
  size_t bytes = 0;
  EXPECT_OK(lla_plan_create(hostContext(), &problem, &plan));
  EXPECT_OK(lla_plan_workspace_size(plan, &bytes));
  if (prepare)
    EXPECT_OK(lla_plan_prepare(plan));
  workspace = std::make_unique<Workspace>(bytes);
}
