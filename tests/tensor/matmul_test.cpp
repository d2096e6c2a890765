#include "tensor/matmul.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "tensor/matmul_support.h"

namespace jielong {
namespace {

using namespace test;

/// A weight in one format with everything needed to check products with it.
struct Case {
  Case(DType dtype, std::int64_t out, std::int64_t in, std::int64_t rows, std::uint64_t seed = 1) {
    Rng rng(seed);
    data = random_weights(rng, dtype, out, in);
    x = random_floats(rng, rows * in);
    weights.resize(static_cast<std::size_t>(out * in));
    for (std::int64_t n = 0; n < out; ++n) {
      dequantize_row(dtype, data.data() + static_cast<std::size_t>(n) * row_bytes(dtype, in),
                     weights.data() + n * in, in);
    }
    packed = PackedMatrix::pack(dtype, data, out, in);
    buffer.resize(packed.row_format(), rows, in);
    buffer.convert(x.data(), in, {0, rows});
    all_rows = {0, rows};
    all_panels = {0, packed.panels()};
  }

  std::vector<float> product() const {
    std::vector<float> y(static_cast<std::size_t>(buffer.rows() * packed.out()),
                         std::numeric_limits<float>::quiet_NaN());
    multiply(packed, buffer, y.data(), packed.out(), all_rows, all_panels);
    return y;
  }

  std::vector<std::byte> data;
  std::vector<float> x, weights;
  PackedMatrix packed;
  RowBuffer buffer;
  Range all_rows, all_panels;
};

void expect_matches_naive(DType dtype, std::int64_t out, std::int64_t in, std::int64_t rows) {
  const Case c(dtype, out, in, rows, static_cast<std::uint64_t>(out * 1000 + in));
  const auto y = c.product();
  for (std::int64_t t = 0; t < rows; ++t) {
    const auto x = stored_row(c.buffer, t);
    for (std::int64_t n = 0; n < out; ++n) {
      const NaiveSum sum = naive_dot(x, c.weights.data() + n * in);
      ASSERT_NEAR(y[static_cast<std::size_t>(t * out + n)], sum.value, 1e-6 * sum.magnitude + 1e-9)
          << info(dtype).name << " on " << name(active_isa()) << ", " << out << " x " << in
          << ", row " << t << ", output " << n;
    }
  }
}

class MatmulOnIsa : public testing::TestWithParam<Isa> {
 protected:
  ScopedIsa isa_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(AllIsas, MatmulOnIsa, testing::ValuesIn(runnable_isas()),
                         [](const auto& param) { return std::string(name(param.param)); });

TEST_P(MatmulOnIsa, EqualsNaiveTwinOnStoredRows) {
  for (const DType dtype : multiplied_formats()) {
    const bool super = info(dtype).block_elements == 256;
    for (const std::int64_t out : {1, 16, 37}) {
      for (const std::int64_t in :
           super ? std::vector<std::int64_t>{256, 768} : std::vector<std::int64_t>{32, 96, 640}) {
        expect_matches_naive(dtype, out, in, 7);
      }
    }
    expect_matches_naive(dtype, 48, 512, 45);
  }
}

TEST_P(MatmulOnIsa, PlainFormatsTakeAnyWidth) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t in : {1, 3, 17, 31}) expect_matches_naive(dtype, 19, in, 5);
  }
}

TEST_P(MatmulOnIsa, ConvertedRowsAreCloseToTheirInput) {
  Rng rng(3);
  const std::int64_t in = 512;
  auto x = random_floats(rng, in);
  x[100] = 8.0f;  // one outlier: its block becomes coarser, not wrong
  for (const RowFormat format : {RowFormat::f32, RowFormat::q8_block32, RowFormat::q8_block256}) {
    RowBuffer buffer;
    buffer.resize(format, 1, in);
    buffer.convert(x.data(), in, {0, 1});
    const auto stored = stored_row(buffer, 0);
    const std::int64_t block = format == RowFormat::q8_block32 ? 32 : 256;
    for (std::int64_t i = 0; i < in; ++i) {
      const double largest = 100 / block == i / block ? 8.0 : 1.0;
      const double step = format == RowFormat::f32 ? 0 : largest / 127;
      ASSERT_NEAR(stored[static_cast<std::size_t>(i)], x[static_cast<std::size_t>(i)],
                  0.5001 * step);
    }
  }
}

TEST_P(MatmulOnIsa, RowsAreIndependentOfTheBatch) {
  constexpr std::int64_t kRows = 40, kOut = 53;
  for (const DType dtype : multiplied_formats()) {
    const std::int64_t in = info(dtype).block_elements == 256 ? 768 : 352;
    const Case c(dtype, kOut, in, kRows);
    // Every row alone is the measure; then every number of rows, starting anywhere.
    std::vector<float> alone(kRows * kOut), y(kRows * kOut);
    for (std::int64_t t = 0; t < kRows; ++t) {
      multiply(c.packed, c.buffer, alone.data(), kOut, {t, t + 1}, c.all_panels);
    }
    for (std::int64_t count = 1; count <= kRows; ++count) {
      std::fill(y.begin(), y.end(), -1.0f);
      const Range rows{kRows - count, kRows};
      multiply(c.packed, c.buffer, y.data(), kOut, rows, c.all_panels);
      ASSERT_EQ(0, std::memcmp(y.data() + rows.begin * kOut, alone.data() + rows.begin * kOut,
                               static_cast<std::size_t>(count * kOut) * 4))
          << info(dtype).name << ", " << count << " rows";
      for (std::int64_t i = 0; i < rows.begin * kOut; ++i)
        ASSERT_EQ(y[static_cast<std::size_t>(i)], -1.0f);
    }
    // Panels split as threads would split them.
    std::fill(y.begin(), y.end(), -1.0f);
    for (const auto& [begin, end] : {std::pair{0, 1}, std::pair{1, 3}, std::pair{3, 4}}) {
      multiply(c.packed, c.buffer, y.data(), kOut, c.all_rows, {begin, end});
    }
    ASSERT_EQ(y, alone) << info(dtype).name;
  }
}

TEST_P(MatmulOnIsa, AccumulatesOntoWhatIsThere) {
  for (const DType dtype : multiplied_formats()) {
    for (const std::int64_t rows : {1, 3, 33}) {
      const Case c(dtype, 21, 512, rows);
      const auto product = c.product();
      std::vector<float> y(product.size());
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(i % 7);
      multiply(c.packed, c.buffer, y.data(), 21, c.all_rows, c.all_panels, true);
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(y[i], static_cast<float>(i % 7) + product[i]) << info(dtype).name;
      }
    }
  }
}

TEST_P(MatmulOnIsa, WritesOnlyItsOutputs) {
  const Case c(DType::q8_0, 20, 64, 18);
  constexpr std::int64_t kStride = 24;
  std::vector<float> y(18 * kStride, -3.0f);
  multiply(c.packed, c.buffer, y.data(), kStride, c.all_rows, c.all_panels);
  const auto product = c.product();
  for (std::int64_t t = 0; t < 18; ++t) {
    for (std::int64_t n = 0; n < kStride; ++n) {
      ASSERT_EQ(y[static_cast<std::size_t>(t * kStride + n)],
                n < 20 ? product[static_cast<std::size_t>(t * 20 + n)] : -3.0f);
    }
  }
}

/// The largest weights, scales and inputs there are: no sum may leave 32 bits.
TEST_P(MatmulOnIsa, ExtremesStayExact) {
  for (const DType dtype : multiplied_formats()) {
    if (!info(dtype).quantized) continue;
    for (const int fill : {0x00, 0x7f, 0x80, 0xff}) {
      constexpr std::int64_t kIn = 2048;
      std::vector<std::byte> data(row_bytes(dtype, kIn), static_cast<std::byte>(fill));
      const auto block = static_cast<std::size_t>(info(dtype).block_bytes);
      for (std::size_t at = 0; at < data.size(); at += block) {
        const std::uint16_t one = f32_to_f16(1.0f);
        for (const int field : half_fields(dtype)) {
          std::memcpy(&data[at + static_cast<std::size_t>(field)], &one, 2);
        }
      }
      std::vector<float> w(kIn), x(2 * kIn, 1.0f);
      dequantize_row(dtype, data.data(), w.data(), kIn);
      for (std::int64_t k = 0; k < kIn; ++k) x[static_cast<std::size_t>(kIn + k)] = -1.0f;
      const PackedMatrix packed = PackedMatrix::pack(dtype, data, 1, kIn);
      RowBuffer buffer;
      buffer.resize(packed.row_format(), 2, kIn);
      buffer.convert(x.data(), kIn, {0, 2});
      float y[2];
      multiply(packed, buffer, y, 1, {0, 2}, {0, 1});
      const NaiveSum sum = naive_dot(stored_row(buffer, 0), w.data());
      EXPECT_NEAR(y[0], sum.value, 1e-6 * sum.magnitude) << info(dtype).name << " " << fill;
      EXPECT_NEAR(y[1], -sum.value, 1e-6 * sum.magnitude) << info(dtype).name << " " << fill;
    }
  }
}

TEST_P(MatmulOnIsa, NonFiniteAndTinyInputsShowOrVanish) {
  const Case c(DType::q4_k, 16, 256, 1);
  RowBuffer buffer;
  buffer.resize(RowFormat::q8_block256, 3, 256);
  std::vector<float> x(3 * 256, 0.5f);
  x[7] = std::numeric_limits<float>::quiet_NaN();
  x[256 + 9] = std::numeric_limits<float>::infinity();
  std::fill(x.begin() + 512, x.end(), 1e-38f);
  buffer.convert(x.data(), 256, {0, 3});
  std::vector<float> y(3 * 16);
  multiply(c.packed, buffer, y.data(), 16, {0, 3}, {0, 1});
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_TRUE(std::isnan(y[16]));
  EXPECT_EQ(y[32], 0.0f);
}

/// With fused multiplication, all instruction sets give the same bits.
TEST(Matmul, FusedIsasAgreeBitForBit) {
  for (const DType dtype : multiplied_formats()) {
    std::vector<float> first;
    for (const Isa isa : runnable_isas()) {
      if (isa == Isa::baseline) continue;
      const ScopedIsa scope(isa);
      const auto y = Case(dtype, 40, 512, 35).product();
      if (first.empty()) first = y;
      ASSERT_EQ(y, first) << info(dtype).name << " on " << name(isa);
    }
  }
}

TEST(Matmul, PacksInParallelAlike) {
  ThreadPool pool(3);
  Rng rng(5);
  for (const DType dtype : multiplied_formats()) {
    const auto data = random_weights(rng, dtype, 70, 512);
    const auto a = PackedMatrix::pack(dtype, data, 70, 512);
    const auto b = PackedMatrix::pack(dtype, data, 70, 512, &pool);
    ASSERT_EQ(a.bytes(), b.bytes());
    RowBuffer buffer;
    buffer.resize(a.row_format(), 1, 512);
    const auto x = random_floats(rng, 512);
    buffer.convert(x.data(), 512, {0, 1});
    std::vector<float> y(70), z(70);
    multiply(a, buffer, y.data(), 70, {0, 1}, {0, 5});
    multiply(b, buffer, z.data(), 70, {0, 1}, {0, 5});
    ASSERT_EQ(y, z) << info(dtype).name;
  }
}

TEST(Matmul, PackedSizeStaysNearTheFiles) {
  const std::pair<DType, double> limits[] = {
      {DType::q4_0, 4.5},  {DType::q4_1, 5.0},   {DType::q5_0, 5.5},   {DType::q5_1, 6.0},
      {DType::q8_0, 8.5},  {DType::q2_k, 2.625}, {DType::q3_k, 3.65},  {DType::q4_k, 4.7},
      {DType::q5_k, 5.65}, {DType::q6_k, 6.7},   {DType::iq4_nl, 4.5}, {DType::iq4_xs, 4.4}};
  for (const auto& [dtype, bits] : limits) {
    const std::vector<std::byte> data(16 * row_bytes(dtype, 1024));
    const auto packed = PackedMatrix::pack(dtype, data, 16, 1024);
    EXPECT_LE(static_cast<double>(packed.bytes()) * 8 / (16 * 1024), bits) << info(dtype).name;
  }
}

TEST(Matmul, RefusesWhatCannotBePacked) {
  const std::vector<std::byte> data(1000);
  EXPECT_THROW(PackedMatrix::pack(DType::i32, data, 1, 32), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::f64, data, 1, 32), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::q4_0, data, 1, 33), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::q4_k, data, 1, 128), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::f32, data, 0, 32), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::f32, data, 1, -4), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::f32, data, 100, 100), Error);
  constexpr auto kHuge = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(PackedMatrix::pack(DType::f32, data, kHuge, kHuge), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::f32, data, kHuge, 1), Error);
  EXPECT_THROW(PackedMatrix::pack(DType::q8_0, data, kHuge, 32), Error);
  RowBuffer buffer;
  EXPECT_THROW(buffer.resize(RowFormat::f32, -1, 4), Error);
  EXPECT_THROW(buffer.resize(RowFormat::q8_block32, kHuge / 64, kHuge / 64), Error);
}

TEST(Matmul, RefusesRowsThatDoNotFit) {
  const Case c(DType::q8_0, 16, 64, 2);
  float y[32];
  EXPECT_THROW(multiply(c.packed, c.buffer, y, 16, {0, 3}, {0, 1}), Error);
  EXPECT_THROW(multiply(c.packed, c.buffer, y, 16, {0, 2}, {0, 2}), Error);
  RowBuffer other;
  other.resize(RowFormat::f32, 2, 64);
  EXPECT_THROW(multiply(c.packed, other, y, 16, {0, 2}, {0, 1}), Error);
}

}  // namespace
}  // namespace jielong
