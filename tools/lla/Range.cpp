//===- Range.cpp - several counts in one flag -----------------------------===//

#include "tools/lla/Range.h"
#include "dialect/Spec/Fields.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace lla {
namespace {

constexpr size_t mostValues = 4096;

/// FIRST:LAST[:STEP|:FACTORx].
struct Progression {
  int64_t first = 0, last = 0, step = 1;
  bool isGeometric = false;

  /// False if that leaves 64 bits.
  bool advance(int64_t &value) const {
    return isGeometric ? !llvm::MulOverflow(value, step, value) : !llvm::AddOverflow(value, step, value);
  }
};

std::optional<Progression> parseProgression(llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef, 3> parts;
  text.split(parts, ':');
  if (parts.size() > 3)
    return std::nullopt;
  Progression progression;
  if (!llvm::to_integer(parts[0], progression.first, 10))
    return std::nullopt;
  progression.last = progression.first;
  if (parts.size() >= 2 && !llvm::to_integer(parts[1], progression.last, 10))
    return std::nullopt;
  if (parts.size() == 3) {
    progression.isGeometric = parts[2].consume_back("x");
    if (!llvm::to_integer(parts[2], progression.step, 10))
      return std::nullopt;
  }
  bool isEndless = progression.isGeometric ? progression.step < 2 || progression.first < 1 : progression.step < 1;
  if (isEndless || progression.last < progression.first)
    return std::nullopt;
  return progression;
}

} // namespace

bool isRange(llvm::StringRef text) { return text.find_first_of(",:") != llvm::StringRef::npos; }

llvm::Expected<std::vector<int64_t>> expandRange(llvm::StringRef field, llvm::StringRef text) {
  std::vector<int64_t> values;
  for (llvm::StringRef part : llvm::split(text, ',')) {
    std::optional<Progression> progression = parseProgression(part);
    if (!progression)
      return fieldError(field, "FIRST:LAST:STEP or FIRST:LAST:FACTORx, upwards, e.g. 1:64:2x", '"' + part.str() + '"');
    int64_t value = progression->first;
    do {
      values.push_back(value);
      if (values.size() > mostValues)
        return fieldError(field, "at most 4096 values", '"' + text.str() + "\", which has more");
    } while (progression->advance(value) && value <= progression->last);
  }
  return values;
}

} // namespace lla
