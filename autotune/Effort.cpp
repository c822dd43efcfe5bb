//===- Effort.cpp - how hard to tune, as data -----------------------------===//

#include "autotune/Effort.h"
#include "dialect/Spec/Fields.h"

namespace lla {
namespace {

constexpr NamedValue<Effort> efforts[] = {{Effort::None, "none"}, {Effort::Quick, "quick"}, {Effort::Full, "full"}};

} // namespace

llvm::StringRef name(Effort effort) { return nameIn(efforts, effort); }
std::optional<Effort> parseEffort(llvm::StringRef text) { return valueIn(efforts, text); }

EffortPreset presetOf(Effort effort) {
  EffortPreset preset;
  switch (effort) {
  case Effort::None:
    preset.limits.trials = 1;
    preset.finalists = 0;
    break;
  case Effort::Quick:
    preset.limits = {/*trials=*/96, /*seconds=*/8.0, /*stagnation=*/48}; // A process takes two more.
    preset.race.mostRounds = 64;
    break;
  case Effort::Full:
    preset.limits = {/*trials=*/1024, /*seconds=*/60.0, /*stagnation=*/256};
    preset.batch = 32;
    preset.searchRounds = 5;
    preset.finalists = 16;
    preset.race.mostRounds = 128;
    break;
  }
  return preset;
}

} // namespace lla
