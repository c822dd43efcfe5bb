//===- PagedKeys.cpp - keys and values as pages in random order -----------===//

#include "PagedKeys.h"
#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

namespace lla::numeric {

PagedKeys PagedKeys::of(const Problem &problem, const DenseInputs &inputs) {
  constexpr int64_t nobodysPages = 3;
  constexpr int32_t garbage[] = {-1, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min(), 0};
  constexpr int namesOfNoPage = 3; ///< The first of them.
  int64_t size = problem.pageSize, rowElements = problem.kvHeads * problem.headDim;
  PagedKeys paged;
  paged.each = (problem.context + size - 1) / size;
  paged.pages = problem.batch * paged.each + nobodysPages;
  std::vector<int32_t> order(paged.pages);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(paged.pages);
  std::shuffle(order.begin(), order.end(), random);
  const int32_t last = static_cast<int32_t>(paged.pages - 1);
  std::iter_swap(order.begin(), std::find(order.begin(), order.end(), last)); // So that a sequence has it.
  for (std::vector<double> *pool : {&paged.k, &paged.v})
    pool->assign(paged.pages * size * rowElements, std::numeric_limits<double>::quiet_NaN());

  for (int64_t sequence = 0; sequence < problem.batch; ++sequence) {
    int64_t length = inputs.sequences().keys(problem, sequence).end;
    for (int64_t entry = 0; entry < paged.each; ++entry) {
      int64_t first = entry * size, rows = std::min(size, length - first);
      bool isShared = sequence == 1 && first < inputs.sharedKeys && inputs.sequences().keys(problem, 0).end > first;
      if (rows <= 0) {
        paged.table.push_back(garbage[(sequence + entry) % std::size(garbage)]);
        continue;
      }
      int32_t page = order[(isShared ? 0 : sequence * paged.each) + entry];
      paged.table.push_back(page == last ? garbage[problem.context % namesOfNoPage] : page);
      for (auto [pool, dense] : {std::pair{&paged.k, &inputs.k}, {&paged.v, &inputs.v}})
        std::copy_n(dense->begin() + (sequence * problem.context + first) * rowElements, rows * rowElements,
                    pool->begin() + page * size * rowElements);
    }
  }
  return paged;
}

} // namespace lla::numeric
