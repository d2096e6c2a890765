#include "tensor/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "tensor/matmul_support.h"
#include "tensor/memory.h"
#include "tensor/reference/gemm.h"

namespace jielong {
namespace {

using namespace test;

struct Shape {
  std::int64_t m, n, k;
};

/// A product with rows that lie further apart than they are long, so that reading or writing
/// between them would show.
struct Product {
  Product(Shape s, bool transposed_a, bool transposed_b, std::uint64_t seed = 1) : shape(s) {
    Rng rng(seed);
    const auto make = [&](std::vector<float>& values, std::int64_t rows, std::int64_t columns,
                          bool transposed) {
      if (transposed) std::swap(rows, columns);
      const std::int64_t apart = columns + 3;
      values = random_floats(rng, (rows - 1) * apart + columns);
      return Factor{values.data(), apart, transposed};
    };
    a = make(a_values, s.m, s.k, transposed_a);
    b = make(b_values, s.k, s.n, transposed_b);
    stride = s.n + 5;
    before = random_floats(rng, s.m * stride);
  }

  std::vector<float> run(ThreadPool* pool, Precision precision, bool accumulate) const {
    std::vector<float> c = before;
    if (pool != nullptr) {
      gemm(*pool, precision, shape.m, shape.n, shape.k, a, b, c.data(), stride, accumulate);
    } else {
      gemm(precision, shape.m, shape.n, shape.k, a, b, c.data(), stride, accumulate);
    }
    return c;
  }

  void expect_matches_naive(Precision precision, bool accumulate) const {
    const std::vector<float> c = run(nullptr, precision, accumulate);
    std::vector<double> expected(before.begin(), before.end());
    reference::gemm(precision, shape.m, shape.n, shape.k, a, b, expected.data(), stride,
                    accumulate);
    // Factors are at most 1 and f32 sums of k such products err by far less than k · 2⁻²⁴.
    const double bound = 2e-7 * std::sqrt(static_cast<double>(shape.k)) + 1e-6;
    for (std::size_t i = 0; i < c.size(); ++i) {
      const bool inside = static_cast<std::int64_t>(i) % stride < shape.n;
      ASSERT_NEAR(c[i], inside ? expected[i] : before[i], inside ? 4 * bound : 0)
          << shape.m << " x " << shape.n << " x " << shape.k << " at " << i << " on "
          << name(active_isa()) << (precision == Precision::bf16 ? " bf16" : " f32")
          << (a.transposed ? " aT" : "") << (b.transposed ? " bT" : "")
          << (accumulate ? " accumulated" : "");
    }
  }

  Shape shape;
  std::vector<float> a_values, b_values, before;
  Factor a, b;
  std::int64_t stride;
};

class GemmOnIsa : public testing::TestWithParam<Isa> {
 protected:
  ScopedIsa isa_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(AllIsas, GemmOnIsa, testing::ValuesIn(runnable_isas()),
                         [](const auto& param) { return std::string(name(param.param)); });

constexpr Precision kBoth[] = {Precision::f32, Precision::bf16};

TEST_P(GemmOnIsa, EqualsNaiveTwinInEveryLayout) {
  const Shape shapes[] = {{1, 1, 1},    {1, 70, 33},   {5, 3, 2},   {8, 48, 16},
                          {17, 31, 50}, {33, 100, 65}, {64, 65, 17}};
  for (const Shape shape : shapes) {
    for (int layout = 0; layout < 4; ++layout) {
      const Product product(shape, (layout & 1) != 0, (layout & 2) != 0);
      for (const Precision precision : kBoth) {
        for (const bool accumulate : {false, true}) {
          product.expect_matches_naive(precision, accumulate);
        }
      }
    }
  }
}

TEST_P(GemmOnIsa, EqualsNaiveTwinBeyondOneBlock) {
  // More rows than a block of a has; more of k than a block, by an odd number.
  for (const Precision precision : kBoth) {
    Product({530, 20, 40}, true, false).expect_matches_naive(precision, true);
    Product({13, 35, 1601}, false, true).expect_matches_naive(precision, false);
    Product({13, 35, 1601}, true, false).expect_matches_naive(precision, true);
  }
}

TEST_P(GemmOnIsa, GivesTheSameBytesAtAnyThreadCount) {
  ThreadPool two(2), three(3);
  for (const Shape shape : {Shape{70, 290, 801}, {300, 40, 500}, {1, 999, 300}, {40, 3, 2000}}) {
    const Product product(shape, shape.m > 100, shape.n > 100);
    for (const Precision precision : kBoth) {
      const std::vector<float> alone = product.run(nullptr, precision, true);
      ASSERT_EQ(product.run(&two, precision, true), alone);
      ASSERT_EQ(product.run(&three, precision, true), alone);
    }
  }
}

TEST_P(GemmOnIsa, LargeResultsMayPassTheCaches) {
  // On lines, so that they may be streamed; sums added to zeros are not, and are the same.
  constexpr std::int64_t kRows = 517, kColumns = 528;
  const Product product({kRows, kColumns - 3, 21}, true, false);
  const auto memory = allocate_bytes(kRows * kColumns * sizeof(float));
  auto* const c = reinterpret_cast<float*>(memory.get());
  ThreadPool pool(2);
  for (const Precision precision : kBoth) {
    std::vector<float> added(kRows * kColumns, 0.0f);
    std::fill_n(c, kRows * kColumns, 0.0f);
    gemm(pool, precision, kRows, product.shape.n, product.shape.k, product.a, product.b, c,
         kColumns, false);
    gemm(precision, kRows, product.shape.n, product.shape.k, product.a, product.b, added.data(),
         kColumns, true);
    ASSERT_EQ(std::vector<float>(c, c + kRows * kColumns), added);
  }
}

TEST_P(GemmOnIsa, RowsAndColumnsAreIndependentOfTheirCompany) {
  const Product all({37, 61, 900}, false, true);
  for (const Precision precision : kBoth) {
    const std::vector<float> together = all.run(nullptr, precision, false);
    for (const auto& [i, j] : {std::pair<std::int64_t, std::int64_t>{0, 60}, {20, 31}, {36, 0}}) {
      const Factor row{all.a.data + i * all.a.stride, all.a.stride, false};
      const Factor column{all.b.data + j * all.b.stride, all.b.stride, true};
      float alone = 0;
      gemm(precision, 1, 1, all.shape.k, row, column, &alone, 1, false);
      EXPECT_EQ(alone, together[static_cast<std::size_t>(i * all.stride + j)]);
    }
  }
}

TEST_P(GemmOnIsa, SpreadsWhatIsNotANumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Precision precision : kBoth) {
    for (const bool transposed : {false, true}) {
      Product product({19, 50, 70}, transposed, transposed);
      for (float& value : product.a_values) value = std::abs(value) + 0.1f;
      // Row 3 of a has a number that is none, column 7 of b an infinity, both where k is 40.
      const auto place = [&](const Factor& f, std::int64_t row, std::int64_t column) {
        return static_cast<std::size_t>(f.transposed ? column * f.stride + row
                                                     : row * f.stride + column);
      };
      product.a_values[place(product.a, 3, 40)] = std::numeric_limits<float>::quiet_NaN();
      product.b_values[place(product.b, 40, 7)] = -kInfinity;
      const std::vector<float> c = product.run(nullptr, precision, true);
      for (std::int64_t i = 0; i < 19; ++i) {
        for (std::int64_t j = 0; j < 50; ++j) {
          const float value = c[static_cast<std::size_t>(i * product.stride + j)];
          if (i == 3) {
            ASSERT_TRUE(std::isnan(value));
          } else if (j == 7) {
            ASSERT_EQ(value, -kInfinity);
          } else {
            ASSERT_TRUE(std::isfinite(value)) << i << ' ' << j;
          }
        }
      }
    }
  }
}

TEST_P(GemmOnIsa, ASumOfNothingIsZero) {
  ThreadPool pool(2);
  std::vector<float> c(6, 7.0f);
  gemm(pool, Precision::f32, 2, 2, 0, {}, {}, c.data(), 3, true);
  EXPECT_EQ(c, std::vector<float>(6, 7.0f));
  gemm(pool, Precision::bf16, 2, 2, 0, {}, {}, c.data(), 3, false);
  EXPECT_EQ(c, (std::vector<float>{0, 0, 7, 0, 0, 7}));
  gemm(pool, Precision::f32, 0, 2, 5, {}, {}, c.data(), 3, false);
  EXPECT_EQ(c[2], 7.0f);
}

/// With fused multiplication, all instruction sets give the same f32 bits.
TEST(Gemm, FusedIsasAgreeBitForBit) {
  const Product product({21, 77, 900}, false, true);
  std::vector<float> first;
  for (const Isa isa : runnable_isas()) {
    if (isa == Isa::baseline) continue;
    const ScopedIsa scope(isa);
    const auto c = product.run(nullptr, Precision::f32, true);
    if (first.empty()) first = c;
    ASSERT_EQ(c, first) << name(isa);
  }
}

}  // namespace
}  // namespace jielong
