//===- PagedKeys.h - keys and values as pages in random order -------------===//
#ifndef LLA_TESTS_NUMERIC_PAGEDKEYS_H
#define LLA_TESTS_NUMERIC_PAGEDKEYS_H

#include "CaseInputs.h"

namespace lla::numeric {

/// Pools and page table of a paged problem's dense inputs. Pages that no sequence has, and rows that no key is in,
/// hold NaN; entries of pages that a sequence does not have are numbers of no page, or of somebody else's. The last
/// page of a pool goes by a number of no page.
struct PagedKeys {
  int64_t pages = 0;          ///< Of a pool.
  int64_t each = 0;           ///< Entries of a sequence.
  std::vector<int32_t> table; ///< (sequence, entry)
  std::vector<double> k, v;   ///< (page, row, head, dim)

  static PagedKeys of(const Problem &problem, const DenseInputs &inputs);
};

} // namespace lla::numeric
#endif
