//===- Ratios.h - one figure of many problems -----------------------------===//
#ifndef LLA_TOOLS_LLA_RATIOS_H
#define LLA_TOOLS_LLA_RATIOS_H

#include <cstdint>
#include <string>

namespace lla {

/// Positive ratios, each under the name of its problem: how many, their geometric mean, and both ends.
class Ratios {
public:
  void add(const std::string &name, double ratio);

  struct Extreme {
    std::string name;
    double ratio = 0;
  };
  int64_t count() const { return number; }
  /// 0 if there are none; likewise the ends.
  double geometricMean() const;
  const Extreme &least() const { return lowest; }
  const Extreme &most() const { return highest; }

private:
  int64_t number = 0;
  double logarithms = 0;
  Extreme lowest, highest;
};

} // namespace lla
#endif
