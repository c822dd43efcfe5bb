//===- Rivals.h - times of other kernels, from a file ---------------------===//
//
// A JSON file of measured or published times: "rows" and "other" in microseconds, of
// decode unless a row says "mode": "prefill" (as many queries as keys; full unless
// "causal"), "training_causal_ms" causal prefill in milliseconds with a time for each
// direction. tests/bench/rivals.py writes one. Shown beside ours; never a part of a
// decision.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_RIVALS_H
#define LLA_TOOLS_LLA_RIVALS_H

#include "dialect/Spec/Problem.h"
#include <map>
#include <string>
#include <vector>

namespace lla {

class Rivals {
public:
  Rivals() = default;
  /// Fails naming the file, the table and the row.
  static llvm::Expected<Rivals> read(const std::string &path);
  static llvm::Expected<Rivals> parse(llvm::StringRef json);

  /// Forward times of a problem in microseconds, by kernel; empty if the file has no such row.
  std::map<std::string, double> timesOf(const Problem &problem) const;
  /// False for kernels of softmax attention, which is half the arithmetic.
  static bool isOfThisOperator(llvm::StringRef kernel);
  /// Every kernel that has a time for one of the problems.
  std::vector<std::string> kernelsFor(llvm::ArrayRef<Problem> problems) const;

private:
  struct Row {
    Mode mode;
    bool causal;
    int64_t batch, kvHeads, group, context, queryLength, headDim;
    std::map<std::string, double> microseconds;
  };
  static llvm::Expected<Row> parseRow(Mode mode, bool causal, double unit, llvm::StringRef json);

  std::vector<Row> rows;
};

} // namespace lla
#endif
