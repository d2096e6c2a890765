#include "tensor/quant/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "tensor/quant/dequantize.h"

namespace jielong {
namespace {

constexpr std::int64_t kColumns = 512;

std::string golden(const std::string& name) {
  return read_file(JIELONG_TEST_DATA "/tensor/goldens/quantize/" + name + ".bin");
}

std::vector<float> golden_values() {
  const std::string bytes = golden("values");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    value = static_cast<float>(rng.uniform() + rng.uniform() + rng.uniform() - 1.5);
  }
  return values;
}

class Quantize : public testing::TestWithParam<DType> {};

TEST_P(Quantize, EqualsTheReferenceBitForBit) {
  const std::vector<float> values = golden_values();
  const std::string expected = golden(std::string(info(GetParam()).name));
  const auto rows = static_cast<std::int64_t>(values.size()) / kColumns;
  const std::size_t bytes = row_bytes(GetParam(), kColumns);
  ASSERT_EQ(expected.size(), bytes * static_cast<std::size_t>(rows));
  std::vector<std::byte> actual(expected.size());
  quantize_rows(GetParam(), values.data(), actual.data(), rows, kColumns);
  const auto block = static_cast<std::size_t>(info(GetParam()).block_bytes);
  for (std::size_t at = 0; at < actual.size(); at += block) {
    EXPECT_EQ(std::memcmp(actual.data() + at, expected.data() + at, block), 0)
        << "row " << at / bytes << ", block " << at % bytes / block;
  }
}

TEST_P(Quantize, ThreadsDoNotChangeTheBytes) {
  const std::vector<float> values = random_values(7 * kColumns, 1);
  const std::size_t bytes = 7 * row_bytes(GetParam(), kColumns);
  std::vector<std::byte> alone(bytes), together(bytes);
  quantize_rows(GetParam(), values.data(), alone.data(), 7, kColumns);
  ThreadPool pool(3);
  quantize_rows(GetParam(), values.data(), together.data(), 7, kColumns, &pool);
  EXPECT_EQ(alone, together);
}

TEST_P(Quantize, StaysNearTheValues) {
  const std::vector<float> values = random_values(kColumns, 2);
  std::vector<std::byte> stored(row_bytes(GetParam(), kColumns));
  std::vector<float> back(kColumns);
  quantize_row(GetParam(), values.data(), stored.data(), kColumns);
  dequantize_row(GetParam(), stored.data(), back.data(), kColumns);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(back[i] - values[i], 2);
    size += std::pow(values[i], 2);
  }
  const double bits = 8.0 * static_cast<double>(stored.size()) / kColumns;
  // Each bit halves the error; the constant leaves room for scales and offsets.
  EXPECT_LT(std::sqrt(error / size), 2.2 * std::pow(2.0, -(bits - 0.5)));
}

TEST_P(Quantize, TakesAnyMagnitudeWithoutUndefinedBehaviour) {
  std::vector<std::byte> stored(row_bytes(GetParam(), kColumns));
  for (const float magnitude : {0.0f, 1e-45f, 1e-38f, 1e-20f, 1e-8f, 1e8f, 1e20f, 3e38f}) {
    std::vector<float> values = random_values(kColumns, 3);
    for (float& value : values) value = value / 1.5f * magnitude;
    EXPECT_NO_THROW(quantize_row(GetParam(), values.data(), stored.data(), kColumns));
  }
}

TEST_P(Quantize, RefusesValuesThatAreNotFinite) {
  std::vector<std::byte> stored(row_bytes(GetParam(), kColumns));
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> values(kColumns, 1.0f);
    values[77] = bad;
    try {
      quantize_row(GetParam(), values.data(), stored.data(), kColumns);
      ADD_FAILURE() << "no error was thrown";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("value 77"));
    }
  }
  EXPECT_THROW(quantize_row(GetParam(), nullptr, stored.data(), 31), Error);
}

INSTANTIATE_TEST_SUITE_P(Formats, Quantize,
                         testing::Values(DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                                         DType::q8_0, DType::q2_k, DType::q3_k, DType::q4_k,
                                         DType::q5_k, DType::q6_k, DType::iq4_nl, DType::iq4_xs),
                         [](const auto& test) {
                           return std::string(jielong::info(test.param).name);
                         });

TEST(QuantizePlain, NarrowsAndRefuses) {
  const float values[] = {1.0f, -2.0f, 0x1p-24f};
  std::uint16_t halves[3];
  quantize_row(DType::f16, values, halves, 3);
  EXPECT_THAT(halves, testing::ElementsAre(0x3c00, 0xc000, 0x0001));
  quantize_row(DType::bf16, values, halves, 3);
  EXPECT_THAT(halves, testing::ElementsAre(0x3f80, 0xc000, 0x3380));
  float copy[3];
  quantize_row(DType::f32, values, copy, 3);
  EXPECT_THAT(copy, testing::ElementsAreArray(values));
  EXPECT_THROW(quantize_row(DType::i8, values, copy, 3), Error);
}

}  // namespace
}  // namespace jielong
