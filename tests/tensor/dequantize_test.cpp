#include "tensor/quant/dequantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "tensor/quant/blocks.h"
#include "tensor/quant/half.h"

namespace jielong {
namespace {

class Dequantize : public testing::TestWithParam<DType> {};

TEST_P(Dequantize, EqualsTheGoldens) {
  const DTypeInfo& format = info(GetParam());
  const std::string golden =
      read_file(std::string(JIELONG_TEST_DATA "/tensor/goldens/dequantize/") +
                std::string(format.name) + ".bin");
  constexpr std::int64_t kValues = 512;
  const std::size_t stored = row_bytes(GetParam(), kValues);
  ASSERT_EQ(golden.size(), stored + kValues * sizeof(float));
  std::vector<float> expected(kValues), actual(kValues);
  std::memcpy(expected.data(), golden.data() + stored, kValues * sizeof(float));
  dequantize_row(GetParam(), golden.data(), actual.data(), kValues);
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(actual[i], expected[i]) << i;
}

TEST_P(Dequantize, ReadsAnyAlignment) {
  std::vector<std::byte> bytes(row_bytes(GetParam(), 256) + 1, std::byte{0x11});
  std::vector<float> even(256), odd(256);
  dequantize_row(GetParam(), bytes.data(), even.data(), 256);
  dequantize_row(GetParam(), bytes.data() + 1, odd.data(), 256);
  EXPECT_EQ(even, odd);
}

TEST_P(Dequantize, RefusesPartsOfBlocks) {
  float value = 0;
  EXPECT_THROW(dequantize_row(GetParam(), nullptr, &value, 33), Error);
  EXPECT_THROW(dequantize_row(GetParam(), nullptr, &value, -32), Error);
  EXPECT_NO_THROW(dequantize_row(GetParam(), nullptr, &value, 0));
}

INSTANTIATE_TEST_SUITE_P(Formats, Dequantize,
                         testing::Values(DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                         DType::q8_0, DType::q2_k, DType::q3_k, DType::q4_k,
                                         DType::q5_k, DType::q6_k, DType::iq4_nl, DType::iq4_xs),
                         [](const auto& test) {
                           return std::string(jielong::info(test.param).name);
                         });

template <typename T>
void expect_widened(DType dtype, std::vector<T> stored, std::vector<float> expected) {
  std::vector<float> actual(stored.size());
  dequantize_row(dtype, stored.data(), actual.data(), static_cast<std::int64_t>(stored.size()));
  EXPECT_EQ(actual, expected) << info(dtype).name;
}

TEST(DequantizePlain, WidensEveryType) {
  expect_widened<float>(DType::f32, {1.5f, -2.0f}, {1.5f, -2.0f});
  expect_widened<double>(DType::f64, {1.5, -1e300},
                         {1.5f, -std::numeric_limits<float>::infinity()});
  expect_widened<std::uint16_t>(DType::f16, {0x3c00, 0xc000, 0x0001}, {1.0f, -2.0f, 0x1p-24f});
  expect_widened<std::uint16_t>(DType::bf16, {0x3f80, 0xc000}, {1.0f, -2.0f});
  expect_widened<std::int8_t>(DType::i8, {-128, 127}, {-128.0f, 127.0f});
  expect_widened<std::int16_t>(DType::i16, {-32768}, {-32768.0f});
  expect_widened<std::int32_t>(DType::i32, {1 << 20}, {1048576.0f});
  expect_widened<std::int64_t>(DType::i64, {-5}, {-5.0f});
}

TEST(Half, EveryFiniteValueSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if ((bits & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      ASSERT_EQ(f32_to_f16(value), half);
    }
  }
}

TEST(Half, RoundsToNearestWithTiesToEven) {
  for (std::uint16_t low = 0; low < 0x7bff; ++low) {
    const float a = f16_to_f32(low), b = f16_to_f32(static_cast<std::uint16_t>(low + 1));
    const float middle = (a + b) / 2;  // exact: one more bit of precision
    ASSERT_EQ(f32_to_f16(middle), low + low % 2);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), low);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), low + 1);
    ASSERT_EQ(f32_to_f16(-middle), 0x8000 | (low + low % 2));
  }
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(1e30f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(Half, BrainFloatsRoundToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace jielong
