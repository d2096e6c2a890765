#pragma once

#include <cstdint>

/// What the scheduling of linear-time mixers (tensor/ops/scan.cpp, tensor/ops/conv.cpp) and
/// their kernels (tensor/kernels/scan.inl) agree on.
namespace jielong {

/// Channels that are worked on together. A state is kept as (blocks, states, kScanLanes), the
/// lanes beyond a head's channels zero.
constexpr std::int64_t kScanLanes = 16;

/// Rows between the states that a recorded pass keeps; the others are computed again.
constexpr std::int64_t kScanChunk = 32;

/// Up to 16 channels of one head over consecutive rows of one sequence.
struct ScanBlock {
  std::int64_t rows = 0, width = 0, states = 0;
  const float* x = nullptr;     ///< (rows, width): x, or v of the delta rule
  const float* step = nullptr;  ///< (rows, width), or (rows) where a head shares it
  const float* gate = nullptr;  ///< (rows): β of the delta rule
  const float* b = nullptr;     ///< (rows, states): B, or k
  const float* c = nullptr;     ///< (rows, states): C, or q
  std::int64_t x_stride = 0, step_stride = 0, gate_stride = 0, b_stride = 0, c_stride = 0;
  const float* decay = nullptr;  ///< A: (states, 16), or one number where a head shares it
  const float* skip = nullptr;   ///< D: (width), or one number; may be absent
  float b_scale = 1, c_scale = 1;
  float* state = nullptr;  ///< (states, 16), updated
  float* y = nullptr;      ///< (rows, width)
  std::int64_t y_stride = 0;
  /// Where the state before every kScanChunk-th row goes; may be absent.
  float* borders = nullptr;
  std::int64_t border_stride = 0;
};

/// The way back through at most kScanChunk rows of a block. Everything named d_ is dL/d…
/// and added to.
struct ScanGradient {
  ScanBlock forward;              ///< `state` and `y` unused
  const float* border = nullptr;  ///< (states, 16), the state before the first row
  const float* d_y = nullptr;     ///< (rows, width)
  std::int64_t d_y_stride = 0;
  float* after = nullptr;    ///< scratch: (rows, states, 16), the state after each row
  float* factors = nullptr;  ///< scratch: (rows, states, 16)
  float* d_state = nullptr;  ///< (states, 16): after the last row; becomes that before the first
  float* d_x = nullptr;      ///< (rows, width)
  float* d_step = nullptr;   ///< (rows, width), or (rows, 16) to be summed over lanes
  std::int64_t d_x_stride = 0, d_step_stride = 0;
  float* d_gate = nullptr;               ///< (rows, 16), to be summed over lanes
  float *d_b = nullptr, *d_c = nullptr;  ///< (rows, states, 16), to be summed over lanes
  float* d_decay = nullptr;              ///< (states, 16), or (16)
  float* d_skip = nullptr;               ///< (16)
};

/// Up to 16 channels of a causal depthwise convolution over the rows of one sequence.
struct ConvBlock {
  std::int64_t rows = 0, width = 0, taps = 0;
  const float* x = nullptr;       ///< (rows, width)
  const float* weight = nullptr;  ///< (width, taps), the last tap is the present
  const float* bias = nullptr;    ///< (width), may be absent
  float* y = nullptr;             ///< (rows, width)
  std::int64_t x_stride = 0, y_stride = 0;
  float* state = nullptr;  ///< (taps − 1, width), the inputs before; updated; may be absent
  std::int64_t state_stride = 0;
  bool activate = true;  ///< y = silu(Σ)
};

struct ConvGradient {
  ConvBlock forward;  ///< `y` unused, `state` absent
  const float* d_y = nullptr;
  std::int64_t d_y_stride = 0;
  float* d_x = nullptr;  ///< (rows, width), added to; may be absent
  std::int64_t d_x_stride = 0;
  float* d_weight = nullptr;  ///< (taps, 16), added to
  float* d_bias = nullptr;    ///< (16), added to
};

/// Functions of one number.
enum class Squash : std::uint8_t { softplus, sigmoid, silu };

struct ScanKernels {
  /// Mamba (Gu and Dao, 2023): a decay for each channel and state.
  void (*selective)(const ScanBlock&);
  void (*selective_backward)(const ScanGradient&);
  /// Mamba-2 (Dao and Gu, 2024): one for the head.
  void (*shared)(const ScanBlock&);
  void (*shared_backward)(const ScanGradient&);
  /// Gated delta rule (Yang et al., 2024).
  void (*delta)(const ScanBlock&);
  void (*delta_backward)(const ScanGradient&);
  void (*conv)(const ConvBlock&);
  void (*conv_backward)(const ConvGradient&);
  /// y[i] = f(x[i]).
  void (*squash)(Squash function, const float* x, float* y, std::int64_t n);
  /// d_x[i] += d_y[i] · f′(x[i]).
  void (*squash_backward)(Squash function, const float* x, const float* d_y, float* d_x,
                          std::int64_t n);
  /// y[i] = f(open[i]) · x[i].
  void (*gate)(Squash function, const float* open, const float* x, float* y, std::int64_t n);
  /// The way back; both are added to.
  void (*gate_backward)(Squash function, const float* open, const float* x, const float* d_y,
                        float* d_open, float* d_x, std::int64_t n);
  /// sums[i] = Σ over the 16 lanes of x[i].
  void (*sum_lanes)(const float* x, float* sums, std::int64_t n);
};

}  // namespace jielong
