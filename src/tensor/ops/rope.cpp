#include "tensor/ops/rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "base/error.h"
#include "tensor/tape.h"

namespace jielong {
namespace {

/// Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between
/// interpolated.
void scale_llama3(const RopeScaling& scaling, std::vector<float>& frequencies) {
  const float low_wavelength = scaling.original_context / scaling.low_frequency_factor;
  const float high_wavelength = scaling.original_context / scaling.high_frequency_factor;
  for (float& frequency : frequencies) {
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength > low_wavelength) {
      frequency /= scaling.factor;
    } else if (wavelength > high_wavelength) {
      const float smooth = (scaling.original_context / wavelength - scaling.low_frequency_factor) /
                           (scaling.high_frequency_factor - scaling.low_frequency_factor);
      frequency = (1 - smooth) * frequency / scaling.factor + smooth * frequency;
    }
  }
}

/// YaRN (Peng et al., 2023): interpolate slow rotations, keep fast ones, ramp between.
void scale_yarn(const RopeScaling& scaling, float base, std::int64_t channels,
                std::vector<float>& frequencies) {
  const auto channel_of = [&](float rotations) {
    return static_cast<float>(channels) *
           std::log(scaling.original_context / (rotations * 2 * std::numbers::pi_v<float>)) /
           (2 * std::log(base));
  };
  const float low = std::max(std::floor(channel_of(scaling.beta_fast)), 0.0f);
  float high = std::min(std::ceil(channel_of(scaling.beta_slow)), static_cast<float>(channels - 1));
  if (high <= low) high = low + 0.001f;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float ramp = std::clamp((static_cast<float>(i) - low) / (high - low), 0.0f, 1.0f);
    frequencies[i] = frequencies[i] / scaling.factor * ramp + frequencies[i] * (1 - ramp);
  }
}

void check(bool holds, const char* what) {
  if (!holds) throw bad_input(what, "rope scaling", "check the model's configuration");
}

}  // namespace

Rope make_rope(RopePairs pairs, std::int64_t channels, float base, const RopeScaling& scaling) {
  check(channels > 0 && channels % 2 == 0, "the number of rotated channels must be even");
  check(std::isfinite(base) && base > 1, "the frequency base must be above 1");
  check(std::isfinite(scaling.factor) && scaling.factor > 0, "the factor must be positive");
  Rope rope{pairs, channels, {}, 1};
  for (std::int64_t i = 0; i < channels / 2; ++i) {
    rope.frequencies.push_back(static_cast<float>(
        1.0 / std::pow(static_cast<double>(base),
                       2.0 * static_cast<double>(i) / static_cast<double>(channels))));
  }
  switch (scaling.kind) {
    case RopeScaling::Kind::none: break;
    case RopeScaling::Kind::linear:
      for (float& frequency : rope.frequencies) frequency /= scaling.factor;
      break;
    case RopeScaling::Kind::llama3:
      check(scaling.original_context > 0, "the original context length must be positive");
      check(scaling.high_frequency_factor > scaling.low_frequency_factor &&
                scaling.low_frequency_factor > 0,
            "the high frequency factor must be above the low one");
      scale_llama3(scaling, rope.frequencies);
      break;
    case RopeScaling::Kind::yarn:
      check(scaling.original_context > 0, "the original context length must be positive");
      check(scaling.beta_slow > 0 && scaling.beta_fast > 0, "the betas must be positive");
      scale_yarn(scaling, base, channels, rope.frequencies);
      if (scaling.factor > 1) rope.magnitude = 0.1f * std::log(scaling.factor) + 1.0f;
      break;
    case RopeScaling::Kind::factors: break;
  }
  if (!scaling.factors.empty()) {
    if (scaling.factors.size() != rope.frequencies.size()) {
      throw bad_input(fmt::format("{} factors for {} frequencies", scaling.factors.size(),
                                  rope.frequencies.size()),
                      "rope scaling");
    }
    for (std::size_t i = 0; i < rope.frequencies.size(); ++i) {
      check(std::isfinite(scaling.factors[i]) && scaling.factors[i] > 0,
            "every factor must be positive");
      rope.frequencies[i] /= scaling.factors[i];
    }
  }
  if (scaling.attention_factor > 0) rope.magnitude = scaling.attention_factor;
  return rope;
}

RopeTable rope_table(Pass& pass, const Rope& rope, std::span<const std::int64_t> positions) {
  const auto rows = static_cast<std::int64_t>(positions.size());
  const auto pairs = static_cast<std::int64_t>(rope.frequencies.size());
  RopeTable table{pairs, std::vector<float>(static_cast<std::size_t>(rows * pairs)),
                  std::vector<float>(static_cast<std::size_t>(rows * pairs))};
  pass.pool().for_range(rows, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < pairs; ++j) {
        // The angle is rounded to f32 as in the models' training code.
        const float angle = static_cast<float>(positions[static_cast<std::size_t>(i)]) *
                            rope.frequencies[static_cast<std::size_t>(j)];
        const auto at = static_cast<std::size_t>(i * pairs + j);
        table.cosine[at] = std::cos(angle) * rope.magnitude;
        table.sine[at] = std::sin(angle) * rope.magnitude;
      }
    }
  });
  return table;
}

void rotate_row(const Rope& rope, const RopeTable& table, std::int64_t row, float* x,
                std::int64_t heads, std::int64_t head_channels) {
  const auto& kernels = vectors();
  for (std::int64_t h = 0; h < heads; ++h) {
    kernels.rotate(rope.pairs, table.cosine.data() + row * table.pairs,
                   table.sine.data() + row * table.pairs, table.pairs, x + h * head_channels);
  }
}

namespace {

/// dL/dx of a rotation is dL/dy rotated back: by the same cosines and the negative sines.
void rotate_back(Pass& pass, const Rope& rope, const RopeTable& table, const Tensor& x,
                 const Tensor& y, std::int64_t heads) {
  const Tensor dy = pass.tape()->gradient(y);
  if (!dy) return;
  const Tape::Sum dx = pass.tape()->sum(x);
  const std::int64_t dim = x.channels / heads;
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> sine(static_cast<std::size_t>(table.pairs));
    std::vector<float> turned(static_cast<std::size_t>(dx.first ? 0 : x.channels));
    for (std::int64_t i = begin; i < end; ++i) {
      const float* cosine = table.cosine.data() + i * table.pairs;
      std::transform(table.sine.data() + i * table.pairs, table.sine.data() + (i + 1) * table.pairs,
                     sine.data(), std::negate<float>());
      float* to = dx.first ? dx.tensor.row(i) : turned.data();
      std::copy_n(dy.row(i), x.channels, to);
      for (std::int64_t h = 0; h < heads; ++h) {
        vectors().rotate(rope.pairs, cosine, sine.data(), table.pairs, to + h * dim);
      }
      if (!dx.first) vectors().add_scaled(1.0f, to, dx.tensor.row(i), x.channels);
    }
  });
}

}  // namespace

Tensor rotate(Pass& pass, const Rope& rope, const RopeTable& table, const Tensor& x,
              std::int64_t heads) {
  Tape* tape = pass.tape();
  const Tensor y = tape == nullptr ? x : pass.empty(x.rows, x.channels);
  pass.pool().for_range(x.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (tape != nullptr) std::copy_n(x.row(i), x.channels, y.row(i));
      rotate_row(rope, table, i, y.row(i), heads, x.channels / heads);
    }
  });
  if (tape != nullptr) {
    tape->record(
        [&pass, &rope, &table, x, y, heads] { rotate_back(pass, rope, table, x, y, heads); });
  }
  return y;
}

}  // namespace jielong
