#include "tensor/vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"
#include "tensor/every_isa.h"
#include "tensor/quant/half.h"
#include "tensor/reference/vector.h"

namespace jielong {
namespace {

constexpr std::int64_t kLengths[] = {1, 2, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 130, 576, 1000};
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random(std::int64_t n, std::uint64_t seed, float reach = 3) {
  Rng rng(seed);
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& v : x) v = (static_cast<float>(rng.uniform()) * 2 - 1) * reach;
  return x;
}

double wide(float x) { return static_cast<double>(x); }

TEST(Vector, RmsNorm) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : kLengths) {
      const std::vector<float> x = random(n, 1), gain = random(n, 2);
      double squares = 0;
      for (const float v : x) squares += wide(v) * wide(v);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      std::vector<float> y(x.size()), plain = x;
      vectors().rms_norm(x.data(), gain.data(), 1e-5f, y.data(), n);
      vectors().rms_norm(plain.data(), nullptr, 1e-5f, plain.data(), n);  // in place
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(y[i], wide(x[i]) * factor * wide(gain[i]), 3e-6) << name(isa) << " n " << n;
        EXPECT_NEAR(plain[i], wide(x[i]) * factor, 1e-6) << name(isa) << " n " << n;
      }
    }
  });
}

TEST(Vector, LayerNorm) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : kLengths) {
      std::vector<float> x = random(n, 1);
      for (float& v : x) v += 5;  // a mean that must not spoil the variance
      const std::vector<float> gain = random(n, 2), bias = random(n, 3);
      double mean = 0, squares = 0;
      for (const float v : x) mean += wide(v) / static_cast<double>(n);
      for (const float v : x) squares += (wide(v) - mean) * (wide(v) - mean);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      std::vector<float> y(x.size()), plain(x.size());
      vectors().layer_norm(x.data(), gain.data(), bias.data(), 1e-5f, y.data(), n);
      vectors().layer_norm(x.data(), nullptr, nullptr, 1e-5f, plain.data(), n);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = (wide(x[i]) - mean) * factor;
        // Near 0 variance the mean's rounding is magnified by 1/√eps.
        const double bound = n == 1 ? 1e-3 : 1e-5;
        EXPECT_NEAR(plain[i], expected, bound) << name(isa) << " n " << n;
        EXPECT_NEAR(y[i], expected * wide(gain[i]) + wide(bias[i]), 3 * bound) << name(isa);
      }
    }
  });
}

TEST(Vector, Activations) {
  constexpr Activation kAll[] = {Activation::silu, Activation::gelu_tanh, Activation::gelu_erf,
                                 Activation::relu, Activation::relu_squared};
  with_every_float_isa([&](Isa isa) {
    for (const Activation activation : kAll) {
      std::vector<float> x;
      for (float v = -30; v <= 30; v += 0.0137f) x.push_back(v);
      for (const float v : {0.0f, -0.0f, 1e-30f, -100.0f, 100.0f, -1e4f, 1e4f}) x.push_back(v);
      std::vector<float> y = x;
      const std::int64_t n = static_cast<std::int64_t>(x.size());
      vectors().activate(activation, y.data(), n);
      const std::vector<float> up = random(n, 5);
      std::vector<float> product = x;
      vectors().gated(activation, product.data(), up.data(), product.data(), n);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = reference::activate(activation, wide(x[i]));
        EXPECT_NEAR(y[i], expected, 4e-6 * std::abs(expected) + 1e-15 * (1 + std::abs(wide(x[i]))))
            << name(isa) << " activation " << static_cast<int>(activation) << " x " << x[i];
        EXPECT_EQ(product[i], y[i] * up[i]);
      }
      float odd[] = {std::numeric_limits<float>::quiet_NaN(), kInfinity};
      vectors().activate(activation, odd, 2);
      EXPECT_EQ(odd[1], kInfinity);
    }
  });
}

TEST(Vector, AddScaleAndCap) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : kLengths) {
      const std::vector<float> x = random(n, 1, 100), base = random(n, 2);
      std::vector<float> y = base, scaled = x, capped = x;
      vectors().add_scaled(0.37f, x.data(), y.data(), n);
      vectors().scale(-1.5f, scaled.data(), n);
      vectors().soft_cap(30, capped.data(), n);
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(y[i], 0.37 * wide(x[i]) + wide(base[i]), 1e-5) << name(isa);
        EXPECT_EQ(scaled[i], x[i] * -1.5f);
        EXPECT_NEAR(capped[i], 30 * std::tanh(wide(x[i]) / 30), 1e-5) << name(isa);
      }
    }
  });
}

/// Distance in units in the last place of the expected value.
double ulps(float got, double expected) {
  const float near = static_cast<float>(expected);
  if (std::isinf(near)) return got == near ? 0 : 1e9;
  const double unit =
      std::max(std::ldexp(1.0, std::ilogb(std::abs(near)) - 23), std::ldexp(1.0, -149));
  return std::abs(wide(got) - expected) / unit;
}

TEST(Vector, TanhAndExpAreAccurate) {
  with_every_float_isa([](Isa isa) {
    double worst_tanh = 0, worst_exp = 0;
    for (float v = 1e-6f; v < 12; v *= 1.0003f) {
      float x[] = {v, -v};
      vectors().soft_cap(1, x, 2);
      worst_tanh = std::max(worst_tanh, ulps(x[0], std::tanh(wide(v))));
      EXPECT_EQ(x[1], -x[0]);
    }
    // softmax of (0, −v): the ratio of the two is exp(−v) up to the rounding of a product.
    for (float v = 1e-4f; v < 87; v *= 1.0003f) {
      float x[] = {0, -v};
      vectors().softmax(x, 2);
      const double e = std::exp(-wide(v));
      worst_exp = std::max(worst_exp, ulps(x[1], e / (1 + e)));
    }
    EXPECT_LT(worst_tanh, 2.5) << name(isa);
    EXPECT_LT(worst_exp, 3.0) << name(isa);
  });
}

TEST(Vector, Softmax) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : kLengths) {
      std::vector<float> x = random(n, 8, 20);
      const float top = *std::max_element(x.begin(), x.end());
      double mass = 0;
      for (const float v : x) mass += std::exp(wide(v) - wide(top));
      std::vector<float> y = x;
      vectors().softmax(y.data(), n);
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(y[i], std::exp(wide(x[i]) - wide(top)) / mass, 3e-7) << name(isa);
      }
      EXPECT_NEAR(vectors().log_sum_exp(x.data(), n), wide(top) + std::log(mass), 1e-6);
    }
    float masked[] = {-kInfinity, 2, -kInfinity, 2};
    EXPECT_NEAR(vectors().log_sum_exp(masked, 4), 2 + std::log(2.0), 1e-7);
    vectors().softmax(masked, 4);
    EXPECT_EQ(masked[0], 0.0f);
    EXPECT_EQ(masked[1], 0.5f);
    float far[] = {1000, 0, -3e38f};
    vectors().softmax(far, 3);
    EXPECT_EQ(far[0], 1.0f);
    EXPECT_EQ(far[1], 0.0f);
  });
}

TEST(Vector, ALargeVocabularySumsExactlyEnough) {
  with_every_float_isa([](Isa isa) {
    const std::vector<float> x = random(262144, 1, 5);
    double mass = 0;
    for (const float v : x) mass += std::exp(wide(v));
    EXPECT_NEAR(vectors().log_sum_exp(x.data(), 262144), std::log(mass), 1e-8) << name(isa);
  });
}

TEST(Vector, Rotate) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t pairs : {1, 4, 8, 15, 16, 20, 32, 48, 64, 128}) {
      const std::vector<float> x = random(2 * pairs + 3, 1);
      std::vector<float> cosine, sine;
      for (std::int64_t i = 0; i < pairs; ++i) {
        cosine.push_back(std::cos(0.3f * static_cast<float>(i)));
        sine.push_back(std::sin(0.3f * static_cast<float>(i)));
      }
      for (const RopePairs layout : {RopePairs::adjacent, RopePairs::halves}) {
        std::vector<float> y = x;
        vectors().rotate(layout, cosine.data(), sine.data(), pairs, y.data());
        for (std::int64_t i = 0; i < pairs; ++i) {
          const bool adjacent = layout == RopePairs::adjacent;
          const std::size_t a = static_cast<std::size_t>(adjacent ? 2 * i : i);
          const std::size_t b = static_cast<std::size_t>(adjacent ? 2 * i + 1 : i + pairs);
          const double c = wide(cosine[static_cast<std::size_t>(i)]);
          const double s = wide(sine[static_cast<std::size_t>(i)]);
          EXPECT_NEAR(y[a], wide(x[a]) * c - wide(x[b]) * s, 1e-6) << name(isa) << pairs;
          EXPECT_NEAR(y[b], wide(x[b]) * c + wide(x[a]) * s, 1e-6) << name(isa) << pairs;
        }
        for (std::size_t i = static_cast<std::size_t>(2 * pairs); i < x.size(); ++i) {
          EXPECT_EQ(y[i], x[i]);
        }
      }
    }
  });
}

TEST(Vector, Argmax) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : {1, 5, 16, 100, 1024, 1025, 3000, 50000}) {
      std::vector<float> x = random(n, 1);
      const auto top = std::max_element(x.begin(), x.end());
      EXPECT_EQ(vectors().argmax(x.data(), n), top - x.begin()) << name(isa);
      for (const std::int64_t at : {n - 1, n / 2, n / 3}) {
        x[static_cast<std::size_t>(at)] = 77;  // a new largest, or the first of equals
        EXPECT_EQ(vectors().argmax(x.data(), n), at) << name(isa);
      }
    }
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(), -kInfinity, -5, -5};
    EXPECT_EQ(vectors().argmax(odd, 4), 2) << name(isa);
    EXPECT_EQ(vectors().argmax(odd, 1), 0) << name(isa);
  });
}

TEST(Vector, HalfConversionsAreExact) {
  with_every_float_isa([](Isa isa) {
    std::vector<std::uint16_t> halves(65536), back(65536);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
    std::vector<float> f(65536), b(65536);
    vectors().f16_to_f32(halves.data(), f.data(), 65536);
    vectors().bf16_to_f32(halves.data(), b.data(), 65536);
    for (std::size_t i = 0; i < halves.size(); ++i) {
      const float expected = f16_to_f32(halves[i]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(f[i])) << name(isa) << " " << i;
      } else {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(f[i]), std::bit_cast<std::uint32_t>(expected)) << i;
      }
      ASSERT_EQ(std::bit_cast<std::uint32_t>(b[i]), static_cast<std::uint32_t>(i) << 16);
    }
    vectors().f32_to_f16(f.data(), back.data(), 65536);
    for (std::size_t i = 0; i < halves.size(); ++i) {
      if (!std::isnan(f[i])) {
        ASSERT_EQ(back[i], halves[i]) << name(isa);
      }
    }
    // Ties, overflow, subnormals and random bits, at every offset of a tail.
    std::vector<float> x = {65519.9f,  65520.0f,     -65520.0f,    1e30f,     0x1p-25f,  0x1.8p-25f,
                            -0x1p-26f, 1 + 0x1p-11f, 1 + 0x3p-11f, kInfinity, -kInfinity};
    Rng rng(1);
    for (int i = 0; i < 20000; ++i) {
      const float v = std::bit_cast<float>(static_cast<std::uint32_t>(rng()));
      if (!std::isnan(v)) x.push_back(v);
    }
    for (int i = 0; i < 20000; ++i) {
      x.push_back(
          std::ldexp(static_cast<float>(rng.uniform()) - 0.5f, static_cast<int>(rng() % 40) - 24));
    }
    const std::int64_t n = static_cast<std::int64_t>(x.size());
    std::vector<std::uint16_t> h(x.size()), s(x.size());
    vectors().f32_to_f16(x.data(), h.data(), n);
    vectors().f32_to_bf16(x.data(), s.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(h[i], f32_to_f16(x[i])) << name(isa) << " " << x[i];
      ASSERT_EQ(s[i], f32_to_bf16(x[i])) << name(isa) << " " << x[i];
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::uint16_t kept[2];
    vectors().f32_to_f16(&nan, &kept[0], 1);
    vectors().f32_to_bf16(&nan, &kept[1], 1);
    EXPECT_TRUE(std::isnan(f16_to_f32(kept[0])) && std::isnan(bf16_to_f32(kept[1]))) << name(isa);
  });
}

TEST(Vector, WritesNothingBeyondTheRow) {
  with_every_float_isa([](Isa isa) {
    for (const std::int64_t n : kLengths) {
      std::vector<float> x = random(n + 20, 1), y = x;
      const auto intact = [&] {
        return std::memcmp(y.data() + n, x.data() + n, 20 * sizeof(float)) == 0;
      };
      vectors().softmax(y.data(), n);
      vectors().scale(2, y.data(), n);
      vectors().add_scaled(2, x.data(), y.data(), n);
      vectors().soft_cap(2, y.data(), n);
      vectors().activate(Activation::silu, y.data(), n);
      vectors().rms_norm(y.data(), x.data(), 1e-5f, y.data(), n);
      vectors().layer_norm(y.data(), x.data(), x.data(), 1e-5f, y.data(), n);
      EXPECT_TRUE(intact()) << name(isa) << " n " << n;
    }
  });
}

}  // namespace
}  // namespace jielong
