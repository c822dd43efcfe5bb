//===- CaseRun.h - one case of the list on one device ---------------------===//
#ifndef LLA_TESTS_NUMERIC_CASERUN_H
#define LLA_TESTS_NUMERIC_CASERUN_H

#include "Case.h"
#include "Workplace.h"

namespace lla::numeric {

/// Runs every call of a case with every schedule, twice on one workspace, and reports each:
///   - right against the reference, and rows that see nothing exactly 0 (lse: -inf)
///   - the second run bit-identical to the first
///   - close to the first schedule's output
///   - nothing written outside the outputs' rows and the workspace, whose counters are 0 again
void runCase(Workplace &place, const Case &entry);

} // namespace lla::numeric
#endif
