//===- RoundingTest.cpp - rounding to 16 and 8 bits against llvm::APFloat -===//

#include "dialect/Spec/Reference.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace lla;

namespace {

const llvm::fltSemantics &semantics(ElementType type) {
  return type == ElementType::BF16 ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf();
}

uint16_t expectedBits(ElementType type, double value) {
  llvm::APFloat number(value);
  bool loses;
  number.convert(semantics(type), llvm::APFloat::rmNearestTiesToEven, &loses);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

class Rounding : public testing::TestWithParam<ElementType> {
protected:
  void expectCorrect(double value) {
    EXPECT_EQ(toBits16(GetParam(), value), expectedBits(GetParam(), value)) << std::hexfloat << value;
  }
};

TEST_P(Rounding, EveryBitPatternIsItsOwnValue) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double value = fromBits16(GetParam(), static_cast<uint16_t>(bits));
    llvm::APFloat expected(semantics(GetParam()), llvm::APInt(16, bits));
    EXPECT_EQ(std::isnan(value), expected.isNaN()) << bits;
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(fromBits16(GetParam(), toBits16(GetParam(), value)))) << bits;
      continue;
    }
    EXPECT_EQ(toBits16(GetParam(), value), bits);
    bool loses;
    expected.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &loses);
    EXPECT_EQ(value, expected.convertToDouble()) << bits;
  }
}

TEST_P(Rounding, HalfwayCasesGoToEven) {
  for (uint32_t bits = 0; bits < 0x7fff; ++bits) {
    double low = fromBits16(GetParam(), static_cast<uint16_t>(bits));
    double high = fromBits16(GetParam(), static_cast<uint16_t>(bits + 1));
    if (!std::isfinite(high))
      break;
    double half = (low + high) / 2;
    for (double value : {half, std::nextafter(half, low), std::nextafter(half, high)}) {
      expectCorrect(value);
      expectCorrect(-value);
    }
  }
}

TEST_P(Rounding, RandomDoublesOfEveryMagnitude) {
  std::mt19937_64 engine(5);
  for (int trial = 0; trial < 200000; ++trial) {
    uint64_t bits = engine();
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isnan(value))
      expectCorrect(value);
    int exponent = static_cast<int>(engine() % 320) - 160;
    expectCorrect(std::ldexp(static_cast<double>(bits), exponent - 64));
  }
}

TEST_P(Rounding, ExtremesAndSpecialValues) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (double value : {0.0, -0.0, infinity, -infinity, std::numeric_limits<double>::max(),
                       std::numeric_limits<double>::denorm_min(), 65504.0, 65519.999, 65520.0, 3.39e38, 3.4e38})
    expectCorrect(value);
  EXPECT_TRUE(std::isnan(roundTo(GetParam(), std::nan(""))));
  EXPECT_TRUE(std::signbit(roundTo(GetParam(), -0.0)));
}

INSTANTIATE_TEST_SUITE_P(Types, Rounding, testing::Values(ElementType::BF16, ElementType::F16),
                         [](const auto &test) { return name(test.param).str(); });

double valueOfE4M3(unsigned bits) {
  llvm::APFloat number(llvm::APFloat::Float8E4M3FN(), llvm::APInt(8, bits));
  bool loses;
  number.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &loses);
  return number.convertToDouble();
}

TEST(RoundingToE4M3, EveryByteIsItsOwnValue) {
  for (unsigned bits = 0; bits < 0x100; ++bits) {
    double value = fromBitsE4M3(static_cast<uint8_t>(bits)), expected = valueOfE4M3(bits);
    EXPECT_EQ(toBitsE4M3(value), bits);
    EXPECT_EQ(std::signbit(value), bits >= 0x80) << bits;
    EXPECT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected))) << bits;
  }
}

TEST(RoundingToE4M3, HalfwayCasesGoToEvenAndTheRestIsTheLargest) {
  for (unsigned bits = 0; bits < 0x7e; ++bits) {
    double low = valueOfE4M3(bits), high = valueOfE4M3(bits + 1), half = (low + high) / 2;
    EXPECT_EQ(toBitsE4M3(half), bits + bits % 2);
    EXPECT_EQ(toBitsE4M3(std::nextafter(half, low)), bits);
    EXPECT_EQ(toBitsE4M3(std::nextafter(-half, -high)), (bits + 1) | 0x80);
  }
  for (double value : {448.0, 449.0, 465.0, 1e300, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(roundTo(ElementType::F8E4M3, value), 448);
    EXPECT_EQ(roundTo(ElementType::F8E4M3, -value), -448);
  }
}

TEST(RoundingOfFp32, IsTheCast) {
  EXPECT_EQ(roundTo(ElementType::F32, 0.1), static_cast<double>(0.1f));
  EXPECT_EQ(roundTo(ElementType::F32, 1e300), std::numeric_limits<double>::infinity());
}

TEST(RelativeError, IsTheMaximumOverTheMaximum) {
  EXPECT_EQ(relativeError({1.0, 4.0}, {1.5, 5.0}), 0.2);
  EXPECT_EQ(relativeError({0.0, 0.0}, {0.0, 0.0}), 0);
  EXPECT_EQ(relativeError({1.0}, {0.0}), std::numeric_limits<double>::infinity());
  double nan = std::nan("");
  EXPECT_TRUE(std::isnan(relativeError({0.0, nan}, {0.0, 1.0})));
  EXPECT_TRUE(std::isnan(relativeError({9.0, 1.0}, {0.0, nan})));
  EXPECT_TRUE(std::isnan(relativeError({1.0}, {1.0, 1.0})));
}

} // namespace
