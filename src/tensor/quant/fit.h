#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace jielong::quant {

/// How the K formats find the scale of one sub-block: a few candidate scales are tried and
/// the one with the least weighted error is kept. The candidates, their order and the order
/// of every sum are those of the reference quantizer (ggml), so that files come out equal.
/// Independent searches run side by side as lanes, which sum in the reference's order each.

/// Largest magnitude below which a sub-block counts as all zero.
inline constexpr float kNothing = 1e-15f;

/// To the nearest integer, ties to even, for |v| < 2²².
inline float round_even(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

/// Rounded and held within [low, high]; not-a-number becomes `high`.
inline float level(float v, float low, float high) {
  return std::max(low, std::min(high, round_even(v)));
}

/// The value of largest magnitude, the first of equals.
template <int kValues>
float extreme(const float* x) {
  float largest = 0, result = 0;
  for (int i = 0; i < kValues; ++i) {
    const float magnitude = std::fabs(x[i]);
    if (magnitude > largest) {
      largest = magnitude;
      result = x[i];
    }
  }
  return result;
}

/// x ≈ scale · q − min
struct Line {
  float scale, min;
};

/// The search of fit_lines(): candidate c stretches the levels by first + c/10.
struct LineSearch {
  float top;  ///< largest level
  float first;
  int candidates;
  bool absolute;  ///< errors count by magnitude instead of square
};

/// Fits to each of kBlocks sub-blocks of kValues weighted values a line and levels 0…top; the
/// minimum is never above zero. A candidate starts from the best minimum before it, so
/// candidates follow one another, and the sub-blocks run side by side as lanes.
/// @param x, weight  (kBlocks, kValues)
/// @param lines      out (kBlocks)
/// @param q          out (kBlocks, kValues)
template <int kBlocks, int kValues>
void fit_lines(const float* x, const float* weight, const LineSearch& search, Line* lines,
               std::uint8_t* q) {
  using Lanes = std::array<float, kBlocks>;
  const float top = search.top;
  alignas(64) std::array<Lanes, kValues> values, weights, levels, best_levels;
  for (int b = 0; b < kBlocks; ++b) {
    for (int i = 0; i < kValues; ++i) {
      values[i][b] = x[b * kValues + i];
      weights[i][b] = weight[b * kValues + i];
    }
  }

  Lanes low = values[0], high = values[0], sum_w = weights[0], sum_x;
  for (int b = 0; b < kBlocks; ++b) sum_x[b] = weights[0][b] * values[0][b];
  for (int i = 1; i < kValues; ++i) {
    for (int b = 0; b < kBlocks; ++b) {
      low[b] = std::min(low[b], values[i][b]);
      high[b] = std::max(high[b], values[i][b]);
      sum_w[b] += weights[i][b];
      sum_x[b] += weights[i][b] * values[i][b];
    }
  }
  for (int b = 0; b < kBlocks; ++b) low[b] = std::min(low[b], 0.0f);
  const Lanes lowest = low;

  /// Weighted error of the line that `levels` are meant for.
  const auto error_of = [&](const Lanes& scale, const Lanes& min) {
    Lanes error{};
    for (int i = 0; i < kValues; ++i) {
      for (int b = 0; b < kBlocks; ++b) {
        const float difference = scale[b] * levels[i][b] + min[b] - values[i][b];
        error[b] +=
            weights[i][b] * (search.absolute ? std::fabs(difference) : difference * difference);
      }
    }
    return error;
  };
  const auto choose_levels = [&](const Lanes& stretch) {
    for (int i = 0; i < kValues; ++i) {
      for (int b = 0; b < kBlocks; ++b) {
        levels[i][b] = level(stretch[b] * (values[i][b] - low[b]), 0, top);
      }
    }
  };

  // The plain line from least to largest value is what candidates must beat.
  Lanes stretch, scale;
  for (int b = 0; b < kBlocks; ++b) {
    stretch[b] = top / (high[b] - low[b]);
    scale[b] = 1 / stretch[b];
  }
  choose_levels(stretch);
  best_levels = levels;
  Lanes best_error = error_of(scale, low);

  for (int c = 0; c < search.candidates; ++c) {
    const float levels_wanted = search.first + 0.1f * static_cast<float>(c) + top;
    for (int b = 0; b < kBlocks; ++b) stretch[b] = levels_wanted / (high[b] - low[b]);
    choose_levels(stretch);
    Lanes sum_l{}, sum_l2{}, sum_xl{};
    for (int i = 0; i < kValues; ++i) {
      for (int b = 0; b < kBlocks; ++b) {
        const float weighted = weights[i][b] * levels[i][b];
        sum_l[b] += weighted;
        sum_l2[b] += weighted * levels[i][b];
        sum_xl[b] += weighted * values[i][b];
      }
    }
    // Least squares for these levels; a minimum above zero is held at zero.
    Lanes determinant, new_scale, new_min;
    for (int b = 0; b < kBlocks; ++b) {
      determinant[b] = sum_w[b] * sum_l2[b] - sum_l[b] * sum_l[b];
      const float free_scale = (sum_w[b] * sum_xl[b] - sum_x[b] * sum_l[b]) / determinant[b];
      const float free_min = (sum_l2[b] * sum_x[b] - sum_l[b] * sum_xl[b]) / determinant[b];
      const float held_scale = sum_xl[b] / sum_l2[b];
      new_scale[b] = free_min > 0 ? held_scale : free_scale;
      new_min[b] = free_min > 0 ? 0.0f : free_min;
    }
    const Lanes error = error_of(new_scale, new_min);
    for (int b = 0; b < kBlocks; ++b) {
      if (!(determinant[b] > 0) || !(error[b] < best_error[b])) continue;
      best_error[b] = error[b];
      scale[b] = new_scale[b];
      low[b] = new_min[b];
      for (int i = 0; i < kValues; ++i) best_levels[i][b] = levels[i][b];
    }
  }

  for (int b = 0; b < kBlocks; ++b) {
    const bool flat = high[b] == lowest[b];
    lines[b] = flat ? Line{0.0f, -lowest[b]} : Line{scale[b], -low[b]};
    for (int i = 0; i < kValues; ++i) {
      q[b * kValues + i] = flat ? 0 : static_cast<std::uint8_t>(best_levels[i][b]);
    }
  }
}

/// Fits levels −top…top−1 (stored from 0 on) and a scale through zero to kValues values,
/// each weighted by its square, trying 19 scales around the one that maps the extreme
/// value to −top.
/// @param q  out (kValues)
template <int kValues>
float fit_scale(const float* x, float top, std::uint8_t* q) {
  constexpr int kCandidates = 19, kLanes = 20, kPlain = 9;
  const float peak = extreme<kValues>(x);
  if (std::fabs(peak) < kNothing) {
    std::fill_n(q, kValues, std::uint8_t{0});
    return 0.0f;
  }
  alignas(64) float stretch[kLanes], sum_xl[kLanes] = {}, sum_l2[kLanes] = {};
  for (int c = 0; c < kLanes; ++c) {
    stretch[c] = -(top + 0.1f * static_cast<float>(c - kPlain)) / peak;
  }
  for (int i = 0; i < kValues; ++i) {
    const float value = x[i], w = value * value;
    for (int c = 0; c < kLanes; ++c) {
      const float l = level(stretch[c] * value, -top, top - 1);
      sum_xl[c] += w * value * l;
      sum_l2[c] += w * l * l;
    }
  }
  int winner = kPlain;
  float scale = sum_l2[kPlain] != 0 ? sum_xl[kPlain] / sum_l2[kPlain] : 0.0f;
  float best = scale * sum_xl[kPlain];
  for (int c = 0; c < kCandidates; ++c) {
    if (c == kPlain) continue;
    if (sum_l2[c] > 0 && sum_xl[c] * sum_xl[c] > best * sum_l2[c]) {
      winner = c;
      scale = sum_xl[c] / sum_l2[c];
      best = scale * sum_xl[c];
    }
  }
  for (int i = 0; i < kValues; ++i) {
    q[i] = static_cast<std::uint8_t>(level(stretch[winner] * x[i], -top, top - 1) + top);
  }
  return scale;
}

/// As fit_scale(), by coordinate descent: starting from the plain scale, each level in turn
/// moves to where it fits the others best, for up to five rounds.
template <int kValues>
float descend_scale(const float* x, float top, std::uint8_t* q) {
  const float peak = extreme<kValues>(x);
  if (std::fabs(peak) < kNothing) {
    std::fill_n(q, kValues, std::uint8_t{0});
    return 0.0f;
  }
  const float stretch = -top / peak;
  float levels[kValues], sum_xl = 0, sum_l2 = 0;
  for (int i = 0; i < kValues; ++i) {
    const float l = level(stretch * x[i], -top, top - 1), w = x[i] * x[i];
    levels[i] = l;
    sum_xl += w * x[i] * l;
    sum_l2 += w * l * l;
  }
  bool moved = true;
  for (int round = 0; round < 5 && moved; ++round) {
    moved = false;
    for (int i = 0; i < kValues; ++i) {
      const float w = x[i] * x[i];
      float others_xl = sum_xl - w * x[i] * levels[i];
      if (!(others_xl > 0)) continue;
      float others_l2 = sum_l2 - w * levels[i] * levels[i];
      const float l = level(x[i] * others_l2 / others_xl, -top, top - 1);
      if (l == levels[i]) continue;
      others_xl += w * x[i] * l;
      others_l2 += w * l * l;
      if (others_l2 > 0 && others_xl * others_xl * sum_l2 > sum_xl * sum_xl * others_l2) {
        levels[i] = l;
        sum_xl = others_xl;
        sum_l2 = others_l2;
        moved = true;
      }
    }
  }
  for (int i = 0; i < kValues; ++i) q[i] = static_cast<std::uint8_t>(levels[i] + top);
  return sum_l2 > 0 ? sum_xl / sum_l2 : 0.0f;
}

}  // namespace jielong::quant
