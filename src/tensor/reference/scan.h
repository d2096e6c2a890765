#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The recurrences of linear-time mixers as their definitions say, token after token, in T: the
/// twins that tensor/ops/{conv,scan}.h are tested against.
namespace jielong::reference {

/// y (rows, channels) = silu(bias + Σ_k weight[:, k] · x[t − taps + 1 + k]); weight is (channels,
/// taps), bias (channels) or empty. Inputs before the first row are 0.
template <typename T>
std::vector<T> causal_conv(std::span<const T> x, std::span<const T> weight, std::span<const T> bias,
                           std::int64_t channels, std::int64_t taps) {
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / channels;
  std::vector<T> y(x.size());
  for (std::int64_t t = 0; t < rows; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      T sum = bias.empty() ? T(0) : bias[static_cast<std::size_t>(c)];
      for (std::int64_t k = 0; k < taps; ++k) {
        const std::int64_t from = t - taps + 1 + k;
        if (from < 0) continue;
        sum += weight[static_cast<std::size_t>(c * taps + k)] *
               x[static_cast<std::size_t>(from * channels + c)];
      }
      y[static_cast<std::size_t>(t * channels + c)] = sum / (1 + std::exp(-sum));
    }
  }
  return y;
}

/// Inputs of a scan over one sequence, which begins with an empty state.
template <typename T>
struct Scan {
  std::int64_t rows = 0, heads = 1, head_channels = 0, states = 0, groups = 1;
  bool each_channel = false;  ///< Δ, A and D for each channel instead of each head
  std::vector<T> x;           ///< (rows, heads · head_channels)
  std::vector<T> step;        ///< (rows, channels) or (rows, heads)
  std::vector<T> b, c;        ///< (rows, groups · states)
  std::vector<T> gate;        ///< (rows, heads)
  std::vector<T> decay;       ///< (channels, states) or (heads)
  std::vector<T> skip;        ///< (channels) or (heads); may be empty
  T b_scale = 1, c_scale = 1;

  std::size_t at(std::int64_t index) const { return static_cast<std::size_t>(index); }
};

/// h = exp(Δ·A)·h + Δ·x·B, y = Σ C·h + D·x: (rows, channels).
template <typename T>
std::vector<T> selective_scan(const Scan<T>& s) {
  const std::int64_t channels = s.heads * s.head_channels;
  std::vector<T> y(s.x.size()), h(s.at(channels * s.states));
  for (std::int64_t t = 0; t < s.rows; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t head = c / s.head_channels, group = head * s.groups / s.heads;
      const std::int64_t own = s.each_channel ? c : head;
      const T x = s.x[s.at(t * channels + c)];
      const T step = s.step[s.at(t * (s.each_channel ? channels : s.heads) + own)];
      T sum = s.skip.empty() ? T(0) : s.skip[s.at(own)] * x;
      for (std::int64_t n = 0; n < s.states; ++n) {
        const std::int64_t place = (t * s.groups + group) * s.states + n;
        const T decay = s.decay[s.at(s.each_channel ? c * s.states + n : head)];
        T& state = h[s.at(c * s.states + n)];
        state = std::exp(step * decay) * state + step * x * s.b[s.at(place)];
        sum += s.c[s.at(place)] * state;
      }
      y[s.at(t * channels + c)] = sum;
    }
  }
  return y;
}

/// S = exp(Δ·A)·S, S += k·β·(v − Sᵀk)ᵀ, y = Sᵀq with v = x, k = b, q = c: (rows, channels).
template <typename T>
std::vector<T> delta_rule(const Scan<T>& s) {
  const std::int64_t channels = s.heads * s.head_channels;
  std::vector<T> y(s.x.size()), memory(s.at(channels * s.states));
  for (std::int64_t t = 0; t < s.rows; ++t) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t head = c / s.head_channels, group = head * s.groups / s.heads;
      const std::int64_t place = (t * s.groups + group) * s.states;
      T* own = memory.data() + c * s.states;
      const T factor = std::exp(s.step[s.at(t * s.heads + head)] * s.decay[s.at(head)]);
      T recalled = 0, sum = 0;
      for (std::int64_t n = 0; n < s.states; ++n) {
        own[n] *= factor;
        recalled += own[n] * s.b[s.at(place + n)] * s.b_scale;
      }
      const T change =
          s.gate[s.at(t * s.heads + head)] * (s.x[s.at(t * channels + c)] - recalled) * s.b_scale;
      for (std::int64_t n = 0; n < s.states; ++n) {
        own[n] += s.b[s.at(place + n)] * change;
        sum += own[n] * s.c[s.at(place + n)];
      }
      y[s.at(t * channels + c)] = sum * s.c_scale;
    }
  }
  return y;
}

}  // namespace jielong::reference
