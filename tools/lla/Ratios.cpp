//===- Ratios.cpp - one figure of many problems ---------------------------===//

#include "tools/lla/Ratios.h"
#include <cmath>

namespace lla {

void Ratios::add(const std::string &name, double ratio) {
  if (number == 0 || ratio < lowest.ratio)
    lowest = {name, ratio};
  if (number == 0 || ratio > highest.ratio)
    highest = {name, ratio};
  logarithms += std::log(ratio);
  ++number;
}

double Ratios::geometricMean() const { return number ? std::exp(logarithms / static_cast<double>(number)) : 0; }

} // namespace lla
