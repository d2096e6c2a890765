#include "tensor/vector_backward.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/every_isa.h"
#include "tensor/finite_differences.h"
#include "tensor/reference/vector.h"

namespace jielong {
namespace {

constexpr std::size_t kLengths[] = {1, 2, 15, 16, 17, 33, 64, 65, 130};
constexpr Activation kActivations[] = {Activation::silu, Activation::gelu_tanh,
                                       Activation::gelu_erf, Activation::relu,
                                       Activation::relu_squared};

std::int64_t count(const std::vector<float>& x) { return static_cast<std::int64_t>(x.size()); }

/// Adding gives what was there before plus what writing gives.
template <typename Backward>
std::vector<float> written_and_added(std::size_t n, const Backward& backward) {
  std::vector<float> written(n, -7), added(n, 0.5f);
  backward(written.data(), false);
  backward(added.data(), true);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(added[i], 0.5f + written[i]);
  return written;
}

TEST(VectorBackward, RmsNorm) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const std::size_t n : kLengths) {
      const auto x = random_floats(n, 1), gain = random_floats(n, 2), dy = random_floats(n, 3);
      for (const bool gained : {true, false}) {
        const std::vector<double> g = gained ? widened(gain) : std::vector<double>();
        RowNorm found{};
        const std::vector<float> dx = written_and_added(n, [&](float* to, bool add) {
          found = backward_vectors().rms_norm(x.data(), gained ? gain.data() : nullptr, 1e-2f,
                                              dy.data(), to, add, count(x));
        });
        expect_slopes(
            widened(x),
            [&](const auto& at) { return weighted(dy, reference::rms_norm(at, g, 1e-2)); }, dx);
        std::vector<float> dgain(n, 0);
        backward_vectors().norm_gain(x.data(), found, dy.data(), dgain.data(), count(x));
        expect_slopes(
            widened(gain),
            [&](const auto& at) { return weighted(dy, reference::rms_norm(widened(x), at, 1e-2)); },
            dgain);
      }
    }
  });
}

TEST(VectorBackward, LayerNorm) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const std::size_t n : kLengths) {
      const auto x = random_floats(n, 1), gain = random_floats(n, 2), dy = random_floats(n, 3);
      RowNorm found{};
      const std::vector<float> dx = written_and_added(n, [&](float* to, bool add) {
        found = backward_vectors().layer_norm(x.data(), gain.data(), 1e-2f, dy.data(), to, add,
                                              count(x));
      });
      expect_slopes(
          widened(x),
          [&](const auto& at) {
            return weighted(dy, reference::layer_norm(at, widened(gain), {}, 1e-2));
          },
          dx, 1e-5);
      std::vector<float> dgain(n, 0);
      backward_vectors().norm_gain(x.data(), found, dy.data(), dgain.data(), count(x));
      expect_slopes(
          widened(gain),
          [&](const auto& at) {
            return weighted(dy, reference::layer_norm(widened(x), at, {}, 1e-2));
          },
          dgain, 1e-5);
    }
  });
}

TEST(VectorBackward, Activations) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(static_cast<int>(activation));
      for (const std::size_t n : kLengths) {
        const auto gate = random_floats(n, 4, 6), up = random_floats(n, 5),
                   dy = random_floats(n, 6);
        const auto plain = [&](const std::vector<double>& at) {
          double sum = 0;
          for (std::size_t i = 0; i < n; ++i) {
            sum += static_cast<double>(dy[i]) * reference::activate(activation, at[i]);
          }
          return sum;
        };
        expect_slopes(widened(gate), plain, written_and_added(n, [&](float* to, bool add) {
                        backward_vectors().activate(activation, gate.data(), dy.data(), to, add,
                                                    count(gate));
                      }));
        const auto product = [&](const std::vector<double>& g, const std::vector<double>& u) {
          double sum = 0;
          for (std::size_t i = 0; i < n; ++i) {
            sum += static_cast<double>(dy[i]) * reference::activate(activation, g[i]) * u[i];
          }
          return sum;
        };
        std::vector<float> dup(n);
        const std::vector<float> dgate = written_and_added(n, [&](float* to, bool add) {
          backward_vectors().gated(activation, gate.data(), up.data(), dy.data(), to, dup.data(),
                                   add, count(gate));
          if (!add) {
            expect_slopes(
                widened(up), [&](const auto& at) { return product(widened(gate), at); }, dup);
          }
        });
        expect_slopes(
            widened(gate), [&](const auto& at) { return product(at, widened(up)); }, dgate);
      }
    }
  });
}

TEST(VectorBackward, ActivationsFarOutAreFlatOrStraight) {
  with_every_float_isa([](Isa isa) {
    for (const Activation activation : kActivations) {
      const std::vector<float> x = {-1e4f, -200, -30, 30, 200, 1e4f}, dy(x.size(), 1);
      std::vector<float> dx(x.size());
      backward_vectors().activate(activation, x.data(), dy.data(), dx.data(), false, count(x));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const bool squared = activation == Activation::relu_squared;
        const double expected = x[i] < 0 ? 0 : squared ? 2 * static_cast<double>(x[i]) : 1;
        EXPECT_NEAR(static_cast<double>(dx[i]), expected, 1e-6) << name(isa) << " x " << x[i];
      }
    }
  });
}

TEST(VectorBackward, SoftCapAndSoftmax) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const std::size_t n : kLengths) {
      const auto x = random_floats(n, 7, 5), dy = random_floats(n, 8);
      std::vector<float> y = x;
      vectors().soft_cap(3, y.data(), count(y));
      expect_slopes(
          widened(x),
          [&](const auto& at) {
            double sum = 0;
            for (std::size_t i = 0; i < n; ++i) {
              sum += static_cast<double>(dy[i]) * reference::soft_cap(3, at[i]);
            }
            return sum;
          },
          written_and_added(n, [&](float* to, bool add) {
            backward_vectors().soft_cap(3, y.data(), dy.data(), to, add, count(y));
          }));
      y = x;
      vectors().softmax(y.data(), count(y));
      expect_slopes(
          widened(x), [&](const auto& at) { return weighted(dy, reference::softmax(at)); },
          written_and_added(n, [&](float* to, bool add) {
            backward_vectors().softmax(y.data(), dy.data(), to, add, count(y));
          }));
    }
  });
}

TEST(VectorBackward, CrossEntropy) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const std::size_t n : kLengths) {
      const std::vector<float> x = random_floats(n, 9, 8);
      const std::int64_t target = count(x) / 2;
      std::vector<float> gradient = x;
      const double loss =
          backward_vectors().cross_entropy(gradient.data(), target, 0.25f, count(x));
      EXPECT_NEAR(loss, reference::cross_entropy(widened(x), target), 1e-6);
      expect_slopes(
          widened(x), [&](const auto& at) { return 0.25 * reference::cross_entropy(at, target); },
          gradient);
    }
    // Sure of the right answer, and sure of a wrong one.
    std::vector<float> sure = {0, 300, 0}, wrong = sure;
    EXPECT_EQ(backward_vectors().cross_entropy(sure.data(), 1, 1, 3), 0);
    EXPECT_EQ(backward_vectors().cross_entropy(wrong.data(), 0, 1, 3), 300);
    EXPECT_EQ(wrong, (std::vector<float>{-1, 1, 0}));
  });
}

TEST(VectorBackward, ProductsAndSums) {
  with_every_float_isa([](Isa isa) {
    for (const std::size_t n : kLengths) {
      const auto x = random_floats(n, 1), y = random_floats(n, 2);
      double product = 0, squares = 0;
      for (std::size_t i = 0; i < n; ++i) {
        product += static_cast<double>(x[i]) * static_cast<double>(y[i]);
        squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      }
      EXPECT_NEAR(backward_vectors().dot(x.data(), y.data(), count(x)), product, 2e-5) << name(isa);
      EXPECT_NEAR(backward_vectors().sum_of_squares(x.data(), count(x)), squares, 1e-5);
      const auto z = written_and_added(n, [&](float* to, bool add) {
        backward_vectors().multiply(x.data(), y.data(), to, add, count(x));
      });
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(z[i], x[i] * y[i]);
    }
  });
}

TEST(VectorBackward, SumsOfLargeArraysDoNotDependOnThreads) {
  const std::vector<float> x = random_floats(300001, 1);
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
  ThreadPool one(1), three(3);
  EXPECT_NEAR(sum_of_squares(one, x.data(), count(x)), squares, 1e-7 * squares);
  EXPECT_EQ(sum_of_squares(one, x.data(), count(x)), sum_of_squares(three, x.data(), count(x)));
  EXPECT_EQ(sum_of_squares(one, x.data(), 0), 0);
}

/// Arrays of goldens/gradients/rows.bin, one after the other: see make_gradients.py.
class Golden {
 public:
  Golden() : bytes_(read_file(JIELONG_TEST_DATA "/tensor/goldens/gradients/rows.bin")) {}
  std::vector<float> next(std::size_t n) {
    std::vector<float> values(n);
    EXPECT_LE(at_ + n * sizeof(float), bytes_.size());
    std::memcpy(values.data(), bytes_.data() + at_, n * sizeof(float));
    at_ += n * sizeof(float);
    return values;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

void expect_near(const std::vector<float>& got, const std::vector<float>& expected) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], expected[i], 4e-6f * std::max(1.0f, std::abs(expected[i]))) << i;
  }
}

TEST(VectorBackward, EqualsPyTorch) {
  constexpr std::size_t kChannels = 37;
  Golden golden;
  const auto x = golden.next(kChannels), gain = golden.next(kChannels), dy = golden.next(kChannels),
             up = golden.next(kChannels);
  std::vector<float> dx(kChannels), other(kChannels);
  for (const bool layer : {false, true}) {
    const auto norm = layer ? backward_vectors().layer_norm : backward_vectors().rms_norm;
    const RowNorm found = norm(x.data(), gain.data(), 1e-5f, dy.data(), dx.data(), false, count(x));
    std::vector<float> dgain(kChannels, 0);
    backward_vectors().norm_gain(x.data(), found, dy.data(), dgain.data(), count(x));
    expect_near(dx, golden.next(kChannels));
    expect_near(dgain, golden.next(kChannels));
  }
  for (const Activation activation : kActivations) {
    backward_vectors().gated(activation, x.data(), up.data(), dy.data(), dx.data(), other.data(),
                             false, count(x));
    expect_near(dx, golden.next(kChannels));
    expect_near(other, golden.next(kChannels));
  }
  std::vector<float> y = x;
  vectors().soft_cap(2, y.data(), count(y));
  backward_vectors().soft_cap(2, y.data(), dy.data(), dx.data(), false, count(y));
  expect_near(dx, golden.next(kChannels));
  y = x;
  vectors().softmax(y.data(), count(y));
  backward_vectors().softmax(y.data(), dy.data(), dx.data(), false, count(y));
  expect_near(dx, golden.next(kChannels));
  y = x;
  const double loss = backward_vectors().cross_entropy(y.data(), 5, 0.5f, count(y));
  expect_near({static_cast<float>(loss)}, golden.next(1));
  expect_near(y, golden.next(kChannels));
  EXPECT_TRUE(golden.at_end());
}

}  // namespace
}  // namespace jielong
