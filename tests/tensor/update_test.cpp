#include "tensor/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "tensor/every_isa.h"
#include "tensor/finite_differences.h"

namespace jielong {
namespace {

constexpr std::size_t kLengths[] = {1, 15, 16, 17, 67};

struct State {
  std::vector<float> values, first, second;
  explicit State(std::size_t n) : values(random_floats(n, 1)), first(n, 0), second(n, 0) {}
};

/// Runs `steps` updates, each with another gradient, and the same in f64 by `rule`(θ, g, m, v, t).
template <typename Update, typename Rule>
void expect_rule(int steps, const Update& update, const Rule& rule) {
  for (const std::size_t n : kLengths) {
    State state(n);
    std::vector<double> values = widened(state.values), first(n, 0), second(n, 0);
    for (int t = 1; t <= steps; ++t) {
      const std::vector<float> gradient = random_floats(n, static_cast<std::uint64_t>(10 + t));
      update(state, gradient, t, static_cast<std::int64_t>(n));
      for (std::size_t i = 0; i < n; ++i) {
        rule(values[i], static_cast<double>(gradient[i]), first[i], second[i], t);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(static_cast<double>(state.values[i]), values[i], 3e-6) << "element " << i;
    }
  }
}

TEST(Update, Adamw) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    expect_rule(
        4,
        [](State& s, const std::vector<float>& g, int t, std::int64_t n) {
          AdamwStep step{.rate = 0.01f,
                         .decay = 0.1f,
                         .beta1 = 0.9f,
                         .beta2 = 0.95f,
                         .epsilon = 1e-8f,
                         .gradient_factor = 0.5f};
          step.correction1 = static_cast<float>(1 - std::pow(0.9, t));
          step.correction2 = static_cast<float>(1 - std::pow(0.95, t));
          update_vectors().adamw(step, g.data(), s.values.data(), s.first.data(), s.second.data(),
                                 n);
        },
        [](double& w, double g, double& m, double& v, int t) {
          g *= 0.5;
          m = 0.9 * m + 0.1 * g;
          v = 0.95 * v + 0.05 * g * g;
          w -= 0.01 * 0.1 * w;
          w -=
              0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.95, t))) + 1e-8);
        });
  });
}

TEST(Update, AdamwLeavesWhatHasNoGradient) {
  std::vector<float> values = {3, -2}, gradient = {0, 0}, first = {0, 0}, second = {0, 0};
  const AdamwStep step{.rate = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f};
  update_vectors().adamw(step, gradient.data(), values.data(), first.data(), second.data(), 2);
  EXPECT_EQ(values, (std::vector<float>{3, -2}));
}

TEST(Update, Lion) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    expect_rule(
        4,
        [](State& s, const std::vector<float>& g, int, std::int64_t n) {
          const LionStep step{.rate = 0.01f, .decay = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f};
          update_vectors().lion(step, g.data(), s.values.data(), s.first.data(), n);
        },
        [](double& w, double g, double& m, double&, int) {
          const double blend = 0.9 * m + 0.1 * g;
          w -= 0.01 * (0.1 * w + (blend > 0 ? 1 : blend < 0 ? -1 : 0));
          m = 0.99 * m + 0.01 * g;
        });
    float value = 1, gradient = 0, mean = 0;
    update_vectors().lion({.rate = 0.5f, .beta1 = 0.9f, .beta2 = 0.99f}, &gradient, &value, &mean,
                          1);
    EXPECT_EQ(value, 1);  // the sign of nothing is nothing
  });
}

TEST(Update, Sgd) {
  with_every_float_isa([](Isa isa) {
    SCOPED_TRACE(name(isa));
    for (const bool nesterov : {false, true}) {
      expect_rule(
          4,
          [&](State& s, const std::vector<float>& g, int, std::int64_t n) {
            const SgdStep step{
                .rate = 0.05f, .decay = 0.1f, .momentum = 0.8f, .nesterov = nesterov};
            update_vectors().sgd(step, g.data(), s.values.data(), s.first.data(), n);
          },
          [&](double& w, double g, double& m, double&, int) {
            m = 0.8 * m + g;
            w -= 0.05 * (0.1 * w + (nesterov ? g + 0.8 * m : m));
          });
    }
    expect_rule(
        2,
        [](State& s, const std::vector<float>& g, int, std::int64_t n) {
          update_vectors().sgd({.rate = 0.05f, .gradient_factor = 2}, g.data(), s.values.data(),
                               nullptr, n);
        },
        [](double& w, double g, double&, double&, int) { w -= 0.1 * g; });
  });
}

TEST(Update, MomentumAndBlend) {
  with_every_float_isa([](Isa isa) {
    for (const std::size_t n : kLengths) {
      const auto gradient = random_floats(n, 1), before = random_floats(n, 2);
      for (const bool nesterov : {false, true}) {
        std::vector<float> velocity = before, direction(n);
        update_vectors().momentum(0.5f, nesterov, 2, gradient.data(), velocity.data(),
                                  direction.data(), static_cast<std::int64_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
          const float g = 2 * gradient[i];
          EXPECT_NEAR(velocity[i], 0.5f * before[i] + g, 1e-6f) << name(isa);
          EXPECT_NEAR(direction[i], nesterov ? 0.5f * velocity[i] + g : velocity[i], 1e-6f);
        }
      }
      std::vector<float> mean = before;
      update_vectors().blend(0.25f, gradient.data(), mean.data(), static_cast<std::int64_t>(n));
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(mean[i], 0.75f * before[i] + 0.25f * gradient[i], 1e-6f) << name(isa);
      }
    }
  });
}

/// Five steps of torch.optim.AdamW from the same values: see make_gradients.py.
TEST(Update, AdamwEqualsPyTorch) {
  constexpr std::size_t kCount = 19, kSteps = 5;
  const std::string bytes = read_file(JIELONG_TEST_DATA "/tensor/goldens/gradients/adamw.bin");
  ASSERT_EQ(bytes.size(), (1 + 2 * kSteps) * kCount * sizeof(float));
  std::vector<float> all(bytes.size() / sizeof(float));
  std::memcpy(all.data(), bytes.data(), bytes.size());
  std::vector<float> values(all.begin(), all.begin() + kCount), first(kCount), second(kCount);
  for (std::size_t t = 1; t <= kSteps; ++t) {
    const AdamwStep step{.rate = 0.02f,
                         .decay = 0.1f,
                         .beta1 = 0.9f,
                         .beta2 = 0.95f,
                         .epsilon = 1e-8f,
                         .correction1 = static_cast<float>(1 - std::pow(0.9, t)),
                         .correction2 = static_cast<float>(1 - std::pow(0.95, t))};
    const float* gradient = all.data() + (2 * t - 1) * kCount;
    update_vectors().adamw(step, gradient, values.data(), first.data(), second.data(),
                           static_cast<std::int64_t>(kCount));
    for (std::size_t i = 0; i < kCount; ++i) EXPECT_NEAR(values[i], gradient[kCount + i], 2e-6f);
  }
}

}  // namespace
}  // namespace jielong
